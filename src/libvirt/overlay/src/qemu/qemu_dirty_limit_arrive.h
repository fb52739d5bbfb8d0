/*
 * qemu_dirty_limit_arrive.h: dirty page rate limits changed during a migration
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "domain_conf.h"

void
qemuDirtyLimitNoteChanged(virDomainObj *vm);

char *
qemuDirtyLimitDepart(virDomainObj *vm);

char *
qemuDirtyLimitFindXML(xmlXPathContextPtr ctxt);

void
qemuDirtyLimitArrive(virDomainObj *vm,
                     const char *xml);
