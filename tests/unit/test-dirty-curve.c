/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the dirty curve and of the bounds of a share.
 */
#include "dirty-curve.h"

#include <math.h>

#define assert_near(a, b, tolerance) g_assert_cmpfloat(fabs((a) - (b)), <=, tolerance)

static DirtyMeasurement *
measurement_of(gsize n, const gint64 *periods, const guint64 *n_dirty, guint64 n_sampled,
               guint64 n_total)
{
    DirtyMeasurement *m = dirty_measurement_new();
    GError *error = NULL;

    m->status = DIRTY_STATUS_MEASURED;
    m->calc_time = periods[n - 1];
    m->has_counts = TRUE;
    m->page_size = 4096;
    m->n_total = n_total;
    m->n_sampled = n_sampled;
    m->n_periods = n;
    m->periods = g_memdup2(periods, n * sizeof(*periods));
    m->n_dirty = g_memdup2(n_dirty, n * sizeof(*n_dirty));
    dirty_measurement_check(m, &error);
    g_assert_no_error(error);
    return m;
}

static DirtyCurve *
curve_of(gsize n, const gint64 *periods, const guint64 *n_dirty, guint64 n_sampled, guint64 n_total)
{
    g_autoptr(DirtyMeasurement) m = measurement_of(n, periods, n_dirty, n_sampled, n_total);
    GError *error = NULL;
    DirtyCurve *curve = dirty_curve_new(m, &error);

    g_assert_no_error(error);
    return curve;
}

/* The bounds of Clopper and Pearson as tables and other programs print them. */
static void
test_share_bounds(void)
{
    const struct {
        guint64 hits, draws;
        double low, high;
    } table[] = {
        {0, 10, 0, 0.308498},
        {1, 10, 0.002529, 0.445016},
        {5, 10, 0.187086, 0.812914},
        {10, 10, 0.691502, 1},
        {10, 100, 0.049005, 0.176223},
        {0, 1000, 0, 0.003682},
        {500000, 1000000, 0.499020, 0.500980},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        DirtyEstimate share = dirty_share_bounds(table[i].hits, table[i].draws, G_MAXUINT64, 1);

        assert_near(share.value, (double)table[i].hits / table[i].draws, 1e-12);
        assert_near(share.low, table[i].low, 2e-6);
        assert_near(share.high, table[i].high, 2e-6);
    }
}

/* What docs/guide.md tells users to expect of one second, which has six readings; percent. */
static void
test_bounds_in_the_guide(void)
{
    const struct {
        guint64 hits, draws;
        double low, high;
    } table[] = {
        {5, 512, 0.2, 2.8},     {51, 512, 6.8, 13.9},     {256, 512, 44.1, 55.9},
        {41, 4096, 0.6, 1.5},   {410, 4096, 8.8, 11.3},   {2048, 4096, 47.9, 52.1},
        {164, 16384, 0.8, 1.2}, {1638, 16384, 9.4, 10.6}, {8192, 16384, 49.0, 51.0},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        DirtyEstimate share = dirty_share_bounds(table[i].hits, table[i].draws, 100000000, 6);

        assert_near(share.low * 100, table[i].low, 0.051);
        assert_near(share.high * 100, table[i].high, 0.051);
    }
}

static void
test_share_of_small_population(void)
{
    DirtyEstimate all = dirty_share_bounds(3, 10, 10, 1);
    DirtyEstimate half = dirty_share_bounds(25, 50, 100, 1);
    DirtyEstimate few = dirty_share_bounds(25, 50, 1000000, 1);
    DirtyEstimate but_one = dirty_share_bounds(50, 99, 100, 1);
    DirtyEstimate huge =
        dirty_share_bounds(9223372000728784572, 9223372036854225023, G_MAXINT64, 1);

    assert_near(all.low, 0.3, 1e-12);
    assert_near(all.high, 0.3, 1e-12);
    /* Half of the population seen: narrower, by the root of two. */
    assert_near((few.high - few.low) / (half.high - half.low), sqrt(2), 0.05);
    /* One page unseen: it is dirty or it is not. */
    assert_near(but_one.low, 0.50, 1e-9);
    assert_near(but_one.high, 0.51, 1e-9);
    /* Beyond what a double tells apart the bounds still hold the value. */
    g_assert_cmpfloat(huge.low, <=, huge.value);
    g_assert_cmpfloat(huge.value, <=, huge.high);
}

/* 2000 samples of a known share: the bounds miss it in at most 5 %, plus 3 sigma of that count. */
static void
test_bounds_hold_the_truth(void)
{
    const double shares[] = {0.001, 0.02, 0.3, 0.9};
    g_autoptr(GRand) rand = g_rand_new_with_seed(2026);

    for (gsize s = 0; s < G_N_ELEMENTS(shares); s++) {
        guint missed = 0;

        for (int run = 0; run < 2000; run++) {
            guint64 hits = 0;
            DirtyEstimate share;

            for (int draw = 0; draw < 300; draw++) {
                hits += g_rand_double(rand) < shares[s];
            }
            share = dirty_share_bounds(hits, 300, 1000000, 1);
            missed += shares[s] < share.low || shares[s] > share.high;
        }
        g_assert_cmpuint(missed, <=, 100 + 29);
    }
}

