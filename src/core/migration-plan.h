/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plan of a live migration: what must be set so that it converges, and the
 * one recommendation.
 */
#ifndef MIGRATION_PLAN_H
#define MIGRATION_PLAN_H

#include "migration-model.h"

G_BEGIN_DECLS

/*
 * Fastest link that is asked for, bytes/s: 400 Gbit/s, more than any host has.
 */
#define MIGRATION_PLAN_BANDWIDTH_MAX 50e9

/*
 * The least or most of one setting under which a migration converges, all other
 * settings as asked:
 * @MIGRATION_PLAN_BANDWIDTH: least bandwidth, bytes/s; where it converges as
 *   asked, one that takes no longer than would be waited for as asked
 * @MIGRATION_PLAN_DOWNTIME: least downtime limit, ms
 * @MIGRATION_PLAN_THROTTLE: least share of their time that auto-converge must
 *   take from the vCPUs at once; more need not be better
 * @MIGRATION_PLAN_DIRTY_LIMIT: highest dirty page rate limit that holds each
 *   vCPU from the start, MiB/s
 */
typedef enum {
    MIGRATION_PLAN_BANDWIDTH,
    MIGRATION_PLAN_DOWNTIME,
    MIGRATION_PLAN_THROTTLE,
    MIGRATION_PLAN_DIRTY_LIMIT,
    MIGRATION_PLAN_LAST
} MigrationPlanWay;

/**
 * MigrationRemedy: one way to make a migration converge
 * @exists: whether it can; FALSE where no value of the setting does
 * @value: the least or most that lets it converge by the best estimate; found
 *   to five percent, and to a whole number of ms, percent or MiB/s
 * @sure: what lets it converge in 95 % of the cases that fit the measurement,
 *   @value or something easier; 0 where nothing near it does, or where no
 *   throttle is needed
 */
typedef struct {
    gboolean exists;
    double value;
    double sure;
} MigrationRemedy;

/**
 * MigrationPlan: what to do about a migration
 * @asked: how it goes as asked, with bounds
 * @ways: for each MigrationPlanWay what it takes; without post-copy
 * @has_postcopy: whether it can go with post-copy, over one connection
 * @postcopy: how it goes with post-copy; only if @has_postcopy
 * @postcopy_better: whether post-copy is the better way: without it this
 *   migration does not converge unless the guest is slowed to less than half,
 *   or takes more than twice the time
 * @recommendation: one sentence for a person, translated
 */
typedef struct {
    MigrationPrediction asked;
    MigrationRemedy ways[MIGRATION_PLAN_LAST];
    gboolean has_postcopy;
    MigrationPrediction postcopy;
    gboolean postcopy_better;
    char *recommendation;
} MigrationPlan;

MigrationPlan *migration_plan_new(const MigrationModel *model,
                                  const MigrationSettings *settings,
                                  GError **error);
void migration_plan_free(MigrationPlan *plan);

const char *migration_plan_way_to_string(MigrationPlanWay way);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigrationPlan, migration_plan_free)

G_END_DECLS

#endif
