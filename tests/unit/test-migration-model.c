/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the prediction: migrations whose course can be worked out by hand.
 */
#include <math.h>
#include <string.h>

#include "measured-guest.h"

/* What 100 MiB/s take for so many MiB in pages with content, ms. */
#define MS_AT_100(mib) ((mib)*4104.0 / 4096 * 10)

#define assert_near(value, wanted, part) g_assert_cmpfloat_with_epsilon((value) / (wanted), 1, part)

static MigrationPrediction
predict_plain(guint mib, guint set, guint rate, double mibs, double downtime)
{
    return predict_guest((MeasuredGuest){mib, set, rate, 0, 0, 0}, plain_settings(mibs, downtime),
                         FALSE);
}

static void
test_idle(void)
{
    MigrationPrediction p = predict_plain(1024, 0, 0, 100, 300);

    /* One pass, one look at the log, one when it stands still. */
    g_assert_cmpint(p.verdict, ==, MIGRATION_CONVERGES);
    g_assert_cmpfloat(p.passes.value, ==, 3);
    assert_near(p.bytes.value, 1024 * PAGES_PER_MIB * 4104.0, 0.001);
    assert_near(p.total_time.value, MS_AT_100(1024), 0.01);
    /* Half a quantum before the threshold was reached it asked the log. */
    g_assert_cmpfloat(p.downtime.value, >, 200);
    g_assert_cmpfloat(p.downtime.value, <, 350);
    g_assert_cmpfloat(p.certainty, ==, 1);
    g_assert_cmpfloat(p.total_time.low, ==, p.total_time.value);
    g_assert_cmpfloat(p.total_time.high, ==, p.total_time.value);
}

static void
test_steady(void)
{
    /* Half of what is sent gets dirty meanwhile: twice the first pass in all. */
    MigrationPrediction p = predict_plain(1024, 1024, 50, 100, 100);

    g_assert_cmpint(p.verdict, ==, MIGRATION_CONVERGES);
    assert_near(p.total_time.value, 2 * MS_AT_100(1024), 0.03);
    g_assert_cmpfloat(p.downtime.value, <, 200);
}

static void
test_hot_set(void)
{
    /* 20 MiB rewritten all the time fit into 300 ms at 100 MiB/s, not into 100 ms. */
    MigrationPrediction p = predict_plain(1024, 20, 2000, 100, 300);

    g_assert_cmpint(p.verdict, ==, MIGRATION_CONVERGES);
    assert_near(p.total_time.value, MS_AT_100(1044), 0.03);
    p = predict_plain(1024, 20, 2000, 100, 100);
    g_assert_cmpint(p.verdict, ==, MIGRATION_DOWNTIME_TOO_SHORT);
    g_assert_true(isinf(p.total_time.value) && isinf(p.downtime.value));
}

static void
test_too_fast(void)
{
    g_assert_cmpint(predict_plain(1024, 1024, 110, 100, 300).verdict, ==,
                    MIGRATION_DIRTIES_TOO_FAST);
    /* Whatever it dirties, one pass ends it where any downtime will do. */
    g_assert_cmpint(predict_plain(1024, 1024, 110, 100, INFINITY).verdict, ==, MIGRATION_CONVERGES);
}

static void
test_slowly(void)
{
    /* 40 times the first pass, some 400 s: more than it is given. */
    MigrationSettings settings = plain_settings(100, 300);
    MeasuredGuest guest = {1024, 1024, 97, 0, 60000, 0};

    g_assert_cmpint(predict_guest(guest, settings, FALSE).verdict, ==, MIGRATION_CONVERGES);
    settings.time_limit = 60000;
    g_assert_cmpint(predict_guest(guest, settings, FALSE).verdict, ==, MIGRATION_TIME_LIMIT);
}

static void
test_zero_pages(void)
{
    MeasuredGuest guest = {1024, 0, 0, 768, 0, 0};
    MigrationPrediction p = predict_guest(guest, plain_settings(100, 300), FALSE);

    /* A zero page is 9 bytes, and counts as a whole one while it waits. */
    assert_near(p.bytes.value, 256 * PAGES_PER_MIB * 4104.0 + 768 * PAGES_PER_MIB * 9.0, 0.001);
    assert_near(p.total_time.value, MS_AT_100(256), 0.05);
    g_assert_cmpfloat(p.downtime.value, <, 50);
}

/* How long a guest stands still that in each sixteenth has so many zero pages of 64. */
static DirtyEstimate
downtime_of_parts(const guint *zeros)
{
    const guint64 sixteenth = 64 * PAGES_PER_MIB;
    MigrationSettings settings = plain_settings(100, 300);
    g_autoptr(DirtyMeasurement) m = measure_guest((MeasuredGuest){1024, 0, 0, 0, 0, 0});
    g_autoptr(MigrationModel) model = NULL;
    MigrationPrediction p;

    m->has_zero_parts = TRUE;
    for (guint64 page = 0; page < m->n_total; page++) {
        if (page % 64 < zeros[page / sixteenth]) {
            m->zero_parts[dirty_zero_part(page, m->n_total)]++;
            m->n_zero++;
        }
    }
    g_assert_true(dirty_measurement_check(m, NULL));
    model = migration_model_new(m, NULL);
    g_assert_true(migration_model_predict(model, &settings, TRUE, &p, NULL));
    assert_near(p.bytes.value, 512 * PAGES_PER_MIB * 4113.0, 0.001);
    assert_near(p.total_time.value, MS_AT_100(512), 0.02);
    return p.downtime;
}