/*
 * 1000 measurements of a writer at random, with the nine readings of three seconds: the whole
 * curve lies inside the bounds but for 5 %, plus 3 sigma of that count.
 */
static void
test_bounds_hold_the_whole_curve(void)
{
    enum { SAMPLED = 512, N_TOTAL = 1 << 20 };
    g_autoptr(GRand) rand = g_rand_new_with_seed(2026);
    gint64 periods[DIRTY_PERIODS_MAX];
    gsize n = dirty_periods(3000, periods);
    guint missed = 0;

    for (int run = 0; run < 1000; run++) {
        guint64 n_dirty[DIRTY_PERIODS_MAX] = {0};
        g_autoptr(DirtyCurve) curve = NULL;
        gboolean outside = FALSE;

        for (int page = 0; page < SAMPLED; page++) {
            double first_write = -10000 * log(1 - g_rand_double(rand));

            for (gsize i = 0; i < n; i++) {
                n_dirty[i] += first_write <= periods[i];
            }
        }
        curve = curve_of(n, periods, n_dirty, SAMPLED, N_TOTAL);
        for (gsize i = 0; i < n; i++) {
            DirtyEstimate pages = dirty_curve_pages(curve, periods[i]);
            double truth = N_TOTAL * -expm1(-periods[i] / 10000.0);

            outside |= truth < pages.low || truth > pages.high;
        }
        missed += outside;
    }
    g_assert_cmpuint(missed, <=, 50 + 21);
}

static void
test_between_and_beyond(void)
{
    const gint64 periods[] = {100, 400, 1000};
    const guint64 n_dirty[] = {100, 200, 320};
    g_autoptr(DirtyCurve) curve = curve_of(3, periods, n_dirty, 1000, 1000);

    assert_near(dirty_curve_eval(curve, -5), 0, 0);
    assert_near(dirty_curve_eval(curve, 0), 0, 0);
    assert_near(dirty_curve_eval(curve, NAN), 0, 0);
    assert_near(dirty_curve_eval(curve, 100), 100, 1e-9);
    assert_near(dirty_curve_eval(curve, 250), 150, 1e-9);
    assert_near(dirty_curve_eval(curve, 1000), 320, 1e-9);
    /* Twice the pages in four times the time: pages grow with the root of time. */
    assert_near(dirty_curve_eval(curve, 25), 50, 1e-9);
    /* Beyond, at most all the guest's memory. */
    g_assert_cmpfloat(dirty_curve_eval(curve, 2000), >, 320);
    g_assert_cmpfloat(dirty_curve_eval(curve, 2000), <, 640);
    assert_near(dirty_curve_eval(curve, 1e12), 1000, 0);
    assert_near(dirty_curve_eval(curve, INFINITY), 1000, 0);
}

static void
test_never_falls(void)
{
    const gint64 periods[] = {125, 250, 375, 500, 750};
    const guint64 n_dirty[] = {3, 3, 9, 10, 10};
    g_autoptr(DirtyCurve) curve = curve_of(5, periods, n_dirty, 512, 262144);
    DirtyEstimate before = {0, 0, 0};

    for (double ms = 0; ms < 5000; ms += 7) {
        DirtyEstimate pages = dirty_curve_pages(curve, ms);

        g_assert_cmpfloat(pages.value, >=, before.value);
        g_assert_cmpfloat(pages.low, >=, before.low);
        g_assert_cmpfloat(pages.high, >=, before.high);
        g_assert_cmpfloat(pages.low, <=, pages.value);
        g_assert_cmpfloat(pages.value, <=, pages.high);
        before = pages;
    }
}

static void
test_none_and_every_page_dirty(void)
{
    const gint64 periods[] = {500, 1000};
    const guint64 none[] = {0, 0};
    const guint64 every[] = {512, 512};
    g_autoptr(DirtyCurve) idle = curve_of(2, periods, none, 512, 262144);
    g_autoptr(DirtyCurve) busy = curve_of(2, periods, every, 512, 262144);
    DirtyEstimate rate = dirty_curve_rate(idle, 1000);

    assert_near(rate.value, 0, 0);
    assert_near(rate.low, 0, 0);
    /* No hit in 512 draws of 1 GiB: less than 1 - 0.0125^(1/512) of it, two readings at once. */
    assert_near(rate.high, 1024 * (1 - pow(0.0125, 1.0 / 512)), 0.1);
    assert_near(dirty_curve_eval(idle, 60000), 0, 0);

    rate = dirty_curve_rate(busy, 1000);
    assert_near(rate.value, 1024, 1e-9);
    assert_near(rate.high, 1024, 1e-9);
    assert_near(rate.low, 1024 * pow(0.0125, 1.0 / 512), 0.1);
    assert_near(dirty_curve_eval(busy, 60000), 262144, 0);
}

