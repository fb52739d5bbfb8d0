/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of how sure a prediction says it is, and of what it costs.
 */
#include <math.h>
#include <string.h>

#include "cpu-seconds.h"
#include "measured-guest.h"
#include "migration-sample.h"

/* CPU time that a table of 48 cells may take, s, the model included. */
#define TABLE_SECONDS_MAX 0.001
/* The quickest of so many is what it takes: the others were disturbed. */
#define TABLE_TRIES 20

static double
width(DirtyEstimate estimate)
{
    return estimate.high / estimate.low;
}

static void
assert_ordered(DirtyEstimate estimate)
{
    g_assert_cmpfloat(estimate.low, <=, estimate.value);
    g_assert_cmpfloat(estimate.value, <=, estimate.high);
    g_assert_cmpfloat(estimate.low, >=, 0);
}

static void
test_order(void)
{
    for (guint rate = 0; rate <= 200; rate += 10) {
        MeasuredGuest guest = {1024, 200, rate, 300, 1000, 512};
        MigrationPrediction p = predict_guest(guest, plain_settings(100, 300), TRUE);

        assert_ordered(p.total_time);
        assert_ordered(p.downtime);
        assert_ordered(p.passes);
        assert_ordered(p.bytes);
        assert_ordered(p.throttle);
        g_assert_cmpfloat(p.certainty, >=, 0);
        g_assert_cmpfloat(p.certainty, <=, 1);
    }
}

static void
test_sample_size(void)
{
    MeasuredGuest guest = {1024, 1024, 60, 0, 10000, 2048};
    MigrationSettings settings = plain_settings(100, 300);
    double few = width(predict_guest(guest, settings, TRUE).total_time);
    double many;

    guest.sampled = 64;
    many = width(predict_guest(guest, settings, TRUE).total_time);
    g_assert_cmpfloat(few, >, many);
    guest.sampled = 0;
    g_assert_cmpfloat(many, >, width(predict_guest(guest, settings, TRUE).total_time));
}

static void
test_extrapolation(void)
{
    /* Ten minutes of migration after one second, and after a minute, of measuring. */
    MeasuredGuest guest = {65536, 65536, 40, 0, 1000, 0};
    MigrationSettings settings = plain_settings(100, 300);
    MigrationPrediction brief = predict_guest(guest, settings, TRUE);
    MigrationPrediction longer;

    guest.ms = 60000;
    longer = predict_guest(guest, settings, TRUE);
    g_assert_true(brief.extrapolated);
    g_assert_cmpfloat(width(brief.total_time), >, 1.5);
    g_assert_cmpfloat(width(brief.total_time), >, width(longer.total_time) * 0.99);

    guest = (MeasuredGuest){512, 100, 40, 0, 60000, 0};
    g_assert_false(predict_guest(guest, settings, TRUE).extrapolated);
}

/* All of 3 MiB were dirty at the first reading: after 60 ms they are or are not. */
static void
test_before_first_reading(void)
{
    MigrationSettings settings = plain_settings(45, 50);
    MeasuredGuest guest = {384, 3, 28, 200, 2000, 0};
    MigrationPrediction p = predict_guest(guest, settings, TRUE);

    g_assert_cmpint(p.verdict, ==, MIGRATION_CONVERGES);
    g_assert_cmpfloat(p.certainty, <, 1);
    g_assert_true(isinf(p.total_time.high));

    /* Where it gets dirty at a steady pace there is nothing to doubt. */
    guest.set = 100;
    guest.rate = 4;
    p = predict_guest(guest, settings, TRUE);
    g_assert_cmpint(p.verdict, ==, MIGRATION_CONVERGES);
    g_assert_cmpfloat(p.certainty, ==, 1);
    g_assert_cmpfloat(p.total_time.high, <, p.total_time.low * 1.5);
}

