/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests, links and methods drawn at random by GLib's test seed.
 */
#ifndef RANDOM_GUEST_H
#define RANDOM_GUEST_H

#include <math.h>

#include "measured-guest.h"

/* Evenly distributed on a log scale. */
static inline double
draw(double low, double high)
{
    return exp(g_test_rand_double_range(log(low), log(high)));
}

static inline gboolean
one_in(gint n)
{
    return g_test_rand_int_range(0, n) == 0;
}

/* Three parts of memory, each written to at random at a rate of its own. */
static inline double
draw_dirty(const double sizes[3], const double times[3], double ms)
{
    double dirty = 0;

    for (gsize i = 0; i < 3; i++) {
        dirty += sizes[i] * (1 - exp(-ms / times[i]));
    }
    return dirty;
}

static inline DirtyMeasurement *
draw_guest(void)
{
    DirtyMeasurement *m = dirty_measurement_new();
    gint64 periods[DIRTY_PERIODS_MAX];
    double sizes[3];
    double times[3];
    double zero = one_in(2) ? 0 : g_test_rand_double() * 0.9;

    m->status = DIRTY_STATUS_MEASURED;
    m->mode = one_in(3) ? DIRTY_MODE_DIRTY_RING : DIRTY_MODE_PAGE_SAMPLING;
    m->calc_time = draw(100, 60000);
    m->has_counts = TRUE;
    m->page_size = 4096;
    m->n_total = draw(64, 65536) * PAGES_PER_MIB;
    m->n_sampled = m->mode == DIRTY_MODE_DIRTY_RING ? m->n_total : m->n_total / 512;
    m->n_zero = zero * m->n_sampled;
    m->n_periods = dirty_periods(m->calc_time, periods);
    m->periods = g_memdup2(periods, sizeof(periods[0]) * m->n_periods);
    m->n_dirty = g_new0(guint64, m->n_periods);
    for (gsize i = 0; i < 3; i++) {
        sizes[i] = draw(0.001, 1) * (1 - zero) / 3;
        times[i] = draw(20, 100000);
    }
    for (gsize i = 0; i < m->n_periods; i++) {
        m->n_dirty[i] = draw_dirty(sizes, times, periods[i]) * m->n_sampled;
    }
    g_assert_true(dirty_measurement_check(m, NULL));
    return m;
}

static inline MigrationSettings
draw_settings(void)
{
    MigrationSettings settings;

    migration_settings_init(&settings);
    settings.bandwidth = draw(5e6, 5e9);
    settings.downtime_limit = draw(1, 5000);
    settings.log = g_test_rand_int_range(0, MIGRATION_LOG_LAST);
    settings.n_vcpus = g_test_rand_int_range(1, 9);
    settings.vcpu_load = one_in(2) ? 1 : draw(0.05, 1);
    settings.max_bandwidth = one_in(4) ? settings.bandwidth * draw(0.1, 1) : 0;
    settings.channels = one_in(5) ? g_test_rand_int_range(1, 9) : 0;
    settings.latency = one_in(6) ? draw(0.1, 50) : 0;
    if (one_in(6)) {
        settings.throttle = MIGRATION_THROTTLE_AUTO_CONVERGE;
    } else if (one_in(6)) {
        settings.throttle = MIGRATION_THROTTLE_DIRTY_LIMIT;
        settings.limit_from_start = TRUE;
        settings.vcpu_dirty_limit = draw(1, 2000);
    }
    return settings;
}

#endif
