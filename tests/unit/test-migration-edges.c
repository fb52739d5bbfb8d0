/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests by trying that what a plan names is the edge of what the model says: for guests, links and
 * methods drawn at random, of which --seed gives the same ones again.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cpu-seconds.h"
#include "dirty-limit-range.h"
#include "migration-list.h"
#include "migration-plan.h"
#include "random-guest.h"

/* Guests drawn in each run. */
#define N_GUESTS 150

/* Further than what is known to five percent can be off, as a factor. */
#define BEYOND 1.06

/* Values tried, as quotients; throttles are tried percent by percent. */
#define TRIAL_STEP 1.3

/* Longest plan, s of CPU time; one in a hundred may take longer on a slow machine. */
#define PLAN_SECONDS_MAX 0.010
#define PLAN_LONG_SHARE 0.01
/* The quickest of so many is what it takes: the others were disturbed. */
#define PLAN_TRIES 3

/*
 * Edges can be ragged, by luck in a hundred passes and, with auto-converge, by when it acts: so
 * many ways of a run may have another edge, and the share of those with auto-converge.
 */
#define RAGGED_MAX 4
#define RAGGED_SHARE 0.05

/* What is tried: how each setting is set, over which range and in what steps. */
typedef struct {
    const MigrationModel *model;
    MigrationSettings settings;
    MigrationPlanWay way;
} Trial;

static gboolean
converges(const Trial *trial, double value)
{
    MigrationSettings settings = trial->settings;
    MigrationPrediction prediction;

    switch (trial->way) {
    case MIGRATION_PLAN_BANDWIDTH:
        *(settings.max_bandwidth > 0 ? &settings.max_bandwidth : &settings.bandwidth) = value;
        settings.bandwidth = MAX(settings.bandwidth, value);
        break;
    case MIGRATION_PLAN_DOWNTIME:
        settings.downtime_limit = value;
        break;
    case MIGRATION_PLAN_THROTTLE:
        settings.throttle = value > 0 ? MIGRATION_THROTTLE_AUTO_CONVERGE : MIGRATION_THROTTLE_NONE;
        settings.throttle_initial = settings.throttle_max = MAX(value, 0.01);
        break;
    case MIGRATION_PLAN_DIRTY_LIMIT:
        settings.throttle = MIGRATION_THROTTLE_DIRTY_LIMIT;
        settings.limit_from_start = TRUE;
        settings.vcpu_dirty_limit = value;
        break;
    case MIGRATION_PLAN_LAST:
    default:
        g_assert_not_reached();
    }
    g_assert_true(migration_model_predict(trial->model, &settings, FALSE, &prediction, NULL));
    return prediction.verdict == MIGRATION_CONVERGES;
}

static const double hardest[] = {
    [MIGRATION_PLAN_BANDWIDTH] = 1024,
    [MIGRATION_PLAN_DOWNTIME] = 1,
    [MIGRATION_PLAN_THROTTLE] = 0,
    [MIGRATION_PLAN_DIRTY_LIMIT] = DIRTY_LIMIT_MAX_MIBS,
};

static const double easiest[] = {
    [MIGRATION_PLAN_BANDWIDTH] = MIGRATION_PLAN_BANDWIDTH_MAX,
    [MIGRATION_PLAN_DOWNTIME] = MIGRATION_DOWNTIME_MAX_MS,
    [MIGRATION_PLAN_THROTTLE] = 0.99,
    [MIGRATION_PLAN_DIRTY_LIMIT] = DIRTY_LIMIT_MIN_MIBS,
};

/* Return: a value made easier, or harder with a factor below 1; at least by a step */
static double
eased(MigrationPlanWay way, double value, double factor)
{
    gboolean easier = factor > 1;

    switch (way) {
    case MIGRATION_PLAN_DOWNTIME:
        return easier ? ceil(MAX(value * factor, value + 1))
                      : floor(MIN(value * factor, value - 1));
    case MIGRATION_PLAN_THROTTLE:
        return round(value * 100 + (easier ? 1 : -1)) / 100;
    case MIGRATION_PLAN_DIRTY_LIMIT:
        return easier ? floor(MIN(value / factor, value - 1))
                      : ceil(MAX(value / factor, value + 1));
    case MIGRATION_PLAN_BANDWIDTH:
    case MIGRATION_PLAN_LAST:
    default:
        return value * factor;
    }
}

