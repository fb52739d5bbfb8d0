/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests that a plan names what the model agrees with, and says so in a sentence.
 */
#include "migration-plan.h"

#include <math.h>
#include <string.h>

#include "cpu-seconds.h"
#include "dirty-saved.h"

#define MIB (1024.0 * 1024.0)

/* Further from convergence than the search goes and than luck reaches, as a factor. */
#define CLEARLY 1.15

/* Longest plan, s of CPU time; and the pace of 100,000 plans in a minute. */
#define PLAN_SECONDS_MAX 0.010
#define PACE_SECONDS (60.0 / 100000)

static DirtyMeasurement *
read_sample(void)
{
    g_autofree char *name = g_build_filename(g_getenv("TEST_DATA"), "published-sample.json", NULL);
    g_autofree char *text = NULL;
    DirtyMeasurement *measurement = NULL;
    DirtySaved saved;
    gsize len;

    g_assert_true(g_file_get_contents(name, &text, &len, NULL));
    dirty_saved_init(&saved, text, len);
    g_assert_true(dirty_saved_next(&saved, &measurement, NULL));
    return measurement;
}

/* A guest of 1 GiB with a hot set; the rest is written at a steady rate. */
static DirtyMeasurement *
make_guest(double hot_mib, double mibs)
{
    static const gint64 periods[] = {125, 250, 500, 1000, 2000, 4000};
    DirtyMeasurement *m = dirty_measurement_new();

    m->status = DIRTY_STATUS_MEASURED;
    m->mode = DIRTY_MODE_DIRTY_RING;
    m->calc_time = 4000;
    m->has_counts = TRUE;
    m->page_size = 4096;
    m->n_total = m->n_sampled = 1024 * 256;
    m->n_periods = G_N_ELEMENTS(periods);
    m->periods = g_new(gint64, m->n_periods);
    m->n_dirty = g_new(guint64, m->n_periods);
    for (gsize i = 0; i < m->n_periods; i++) {
        double dirty = hot_mib + mibs * periods[i] / 1000;

        m->periods[i] = periods[i];
        m->n_dirty[i] = MIN(dirty, 1024) * 256;
    }
    g_assert_true(dirty_measurement_check(m, NULL));
    return m;
}

static MigrationSettings
settings_of(double bandwidth, double downtime)
{
    MigrationSettings settings;

    migration_settings_init(&settings);
    settings.bandwidth = bandwidth;
    settings.downtime_limit = downtime;
    return settings;
}

static double
gigabit(double rate)
{
    return migration_link_payload(rate * 1e9, MIGRATION_MTU_DEFAULT, MIGRATION_FRAME_ETHERNET);
}

static MigrationPlan *
plan_of(const DirtyMeasurement *m, const MigrationSettings *settings)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MigrationModel) model = migration_model_new(m, &error);
    MigrationPlan *plan;

    g_assert_no_error(error);
    plan = migration_plan_new(model, settings, &error);
    g_assert_no_error(error);
    return plan;
}

static void
set_way(MigrationSettings *settings, MigrationPlanWay way, double value)
{
    switch (way) {
    case MIGRATION_PLAN_BANDWIDTH:
        settings->bandwidth = value;
        break;
    case MIGRATION_PLAN_DOWNTIME:
        settings->downtime_limit = value;
        break;
    case MIGRATION_PLAN_THROTTLE:
        settings->throttle = MIGRATION_THROTTLE_AUTO_CONVERGE;
        settings->throttle_initial = settings->throttle_max = value;
        break;
    case MIGRATION_PLAN_DIRTY_LIMIT:
        settings->throttle = MIGRATION_THROTTLE_DIRTY_LIMIT;
        settings->limit_from_start = TRUE;
        settings->vcpu_dirty_limit = value;
        break;
    case MIGRATION_PLAN_LAST:
    default:
        g_assert_not_reached();
    }
}

static MigrationPrediction
predict_with(const DirtyMeasurement *m, MigrationSettings settings, MigrationPlanWay way,
             double value)
{
    g_autoptr(MigrationModel) model = migration_model_new(m, NULL);
    MigrationPrediction prediction;

    set_way(&settings, way, value);
    g_assert_true(migration_model_predict(model, &settings, TRUE, &prediction, NULL));
    return prediction;
}

