/*
 * qemu_dirty_monitor.h: the monitor as the measurement code uses it
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "domain_conf.h"
#include "dirty-qmp.h"

char *
qemuDirtySend(const char *request,
              void *opaque,
              GError **err);

DirtyQmp
qemuDirtyQmp(virDomainObj *vm);

void
qemuDirtyReportGone(virDomainObj *vm);

void
qemuDirtyReportFailure(virDomainObj *vm,
                       int id,
                       GError *err);
