/*
 * qemu_dirty_predict.h: predicts a domain's migration
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "domain_conf.h"

int
qemuDirtyPredict(virDomainObj *vm,
                 virConnectPtr conn,
                 virTypedParameterPtr params,
                 int nparams,
                 virTypedParameterPtr *result,
                 int *nresult,
                 unsigned int flags);
