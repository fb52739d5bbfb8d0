/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The prediction of a live migration: replays what QEMU does on a guest's dirty
 * curve.
 */
#ifndef MIGRATION_MODEL_H
#define MIGRATION_MODEL_H

#include "dirty-bounds.h"
#include "dirty-measurement.h"
#include "migration-settings.h"

G_BEGIN_DECLS

/*
 * How a migration ends:
 * @MIGRATION_CONVERGES: it completes
 * @MIGRATION_DIRTIES_TOO_FAST: in a second, or in the downtime limit if that is
 *   longer, the guest dirties more than can be sent
 * @MIGRATION_DOWNTIME_TOO_SHORT: it does not, but what it dirties while the
 *   least is sent takes longer than the downtime limit
 * @MIGRATION_THROTTLE_EXHAUSTED: it would not converge, and the guest cannot be
 *   slowed down further
 * @MIGRATION_TIME_LIMIT: it gets on, but too slowly
 */
typedef enum {
    MIGRATION_CONVERGES,
    MIGRATION_DIRTIES_TOO_FAST,
    MIGRATION_DOWNTIME_TOO_SHORT,
    MIGRATION_THROTTLE_EXHAUSTED,
    MIGRATION_TIME_LIMIT,
    MIGRATION_VERDICT_LAST
} MigrationVerdict;

/* Share of what fits a measurement that has to converge for that to be sure. */
#define MIGRATION_SURE 0.95

/**
 * MigrationPrediction: how a migration goes
 * @verdict: how it ends
 * @certainty: share of the migrations that fit the measurement and converge
 *   likewise, or likewise do not, 0..1; 1 where no bounds were asked for
 * @total_time: from QEMU's start to the target's end, ms, as QEMU's total-time;
 *   INFINITY where it does not converge
 * @downtime: how long the guest stands still, ms; INFINITY likewise. With
 *   post-copy that of the switch
 * @passes: over the guest's memory, as QEMU's dirty-sync-count
 * @bytes: sent in all; where it does not converge, until that is sure
 * @throttle: share of its time that the vCPUs lose in the end, 0..1; of a
 *   dirty limit that of the vCPU which loses most
 * @extrapolated: whether a pass outlasts the measurement, so that the value
 *   rests on what is not known
 * @switch_time: when it switches to post-copy, ms; 0 without
 * @postcopy_time: from the switch until all pages have come, ms; 0 without
 * @postcopy_faults: times that the guest has to wait for a page; 0 without
 *
 * Where bounds were asked for they hold the truth in 95 % of migrations, else
 * they equal the value.
 */
typedef struct {
    MigrationVerdict verdict;
    double certainty;
    DirtyEstimate total_time;
    DirtyEstimate downtime;
    DirtyEstimate passes;
    DirtyEstimate bytes;
    DirtyEstimate throttle;
    gboolean extrapolated;
    double switch_time;
    double postcopy_time;
    double postcopy_faults;
} MigrationPrediction;

typedef struct MigrationModel MigrationModel;

MigrationModel *migration_model_new(const DirtyMeasurement *measurement,
                                    GError **error);
void migration_model_free(MigrationModel *model);
gboolean migration_model_predict(const MigrationModel *model,
                                 const MigrationSettings *settings,
                                 gboolean bounds,
                                 MigrationPrediction *prediction,
                                 GError **error);
gboolean migration_model_is_sure(const MigrationModel *model,
                                 const MigrationSettings *settings);
double migration_model_patience(const MigrationModel *model,
                                const MigrationSettings *settings);

double migration_model_memory(const MigrationModel *model);
double migration_model_longest(const MigrationModel *model);

const char *migration_verdict_to_string(MigrationVerdict verdict);
gboolean migration_verdict_from_string(const char *name,
                                       MigrationVerdict *verdict);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigrationModel, migration_model_free)

G_END_DECLS

#endif
