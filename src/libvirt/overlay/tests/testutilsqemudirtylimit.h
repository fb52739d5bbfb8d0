/*
 * testutilsqemudirtylimit.h: cases about limits of vCPUs' dirty page rates
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "qemu/qemu_conf.h"

typedef struct _testLimit testLimit;

/* something that is done to the domain */
typedef int (*testLimitAction)(virDomainObj *vm,
                               const testLimit *data);

struct _testLimit {
    virQEMUDriver *driver;
    GHashTable *schema;

    const char *limits; /* the domain's at first, in both definitions */
    testLimitAction action;

    int vcpu;
    unsigned long long rate;
    unsigned int flags;
    const char *xml; /* what arrives; what comes out */

    bool off;
    bool transient;
    bool unwritable; /* whether the configuration cannot be saved */
    virDomainAsyncJob job; /* of another thread; started at 5 */
    virDomainPausedReason paused;

    const char *qemu[12]; /* commands and replies in turn */
    virErrorNumber code;
    const char *message; /* part of it */
    const char *live; /* limits afterwards; NULL: as at first */
    const char *config; /* likewise */
};

int
testLimitSet(virDomainObj *vm,
             const testLimit *data);

int
testLimitSync(virDomainObj *vm,
              const testLimit *data);

int
testLimitStart(virDomainObj *vm,
               const testLimit *data);

int
testLimitPlug(virDomainObj *vm,
              const testLimit *data);

int
testLimitReconnect(virDomainObj *vm,
                   const testLimit *data);

int
testLimitArrive(virDomainObj *vm,
                const testLimit *data);

int
testLimitDepart(virDomainObj *vm,
                const testLimit *data);

int
testLimitGet(virDomainObj *vm,
             const testLimit *data);

int
testLimitStats(virDomainObj *vm,
               const testLimit *data);

int
testLimitRun(const void *opaque);

int
testLimitABI(const void *opaque);
