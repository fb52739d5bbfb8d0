/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How one replay ended, and what many of them say together.
 */
#ifndef MIGRATION_OUTCOME_H
#define MIGRATION_OUTCOME_H

#include "migration-model.h"

G_BEGIN_DECLS

/**
 * MigrationOutcome: how one replay ended
 * @verdict: how it ended
 * @total_time: ms; INFINITY where it does not converge
 * @downtime: ms; INFINITY likewise
 * @passes: syncs of the bitmap, as QEMU's dirty-sync-count
 * @bytes: sent in all
 * @throttle: share of its time that the guest lost in the end
 * @longest: most of its own time that the guest dirtied pages in without their
 *   being sent, ms
 * @switch_time: when it switched to post-copy, ms
 * @postcopy_time: from then until all pages had come, ms
 * @postcopy_faults: times that the guest had to wait for a page
 */
typedef struct {
    MigrationVerdict verdict;
    double total_time;
    double downtime;
    double passes;
    double bytes;
    double throttle;
    double longest;
    double switch_time;
    double postcopy_time;
    double postcopy_faults;
} MigrationOutcome;

void migration_prediction_init(MigrationPrediction *prediction,
                               const MigrationOutcome *outcome,
                               double measured);
void migration_prediction_bound(MigrationPrediction *prediction,
                                const MigrationOutcome *outcomes, guint n);

G_END_DECLS

#endif
