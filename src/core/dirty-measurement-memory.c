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
