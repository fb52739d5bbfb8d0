/*
 * qemu_dirty_predict_result.h: predictions of migrations as parameters
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "virtypedparam.h"
#include "migration-model.h"
#include "migration-plan.h"

/* What virDomainMigratePredict() tells. */
typedef struct _qemuDirtyPrediction qemuDirtyPrediction;
struct _qemuDirtyPrediction {
    const DirtyMeasurement *measurement; /* as QEMU reported it */
    unsigned long long age; /* of the measurement, s */

    MigrationSettings settings; /* without bandwidth and downtime limit */
    bool compressed; /* whether the settings of compression mean something */
    bool bounds; /* whether the cells have bounds */

    size_t nbandwidths;
    const double *bandwidths; /* MiB/s */
    size_t ndowntimes;
    const unsigned long long *downtimes; /* ms; ULLONG_MAX for any */
    MigrationPrediction *cells; /* all downtimes of the first bandwidth first */

    MigrationPlan *plan;
    size_t planCell; /* the cell it is for */

    GPtrArray *notes; /* sentences */
};

void
qemuDirtyPredictionClear(qemuDirtyPrediction *prediction);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(qemuDirtyPrediction, qemuDirtyPredictionClear);

virTypedParamList *
qemuDirtyPredictionToParams(const qemuDirtyPrediction *prediction);
