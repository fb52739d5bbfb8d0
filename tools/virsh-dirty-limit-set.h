/*
 * virsh-dirty-limit-set.h: sets the dirty page rate limit of several vCPUs
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "virsh.h"

bool
virshDirtyLimitSetVcpus(vshControl *ctl,
                        virDomainPtr dom,
                        const char *vcpus,
                        unsigned long long rate,
                        unsigned int flags);