/* A stock QEMU says nothing of zero pages: most of what it did not see dirty may be some. */
static void
test_unknown_zeros(void)
{
    g_autoptr(DirtyMeasurement) m = measure_guest((MeasuredGuest){1024, 100, 40, 0, 10000, 0});
    MigrationSettings settings = plain_settings(100, 300);
    MigrationPrediction p[2];

    for (gsize i = 0; i < G_N_ELEMENTS(p); i++) {
        g_autoptr(MigrationModel) model = NULL;

        m->zero_unknown = i;
        model = migration_model_new(m, NULL);
        g_assert_true(migration_model_predict(model, &settings, TRUE, &p[i], NULL));
    }
    g_assert_cmpfloat(p[0].total_time.low, >, 9000);
    g_assert_cmpfloat(p[1].total_time.low, <, 4000);
    g_assert_cmpfloat(p[1].bytes.low, <, 400 * MIB);
    g_assert_cmpfloat(p[1].total_time.high, >, p[0].total_time.high * 0.95);
}

static void
test_certainty(void)
{
    MigrationSettings settings = plain_settings(100, 300);
    MeasuredGuest guest = {1024, 1024, 20, 0, 10000, 512};
    MigrationPrediction p = predict_guest(guest, settings, TRUE);

    g_assert_cmpfloat(p.certainty, ==, 1);
    guest.rate = 200;
    p = predict_guest(guest, settings, TRUE);
    g_assert_cmpint(p.verdict, ==, MIGRATION_DIRTIES_TOO_FAST);
    g_assert_cmpfloat(p.certainty, ==, 1);
    g_assert_true(isinf(p.total_time.low));
    /* So few pages were looked at that it may be either. */
    guest = (MeasuredGuest){1024, 1024, 97, 0, 2000, 8192};
    p = predict_guest(guest, settings, TRUE);
    g_assert_cmpfloat(p.certainty, <, 1);
    g_assert_true(isfinite(p.total_time.low) && isinf(p.total_time.high));
}

static void
test_sure(void)
{
    MigrationSettings settings = plain_settings(100, 300);

    for (guint rate = 10; rate < 150; rate += 10) {
        g_autoptr(DirtyMeasurement) m =
            measure_guest((MeasuredGuest){1024, 1024, rate, 0, 10000, 1024});
        g_autoptr(MigrationModel) model = migration_model_new(m, NULL);
        MigrationPrediction p;

        g_assert_true(migration_model_predict(model, &settings, TRUE, &p, NULL));
        if (migration_model_is_sure(model, &settings)) {
            g_assert_cmpint(p.verdict, ==, MIGRATION_CONVERGES);
            g_assert_cmpfloat(p.certainty, >=, 0.9);
        } else {
            g_assert_cmpfloat(rate, >, 50);
        }
    }
}

static void
test_same_again(void)
{
    MeasuredGuest guest = {1024, 300, 60, 300, 1000, 512};
    MigrationPrediction a = predict_guest(guest, plain_settings(100, 300), TRUE);
    MigrationPrediction b = predict_guest(guest, plain_settings(100, 300), TRUE);

    g_assert_cmpmem(&a, sizeof(a), &b, sizeof(b));
}

static gpointer
predict_in_thread(gpointer model)
{
    MigrationSettings settings = plain_settings(100, 300);
    MigrationPrediction *p = g_new0(MigrationPrediction, 1);

    g_assert_true(migration_model_predict(model, &settings, TRUE, p, NULL));
    return p;
}

static void
test_threads(void)
{
    g_autoptr(DirtyMeasurement) m = measure_guest((MeasuredGuest){1024, 300, 60, 0, 1000, 512});
    MigrationPrediction *first = NULL;

    for (int round = 0; round < 20; round++) {
        g_autoptr(MigrationModel) model = migration_model_new(m, NULL);
        GThread *threads[4];

        for (gsize i = 0; i < G_N_ELEMENTS(threads); i++) {
            threads[i] = g_thread_new("predict", predict_in_thread, model);
        }
        for (gsize i = 0; i < G_N_ELEMENTS(threads); i++) {
            MigrationPrediction *p = g_thread_join(threads[i]);

            if (first) {
                g_assert_cmpmem(p, sizeof(*p), first, sizeof(*first));
                g_free(p);
            } else {
                first = p;
            }
        }
    }
    g_free(first);
}

static void
test_random(void)
{
    guint32 state = 1;
    double sum = 0;
    double squares = 0;
    const int n = 100000;

    for (int i = 0; i < n; i++) {
        double z = migration_random_normal(&state);

        sum += z;
        squares += z * z;
    }
    g_assert_cmpfloat_with_epsilon(sum / n, 0, 0.02);
    g_assert_cmpfloat_with_epsilon(squares / n, 1, 0.02);
}