/* What the plan names converges, and what is clearly harder does not. */
static void
assert_plan_holds(const DirtyMeasurement *m, const MigrationSettings *settings)
{
    g_autoptr(MigrationPlan) plan = plan_of(m, settings);

    for (MigrationPlanWay way = 0; way < MIGRATION_PLAN_LAST; way++) {
        const MigrationRemedy *remedy = &plan->ways[way];
        MigrationPrediction p;

        if (!remedy->exists || remedy->value == 0) {
            continue;
        }
        p = predict_with(m, *settings, way, remedy->value);
        g_assert_cmpint(p.verdict, ==, MIGRATION_CONVERGES);
        if (remedy->sure > 0) {
            p = predict_with(m, *settings, way, remedy->sure);
            g_assert_cmpint(p.verdict, ==, MIGRATION_CONVERGES);
            /* What is sure is looked at with fewer draws than here. */
            g_assert_cmpfloat(p.certainty, >=, 0.9);
        }
    }
    if (plan->ways[MIGRATION_PLAN_BANDWIDTH].exists) {
        double least = plan->ways[MIGRATION_PLAN_BANDWIDTH].value;

        g_assert_cmpint(
            predict_with(m, *settings, MIGRATION_PLAN_BANDWIDTH, least / CLEARLY).verdict, !=,
            MIGRATION_CONVERGES);
    }
    if (plan->ways[MIGRATION_PLAN_DOWNTIME].exists &&
        plan->ways[MIGRATION_PLAN_DOWNTIME].value > 1) {
        double least = plan->ways[MIGRATION_PLAN_DOWNTIME].value;

        g_assert_cmpfloat(least, ==, round(least));
        g_assert_cmpint(
            predict_with(m, *settings, MIGRATION_PLAN_DOWNTIME, MIN(least / CLEARLY, least - 1))
                .verdict,
            !=, MIGRATION_CONVERGES);
    }
    g_assert_true(g_utf8_validate(plan->recommendation, -1, NULL));
    g_assert_null(strstr(plan->recommendation, "nan"));
    g_assert_null(strstr(plan->recommendation, "inf"));
    g_assert_null(strchr(plan->recommendation, '\n'));
}

static void
test_holds(void)
{
    static const double bandwidths[] = {0.1, 1, 5, 40};
    static const double downtimes[] = {1, 50, 300, 5000};
    g_autoptr(DirtyMeasurement) sample = read_sample();

    for (gsize i = 0; i < 4; i++) {
        for (gsize j = 0; j < 4; j++) {
            const MigrationSettings settings = settings_of(gigabit(bandwidths[i]), downtimes[j]);
            g_autoptr(DirtyMeasurement) small = make_guest(16 << (2 * i), 20 << (2 * j));

            assert_plan_holds(sample, &settings);
            assert_plan_holds(small, &settings);
        }
    }
}

static void
assert_says(const DirtyMeasurement *m, const MigrationSettings *settings, const char *pattern)
{
    g_autoptr(MigrationPlan) plan = plan_of(m, settings);

    if (!g_pattern_match_simple(pattern, plan->recommendation)) {
        g_error("'%s' is not like '%s'", plan->recommendation, pattern);
    }
}

static void
test_sentences(void)
{
    MigrationSettings settings = settings_of(gigabit(1), 300);
    g_autoptr(DirtyMeasurement) hot = make_guest(64, 20);
    g_autoptr(DirtyMeasurement) busy = make_guest(0, 250);
    g_autoptr(DirtyMeasurement) calm = make_guest(0, 2);

    assert_says(hot, &settings,
                "does not converge at 1 Gbit/s with 300 ms downtime: *allow "
                "?*0 ms downtime*, or *");
    assert_says(busy, &settings,
                "does not converge at 1 Gbit/s with 300 ms downtime: *use at "
                "least ?* Gbit/s*");
    assert_says(calm, &settings,
                "converges at 1 Gbit/s with 300 ms downtime in *s; ?* would "
                "do");
    settings.bandwidth = 100 * MIB;
    assert_says(busy, &settings,
                "does not converge at 100 MiB/s with 300 ms downtime: *use at "
                "least ??0 MiB/s*");
    settings = settings_of(gigabit(10), 300);
    settings.max_bandwidth = 100 * MIB;
    assert_says(busy, &settings,
                "does not converge at 10 Gbit/s limited to 100 MiB/s with 300 ms downtime: *raise "
                "the bandwidth limit to ?*0 MiB/s*");
    settings.bandwidth = 50 * MIB;
    assert_says(busy, &settings,
                "does not converge at 50 MiB/s with 300 ms downtime: *use at least ?*0 MiB/s*");
    settings = settings_of(gigabit(2.5), INFINITY);
    assert_says(calm, &settings, "converges at 2.5 Gbit/s with unlimited downtime in *s");
}