static gboolean
is_beyond_easiest(MigrationPlanWay way, double value)
{
    return hardest[way] > easiest[way] ? value < easiest[way] : value > easiest[way];
}

/* Return: the hardest of the values tried that converges; NAN: none does */
static double
try_all(const Trial *trial)
{
    double value = hardest[trial->way];

    while (!is_beyond_easiest(trial->way, value)) {
        if (converges(trial, value)) {
            return value;
        }
        value = eased(trial->way, value, TRIAL_STEP);
    }
    return converges(trial, easiest[trial->way]) ? easiest[trial->way] : NAN;
}

/* Whether one value is harder than another, further than the steps between those tried. */
static gboolean
is_clearly_harder(MigrationPlanWay way, double value, double than)
{
    double limit = eased(way, eased(way, than, 1 / BEYOND), 1 / TRIAL_STEP);

    return hardest[way] > easiest[way] ? value > limit : value < limit;
}

static gboolean
has_auto_converge(const Trial *trial)
{
    return trial->way == MIGRATION_PLAN_THROTTLE ||
           (trial->way != MIGRATION_PLAN_DIRTY_LIMIT &&
            trial->settings.throttle == MIGRATION_THROTTLE_AUTO_CONVERGE);
}

/*
 * Where the migration converges as asked, the plan looks for a slower link only as long as one
 * would wait, and that is what is tried.
 */
static Trial
trial_of(const MigrationModel *model, const MigrationSettings *settings, MigrationPlanWay way,
         const MigrationPlan *plan)
{
    Trial trial = {model, *settings, way};

    if (way == MIGRATION_PLAN_BANDWIDTH && plan->asked.verdict == MIGRATION_CONVERGES) {
        trial.settings.time_limit = migration_model_patience(model, settings);
    }
    return trial;
}

static void
fail_way(const Trial *trial, const char *what, double value)
{
    g_error(
        "%s: %s %g; bandwidth %.10g of %.10g, downtime %.10g, log %d, %u vCPUs with load %.10g, "
        "throttle %d at %.10g, %u channels",
        migration_plan_way_to_string(trial->way), what, value, trial->settings.max_bandwidth,
        trial->settings.bandwidth, trial->settings.downtime_limit, trial->settings.log,
        trial->settings.n_vcpus, trial->settings.vcpu_load, trial->settings.throttle,
        trial->settings.vcpu_dirty_limit, trial->settings.channels);
}

/* The value that is named must converge. Return: whether it also is the edge. */
static gboolean
is_edge(const Trial *trial, const MigrationRemedy *remedy)
{
    double first = try_all(trial);
    double beyond = eased(trial->way, remedy->value, 1 / BEYOND);

    if (!remedy->exists) {
        return isnan(first);
    }
    if (!converges(trial, remedy->value)) {
        fail_way(trial, "does not converge at", remedy->value);
    }
    if (remedy->value == hardest[trial->way]) {
        return TRUE;
    }
    return !converges(trial, beyond) &&
           (isnan(first) || !is_clearly_harder(trial->way, first, remedy->value));
}

/* What is sure must converge by the best estimate as well. */
static gboolean
is_sure_enough(const Trial *trial, const MigrationRemedy *remedy)
{
    return remedy->sure == 0 || converges(trial, remedy->sure);
}