static void
test_exact_counts_have_exact_bounds(void)
{
    const gint64 periods[] = {1000};
    const guint64 n_dirty[] = {256};
    g_autoptr(DirtyCurve) curve = curve_of(1, periods, n_dirty, 262144, 262144);
    DirtyEstimate rate = dirty_curve_rate(curve, 1000);

    assert_near(rate.value, 1, 1e-12);
    assert_near(rate.low, 1, 1e-12);
    assert_near(rate.high, 1, 1e-12);
}

/* In a mode that counts exactly only the zero pages come from a sample. */
static void
test_zero_pages_of_exact_counts(void)
{
    const gint64 periods[] = {1000};
    const guint64 n_dirty[] = {256};
    const guint64 gib = 262144;
    g_autoptr(DirtyMeasurement) m = measurement_of(1, periods, n_dirty, gib, gib);
    g_autoptr(DirtyCurve) curve = NULL;
    DirtyEstimate zero, drawn;

    /* Of 8192 pages looked at a quarter was zero. */
    m->mode = DIRTY_MODE_DIRTY_BITMAP;
    m->n_zero = gib / 4;
    curve = dirty_curve_new(m, NULL);
    zero = dirty_curve_zero_pages(curve);
    drawn = dirty_share_bounds(2048, 8192, gib, 1);
    assert_near(zero.value, gib / 4, 1e-9);
    assert_near(zero.low, drawn.low * gib, 1e-6);
    assert_near(zero.high, drawn.high * gib, 1e-6);
    /* Whole, not only close to it. */
    assert_near(dirty_curve_pages(curve, 1000).low, 256, 0);
    assert_near(dirty_curve_pages(curve, 1000).value, 256, 0);
    assert_near(dirty_curve_pages(curve, 1000).high, 256, 0);
}

/* The rate of a vCPU is of its pages where they are known, and of whole MiB/s where not. */
static void
test_vcpu_rate(void)
{
    const gint64 periods[] = {125, 500};
    const guint64 n_dirty[] = {200, 1000};
    g_autoptr(DirtyMeasurement) m = measurement_of(2, periods, n_dirty, 262144, 262144);
    GError *error = NULL;

    m->n_vcpus = 2;
    m->vcpus = g_new0(DirtyVcpuRate, 2);
    m->vcpus[0].rate = 1;
    m->vcpus[0].n_dirty = g_new0(guint64, 2);
    m->vcpus[0].n_dirty[1] = 192;
    m->vcpus[1].id = 1;
    m->vcpus[1].rate = 6;
    dirty_measurement_check(m, &error);
    g_assert_no_error(error);
    assert_near(dirty_vcpu_rate(m, 0), 1.5, 1e-12);
    assert_near(dirty_vcpu_rate(m, 1), 6, 1e-12);
}

static void
test_stock_measurement(void)
{
    g_autoptr(DirtyMeasurement) m = dirty_measurement_new();
    g_autoptr(DirtyCurve) curve = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_null(dirty_curve_new(m, &error));
    g_assert_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID);
    g_clear_error(&error);

    m->status = DIRTY_STATUS_MEASURED;
    g_assert_null(dirty_curve_new(m, &error));
    g_assert_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID);
    g_clear_error(&error);

    m->has_rate = TRUE;
    m->rate = 100;
    m->calc_time = 2000;
    curve = dirty_curve_new(m, &error);
    g_assert_no_error(error);
    g_assert_false(dirty_curve_has_bounds(curve));
    assert_near(dirty_curve_rate(curve, 2000).value, 100, 1e-9);
    assert_near(dirty_curve_eval(curve, 2000), 51200, 1e-9);
    assert_near(dirty_curve_eval(curve, 1000), 25600, 1e-9);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dirty-bounds/known-values", test_share_bounds);
    g_test_add_func("/dirty-bounds/guide", test_bounds_in_the_guide);
    g_test_add_func("/dirty-bounds/small-population", test_share_of_small_population);
    g_test_add_func("/dirty-bounds/hold-the-truth", test_bounds_hold_the_truth);
    g_test_add_func("/dirty-curve/bounds-hold-the-whole-curve", test_bounds_hold_the_whole_curve);
    g_test_add_func("/dirty-curve/between-and-beyond", test_between_and_beyond);
    g_test_add_func("/dirty-curve/never-falls", test_never_falls);
    g_test_add_func("/dirty-curve/none-and-every-page-dirty", test_none_and_every_page_dirty);
    g_test_add_func("/dirty-curve/exact-counts", test_exact_counts_have_exact_bounds);
    g_test_add_func("/dirty-curve/zero-pages-of-exact-counts", test_zero_pages_of_exact_counts);
    g_test_add_func("/dirty-curve/vcpu-rate", test_vcpu_rate);
    g_test_add_func("/dirty-curve/stock-measurement", test_stock_measurement);
    return g_test_run();
}
