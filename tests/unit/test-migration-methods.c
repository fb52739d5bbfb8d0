/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the prediction: what slows a guest down, and other ways to migrate than plain pre-copy.
 */
#include <math.h>
#include <string.h>

#include "measured-guest.h"

#define assert_near(value, wanted, part) g_assert_cmpfloat_with_epsilon((value) / (wanted), 1, part)

/* Dirties 150 MiB/s for a second, while 100 MiB/s are sent: hopeless as it is. */
static const MeasuredGuest fast_guest = {1024, 300, 150, 0, 0, 0};

static MigrationSettings
throttled(MigrationThrottle throttle)
{
    MigrationSettings settings = plain_settings(100, 100);

    settings.throttle = throttle;
    return settings;
}

static void
test_auto_converge(void)
{
    MigrationSettings settings = throttled(MIGRATION_THROTTLE_AUTO_CONVERGE);
    MigrationPrediction p;

    g_assert_cmpint(predict_guest(fast_guest, throttled(MIGRATION_THROTTLE_NONE), FALSE).verdict,
                    ==, MIGRATION_DIRTIES_TOO_FAST);
    settings.log = MIGRATION_LOG_BITMAP;
    p = predict_guest(fast_guest, settings, FALSE);
    g_assert_cmpint(p.verdict, ==, MIGRATION_CONVERGES);
    /* 20 %, then steps of 10: it has to lose a third of its time at least. */
    g_assert_cmpfloat(p.throttle.value, >=, 0.4);
    g_assert_cmpfloat_with_epsilon(p.throttle.value * 10, round(p.throttle.value * 10), 1e-9);

    /* Larger steps get there sooner. */
    settings.throttle_increment = 0.3;
    g_assert_cmpfloat(predict_guest(fast_guest, settings, FALSE).total_time.value, <,
                      p.total_time.value);

    settings.throttle_max = 0.2;
    p = predict_guest(fast_guest, settings, FALSE);
    g_assert_cmpint(p.verdict, ==, MIGRATION_THROTTLE_EXHAUSTED);
    g_assert_cmpfloat(p.throttle.value, ==, 0.2);
}

static double
throttle_needed(double load)
{
    MigrationSettings settings = throttled(MIGRATION_THROTTLE_AUTO_CONVERGE);

    settings.log = MIGRATION_LOG_BITMAP;
    settings.vcpu_load = load;
    return predict_guest(fast_guest, settings, FALSE).throttle.value;
}

/* However little it has to do: what a vCPU misses while it sleeps for long is lost. */
static void
test_backlog(void)
{
    /* It goes on while it converges, but where 30 ms and a slice are made up for in 66 it has to.
     */
    g_assert_cmpfloat(throttle_needed(0.1), >, throttle_needed(1));
    g_assert_cmpfloat(throttle_needed(0.1), >=, 0.85);
    g_assert_cmpfloat(throttle_needed(0.001), ==, throttle_needed(0.1));
}

/* Whether it makes up for pauses nobody knows: so it may end soon, or never. */
static void
test_backlog_unknown(void)
{
    MigrationSettings settings = throttled(MIGRATION_THROTTLE_AUTO_CONVERGE);
    MigrationPrediction p;

    settings.log = MIGRATION_LOG_BITMAP;
    settings.vcpu_load = 0.01;
    settings.throttle_max = 0.95;
    p = predict_guest(fast_guest, settings, TRUE);
    g_assert_cmpfloat(p.certainty, <, 1);
    g_assert_true(isfinite(p.total_time.low) && isinf(p.total_time.high));

    /* A busy one cannot. */
    settings.vcpu_load = 1;
    p = predict_guest(fast_guest, settings, TRUE);
    g_assert_cmpfloat(p.certainty, ==, 1);
    g_assert_cmpfloat(p.total_time.high, <, p.total_time.low * 1.7);
}

