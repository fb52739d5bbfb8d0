/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Brings a measurement and the memory of the guest it is used for together.
 */
#include "dirty-measurement-memory.h"

#include <math.h>

#include "dirty-i18n.h"

#define MIB (1024.0 * 1024)
#define GIB (1024.0 * MIB)
#define MS_PER_S 1000.0

/*
 * Stock QEMU cuts its rate to whole MiB/s, so that the truth lies half of one
 * above it in the mean.
 */
#define STOCK_RATE_CUT 0.5

static gboolean
check_same_memory(const DirtyMeasurement *m, guint64 bytes, GError **error)
{
    guint64 measured = m->n_total * m->page_size;

    if (measured >= bytes && measured - bytes <= DIRTY_MEMORY_BESIDES_MAX) {
        return TRUE;
    }
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                _("dirty page measurement is of a guest with %1$.0f MiB of "
                  "memory, not of one with %2$.0f MiB: measure this guest"),
                measured / MIB, bytes / MIB);
    return FALSE;
}

static guint64
stock_sampled(const DirtyMeasurement *m)
{
    guint64 per_gib =
        m->sample_pages ? m->sample_pages : DIRTY_SAMPLE_PAGES_DEFAULT;

    if (dirty_mode_counts_exactly(m->mode)) {
        return m->n_total;
    }
    return CLAMP(per_gib * (m->n_total * DIRTY_STOCK_PAGE_SIZE / GIB), 1,
                 (double)m->n_total);
}

/*
 * The one number that stock QEMU gives is as good as one reading at the end.
 * How many pages are zero it does not say: none is the cautious reading.
 */
static void
counts_from_rate(DirtyMeasurement *m, guint64 bytes)
{
    double dirty =
        (m->rate + STOCK_RATE_CUT) * MIB * m->calc_time / MS_PER_S / bytes;

    m->page_size = DIRTY_STOCK_PAGE_SIZE;
    m->n_total = bytes / DIRTY_STOCK_PAGE_SIZE;
    m->n_sampled = stock_sampled(m);
    m->n_zero = 0;
    m->zero_unknown = TRUE;
    m->n_periods = 1;
    m->periods = g_new(gint64, 1);
    m->periods[0] = m->calc_time;
    m->n_dirty = g_new(guint64, 1);
    m->n_dirty[0] = round(MIN(dirty, 1) * m->n_sampled);
    m->has_counts = TRUE;
}

/**
 * dirty_measurement_add_memory: say how much memory the guest has
 * @measurement: a measured measurement that passed dirty_measurement_check()
 * @bytes: the guest's memory, bytes
 * @error: set to DIRTY_ERROR_INVALID where they do not fit
 *
 * A measurement with page counts is only compared: it may cover up to
 * DIRTY_MEMORY_BESIDES_MAX more. One of QEMU without the libvirt-dirty patch
 * gets the page counts that follow from its rate: one reading at its end, and
 * no zero pages, because it says nothing of them.
 *
 * Return: TRUE if @measurement has page counts now and is of such a guest.
 */
gboolean
dirty_measurement_add_memory(DirtyMeasurement *measurement, guint64 bytes,
                             GError **error)
{
    if (measurement->has_counts) {
        return check_same_memory(measurement, bytes, error);
    }
    if (measurement->status != DIRTY_STATUS_MEASURED ||
        !measurement->has_rate || measurement->calc_time <= 0) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("dirty page measurement has neither page counts nor a "
                      "rate over a time"));
        return FALSE;
    }
    if (bytes < DIRTY_STOCK_PAGE_SIZE) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("%1$llu bytes are no guest's memory: give at least one "
                      "page of %2$d"),
                    (unsigned long long)bytes, DIRTY_STOCK_PAGE_SIZE);
        return FALSE;
    }
    counts_from_rate(measurement, bytes);
    return TRUE;
}

static gboolean
check_joinable(const DirtyMeasurement *m, const DirtyMeasurement *other,
               GError **error)
{
    /* Whether zero pages are known tells a rate from a curve. */
    if (!m->zero_unknown || !other->zero_unknown) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("a measurement with page counts is a whole curve: join "
                      "only rates of QEMU without the libvirt-dirty patch"));
        return FALSE;
    }
    if (m->mode != other->mode || m->n_total != other->n_total ||
        m->n_sampled != other->n_sampled) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("measurements with different modes or samples cannot be "
                      "joined: measure with the same ones"));
        return FALSE;
    }
    return TRUE;
}

static gsize
find_period(const DirtyMeasurement *m, gint64 ms)
{
    gsize i = 0;

    while (i < m->n_periods && m->periods[i] < ms) {
        i++;
    }
    return i;
}

static gboolean
insert_reading(DirtyMeasurement *m, gsize at, gint64 ms, guint64 n_dirty,
               GError **error)
{
    if (m->n_periods == DIRTY_PERIODS_MAX) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("measurements of more than %1$d different lengths "
                      "cannot be joined: leave some out"),
                    DIRTY_PERIODS_MAX);
        return FALSE;
    }
    m->n_periods++;
    m->periods = g_renew(gint64, m->periods, m->n_periods);
    m->n_dirty = g_renew(guint64, m->n_dirty, m->n_periods);
    for (gsize i = m->n_periods - 1; i > at; i--) {
        m->periods[i] = m->periods[i - 1];
        m->n_dirty[i] = m->n_dirty[i - 1];
    }
    m->periods[at] = ms;
    m->n_dirty[at] = n_dirty;
    return TRUE;
}

/* A guest does not clean its pages, so where fewer were seen it is noise. */
static void
let_rise(DirtyMeasurement *m)
{
    for (gsize i = 1; i < m->n_periods; i++) {
        m->n_dirty[i] = MAX(m->n_dirty[i], m->n_dirty[i - 1]);
    }
}

/**
 * dirty_measurement_join: make a curve of rates that were measured one after
 * the other
 * @measurement: one that dirty_measurement_add_memory() has completed from its
 *   rate; gets the reading of @other as well
 * @other: another one of the same guest, of another length
 * @error: set to DIRTY_ERROR_INVALID where they do not fit together
 *
 * Of two of one length the one with more dirty pages counts.
 *
 * Return: TRUE, or FALSE with @measurement as it was.
 */
gboolean
dirty_measurement_join(DirtyMeasurement *measurement,
                       const DirtyMeasurement *other, GError **error)
{
    gint64 ms;
    gsize at;

    if (!check_joinable(measurement, other, error)) {
        return FALSE;
    }
    ms = other->periods[0];
    at = find_period(measurement, ms);
    if (at < measurement->n_periods && measurement->periods[at] == ms) {
        measurement->n_dirty[at] =
            MAX(measurement->n_dirty[at], other->n_dirty[0]);
    } else if (!insert_reading(measurement, at, ms, other->n_dirty[0], error)) {
        return FALSE;
    }
    measurement->calc_time = MAX(measurement->calc_time, other->calc_time);
    let_rise(measurement);
    return TRUE;
}
