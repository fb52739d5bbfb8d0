/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests whose dirty curve is a formula, as measurements that counted exactly.
 */
#ifndef MEASURED_GUEST_H
#define MEASURED_GUEST_H

#include "migration-model.h"

#define MIB 1048576.0
#define PAGES_PER_MIB 256

/**
 * MeasuredGuest: a guest, and how it was measured
 * @mib: its memory, MiB
 * @set: what it writes to, MiB
 * @rate: how fast, MiB/s of new pages until all of @set is dirty
 * @zero: memory of zero pages, MiB
 * @ms: length of the measurement; 0: 10 s
 * @sampled: one in so many pages was looked at; 0: all were counted
 */
typedef struct {
    guint mib;
    guint set;
    guint rate;
    guint zero;
    gint64 ms;
    guint sampled;
} MeasuredGuest;

static inline DirtyMeasurement *
measure_guest(MeasuredGuest guest)
{
    DirtyMeasurement *m = dirty_measurement_new();
    gint64 periods[DIRTY_PERIODS_MAX];
    guint one_in = MAX(guest.sampled, 1);

    m->status = DIRTY_STATUS_MEASURED;
    m->mode = guest.sampled ? DIRTY_MODE_PAGE_SAMPLING : DIRTY_MODE_DIRTY_RING;
    m->calc_time = guest.ms ? guest.ms : 10000;
    m->has_counts = TRUE;
    m->page_size = 4096;
    m->n_total = guest.mib * PAGES_PER_MIB;
    m->n_sampled = m->n_total / one_in;
    m->n_zero = guest.zero * PAGES_PER_MIB / one_in;
    m->n_periods = dirty_periods(m->calc_time, periods);
    m->periods = g_memdup2(periods, sizeof(periods[0]) * m->n_periods);
    m->n_dirty = g_new0(guint64, m->n_periods);
    for (gsize i = 0; i < m->n_periods; i++) {
        m->n_dirty[i] =
            MIN(guest.rate * PAGES_PER_MIB * periods[i] / 1000, guest.set * PAGES_PER_MIB) / one_in;
    }
    return m;
}

/* A plain migration at so many MiB/s. */
static inline MigrationSettings
plain_settings(double mibs, double downtime)
{
    MigrationSettings settings;

    migration_settings_init(&settings);
    settings.bandwidth = mibs * MIB;
    settings.downtime_limit = downtime;
    settings.log = MIGRATION_LOG_RING;
    return settings;
}

static inline MigrationPrediction
predict_guest(MeasuredGuest guest, MigrationSettings settings, gboolean bounds)
{
    g_autoptr(DirtyMeasurement) m = measure_guest(guest);
    g_autoptr(MigrationModel) model = migration_model_new(m, NULL);
    MigrationPrediction prediction;

    g_assert_nonnull(model);
    g_assert_true(migration_model_predict(model, &settings, bounds, &prediction, NULL));
    return prediction;
}

#endif
