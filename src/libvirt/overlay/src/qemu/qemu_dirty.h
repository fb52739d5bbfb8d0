/*
 * qemu_dirty.h: dirty page rate measurements of a running domain
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "domain_conf.h"
#include "dirty-measurement.h"

DirtyMeasurement *
qemuDirtyMeasure(virDomainObj *vm,
                 virConnectPtr conn,
                 DirtyMeasurementRequest *request,
                 bool wait);

int
qemuDirtyGetRate(virDomainObj *vm,
                 virConnectPtr conn,
                 virTypedParameterPtr params,
                 int nparams,
                 virTypedParameterPtr *result,
                 int *nresult,
                 unsigned int flags);
