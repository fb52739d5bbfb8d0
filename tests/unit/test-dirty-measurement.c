/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of what a measurement can be asked for, and of the check of its members.
 */
#include "dirty-measurement.h"

#include <math.h>
#include <string.h>

static void
test_periods(void)
{
    gint64 periods[DIRTY_PERIODS_MAX];
    const gint64 minute[] = {125,   250,   375,   500,   750,   1000,  1500,  2000,
                             3000,  4000,  6000,  8000,  10000, 15000, 20000, 25000,
                             30000, 35000, 40000, 45000, 50000, 55000, 60000};

    g_assert_cmpuint(dirty_periods(60000, periods), ==, G_N_ELEMENTS(minute));
    g_assert_cmpmem(periods, sizeof(minute), minute, sizeof(minute));
    g_assert_cmpuint(dirty_periods(50, periods), ==, 1);
    g_assert_cmpint(periods[0], ==, 50);
    g_assert_cmpuint(dirty_periods(125, periods), ==, 1);
    g_assert_cmpuint(dirty_periods(126, periods), ==, 2);
    g_assert_cmpint(periods[1], ==, 126);
    for (gint64 ms = DIRTY_CALC_TIME_MIN_MS; ms <= DIRTY_CALC_TIME_MAX_MS; ms++) {
        gsize n = dirty_periods(ms, periods);

        g_assert_cmpuint(n, <=, DIRTY_PERIODS_MAX);
        g_assert_cmpint(periods[n - 1], ==, ms);
        for (gsize i = 1; i < n; i++) {
            g_assert_cmpint(periods[i], >, periods[i - 1]);
        }
    }
}

static void
test_requests(void)
{
    const struct {
        DirtyMeasurementRequest request;
        gboolean good;
    } table[] = {
        {{50, DIRTY_MODE_PAGE_SAMPLING, 0, FALSE}, TRUE},
        {{60000, DIRTY_MODE_PAGE_SAMPLING, 16384, FALSE}, TRUE},
        {{1000, DIRTY_MODE_PAGE_SAMPLING, 128, FALSE}, TRUE},
        {{1000, DIRTY_MODE_DIRTY_RING, 0, FALSE}, TRUE},
        {{0, DIRTY_MODE_PAGE_SAMPLING, 0, FALSE}, FALSE},
        {{-1, DIRTY_MODE_PAGE_SAMPLING, 0, FALSE}, FALSE},
        {{49, DIRTY_MODE_PAGE_SAMPLING, 0, FALSE}, FALSE},
        {{60001, DIRTY_MODE_PAGE_SAMPLING, 0, FALSE}, FALSE},
        {{G_MAXINT64, DIRTY_MODE_PAGE_SAMPLING, 0, FALSE}, FALSE},
        {{1000, DIRTY_MODE_PAGE_SAMPLING, 127, FALSE}, FALSE},
        {{1000, DIRTY_MODE_PAGE_SAMPLING, 16385, FALSE}, FALSE},
        {{1000, DIRTY_MODE_PAGE_SAMPLING, -1, FALSE}, FALSE},
        {{1000, DIRTY_MODE_DIRTY_BITMAP, 512, FALSE}, FALSE},
        {{1000, DIRTY_MODE_PAGE_SAMPLING, 0, TRUE}, TRUE},
        {{1000, DIRTY_MODE_PAGE_SAMPLING, 512, TRUE}, TRUE},
        {{1000, DIRTY_MODE_DIRTY_BITMAP, 0, TRUE}, FALSE},
        {{1000, DIRTY_MODE_DIRTY_RING, 0, TRUE}, FALSE},
        /* Somebody must have chosen by now. */
        {{1000, DIRTY_MODE_AUTO, 0, FALSE}, FALSE},
        {{1000, DIRTY_MODE_LAST, 0, FALSE}, FALSE},
        {{1000, (DirtyMode)-1, 0, FALSE}, FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(GError) error = NULL;
        gboolean good = dirty_measurement_request_check(&table[i].request, &error);

        g_assert_cmpint(good, ==, table[i].good);
        if (!good) {
            g_assert_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID);
        }
    }
}