/* What was drawn lies about what was measured, as far as that many pages can tell. */
static void
test_draws(void)
{
    g_autoptr(DirtyMeasurement) m = measure_guest((MeasuredGuest){1024, 1024, 60, 256, 1000, 512});
    MigrationSample best;
    double mean = 0;
    double squares = 0;
    double zero = 0;
    double share;

    migration_sample_best(&best, m);
    share = migration_curve_pages(&best.curve, 1000) / m->n_total;
    for (guint i = 0; i < MIGRATION_SAMPLES; i++) {
        MigrationSample sample;
        double ratio;

        migration_sample_draw(&sample, m, i);
        ratio = migration_curve_pages(&sample.curve, 1000) / m->n_total / share;
        mean += ratio / MIGRATION_SAMPLES;
        squares += (ratio - 1) * (ratio - 1) / MIGRATION_SAMPLES;
        zero += sample.zero_share / MIGRATION_SAMPLES;
        for (double ms = 1; ms < 1e7; ms *= 1.3) {
            g_assert_cmpfloat(migration_curve_pages(&sample.curve, ms), <=,
                              migration_curve_pages(&sample.curve, ms * 1.3));
        }
    }
    g_assert_cmpfloat_with_epsilon(mean, 1, 0.1);
    g_assert_cmpfloat_with_epsilon(sqrt(squares), sqrt((1 - share) / (share * m->n_sampled)), 0.1);
    g_assert_cmpfloat_with_epsilon(zero, 0.25, 0.02);
}

static void
predict_table(const DirtyMeasurement *m, gboolean bounds)
{
    static const double gbits[] = {0.1, 1, 2, 2.5, 5, 10, 25, 40};
    static const double downtimes[] = {125, 250, 500, 1000, 5000, INFINITY};
    g_autoptr(MigrationModel) model = migration_model_new(m, NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(gbits); i++) {
        for (gsize j = 0; j < G_N_ELEMENTS(downtimes); j++) {
            MigrationSettings settings = plain_settings(1, downtimes[j]);
            MigrationPrediction p;

            settings.bandwidth = migration_link_payload(gbits[i] * 1e9, MIGRATION_MTU_DEFAULT,
                                                        MIGRATION_FRAME_ETHERNET);
            g_assert_true(migration_model_predict(model, &settings, bounds, &p, NULL));
        }
    }
}

static double
fastest_table(const DirtyMeasurement *m, gboolean bounds)
{
    double fastest = INFINITY;

    for (int i = 0; i < TABLE_TRIES; i++) {
        double start = cpu_seconds();

        predict_table(m, bounds);
        fastest = MIN(fastest, cpu_seconds() - start);
    }
    return fastest;
}

static void
test_speed(void)
{
    g_autoptr(DirtyMeasurement) m =
        measure_guest((MeasuredGuest){32768, 20000, 100, 8192, 60000, 512});
    double plain = fastest_table(m, FALSE);

    g_test_message("a table of 48 cells takes %.0f us, with bounds %.0f us", plain * 1e6,
                   fastest_table(m, TRUE) * 1e6);
    g_assert_cmpfloat(plain, <, TABLE_SECONDS_MAX);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration-bounds/order", test_order);
    g_test_add_func("/migration-bounds/sample-size", test_sample_size);
    g_test_add_func("/migration-bounds/extrapolation", test_extrapolation);
    g_test_add_func("/migration-bounds/before-first-reading", test_before_first_reading);
    g_test_add_func("/migration-bounds/unknown-zeros", test_unknown_zeros);
    g_test_add_func("/migration-bounds/certainty", test_certainty);
    g_test_add_func("/migration-bounds/sure", test_sure);
    g_test_add_func("/migration-bounds/same-again", test_same_again);
    g_test_add_func("/migration-bounds/threads", test_threads);
    g_test_add_func("/migration-bounds/random", test_random);
    g_test_add_func("/migration-bounds/draws", test_draws);
    g_test_add_func("/migration-bounds/speed", test_speed);
    return g_test_run();
}
