/*
 * qemu_dirty_limit.h: set and tell limits of vCPUs' dirty page rates
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "domain_conf.h"

int
qemuDirtyLimitSet(virDomainObj *vm,
                  int vcpu,
                  unsigned long long rate,
                  unsigned int flags);

int
qemuDirtyLimitGet(virDomainObj *vm,
                  virTypedParameterPtr *result,
                  int *nresult,
                  unsigned int flags);
