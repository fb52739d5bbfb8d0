/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests how a measurement and a guest's memory are brought together.
 */
#include "dirty-measurement-memory.h"

#include <string.h>

#define MIB ((guint64)1024 * 1024)

static DirtyMeasurement *
stock_measurement(DirtyMode mode, double rate)
{
    DirtyMeasurement *m = dirty_measurement_new();

    m->status = DIRTY_STATUS_MEASURED;
    m->mode = mode;
    m->calc_time = 2000;
    m->sample_pages = mode == DIRTY_MODE_PAGE_SAMPLING ? 1024 : 0;
    m->has_rate = TRUE;
    m->rate = rate;
    return m;
}

static void
assert_refused(DirtyMeasurement *m, guint64 bytes, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(dirty_measurement_add_memory(m, bytes, &error));
    g_assert_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, text));
}

static void
test_sampled_rate(void)
{
    g_autoptr(DirtyMeasurement) m = stock_measurement(DIRTY_MODE_PAGE_SAMPLING, 99);
    g_autoptr(GError) error = NULL;

    g_assert_true(dirty_measurement_add_memory(m, 2048 * MIB, &error));
    g_assert_no_error(error);
    g_assert_true(dirty_measurement_check(m, &error));
    g_assert_cmpuint(m->n_total, ==, 2048 * 256);
    g_assert_cmpuint(m->n_sampled, ==, 2048);
    g_assert_cmpuint(m->n_zero, ==, 0);
    g_assert_true(m->zero_unknown);
    g_assert_cmpuint(m->n_periods, ==, 1);
    g_assert_cmpint(m->periods[0], ==, 2000);
    /* 99.5 MiB/s for 2 s, of 2048 MiB. */
    g_assert_cmpuint(m->n_dirty[0], ==, 199);
}

static void
test_exact_rate(void)
{
    g_autoptr(DirtyMeasurement) m = stock_measurement(DIRTY_MODE_DIRTY_RING, 99);

    g_assert_true(dirty_measurement_add_memory(m, 2048 * MIB, NULL));
    g_assert_true(dirty_measurement_check(m, NULL));
    g_assert_cmpuint(m->n_sampled, ==, 2048 * 256);
    g_assert_cmpuint(m->n_dirty[0], ==, 199 * 256);
}

static void
test_more_than_all(void)
{
    g_autoptr(DirtyMeasurement) m = stock_measurement(DIRTY_MODE_DIRTY_BITMAP, 9e9);

    g_assert_true(dirty_measurement_add_memory(m, 64 * MIB, NULL));
    g_assert_true(dirty_measurement_check(m, NULL));
    g_assert_cmpuint(m->n_dirty[0], ==, 64 * 256);
}

static void
test_counts_are_compared(void)
{
    g_autoptr(DirtyMeasurement) m = stock_measurement(DIRTY_MODE_PAGE_SAMPLING, 5);

    g_assert_true(dirty_measurement_add_memory(m, 1040 * MIB, NULL));
    m->n_dirty[0] = 7;
    g_assert_true(dirty_measurement_add_memory(m, 1040 * MIB, NULL));
    g_assert_true(dirty_measurement_add_memory(m, 1024 * MIB, NULL));
    g_assert_cmpuint(m->n_dirty[0], ==, 7);
    assert_refused(m, 1041 * MIB, "1040 MiB of memory, not of one with 1041");
    assert_refused(m, 512 * MIB, "measure this guest");
    assert_refused(m, 0, "1040 MiB");
}

static void
test_refused(void)
{
    g_autoptr(DirtyMeasurement) m = stock_measurement(DIRTY_MODE_PAGE_SAMPLING, 5);

    assert_refused(m, 4095, "4095 bytes are no guest's memory");
    m->calc_time = 0;
    assert_refused(m, 512 * MIB, "neither page counts nor a rate");
    m->calc_time = 1000;
    m->has_rate = FALSE;
    assert_refused(m, 512 * MIB, "neither page counts nor a rate");
    m->has_rate = TRUE;
    m->status = DIRTY_STATUS_MEASURING;
    assert_refused(m, 512 * MIB, "neither page counts nor a rate");
}

static DirtyMeasurement *
completed(gint64 calc_time, double rate)
{
    DirtyMeasurement *m = stock_measurement(DIRTY_MODE_PAGE_SAMPLING, rate);

    m->calc_time = calc_time;
    g_assert_true(dirty_measurement_add_memory(m, 1024 * MIB, NULL));
    return m;
}

static void
join(DirtyMeasurement *m, gint64 calc_time, double rate)
{
    g_autoptr(DirtyMeasurement) other = completed(calc_time, rate);
    g_autoptr(GError) error = NULL;

    g_assert_true(dirty_measurement_join(m, other, &error));
    g_assert_no_error(error);
    g_assert_true(dirty_measurement_check(m, NULL));
}

static void
test_join(void)
{
    static const gint64 periods[] = {500, 1000, 2000, 4000};
    static const guint64 n_dirty[] = {50, 80, 100, 100};
    g_autoptr(DirtyMeasurement) m = completed(1000, 79.5);

    join(m, 4000, 1);
    join(m, 2000, 49.5);
    join(m, 500, 99.5);
    join(m, 2000, 10);
    g_assert_cmpuint(m->n_periods, ==, 4);
    for (gsize i = 0; i < 4; i++) {
        g_assert_cmpint(m->periods[i], ==, periods[i]);
        g_assert_cmpuint(m->n_dirty[i], ==, n_dirty[i]);
    }
    g_assert_cmpint(m->calc_time, ==, 4000);
}

static void
assert_not_joined(DirtyMeasurement *m, DirtyMeasurement *other, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(dirty_measurement_join(m, other, &error));
    g_assert_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, text));
    g_assert_true(dirty_measurement_check(m, NULL));
}

static void
test_join_refused(void)
{
    g_autoptr(DirtyMeasurement) m = completed(100, 5);
    g_autoptr(DirtyMeasurement) other = completed(5000, 5);

    for (gint64 ms = 101; m->n_periods < DIRTY_PERIODS_MAX; ms++) {
        join(m, ms, 5);
    }
    assert_not_joined(m, other, "more than 32 different lengths");
    other->mode = DIRTY_MODE_DIRTY_RING;
    assert_not_joined(m, other, "different modes or samples");
    other->zero_unknown = FALSE;
    assert_not_joined(m, other, "page counts is a whole curve");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dirty-memory/sampled-rate", test_sampled_rate);
    g_test_add_func("/dirty-memory/exact-rate", test_exact_rate);
    g_test_add_func("/dirty-memory/more-than-all", test_more_than_all);
    g_test_add_func("/dirty-memory/counts-are-compared", test_counts_are_compared);
    g_test_add_func("/dirty-memory/refused", test_refused);
    g_test_add_func("/dirty-memory/join", test_join);
    g_test_add_func("/dirty-memory/join-refused", test_join_refused);
    return g_test_run();
}
