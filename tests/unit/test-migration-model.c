/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the prediction: migrations whose course can be worked out by hand.
 */
#include "migration-model.h"

#include <math.h>

#define MIB 1048576.0
#define PAGES_PER_MIB 256

/* A guest that was measured exactly: @rate MiB/s of new pages up to @set MiB. */
static DirtyMeasurement *
measured_guest(guint mib, guint set, guint rate)
{
    DirtyMeasurement *m = dirty_measurement_new();
    gint64 periods[DIRTY_PERIODS_MAX];

    m->status = DIRTY_STATUS_MEASURED;
    m->mode = DIRTY_MODE_DIRTY_RING;
    m->calc_time = 10000;
    m->has_counts = TRUE;
    m->page_size = 4096;
    m->n_total = m->n_sampled = mib * PAGES_PER_MIB;
    m->n_periods = dirty_periods(m->calc_time, periods);
    m->periods = g_memdup2(periods, sizeof(periods[0]) * m->n_periods);
    m->n_dirty = g_new0(guint64, m->n_periods);
    for (gsize i = 0; i < m->n_periods; i++) {
        m->n_dirty[i] = MIN(rate * PAGES_PER_MIB * periods[i] / 1000, set * PAGES_PER_MIB);
    }
    return m;
}

static MigrationPrediction
predict(guint mib, guint set, guint rate, double mibs, double downtime)
{
    g_autoptr(DirtyMeasurement) m = measured_guest(mib, set, rate);
    g_autoptr(MigrationModel) model = migration_model_new(m, NULL);
    MigrationSettings settings;
    MigrationPrediction prediction;

    migration_settings_init(&settings);
    settings.bandwidth = mibs * MIB;
    settings.downtime_limit = downtime;
    settings.log = MIGRATION_LOG_RING;
    g_assert_nonnull(model);
    g_assert_true(migration_model_predict(model, &settings, FALSE, &prediction, NULL));
    return prediction;
}

static void
test_idle(void)
{
    MigrationPrediction p = predict(1024, 0, 0, 100, 300);
    double bytes = 1024 * PAGES_PER_MIB * 4104.0;

    /* One pass, one look at the log, one when it stands still. */
    g_assert_cmpint(p.verdict, ==, MIGRATION_CONVERGES);
    g_assert_cmpfloat(p.passes.value, ==, 3);
    g_assert_cmpfloat_with_epsilon(p.bytes.value / bytes, 1, 0.001);
    g_assert_cmpfloat_with_epsilon(p.total_time.value / (bytes / (100 * MIB) * 1000), 1, 0.01);
    g_assert_cmpfloat(p.downtime.value, <, 400);
    g_assert_false(p.extrapolated && p.total_time.value < 10000);
}

static void
test_steady(void)
{
    /* Half of what is sent gets dirty meanwhile: twice the first pass in all. */
    MigrationPrediction p = predict(1024, 1024, 50, 100, 100);

    g_assert_cmpint(p.verdict, ==, MIGRATION_CONVERGES);
    g_assert_cmpfloat_with_epsilon(p.total_time.value / 20480, 1, 0.03);
    g_assert_cmpfloat(p.downtime.value, <, 300);
}

static void
test_hot_set(void)
{
    /* 20 MiB rewritten all the time fit into 300 ms at 100 MiB/s, not into 100 ms. */
    g_assert_cmpint(predict(1024, 20, 2000, 100, 300).verdict, ==, MIGRATION_CONVERGES);
    g_assert_cmpint(predict(1024, 20, 2000, 100, 100).verdict, ==, MIGRATION_DOWNTIME_TOO_SHORT);
}

static void
test_too_fast(void)
{
    g_assert_cmpint(predict(1024, 1024, 110, 100, 300).verdict, ==, MIGRATION_DIRTIES_TOO_FAST);
    g_assert_true(isinf(predict(1024, 1024, 110, 100, 300).total_time.value));
    /* Whatever it dirties, one pass ends it where any downtime will do. */
    g_assert_cmpint(predict(1024, 1024, 110, 100, INFINITY).verdict, ==, MIGRATION_CONVERGES);
}

static void
test_verdict_names(void)
{
    for (int i = 0; i < MIGRATION_VERDICT_LAST; i++) {
        MigrationVerdict verdict = MIGRATION_VERDICT_LAST;

        g_assert_true(migration_verdict_from_string(migration_verdict_to_string(i), &verdict));
        g_assert_cmpint(verdict, ==, i);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration-model/idle", test_idle);
    g_test_add_func("/migration-model/steady", test_steady);
    g_test_add_func("/migration-model/hot-set", test_hot_set);
    g_test_add_func("/migration-model/too-fast", test_too_fast);
    g_test_add_func("/migration-model/verdict-names", test_verdict_names);
    return g_test_run();
}