static void
test_idle_time(void)
{
    /* A guest that is busy for a fifth of its time does as much in half of it. */
    MigrationSettings settings = throttled(MIGRATION_THROTTLE_AUTO_CONVERGE);
    MigrationPrediction busy;
    MigrationPrediction lazy;

    settings.log = MIGRATION_LOG_BITMAP;
    busy = predict_guest(fast_guest, settings, FALSE);
    settings.vcpu_load = 0.2;
    lazy = predict_guest(fast_guest, settings, FALSE);
    g_assert_cmpint(lazy.verdict, ==, MIGRATION_CONVERGES);
    g_assert_cmpfloat(lazy.throttle.value, >=, 0.8);
    g_assert_cmpfloat(lazy.total_time.value, >, busy.total_time.value);
}

static void
test_waits_for_sleepers(void)
{
    /* At 99 % a vCPU sleeps for a second, and the emulator's log waits for it. */
    MigrationSettings settings = throttled(MIGRATION_THROTTLE_AUTO_CONVERGE);
    MeasuredGuest guest = {512, 40, 150, 0, 0, 0};
    double bitmap;

    settings.throttle_initial = 0.99;
    settings.log = MIGRATION_LOG_BITMAP;
    bitmap = predict_guest(guest, settings, FALSE).total_time.value;
    settings.log = MIGRATION_LOG_TCG;
    g_assert_cmpfloat(predict_guest(guest, settings, FALSE).total_time.value, >, bitmap + 500);
}

static void
test_dirty_limit(void)
{
    MigrationSettings settings = throttled(MIGRATION_THROTTLE_DIRTY_LIMIT);
    MigrationPrediction late;
    MigrationPrediction p;

    settings.vcpu_dirty_limit = 30;
    settings.limit_from_start = TRUE;
    p = predict_guest(fast_guest, settings, FALSE);
    g_assert_cmpint(p.verdict, ==, MIGRATION_CONVERGES);
    /* 30 of 100 get dirty meanwhile: 1 / (1 - 0.3) of the first pass, of which 300 MiB at most. */
    g_assert_cmpfloat_with_epsilon(p.total_time.value / (10260 / 0.7), 1, 0.04);

    /* It does a second's work in 5, of 150 MiB that it would dirty in one. */
    g_assert_cmpfloat_with_epsilon(p.throttle.value, 0.8, 0.01);

    /* QEMU's capability sets the limit only when it is late. */
    settings.limit_from_start = FALSE;
    late = predict_guest(fast_guest, settings, FALSE);
    g_assert_cmpint(late.verdict, ==, MIGRATION_CONVERGES);
    g_assert_cmpfloat(late.bytes.value, >, p.bytes.value * 0.9);

    settings.vcpu_dirty_limit = 120;
    g_assert_cmpint(predict_guest(fast_guest, settings, FALSE).verdict, ==,
                    MIGRATION_THROTTLE_EXHAUSTED);
    /* Each vCPU is let dirty as much. */
    settings.vcpu_dirty_limit = 40;
    settings.limit_from_start = TRUE;
    g_assert_cmpint(predict_guest(fast_guest, settings, FALSE).verdict, ==, MIGRATION_CONVERGES);
    settings.n_vcpus = 4;
    g_assert_cmpint(predict_guest(fast_guest, settings, FALSE).verdict, !=, MIGRATION_CONVERGES);
}

static void
test_vcpu_counts(void)
{
    /* One vCPU of two dirties all of it: holding each to 60 is enough then. */
    MigrationSettings settings = throttled(MIGRATION_THROTTLE_DIRTY_LIMIT);
    g_autoptr(DirtyMeasurement) m = measure_guest(fast_guest);
    g_autoptr(MigrationModel) blind = migration_model_new(m, NULL);
    g_autoptr(MigrationModel) seeing = NULL;
    MigrationPrediction p;

    settings.vcpu_dirty_limit = 60;
    settings.limit_from_start = TRUE;
    settings.n_vcpus = 2;
    m->n_vcpus = 2;
    m->vcpus = g_new0(DirtyVcpuRate, 2);
    m->vcpus[0].n_dirty = g_memdup2(m->n_dirty, sizeof(m->n_dirty[0]) * m->n_periods);
    m->vcpus[1].id = 1;
    m->vcpus[1].n_dirty = g_new0(guint64, m->n_periods);
    seeing = migration_model_new(m, NULL);

    g_assert_true(migration_model_predict(blind, &settings, FALSE, &p, NULL));
    g_assert_cmpint(p.verdict, !=, MIGRATION_CONVERGES);
    /* Both together are let dirty 120 of 150. */
    g_assert_cmpfloat_with_epsilon(p.throttle.value, 0.2, 0.01);
    g_assert_true(migration_model_predict(seeing, &settings, FALSE, &p, NULL));
    g_assert_cmpint(p.verdict, ==, MIGRATION_CONVERGES);
    /* The one that dirties loses most: 60 of 150 are left. */
    g_assert_cmpfloat_with_epsilon(p.throttle.value, 0.6, 0.01);
}

