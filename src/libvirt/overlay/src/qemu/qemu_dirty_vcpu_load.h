/*
 * qemu_dirty_vcpu_load.h: how busy vCPUs are while they are measured
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "domain_conf.h"

void
qemuDirtyVcpuLoadNote(virDomainObj *vm);

double
qemuDirtyVcpuLoad(virDomainObj *vm);