static void
test_edges(void)
{
    guint n_ragged[2] = {0, 0};
    guint n_auto_converge = 0;

    for (guint i = 0; i < N_GUESTS; i++) {
        g_autoptr(DirtyMeasurement) m = draw_guest();
        MigrationSettings settings = draw_settings();
        g_autoptr(MigrationModel) model = migration_model_new(m, NULL);
        g_autoptr(MigrationPlan) plan = migration_plan_new(model, &settings, NULL);

        g_assert_nonnull(plan);
        for (MigrationPlanWay way = 0; way < MIGRATION_PLAN_LAST; way++) {
            const MigrationRemedy *remedy = &plan->ways[way];
            Trial trial = trial_of(model, &settings, way, plan);
            gboolean is_plain = !has_auto_converge(&trial);

            n_ragged[is_plain] += !is_edge(&trial, remedy) || !is_sure_enough(&trial, remedy);
            n_auto_converge += !is_plain;
        }
    }
    g_test_message("of %u ways %u have another edge, of %u with auto-converge %u",
                   N_GUESTS * MIGRATION_PLAN_LAST - n_auto_converge, n_ragged[TRUE],
                   n_auto_converge, n_ragged[FALSE]);
    g_assert_cmpuint(n_ragged[TRUE], <=, RAGGED_MAX);
    g_assert_cmpfloat(n_ragged[FALSE], <=, MAX(n_auto_converge * RAGGED_SHARE, RAGGED_MAX));
}

/* Return: the number that stands behind some words, s as ms; NAN: none does */
static double
number_behind(const char *sentence, const char *words)
{
    const char *at = strstr(sentence, words);
    char *end;
    double number;

    if (!at) {
        return NAN;
    }
    number = g_ascii_strtod(at + strlen(words), &end);
    return *end == 's' ? number * 1000 : number;
}

/* Return: bytes/s */
static double
bandwidth_behind(const char *sentence, const char *words)
{
    g_assert_nonnull(strstr(sentence, " MiB/s"));
    return number_behind(sentence, words) * MIB;
}

/* What is recommended changes something: it is not what was asked for, or harder. */
static void
assert_helps(const Trial *trial, double value)
{
    const double asked[] = {
        [MIGRATION_PLAN_BANDWIDTH] = trial->settings.bandwidth,
        [MIGRATION_PLAN_DOWNTIME] = trial->settings.downtime_limit,
        [MIGRATION_PLAN_THROTTLE] = 0,
        [MIGRATION_PLAN_DIRTY_LIMIT] = DIRTY_LIMIT_MAX_MIBS,
    };

    if (trial->way == MIGRATION_PLAN_DIRTY_LIMIT) {
        g_assert_cmpfloat(value, <, asked[trial->way]);
    } else {
        g_assert_cmpfloat(value, >, asked[trial->way]);
    }
}

/* What is recommended is rounded, and does converge as it stands there. */
static void
test_recommended(void)
{
    guint n_tried = 0;

    for (guint i = 0; i < N_GUESTS; i++) {
        g_autoptr(DirtyMeasurement) m = draw_guest();
        MigrationSettings settings = draw_settings();
        g_autoptr(MigrationModel) model = migration_model_new(m, NULL);
        g_autoptr(MigrationPlan) plan = NULL;
        double values[MIGRATION_PLAN_LAST];

        settings.throttle = MIGRATION_THROTTLE_NONE;
        settings.max_bandwidth = 0;
        plan = migration_plan_new(model, &settings, NULL);
        values[MIGRATION_PLAN_BANDWIDTH] = bandwidth_behind(plan->recommendation, "use at least ");
        values[MIGRATION_PLAN_DOWNTIME] = number_behind(plan->recommendation, ": allow ");
        values[MIGRATION_PLAN_THROTTLE] =
            number_behind(plan->recommendation, "throttle vCPUs by ") / 100;
        values[MIGRATION_PLAN_DIRTY_LIMIT] = number_behind(plan->recommendation, "limit vCPUs to ");
        for (MigrationPlanWay way = 0; way < MIGRATION_PLAN_LAST; way++) {
            Trial trial = {model, settings, way};

            if (!isnan(values[way])) {
                n_tried++;
                assert_helps(&trial, values[way]);
                if (!converges(&trial, values[way])) {
                    g_error("%s", plan->recommendation);
                }
            }
        }
    }
    g_test_message("%u recommended values tried", n_tried);
    g_assert_cmpuint(n_tried, >, N_GUESTS / 4);
}

