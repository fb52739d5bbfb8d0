/*
 * qemu_dirty_result.h: what a dirty page rate measurement gave
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "internal.h"
#include "virtypedparam.h"
#include "dirty-measurement.h"

void
qemuDirtyAddParam(virTypedParamList *list,
                  const char *name,
                  const virTypedParameter *param);

virTypedParamList *
qemuDirtyMeasurementToParams(const DirtyMeasurement *measurement);
