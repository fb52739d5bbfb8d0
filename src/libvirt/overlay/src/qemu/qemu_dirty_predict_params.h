/*
 * qemu_dirty_predict_params.h: what a migration is to be predicted for
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "internal.h"
#include "virtypedparam.h"
#include "dirty-measurement.h"
#include "migration-settings.h"

/* bytes; bandwidths are in MiB/s outside of the model and in bytes/s in it */
#define QEMU_DIRTY_PREDICT_MIB (1024.0 * 1024)

typedef struct _qemuDirtyPredictRequest qemuDirtyPredictRequest;
struct _qemuDirtyPredictRequest {
    virTypedParameterPtr params; /* the caller's, not owned */
    int nparams;
    unsigned int flags; /* bitwise-OR of virDomainMigrateFlags */

    DirtyMeasurementRequest measurement; /* what to measure if need be */
    unsigned int maxAge; /* s */
    bool bounds;
    const char *compression; /* the method, of params; NULL for none */
    unsigned long long dirtyLimit; /* MiB/s; 0 for none */

    size_t nbandwidths;
    double *bandwidths; /* MiB/s */
    size_t ndowntimes;
    unsigned long long *downtimes; /* ms; ULLONG_MAX for any */
};

qemuDirtyPredictRequest *
qemuDirtyPredictRequestFromParams(virTypedParameterPtr params,
                                  int nparams,
                                  unsigned int flags);

void
qemuDirtyPredictRequestFree(qemuDirtyPredictRequest *request);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(qemuDirtyPredictRequest, qemuDirtyPredictRequestFree);

void
qemuDirtyPredictRequestApply(const qemuDirtyPredictRequest *request,
                             MigrationSettings *settings);