static void
test_status_names(void)
{
    DirtyStatus status = DIRTY_STATUS_LAST;

    for (guint i = 0; i < DIRTY_STATUS_LAST; i++) {
        g_assert_true(dirty_status_from_string(dirty_status_to_string(i), &status));
        g_assert_cmpuint(status, ==, i);
    }
    g_assert_false(dirty_status_from_string("done", &status));
}

static void
test_zero_samples(void)
{
    const guint64 gib = 262144;

    g_assert_cmpuint(dirty_zero_samples(1), ==, 1);
    g_assert_cmpuint(dirty_zero_samples(DIRTY_ZERO_SAMPLES_MAX - 1), ==,
                     DIRTY_ZERO_SAMPLES_MAX - 1);
    g_assert_cmpuint(dirty_zero_samples(1024 * gib), ==, DIRTY_ZERO_SAMPLES_MAX);
}

/* Every page lies in one part, the parts in their order, each about a quarter of what is left. */
static void
test_zero_parts(void)
{
    const guint64 n_pages[] = {1, 2, 3, 4, 5, 1000, 65666};
    guint64 sizes[DIRTY_ZERO_PARTS];

    for (gsize i = 0; i < G_N_ELEMENTS(n_pages); i++) {
        guint64 page = 0;

        dirty_zero_part_sizes(n_pages[i], sizes);
        for (guint part = 0; part < DIRTY_ZERO_PARTS; part++) {
            g_assert_cmpuint(sizes[part], <=, (n_pages[i] - page + 3) / 4 * (part < 31 ? 1 : 4));
            for (guint64 end = page + sizes[part]; page < end; page++) {
                g_assert_cmpuint(dirty_zero_part(page, n_pages[i]), ==, part);
            }
        }
        g_assert_cmpuint(page, ==, n_pages[i]);
    }
    dirty_zero_part_sizes((guint64)1 << 52, sizes);
    g_assert_cmpuint(sizes[0], ==, (guint64)1 << 50);
    g_assert_cmpuint(sizes[1], ==, (guint64)3 << 48);
    g_assert_cmpuint(dirty_zero_part(((guint64)1 << 52) - 1, (guint64)1 << 52), ==,
                     DIRTY_ZERO_PARTS - 1);
}

/* A good measurement with everything in it, for the tests to spoil. */
static DirtyMeasurement *
full_measurement(void)
{
    static const gint64 periods[] = {125, 250};
    static const guint64 n_dirty[] = {30, 50};
    static const guint64 n_dirty_of_vcpus[2][2] = {{10, 20}, {20, 20}};
    DirtyMeasurement *m = dirty_measurement_new();

    m->status = DIRTY_STATUS_MEASURED;
    m->mode = DIRTY_MODE_DIRTY_RING;
    m->calc_time = 250;
    m->has_rate = TRUE;
    m->rate = 0.78125;
    m->has_rate_bounds = TRUE;
    m->rate_low = 0.5;
    m->rate_high = 1;
    m->has_counts = TRUE;
    m->page_size = 4096;
    m->n_total = m->n_sampled = 1000;
    m->n_zero = 100;
    m->has_zero_parts = TRUE;
    m->zero_parts[0] = 1;
    m->zero_parts[DIRTY_ZERO_PARTS - 1] = 99;
    m->n_periods = 2;
    m->periods = g_memdup2(periods, sizeof(periods));
    m->n_dirty = g_memdup2(n_dirty, sizeof(n_dirty));
    m->n_vcpus = 2;
    m->vcpus = g_new0(DirtyVcpuRate, 2);
    for (gsize i = 0; i < 2; i++) {
        m->vcpus[i].id = 5 * i;
        m->vcpus[i].n_dirty = g_memdup2(n_dirty_of_vcpus[i], sizeof(n_dirty_of_vcpus[i]));
    }
    m->n_compressions = 1;
    m->compressions = g_new0(DirtyCompression, 1);
    m->compressions[0] = (DirtyCompression){"zstd", 1000, 2.5, 900};
    return m;
}

typedef void (*Spoil)(DirtyMeasurement *m);

static void
test_agrees(void)
{
    g_autoptr(DirtyMeasurement) m = full_measurement();
    GError *error = NULL;

    dirty_measurement_check(m, &error);
    g_assert_no_error(error);
}

