/*
 * virsh-dirty-limit-list.h: the dirty page rate limits of a domain's vCPUs
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "virsh.h"

/* A vCPU and its limit; rates are in MiB/s. */
typedef struct _virshDirtyLimit virshDirtyLimit;
struct _virshDirtyLimit {
    unsigned int vcpu;
    unsigned long long limit; /* 0: none */
    bool hasRate;
    double rate; /* over the last second */
    bool hasResting;
    double resting; /* share of that second it was made to rest, 0 to 1 */
};

typedef struct _virshDirtyLimitList virshDirtyLimitList;
struct _virshDirtyLimitList {
    size_t n;
    virshDirtyLimit *limits;
    char *scope; /* NULL if nothing is limited now */
};

void
virshDirtyLimitListFree(virshDirtyLimitList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virshDirtyLimitList, virshDirtyLimitListFree);

virshDirtyLimitList *
virshDirtyLimitListGet(vshControl *ctl,
                       virDomainPtr dom,
                       unsigned int flags);

const virshDirtyLimit *
virshDirtyLimitListFind(const virshDirtyLimitList *list,
                        unsigned int vcpu);

char *
virshDirtyLimitListVcpus(const virshDirtyLimitList *list);

bool
virshDirtyLimitListPrint(vshControl *ctl,
                         const virshDirtyLimitList *list);