/* Whether it converges without taking more than half of its time from the guest, as tried. */
static gboolean
converges_gently(const MigrationModel *model, const MigrationSettings *settings)
{
    Trial trial = {model, *settings, MIGRATION_PLAN_THROTTLE};

    for (gint percent = 0; percent <= 50; percent++) {
        if (converges(&trial, percent / 100.0)) {
            return TRUE;
        }
    }
    trial.settings.throttle = MIGRATION_THROTTLE_DIRTY_LIMIT;
    trial.settings.limit_from_start = TRUE;
    for (double limit = DIRTY_LIMIT_MAX_MIBS; limit >= 1; limit /= TRIAL_STEP) {
        MigrationPrediction prediction;

        trial.settings.vcpu_dirty_limit = limit;
        g_assert_true(migration_model_predict(model, &trial.settings, FALSE, &prediction, NULL));
        if (prediction.verdict == MIGRATION_CONVERGES && prediction.throttle.value <= 0.5) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Return: whether post-copy is better by what the header says of it, and what is tried */
static gboolean
is_better(const MigrationModel *model, const MigrationSettings *settings, const MigrationPlan *plan)
{
    if (!plan->has_postcopy || plan->asked.verdict != MIGRATION_CONVERGES) {
        return plan->has_postcopy && !converges_gently(model, settings);
    }
    return plan->asked.total_time.value > 2 * plan->postcopy.total_time.value;
}

static void
test_postcopy(void)
{
    guint n_better = 0;
    guint n_other = 0;

    for (guint i = 0; i < N_GUESTS; i++) {
        g_autoptr(DirtyMeasurement) m = draw_guest();
        MigrationSettings settings = draw_settings();
        g_autoptr(MigrationModel) model = migration_model_new(m, NULL);
        g_autoptr(MigrationPlan) plan = NULL;

        settings.throttle = MIGRATION_THROTTLE_NONE;
        plan = migration_plan_new(model, &settings, NULL);
        n_better += plan->postcopy_better;
        n_other += plan->postcopy_better != is_better(model, &settings, plan);
    }
    g_test_message("post-copy is better %u times, %u times the plan says otherwise", n_better,
                   n_other);
    g_assert_cmpuint(n_better, >, 0);
    g_assert_cmpuint(n_better, <, N_GUESTS);
    /* A plan takes a limit that is sure, and finds one between those tried here. */
    g_assert_cmpuint(n_other, <=, N_GUESTS / 10);
}

static double
plan_seconds(const DirtyMeasurement *m, const MigrationSettings *settings)
{
    double least = INFINITY;

    for (guint i = 0; i < PLAN_TRIES; i++) {
        double start = cpu_seconds();
        g_autoptr(MigrationModel) model = migration_model_new(m, NULL);
        g_autoptr(MigrationPlan) plan = migration_plan_new(model, settings, NULL);

        least = MIN(least, cpu_seconds() - start);
    }
    return least;
}

static void
test_time(void)
{
    const guint n = 2 * N_GUESTS;
    double longest = 0;
    guint n_long = 0;

    for (guint i = 0; i < n; i++) {
        g_autoptr(DirtyMeasurement) m = draw_guest();
        MigrationSettings settings = draw_settings();
        double seconds = plan_seconds(m, &settings);

        longest = MAX(longest, seconds);
        n_long += seconds >= PLAN_SECONDS_MAX;
    }
    g_test_message("the longest plan takes %.0f us", longest * 1e6);
    g_assert_cmpfloat(n_long, <=, n * PLAN_LONG_SHARE);
}

int
main(int argc, char **argv)
{
    g_setenv("LC_ALL", "C.UTF-8", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration-edges/edges", test_edges);
    g_test_add_func("/migration-edges/recommended", test_recommended);
    g_test_add_func("/migration-edges/postcopy", test_postcopy);
    g_test_add_func("/migration-edges/time", test_time);
    return g_test_run();
}
