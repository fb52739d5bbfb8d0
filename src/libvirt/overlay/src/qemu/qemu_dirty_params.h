/*
 * qemu_dirty_params.h: typed parameters of dirty page rate measurements
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "domain_conf.h"
#include "internal.h"
#include "virtypedparam.h"
#include "dirty-measurement.h"

void
qemuDirtyReportError(GError *err);

int
qemuDirtyRequestFromParams(virTypedParameterPtr params,
                           int nparams,
                           DirtyMeasurementRequest *request);

int
qemuDirtyCheckMode(const virDomainDef *def,
                   DirtyMode mode);

virTypedParamList *
qemuDirtyMeasurementToParams(const DirtyMeasurement *measurement);