static void
test_postcopy(void)
{
    MigrationSettings settings = plain_settings(100, 100);
    MigrationPrediction p;
    MigrationPrediction idle;

    settings.postcopy = TRUE;
    p = predict_guest(fast_guest, settings, FALSE);
    g_assert_cmpint(p.verdict, ==, MIGRATION_CONVERGES);
    /* The first pass, and what got dirty in it: all of the 300 MiB. */
    g_assert_cmpfloat_with_epsilon(p.switch_time / 10260, 1, 0.02);
    g_assert_cmpfloat_with_epsilon(p.postcopy_time / 3006, 1, 0.05);
    g_assert_cmpfloat_with_epsilon(p.total_time.value, p.switch_time + p.postcopy_time, 1);
    g_assert_cmpfloat(p.downtime.value, <, 80);
    g_assert_cmpfloat(p.postcopy_faults, >, 100);

    /* The longer the way, the fewer pages it gets to ask for. */
    settings.latency = 20;
    g_assert_cmpfloat(predict_guest(fast_guest, settings, FALSE).postcopy_faults, <,
                      p.postcopy_faults);

    /* Nothing to switch for. */
    idle = predict_guest((MeasuredGuest){256, 0, 0, 0, 0, 0}, settings, FALSE);
    g_assert_cmpfloat(idle.switch_time, ==, 0);
    g_assert_cmpfloat(idle.postcopy_faults, ==, 0);
}

static void
test_parallel(void)
{
    MigrationSettings settings = plain_settings(100, 300);
    MeasuredGuest guest = {1024, 0, 0, 512, 0, 0};
    MigrationPrediction p;

    settings.channels = 4;
    p = predict_guest(guest, settings, FALSE);
    /* A packet of 1344 bytes for 128 pages, zero pages among them. */
    g_assert_cmpfloat_with_epsilon(
        p.bytes.value / (512 * PAGES_PER_MIB * (4096 + 10.5) + 512 * PAGES_PER_MIB * 10.5), 1,
        0.001);

    /* Half the bytes in half the time, unless that is more than it can compress. */
    settings.compression_ratio = 2;
    settings.compression_speed = 1000;
    g_assert_cmpfloat_with_epsilon(
        predict_guest(guest, settings, FALSE).total_time.value / p.total_time.value, 0.5, 0.02);
    settings.compression_speed = 50;
    g_assert_cmpfloat(predict_guest(guest, settings, FALSE).total_time.value, >, 10000);
}

/* What waits in the sockets when nothing but a few zero pages is left. */
static double
queued_ms(guint channels, double latency)
{
    MigrationSettings settings = plain_settings(20, 1);

    settings.downtime_fixed = 0;
    settings.device_state = 0;
    settings.channels = channels;
    settings.latency = latency;
    return predict_guest((MeasuredGuest){256, 0, 0, 16, 0, 0}, settings, FALSE).downtime.value -
           latency;
}

