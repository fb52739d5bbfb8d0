/*
 * qemu_dirty_limit_sync.h: give QEMU the dirty page rate limits of a definition
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "domain_conf.h"
#include "dirty-qmp-limit.h"

int
qemuDirtyLimitValidate(const virDomainDef *def);

int
qemuDirtyLimitCpuIndex(virDomainDef *def,
                       unsigned int vcpu);

const DirtyVcpuLimit *
qemuDirtyLimitFind(virDomainDef *def,
                   const GArray *limits,
                   unsigned int vcpu);

int
qemuDirtyLimitCheckRun(virDomainObj *vm,
                       int id);

void
qemuDirtyLimitReportFailure(virDomainObj *vm,
                            int id,
                            GError *err);

int
qemuDirtyLimitSync(virDomainObj *vm);

int
qemuDirtyLimitStart(virDomainObj *vm);

int
qemuDirtyLimitPlug(virDomainObj *vm,
                   unsigned int vcpu,
                   unsigned int nvcpus);

void
qemuDirtyLimitReconnect(virDomainObj *vm);
