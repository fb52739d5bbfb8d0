/*
 * qemu_dirty_state.h: what the driver knows about a domain's measurements
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "domain_conf.h"

/* A thread inside qemuDirtyMeasure() or qemuDirtyPredict(), on whose stack it
 * lives. The latter calls the former, and never is the one that has started. */
typedef struct _qemuDirtyCall qemuDirtyCall;
struct _qemuDirtyCall {
    virConnectPtr conn; /* compared only, never dereferenced */
    bool started; /* its measurement is the one that runs in QEMU */
    bool cancelled; /* must return as soon as it notices */
    bool goesOn; /* cancelled, but QEMU could not end its measurement */
};

/* What this daemon knows about measurements and limits of one domain. */
typedef struct _qemuDirty qemuDirty;
struct _qemuDirty {
    int id; /* domain ID of the run of the guest that the others are about */
    long long end; /* when the running measurement should end, in ms of the
                      monotonic clock; 0 if the daemon knows of none */
    unsigned int serial; /* number of measurements started so far */
    unsigned long long memory; /* the domain's memory when the last of them
                                  was started, in KiB; 0 if there was none */
    size_t ntimes;
    unsigned long long *times; /* how long each vCPU had run then, in ns;
                                  ULLONG_MAX if that is not known */
    long long timesTaken; /* when that was, in ms of the monotonic clock */
    virTristateBool patched; /* whether QEMU has the libvirt-dirty patch */
    GSList *calls; /* threads that start a measurement or wait for one */
    long long limitsChanged; /* when limits were last changed in this run, in s
                                since the epoch; 0 if they were not */
    unsigned long long limitsJob; /* when the migration was started during
                                     which limits were last changed, or 0 */
};

void
qemuDirtyFree(qemuDirty *dirty);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuDirty, qemuDirtyFree);

qemuDirty *
qemuDirtyGet(virDomainObj *vm);

long long
qemuDirtyNow(void);

void
qemuDirtyNoteStarted(virDomainObj *vm,
                     unsigned long long calcTime);

bool
qemuDirtyIsAwaited(qemuDirty *dirty);

bool
qemuDirtyHasCall(qemuDirty *dirty,
                 virConnectPtr conn,
                 bool started);

void
qemuDirtyMarkEarly(qemuDirty *dirty,
                   virConnectPtr conn);

void
qemuDirtyMarkCancelled(qemuDirty *dirty,
                       virConnectPtr conn,
                       bool goesOn);