static void
test_sockets(void)
{
    MigrationSettings settings = plain_settings(1000, 1);
    MeasuredGuest guest = {1024, 0, 0, 64, 0, 0};
    double ms;

    /* 2.7 MB, and a quarter of that for each further connection that shares the link,
     * but where the way is long. */
    ms = 2.7e6 / (20 * MIB) * 1000;
    assert_near(queued_ms(0, 0), ms, 0.05);
    assert_near(queued_ms(3, 0), 1.5 * ms, 0.05);
    assert_near(queued_ms(3, 20), 3 * ms, 0.05);

    /* Two threads at 100 MiB/s each by 1.25, and 3 us: 27.7 us a page, more than the link takes. */
    settings.channels = 2;
    settings.compression_speed = 200;
    settings.downtime_fixed = 0;
    settings.device_state = 0;
    settings.compression_ratio = 1.001;
    assert_near(predict_guest(guest, settings, FALSE).total_time.value,
                960 * PAGES_PER_MIB * 0.02771, 0.02);
    /* So nothing has to wait. */
    g_assert_cmpfloat(predict_guest(guest, settings, FALSE).downtime.value, <, 5);
}

static void
test_free_pages(void)
{
    MigrationSettings settings = plain_settings(100, 300);
    MeasuredGuest guest = {1024, 0, 0, 256, 0, 0};
    double before = predict_guest(guest, settings, FALSE).bytes.value;

    /* Of 512 MiB known to be free, 256 MiB would have cost nothing anyway. */
    settings.free_page_share = 0.5;
    g_assert_cmpfloat_with_epsilon(predict_guest(guest, settings, FALSE).bytes.value / before,
                                   512.0 / 768, 0.01);
}

static void
test_logs(void)
{
    MigrationSettings settings = plain_settings(100, 100);
    MeasuredGuest guest = {8192, 8192, 20, 0, 60000, 0};
    double bitmap;

    /* Cleared as it is sent, the log of the first pass covers half of it. */
    settings.log = MIGRATION_LOG_BITMAP;
    bitmap = predict_guest(guest, settings, FALSE).bytes.value;
    settings.log = MIGRATION_LOG_LAZY;
    g_assert_cmpfloat(predict_guest(guest, settings, FALSE).bytes.value, <, bitmap * 0.95);

    /* Not so that of later ones, in which most pages are clean: 1, 1/4, and half of what was
     * before. */
    guest.rate = 50;
    settings.log = MIGRATION_LOG_BITMAP;
    bitmap = predict_guest(guest, settings, FALSE).bytes.value;
    assert_near(bitmap, 2 * 8192 * MIB, 0.03);
    settings.log = MIGRATION_LOG_LAZY;
    assert_near(predict_guest(guest, settings, FALSE).bytes.value, 8192 * MIB * 1.5, 0.1);

    /* What only sampling has seen is slower while it is logged: 1.5 us of each page. */
    guest = (MeasuredGuest){1024, 1024, 500, 0, 0, 4};
    settings = plain_settings(1000, 100);
    settings.log = MIGRATION_LOG_TCG;
    bitmap = predict_guest(guest, settings, FALSE).bytes.value;
    settings.log = MIGRATION_LOG_RING;
    g_assert_cmpfloat(predict_guest(guest, settings, FALSE).bytes.value, <, bitmap * 0.97);
}

static void
test_latency(void)
{
    MigrationSettings settings = plain_settings(1000, 300);
    MeasuredGuest guest = {1024, 0, 0, 0, 0, 0};
    double near;
    double far;

    /* 2.7 MB each round trip, whatever the link carries; so much each connection. */
    settings.latency = 50;
    assert_near(predict_guest(guest, settings, FALSE).total_time.value, 1075.8e6 / 54e6 * 1000,
                0.03);
    settings.channels = 4;
    assert_near(predict_guest(guest, settings, FALSE).total_time.value, 1075.8e6 / 216e6 * 1000,
                0.1);

    /* 2.1 MB fill the link: six times twice what went before, of which the first is not lost. */
    settings = plain_settings(100, 300);
    near = predict_guest(guest, settings, FALSE).total_time.value;
    settings.latency = 20;
    far = predict_guest(guest, settings, FALSE).total_time.value;
    g_assert_cmpfloat(far - near, >, 100);
    g_assert_cmpfloat(far - near, <, 180);

    /* One that is held back needs no wider window. */
    settings.max_bandwidth = MIB;
    near = predict_guest(guest, settings, FALSE).total_time.value;
    settings.latency = 0;
    g_assert_cmpfloat_with_epsilon(near, predict_guest(guest, settings, FALSE).total_time.value,
                                   30);
}

