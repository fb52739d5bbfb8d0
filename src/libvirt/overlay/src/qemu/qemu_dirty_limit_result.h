/*
 * qemu_dirty_limit_result.h: limits of vCPUs' dirty page rates as parameters
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "domain_conf.h"
#include "virtypedparam.h"

virTypedParamList *
qemuDirtyLimitConfigToParams(virDomainDef *def);

virTypedParamList *
qemuDirtyLimitsToParams(virDomainDef *def,
                        const GArray *limits);

void
qemuDirtyLimitsToStats(virDomainDef *def,
                       const GArray *limits,
                       virTypedParamList *stats);

void
qemuDirtyLimitGetStats(virDomainObj *vm,
                       virTypedParamList *stats);