static void
test_order_of_zero_pages(void)
{
    const guint last[16] = {[8] = 64, 64, 64, 64, 64, 64, 64, 64};
    const guint first[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    const guint mixed[16] = {32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32};
    DirtyEstimate downtime = downtime_of_parts(last);

    /* Zero pages left over cost nothing, pages with content up to 300 ms. */
    g_assert_cmpfloat(downtime.value, <, 50);
    g_assert_cmpfloat(downtime.high, <, 100);
    downtime = downtime_of_parts(first);
    g_assert_cmpfloat(downtime.value, >, 220);
    g_assert_cmpfloat(downtime.low, >, 150);
    downtime = downtime_of_parts(mixed);
    g_assert_cmpfloat(downtime.value, >, 120);
    g_assert_cmpfloat(downtime.value, <, 220);
}

static void
test_limits_of_rates(void)
{
    MigrationSettings settings = plain_settings(100, 300);
    MeasuredGuest guest = {1024, 30, 2000, 0, 0, 0};
    MigrationPrediction p;

    /* Slow while it runs, but the last pass goes at the link's rate. */
    settings.max_bandwidth = 50 * MIB;
    settings.downtime_limit = 1000;
    p = predict_guest(guest, settings, FALSE);
    g_assert_cmpint(p.verdict, ==, MIGRATION_CONVERGES);
    g_assert_cmpfloat(p.total_time.value, >, 2 * MS_AT_100(1024) * 0.95);
    g_assert_cmpfloat(p.downtime.value, <, 600);

    /* 30 MiB in 200 ms is what it is told that it can, not what it measures. */
    settings = plain_settings(100, 200);
    g_assert_cmpint(predict_guest(guest, settings, FALSE).verdict, !=, MIGRATION_CONVERGES);
    settings.switchover_bandwidth = 300 * MIB;
    g_assert_cmpint(predict_guest(guest, settings, FALSE).verdict, ==, MIGRATION_CONVERGES);
}

static void
test_windows(void)
{
    /* 6.6 MB a window are 50.3 vectors of 32 pages, so 51 go, each 100.7 ms. */
    MigrationSettings settings = plain_settings(120, 300);
    MeasuredGuest guest = {256, 0, 0, 0, 0, 0};
    double pace = 51 * 32 * 4104 / 100.7;
    double bytes = 256 * PAGES_PER_MIB * 4104.0;
    double time;

    settings.max_bandwidth = 63 * MIB;
    settings.downtime_limit = 1;
    time = predict_guest(guest, settings, FALSE).total_time.value;
    /* It need not wait for the rest of the last. */
    assert_near(time, bytes / pace - 100.7 * (1 - pace * 1000 / (120 * MIB)), 0.01);

    /* What four channels have in hand when a window's 16 packets are full is not counted. */
    settings.max_bandwidth = 78 * MIB;
    settings.channels = 4;
    time = predict_guest(guest, settings, FALSE).total_time.value;
    assert_near(256 * MIB / (time + 100.7 * (1 - 104.4 / (120 * 1.048576))),
                20 * 512 * 1024 / 100.7, 0.01);
    settings.channels = 0;

    /* However low the limit is, a vector goes. */
    settings.max_bandwidth = 1;
    assert_near(predict_guest(guest, settings, FALSE).total_time.value, bytes / (32 * 4104) * 100.7,
                0.01);
}

static void
test_more_is_easier(void)
{
    double before = INFINITY;

    for (double mibs = 60; mibs < 2000; mibs *= 1.1) {
        double time = predict_plain(1024, 400, 50, mibs, 300).total_time.value;

        g_assert_cmpfloat(time, <=, before);
        before = time;
    }
    for (guint rate = 0; rate < 90; rate += 5) {
        double time = predict_plain(1024, 400, rate, 100, 300).total_time.value;

        g_assert_cmpfloat(time, >=, predict_plain(1024, 400, 0, 100, 300).total_time.value);
    }
}

static void
test_bad_measurement(void)
{
    g_autoptr(DirtyMeasurement) m = measure_guest((MeasuredGuest){64, 8, 8, 0, 0, 0});
    g_autoptr(GError) error = NULL;

    m->status = DIRTY_STATUS_MEASURING;
    g_assert_null(migration_model_new(m, &error));
    g_assert_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "'measuring'"));
    g_clear_error(&error);

    m->status = DIRTY_STATUS_MEASURED;
    m->has_counts = FALSE;
    g_assert_null(migration_model_new(m, &error));
    g_assert_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID);
    m->has_counts = TRUE;
}

static void
test_verdict_names(void)
{
    MigrationVerdict verdict;

    for (int i = 0; i < MIGRATION_VERDICT_LAST; i++) {
        verdict = MIGRATION_VERDICT_LAST;
        g_assert_true(migration_verdict_from_string(migration_verdict_to_string(i), &verdict));
        g_assert_cmpint(verdict, ==, i);
    }
    g_assert_false(migration_verdict_from_string("maybe", &verdict));
    g_assert_false(migration_verdict_from_string(NULL, &verdict));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration-model/idle", test_idle);
    g_test_add_func("/migration-model/steady", test_steady);
    g_test_add_func("/migration-model/hot-set", test_hot_set);
    g_test_add_func("/migration-model/too-fast", test_too_fast);
    g_test_add_func("/migration-model/slowly", test_slowly);
    g_test_add_func("/migration-model/zero-pages", test_zero_pages);
    g_test_add_func("/migration-model/order-of-zero-pages", test_order_of_zero_pages);
    g_test_add_func("/migration-model/rates", test_limits_of_rates);
    g_test_add_func("/migration-model/windows", test_windows);
    g_test_add_func("/migration-model/more-is-easier", test_more_is_easier);
    g_test_add_func("/migration-model/bad-measurement", test_bad_measurement);
    g_test_add_func("/migration-model/verdict-names", test_verdict_names);
    return g_test_run();
}
