/*
 * qemu_dirty_params.h: what a dirty page rate measurement is asked for
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "internal.h"
#include "virtypedparam.h"
#include "dirty-measurement.h"

void
qemuDirtyReportError(GError *err);

int
qemuDirtyRequestFromParams(virTypedParameterPtr params,
                           int nparams,
                           DirtyMeasurementRequest *request);
