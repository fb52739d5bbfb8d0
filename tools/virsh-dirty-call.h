/*
 * virsh-dirty-call.h: waits for a dirty page rate measurement and for Ctrl-C
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "virsh.h"
#include "virthread.h"
#include "virtypedparam.h"

/* virDomainGetDirtyRate(), or another call that waits for a measurement and
 * that ends when this is cancelled. */
typedef int
(*virshDirtyCallFunc)(virDomainPtr dom,
                      virTypedParameterPtr params,
                      int nparams,
                      virTypedParameterPtr *result,
                      int *nresult,
                      unsigned int flags);

/* Such a call, made by a thread of its own. */
typedef struct _virshDirtyCall virshDirtyCall;
struct _virshDirtyCall {
    virshDirtyCallFunc func;
    bool progress; /* show how far the measurement is */
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
