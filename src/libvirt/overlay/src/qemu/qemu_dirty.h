/*
 * qemu_dirty.h: dirty page rate measurements of a running domain
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "domain_conf.h"
#include "qemu_monitor.h"

typedef struct _qemuDirty qemuDirty;

void
qemuDirtyFree(qemuDirty *dirty);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuDirty, qemuDirtyFree);

int
qemuDirtyGetRate(virDomainObj *vm,
                 virConnectPtr conn,
                 virTypedParameterPtr params,
                 int nparams,
                 virTypedParameterPtr *result,
                 int *nresult,
                 unsigned int flags);

void
qemuDirtyNoteStarted(virDomainObj *vm,
                     unsigned long long calcTime);

char *
qemuDirtySend(const char *request,
              void *opaque,
              GError **err);
