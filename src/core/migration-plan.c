/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plan of a live migration: what must be set so that it converges, and the
 * one recommendation.
 */
#include "migration-plan-priv.h"

/*
 * A guest that loses more of its time than this is slowed so much that its
 * users see it for as long as the migration takes.
 */
#define SLOWED_MOST 0.5

/* Post-copy has its price, so it has to be this much faster to be better. */
#define POSTCOPY_FASTER 2.0

static const char *const way_names[] = {
    [MIGRATION_PLAN_BANDWIDTH] = "bandwidth",
    [MIGRATION_PLAN_DOWNTIME] = "downtime",
    [MIGRATION_PLAN_THROTTLE] = "throttle",
    [MIGRATION_PLAN_DIRTY_LIMIT] = "dirty-limit",
};
G_STATIC_ASSERT(G_N_ELEMENTS(way_names) == MIGRATION_PLAN_LAST);

static void
predict_postcopy(MigrationPlan *plan, const MigrationModel *model,
                 const MigrationSettings *settings)
{
    MigrationSettings postcopy = *settings;

    /* Slowing the guest is what post-copy makes needless. */
    postcopy.postcopy = TRUE;
    postcopy.throttle = MIGRATION_THROTTLE_NONE;
    postcopy.limit_from_start = FALSE;
    /* QEMU has it over one connection only, and that compresses nothing. */
    postcopy.channels = 0;
    postcopy.compression_ratio = 1;
    plan->has_postcopy = migration_model_predict(model, &postcopy, FALSE,
                                                 &plan->postcopy, NULL) &&
                         plan->postcopy.verdict == MIGRATION_CONVERGES;
}

/* Whether it converges without post-copy and without a guest slowed too far. */
static gboolean
is_gentle(const MigrationPlan *plan, const MigrationModel *model,
          const MigrationSettings *precopy, MigrationPrediction *prediction)
{
    MigrationSettings limited = *precopy;
    const MigrationRemedy *limit = &plan->ways[MIGRATION_PLAN_DIRTY_LIMIT];
    const MigrationRemedy *throttle = &plan->ways[MIGRATION_PLAN_THROTTLE];

    if (!migration_model_predict(model, precopy, FALSE, prediction, NULL)) {
        return FALSE;
    }
    if (prediction->verdict == MIGRATION_CONVERGES &&
        prediction->throttle.value <= SLOWED_MOST) {
        return TRUE;
    }
    if (throttle->exists && throttle->value <= SLOWED_MOST) {
        return TRUE;
    }
    limited.throttle = MIGRATION_THROTTLE_DIRTY_LIMIT;
    limited.limit_from_start = TRUE;
    limited.vcpu_dirty_limit = limit->sure > 0 ? limit->sure : limit->value;
    return limit->exists &&
           migration_model_predict(model, &limited, FALSE, prediction, NULL) &&
           prediction->throttle.value <= SLOWED_MOST;
}

static gboolean
is_postcopy_better(const MigrationPlan *plan, const MigrationModel *model,
                   const MigrationSettings *settings)
{
    MigrationSettings precopy = *settings;
    MigrationPrediction prediction;

    if (!plan->has_postcopy) {
        return FALSE;
    }
    precopy.postcopy = FALSE;
    if (!is_gentle(plan, model, &precopy, &prediction)) {
        return TRUE;
    }
    return prediction.verdict == MIGRATION_CONVERGES &&
           prediction.total_time.value >
               POSTCOPY_FASTER * plan->postcopy.total_time.value;
}

/**
 * migration_plan_new: plan a migration
 * @model: the model of the guest
 * @settings: how the migration is to go
 * @error: set to DIRTY_ERROR_INVALID where a setting is out of its range
 *
 * Return: the plan, migration_plan_free() it; NULL with @error set.
 */
MigrationPlan *
migration_plan_new(const MigrationModel *model,
                   const MigrationSettings *settings, GError **error)
{
    g_autoptr(MigrationPlan) plan = g_new0(MigrationPlan, 1);

    if (!migration_model_predict(model, settings, TRUE, &plan->asked, error)) {
        return NULL;
    }
    migration_plan_search(model, settings, &plan->asked, plan->ways);
    predict_postcopy(plan, model, settings);
    plan->postcopy_better = is_postcopy_better(plan, model, settings);
    plan->recommendation = migration_plan_recommend(plan, settings);
    return g_steal_pointer(&plan);
}

/**
 * migration_plan_free: gives back a plan
 * @plan: a plan, or NULL
 */
void
migration_plan_free(MigrationPlan *plan)
{
    if (!plan) {
        return;
    }
    g_free(plan->recommendation);
    g_free(plan);
}

/**
 * migration_plan_way_to_string: the name of a way
 * @way: below MIGRATION_PLAN_LAST
 *
 * Return: its name, static.
 */
const char *
migration_plan_way_to_string(MigrationPlanWay way)
{
    g_return_val_if_fail((guint)way < MIGRATION_PLAN_LAST, NULL);
    return way_names[way];
}