#define SPOIL(name, statement)                                                                     \
 static void spoil_##name(DirtyMeasurement *m)                                                     \
 {                                                                                                 \
  statement;                                                                                       \
 }

SPOIL(mode, m->mode = DIRTY_MODE_AUTO)
SPOIL(rate_nan, m->rate = NAN)
SPOIL(rate_negative, m->rate = -1)
SPOIL(low_above_rate, m->rate_low = 0.8)
SPOIL(high_below_rate, m->rate_high = 0.7)
SPOIL(high_infinite, m->rate_high = INFINITY)
SPOIL(low_negative, m->rate_low = -1)
SPOIL(bounds_alone, m->has_rate = FALSE)
SPOIL(partly_exact, m->n_sampled = 999)
SPOIL(zero_missing, m->zero_parts[0] = 0)
SPOIL(zero_many, m->zero_parts[7] = 1)
SPOIL(zero_wrap, m->zero_parts[7] = G_MAXUINT64 - 99)
SPOIL(vcpu_twice, m->vcpus[1].id = 0)
SPOIL(vcpu_huge, m->vcpus[1].id = (gint64)1 << 31)
SPOIL(vcpu_negative, m->vcpus[1].id = -1)
SPOIL(vcpu_rate, m->vcpus[1].rate = INFINITY)
SPOIL(vcpu_falls, m->vcpus[1].n_dirty[1] = 19)
SPOIL(vcpus_above_total, m->vcpus[0].n_dirty[0] = 11)
SPOIL(vcpus_wrap, m->vcpus[0].n_dirty[1] = G_MAXUINT64)
SPOIL(vcpus_without_counts, m->has_counts = FALSE)
SPOIL(method_empty, m->compressions[0].method[0] = '\0')
SPOIL(method_endless, memset(m->compressions[0].method, 'z', DIRTY_COMPRESSION_NAME_SIZE))
SPOIL(compressed_none, m->compressions[0].n_pages = 0)
SPOIL(compressed_many, m->compressions[0].n_pages = 1001)
SPOIL(ratio_zero, m->compressions[0].ratio = 0)
SPOIL(ratio_nan, m->compressions[0].ratio = NAN)
SPOIL(speed_negative, m->compressions[0].speed = -1)
SPOIL(speed_infinite, m->compressions[0].speed = INFINITY)
SPOIL(compressions_many, m->n_compressions = DIRTY_COMPRESSIONS_MAX + 1)

static void
test_disagrees(void)
{
    static const Spoil spoils[] = {
        spoil_mode,           spoil_rate_nan,          spoil_rate_negative,
        spoil_low_above_rate, spoil_high_below_rate,   spoil_high_infinite,
        spoil_low_negative,   spoil_bounds_alone,      spoil_partly_exact,
        spoil_vcpu_twice,     spoil_vcpu_huge,         spoil_vcpu_negative,
        spoil_vcpu_rate,      spoil_vcpu_falls,        spoil_vcpus_above_total,
        spoil_vcpus_wrap,     spoil_method_empty,      spoil_vcpus_without_counts,
        spoil_method_endless, spoil_compressed_none,   spoil_compressed_many,
        spoil_ratio_zero,     spoil_ratio_nan,         spoil_speed_negative,
        spoil_speed_infinite, spoil_compressions_many, spoil_zero_missing,
        spoil_zero_many,      spoil_zero_wrap,
    };

    for (gsize i = 0; i < G_N_ELEMENTS(spoils); i++) {
        g_autoptr(DirtyMeasurement) m = full_measurement();
        g_autoptr(GError) error = NULL;

        spoils[i](m);
        if (dirty_measurement_check(m, &error)) {
            g_error("spoil %zu was not noticed", i);
        }
        g_assert_error(error, DIRTY_ERROR, DIRTY_ERROR_BAD_REPLY);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dirty-measurement/periods", test_periods);
    g_test_add_func("/dirty-measurement/requests", test_requests);
    g_test_add_func("/dirty-measurement/status-names", test_status_names);
    g_test_add_func("/dirty-measurement/zero-samples", test_zero_samples);
    g_test_add_func("/dirty-measurement/zero-parts", test_zero_parts);
    g_test_add_func("/dirty-measurement/agrees", test_agrees);
    g_test_add_func("/dirty-measurement/disagrees", test_disagrees);
    return g_test_run();
}