/* What the guest's QEMU cannot do is no way out. */
static void
test_not_limitable(void)
{
    MigrationSettings settings = settings_of(gigabit(1), 300);
    g_autoptr(DirtyMeasurement) m = make_guest(64, 20);
    g_autoptr(MigrationPlan) limitable = plan_of(m, &settings);
    g_autoptr(MigrationPlan) other = NULL;

    g_assert_true(limitable->ways[MIGRATION_PLAN_DIRTY_LIMIT].exists);
    settings.limitable = FALSE;
    other = plan_of(m, &settings);
    g_assert_false(other->ways[MIGRATION_PLAN_DIRTY_LIMIT].exists);
    g_assert_cmpfloat(other->ways[MIGRATION_PLAN_DOWNTIME].value, ==,
                      limitable->ways[MIGRATION_PLAN_DOWNTIME].value);
    g_assert_null(strstr(other->recommendation, "limit vCPUs"));
}

static void
test_refused(void)
{
    g_autoptr(DirtyMeasurement) m = make_guest(64, 20);
    g_autoptr(MigrationModel) model = migration_model_new(m, NULL);
    const double bad[] = {0, -1, NAN, INFINITY};

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        const MigrationSettings settings = settings_of(bad[i], 300);
        g_autoptr(GError) error = NULL;

        g_assert_null(migration_plan_new(model, &settings, &error));
        g_assert_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, "bandwidth"));
    }
    for (gsize i = 0; i < 3; i++) {
        const MigrationSettings settings = settings_of(gigabit(1), bad[i]);
        g_autoptr(GError) error = NULL;

        g_assert_null(migration_plan_new(model, &settings, &error));
        g_assert_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, "downtime"));
    }
}

/* Slower links and shorter downtimes never need less. */
static void
test_monotone(void)
{
    g_autoptr(DirtyMeasurement) sample = read_sample();
    double before = INFINITY;

    for (double gbit = 0.2; gbit < 20; gbit *= 1.5) {
        const MigrationSettings settings = settings_of(gigabit(gbit), 300);
        g_autoptr(MigrationPlan) plan = plan_of(sample, &settings);
        const MigrationRemedy *downtime = &plan->ways[MIGRATION_PLAN_DOWNTIME];

        g_assert_true(downtime->exists);
        g_assert_cmpfloat(downtime->value, <=, before * CLEARLY);
        before = downtime->value;
    }
}

/* Many different guests, each from its measurement to its plan. */
static void
test_pace(void)
{
    const guint n = 2000;
    g_autoptr(DirtyMeasurement) sample = read_sample();
    const MigrationSettings settings = settings_of(gigabit(1), 300);
    double longest = 0;
    double spent = 0;

    for (guint i = 0; i < n; i++) {
        g_autoptr(DirtyMeasurement) m = read_sample();
        g_autoptr(MigrationPlan) plan = NULL;
        double start;

        for (gsize k = 0; k < m->n_periods; k++) {
            m->n_dirty[k] = sample->n_dirty[k] * (i + 1) / n;
        }
        start = cpu_seconds();
        plan = plan_of(m, &settings);
        longest = MAX(longest, cpu_seconds() - start);
        spent += cpu_seconds() - start;
    }
    g_test_message("a plan takes %.0f us, the longest %.0f us", spent / n * 1e6, longest * 1e6);
    g_assert_cmpfloat(spent / n, <, PACE_SECONDS);
    g_assert_cmpfloat(longest, <, PLAN_SECONDS_MAX);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration-plan/holds", test_holds);
    g_test_add_func("/migration-plan/sentences", test_sentences);
    g_test_add_func("/migration-plan/not-limitable", test_not_limitable);
    g_test_add_func("/migration-plan/refused", test_refused);
    g_test_add_func("/migration-plan/monotone", test_monotone);
    g_test_add_func("/migration-plan/pace", test_pace);
    return g_test_run();
}
