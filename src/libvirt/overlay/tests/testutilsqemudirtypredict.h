/*
 * testutilsqemudirtypredict.h: cases about predictions of migrations
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "qemu/qemu_conf.h"

typedef struct _testPredict testPredict;
struct _testPredict {
    virQEMUDriver *driver;
    GHashTable *schema;

    const char *name; /* of the file with the parameters that come of it */
    const char *params; /* "NAME=VALUE ..." */
    unsigned int flags;

    const char *type; /* of the domain; NULL: kvm */
    const char *features;
    unsigned long speed; /* its maximum migration bandwidth in MiB/s, or 0 */
    unsigned long long limit; /* of its vCPU 0 in MiB/s, or 0 */
    unsigned long long measured; /* its memory in KiB when it was measured */
    bool balloon; /* whether it has a balloon */
    bool limited; /* whether limits have changed since */
    bool incapable; /* whether its QEMU can migrate in the plainest way only */
    bool off;
    virDomainAsyncJob job;
    bool vague; /* whether it is for the model to say whether it converges */

    const char *qemu[20]; /* commands and replies, or files with these, in turn */
    virErrorNumber code;
    const char *message; /* part of it */
};

int
testPredictRun(const void *opaque);

int
testPredictCheckResult(const testPredict *data,
                       virTypedParameterPtr params,
                       int nparams);
