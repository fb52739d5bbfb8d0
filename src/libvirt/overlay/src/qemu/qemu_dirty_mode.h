/*
 * qemu_dirty_mode.h: by which mode a domain's dirty page rate is measured
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "domain_conf.h"
#include "dirty-measurement.h"

bool
qemuDirtyHasRing(const virDomainDef *def);

int
qemuDirtySettleMode(virDomainObj *vm,
                    DirtyMeasurementRequest *request);

int
qemuDirtyIsPatched(virDomainObj *vm,
                   gboolean *patched);
