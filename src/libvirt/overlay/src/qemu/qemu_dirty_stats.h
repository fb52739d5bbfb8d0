/*
 * qemu_dirty_stats.h: dirty page rates among the statistics of a domain
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "domain_conf.h"
#include "virtypedparam.h"
#include "dirty-measurement.h"

void
qemuDirtyGetStats(virDomainObj *vm,
                  virTypedParamList *stats);

int
qemuDirtyMeasurementToStats(const DirtyMeasurement *measurement,
                            virTypedParamList *stats);
