/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests that a prediction ends, and soon, whatever is asked.
 */
#include <math.h>

#include "cpu-seconds.h"
#include "dirty-saved.h"
#include "measured-guest.h"

/* CPU time that one replay may take, s: twenty times the worst that is known. */
#define REPLAY_SECONDS_MAX 0.02
/* Passes after which a replay gives up, and the few at its end. */
#define PASSES_MAX 2005
/* Draws of anything that can be set. */
#define N_DRAWS 5000
/* So many passes are a replay that did not see that it goes round in circles. */
#define CIRCLES_MAX 1500

static MigrationPrediction
predict_soon(const MigrationModel *model, const MigrationSettings *settings)
{
    double start = cpu_seconds();
    MigrationPrediction p;

    g_assert_true(migration_model_predict(model, settings, FALSE, &p, NULL));
    g_assert_cmpfloat(cpu_seconds() - start, <, REPLAY_SECONDS_MAX);
    /* Those of a timer are counted and not gone through. */
    if (settings->throttle != MIGRATION_THROTTLE_AUTO_CONVERGE) {
        g_assert_cmpfloat(p.passes.value, <=, PASSES_MAX);
    }
    g_assert_cmpfloat(p.bytes.value, >=, 0);
    g_assert_true(isfinite(p.bytes.value));
    g_assert_cmpfloat(p.total_time.value, >, 0);
    g_assert_cmpfloat(p.downtime.value, >=, 0);
    g_assert_true(isfinite(p.total_time.value) == (p.verdict == MIGRATION_CONVERGES));
    return p;
}

static double
between(GRand *random, double low, double high)
{
    return low * pow(high / low, g_rand_double(random));
}

static gboolean
one_in(GRand *random, int n)
{
    return g_rand_int_range(random, 0, n) == 0;
}

static DirtyMeasurement *
any_measurement(GRand *random)
{
    MeasuredGuest guest = {.mib = between(random, 1, 4e6)};
    DirtyMeasurement *m;
    double power = between(random, 0.01, 2);
    double dirty;

    guest.set = g_rand_double(random) * guest.mib;
    guest.zero = g_rand_double(random) * (guest.mib - guest.set);
    guest.rate = between(random, 1, 1e5);
    guest.ms = between(random, 100, 60000);
    guest.sampled = one_in(random, 2) ? 0 : between(random, 1, 128);
    m = measure_guest(guest);
    dirty = g_rand_double(random) * (m->n_sampled - m->n_zero);
    for (gsize i = 0; i < m->n_periods && power > 0.1; i++) {
        m->n_dirty[i] = dirty * pow((double)m->periods[i] / guest.ms, power);
    }
    return m;
}

static MigrationSettings
any_settings(GRand *random)
{
    MigrationSettings s = plain_settings(1, 300);

    s.bandwidth = one_in(random, 5) ? between(random, 1, 1e15) : between(random, 1e5, 1e10);
    s.max_bandwidth = one_in(random, 2) ? 0 : between(random, 1, 1e15);
    s.switchover_bandwidth = one_in(random, 5) ? between(random, 1, 1e15) : 0;
    s.downtime_limit = one_in(random, 9) ? INFINITY : between(random, 1e-3, 1e7);
    s.latency = one_in(random, 2) ? 0 : between(random, 0.1, 60000);
    s.throttle = g_rand_int_range(random, 0, MIGRATION_THROTTLE_LAST);
    s.throttle_initial = g_rand_double_range(random, 0.01, 0.99);
    s.throttle_increment = one_in(random, 5) ? 0 : g_rand_double_range(random, 0, 0.99);
    s.throttle_max = g_rand_double_range(random, 0.01, 0.99);
    s.throttle_trigger = g_rand_double_range(random, 0.01, 1);
    s.tailslow = one_in(random, 2);
    s.vcpu_dirty_limit = between(random, 1e-3, 1e9);
    s.limit_from_start = one_in(random, 2);
    s.n_vcpus = between(random, 1, 65536);
    s.vcpu_load = one_in(random, 2) ? 1 : between(random, 1e-3, 1);
    s.postcopy = one_in(random, 4);
    s.postcopy_after_passes = one_in(random, 2) ? 1 : 1000;
    s.channels = s.postcopy || one_in(random, 2) ? 0 : between(random, 1, MIGRATION_CHANNELS_MAX);
    s.compression_ratio = s.channels == 0 || one_in(random, 2) ? 1 : between(random, 1e-3, 1e6);
    s.compression_speed = one_in(random, 2) ? 0 : between(random, 1e-3, 1e9);
    s.free_page_share = one_in(random, 2) ? 0 : g_rand_double(random);
    s.log = g_rand_int_range(random, 0, MIGRATION_LOG_LAST);
    s.time_limit = one_in(random, 2) ? 0 : between(random, 1, 1e12);
    return s;
}

static void
test_anything(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(20231);
    double passes = 0;

    for (int i = 0; i < N_DRAWS; i++) {
        g_autoptr(DirtyMeasurement) m = any_measurement(random);
        MigrationSettings settings = any_settings(random);
        g_autoptr(MigrationModel) model = migration_model_new(m, NULL);

        passes = MAX(passes, predict_soon(model, &settings).passes.value);
    }
    g_test_message("the longest has %.0f passes", passes);
}

