/*
 * virsh-dirty-call.h: waits for a dirty page rate measurement and for Ctrl-C
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "virsh.h"
#include "virthread.h"
#include "virtypedparam.h"

/* A call of virDomainGetDirtyRate(), made by a thread of its own. */
typedef struct _virshDirtyCall virshDirtyCall;
struct _virshDirtyCall {
    virDomainPtr dom;
    virTypedParamList *params;
    unsigned int flags;

    virTypedParameterPtr result;
    int nresult;
    int rv;
    virErrorPtr err;

    virMutex lock;
    virCond cond;
    bool done;
};

int
virshDirtyCallWait(vshControl *ctl,
                   virshDirtyCall *call,
                   unsigned int calcTime);