static void
test_vcpu_state(void)
{
    MigrationSettings settings = plain_settings(100, 300);
    MeasuredGuest guest = {1024, 0, 0, 0, 0, 0};
    MigrationPrediction one = predict_guest(guest, settings, FALSE);
    MigrationPrediction many;

    settings.n_vcpus = 257;
    many = predict_guest(guest, settings, FALSE);
    g_assert_cmpfloat_with_epsilon(many.bytes.value - one.bytes.value, 3 * MIB, 1);
    g_assert_cmpfloat_with_epsilon(many.downtime.value - one.downtime.value, 30, 0.5);
}

static void
assert_refused(const MigrationSettings *settings, const char *what)
{
    g_autoptr(DirtyMeasurement) m = measure_guest(fast_guest);
    g_autoptr(MigrationModel) model = migration_model_new(m, NULL);
    g_autoptr(GError) error = NULL;
    MigrationPrediction prediction;

    g_assert_false(migration_model_predict(model, settings, TRUE, &prediction, &error));
    g_assert_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID);
    if (!strstr(error->message, what)) {
        g_error("'%s' does not say '%s'", error->message, what);
    }
}

static void
test_bad_settings(void)
{
    const double bad[] = {0, -1, NAN, -INFINITY, 1e300};

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        MigrationSettings settings = plain_settings(100, 100);

        settings.bandwidth = bad[i];
        assert_refused(&settings, "bandwidth in bytes/s");
        settings = plain_settings(100, bad[i] > 1 ? NAN : bad[i]);
        assert_refused(&settings, "downtime limit");
        settings = plain_settings(100, 100);
        settings.throttle_max = bad[i];
        assert_refused(&settings, "highest throttle");
        settings = plain_settings(100, 100);
        settings.vcpu_load = bad[i];
        assert_refused(&settings, "load of the vCPUs");
    }
    {
        MigrationSettings settings = plain_settings(100, 100);

        settings.channels = 256;
        assert_refused(&settings, "connections is 256: use 0 to 255");
        settings.channels = 2;
        settings.postcopy = TRUE;
        assert_refused(&settings, "post-copy");
        settings.postcopy = FALSE;
        settings.channels = 0;
        settings.compression_ratio = 2;
        assert_refused(&settings, "compression");
        settings = plain_settings(100, 100);
        settings.throttle = MIGRATION_THROTTLE_LAST;
        assert_refused(&settings, "way to throttle");
    }
}

static void
test_payload(void)
{
    /* 1448 bytes of each packet: in 1538 on a cable, in 1514 where Linux counts. */
    g_assert_cmpfloat_with_epsilon(
        migration_link_payload(1e9, MIGRATION_MTU_DEFAULT, MIGRATION_FRAME_ETHERNET), 117685305, 1);
    g_assert_cmpfloat_with_epsilon(
        migration_link_payload(5e8, MIGRATION_MTU_DEFAULT, MIGRATION_FRAME_SHAPED), 59775429, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration-methods/auto-converge", test_auto_converge);
    g_test_add_func("/migration-methods/backlog", test_backlog);
    g_test_add_func("/migration-methods/backlog-unknown", test_backlog_unknown);
    g_test_add_func("/migration-methods/idle-time", test_idle_time);
    g_test_add_func("/migration-methods/waits-for-sleepers", test_waits_for_sleepers);
    g_test_add_func("/migration-methods/dirty-limit", test_dirty_limit);
    g_test_add_func("/migration-methods/vcpu-counts", test_vcpu_counts);
    g_test_add_func("/migration-methods/post-copy", test_postcopy);
    g_test_add_func("/migration-methods/parallel", test_parallel);
    g_test_add_func("/migration-methods/sockets", test_sockets);
    g_test_add_func("/migration-methods/free-pages", test_free_pages);
    g_test_add_func("/migration-methods/logs", test_logs);
    g_test_add_func("/migration-methods/latency", test_latency);
    g_test_add_func("/migration-methods/vcpu-state", test_vcpu_state);
    g_test_add_func("/migration-methods/bad-settings", test_bad_settings);
    g_test_add_func("/migration-methods/payload", test_payload);
    return g_test_run();
}