/* A link that takes seconds for a page, with a sync every 5 s. */
static void
test_far_too_slow(void)
{
    g_autoptr(DirtyMeasurement) m = measure_guest((MeasuredGuest){65536, 60000, 100, 0, 0, 0});
    g_autoptr(MigrationModel) model = migration_model_new(m, NULL);
    MigrationSettings settings = plain_settings(1000, 300);

    for (double bandwidth = 1; bandwidth < 1e6; bandwidth *= 3) {
        for (int throttle = 0; throttle < MIGRATION_THROTTLE_LAST; throttle++) {
            settings.throttle = throttle;
            settings.bandwidth = bandwidth;
            settings.downtime_limit = 2e6;
            predict_soon(model, &settings);
            settings.downtime_limit = 1e-3;
            g_assert_cmpint(predict_soon(model, &settings).verdict, !=, MIGRATION_CONVERGES);
        }
    }
}

/* Steadily dirtied faster than sent, with a link so slow that zero pages go in a window. */
static void
test_zero_pages_left(void)
{
    static const char *const reply =
        "{\"status\": \"measured\", \"mode\": \"dirty-bitmap\", \"start-time\": 1,"
        " \"calc-time\": 8000, \"sample-pages\": 0, \"dirty-rate\": 1, \"page-size\": 4096,"
        " \"n-total-pages\": 98434, \"n-sampled-pages\": 98434, \"n-zero-pages\": 23974,"
        " \"periods\": [125, 250, 375, 500, 750, 1000, 1500, 2000, 3000, 4000, 6000, 8000],"
        " \"n-dirty-pages\": [1056, 2105, 3155, 4204, 6304, 8403, 12601, 16800, 25196, 33593,"
        " 50387, 67180]}";
    DirtyMeasurement *m = NULL;
    MigrationSettings settings = plain_settings(22.802517, 50);
    g_autoptr(MigrationModel) model = NULL;
    MigrationPrediction p;
    DirtySaved saved;

    dirty_saved_init(&saved, reply, strlen(reply));
    g_assert_true(dirty_saved_next(&saved, &m, NULL));
    model = migration_model_new(m, NULL);
    dirty_measurement_free(m);
    settings.log = MIGRATION_LOG_TCG;
    for (int throttle = 0; throttle < MIGRATION_THROTTLE_LAST; throttle++) {
        settings.throttle = throttle;
        predict_soon(model, &settings);
    }
    settings.throttle = MIGRATION_THROTTLE_NONE;
    g_assert_true(migration_model_predict(model, &settings, TRUE, &p, NULL));
    g_assert_cmpint(p.verdict, ==, MIGRATION_DIRTIES_TOO_FAST);
}

/* Passes that grow and shrink by turns, never far from the limit. */
static void
test_circles(void)
{
    double longest = 0;

    for (double scale = 0.02; scale < 2; scale *= 1.07) {
        g_autoptr(DirtyMeasurement) m =
            measure_guest((MeasuredGuest){32768, 12000, 2000, 20000, 60000, 512});
        g_autoptr(MigrationModel) model = NULL;

        for (gsize i = 0; i < m->n_periods; i++) {
            m->n_dirty[i] = 35 * scale * pow(m->periods[i] / 125.0, 0.72);
        }
        model = migration_model_new(m, NULL);
        for (double downtime = 20; downtime < 5000; downtime *= 1.05) {
            MigrationSettings settings = plain_settings(112, downtime);

            longest = MAX(longest, predict_soon(model, &settings).passes.value);
        }
    }
    g_test_message("the longest has %.0f passes", longest);
    g_assert_cmpfloat(longest, <, CIRCLES_MAX);
}

/* Two TiB take five hours at 1 Gbit/s, and end, unless somebody says when to give up. */
static void
test_time_limit(void)
{
    g_autoptr(DirtyMeasurement) m = measure_guest((MeasuredGuest){2 << 20, 1000, 10, 0, 0, 512});
    g_autoptr(MigrationModel) model = migration_model_new(m, NULL);
    MigrationSettings settings = plain_settings(112, 300);
    MigrationPrediction p = predict_soon(model, &settings);

    g_assert_cmpint(p.verdict, ==, MIGRATION_CONVERGES);
    g_assert_cmpfloat_with_epsilon(p.total_time.value / 18761000, 1, 0.02);
    settings.time_limit = p.total_time.value + 1;
    g_assert_cmpint(predict_soon(model, &settings).verdict, ==, MIGRATION_CONVERGES);
    settings.time_limit = p.total_time.value - 1;
    p = predict_soon(model, &settings);
    g_assert_cmpint(p.verdict, ==, MIGRATION_TIME_LIMIT);
    g_assert_true(isinf(p.downtime.value));

    settings.postcopy = TRUE;
    settings.time_limit = 10000;
    g_assert_cmpint(predict_soon(model, &settings).verdict, ==, MIGRATION_TIME_LIMIT);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration-ends/anything", test_anything);
    g_test_add_func("/migration-ends/far-too-slow", test_far_too_slow);
    g_test_add_func("/migration-ends/zero-pages-left", test_zero_pages_left);
    g_test_add_func("/migration-ends/circles", test_circles);
    g_test_add_func("/migration-ends/time-limit", test_time_limit);
    return g_test_run();
}
