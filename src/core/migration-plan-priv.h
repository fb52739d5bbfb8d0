/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of the plan share.
 */
#ifndef MIGRATION_PLAN_PRIV_H
#define MIGRATION_PLAN_PRIV_H

#include "migration-plan.h"

G_BEGIN_DECLS

/* Whether it is its rate limit that holds a migration back, and not the link.
 */
static inline gboolean
migration_plan_is_held_back(const MigrationSettings *settings)
{
    return settings->max_bandwidth > 0 &&
           settings->max_bandwidth < settings->bandwidth;
}

void migration_plan_search(const MigrationModel *model,
                           const MigrationSettings *settings,
                           const MigrationPrediction *asked,
                           MigrationRemedy ways[MIGRATION_PLAN_LAST]);
char *migration_plan_recommend(const MigrationPlan *plan,
                               const MigrationSettings *settings);

G_END_DECLS

#endif
