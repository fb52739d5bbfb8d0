/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a dirty page rate measurement is asked for, and what it gives.
 */
#include "dirty-measurement.h"

#include "dirty-i18n.h"

G_DEFINE_QUARK(dirty_error_quark, dirty_error)

/* The names QMP, the API and virsh use. */
static const char *const status_names[] = {
    [DIRTY_STATUS_UNSTARTED] = "unstarted",
    [DIRTY_STATUS_MEASURING] = "measuring",
    [DIRTY_STATUS_MEASURED] = "measured",
};
G_STATIC_ASSERT(G_N_ELEMENTS(status_names) == DIRTY_STATUS_LAST);

/*
 * Times of the readings, ms. They grow because the curve bends early and is
 * nearly straight later; as published with the series that introduced them in
 * 2023.
 */
static const gint64 growing_periods[] = {
    125,  250,  375,  500,  750,  1000,  1500,
    2000, 3000, 4000, 6000, 8000, 10000, 15000,
};

/* From the last growing period on, a reading every so many ms. */
#define STEADY_PERIOD_MS 5000

/**
 * dirty_status_to_string: the name of a status
 * @status: a status below DIRTY_STATUS_LAST
 *
 * Return: its name as in QMP, static.
 */
const char *
dirty_status_to_string(DirtyStatus status)
{
    g_return_val_if_fail((guint)status < DIRTY_STATUS_LAST, NULL);
    return status_names[status];
}

/**
 * dirty_status_from_string: the status of a name
 * @name: a status' name as in QMP, or NULL
 * @status: where to put it
 *
 * Return: TRUE if there is one.
 */
gboolean
dirty_status_from_string(const char *name, DirtyStatus *status)
{
    for (gsize i = 0; i < DIRTY_STATUS_LAST; i++) {
        if (g_strcmp0(status_names[i], name) == 0) {
            *status = (DirtyStatus)i;
            return TRUE;
        }
    }
    return FALSE;
}

/**
 * dirty_calc_time_check: whether a measurement can be that long
 * @calc_time: its length, ms
 * @error: set to DIRTY_ERROR_INVALID where it cannot
 *
 * Return: TRUE if it can.
 */
gboolean
dirty_calc_time_check(gint64 calc_time, GError **error)
{
    if (calc_time >= DIRTY_CALC_TIME_MIN_MS &&
        calc_time <= DIRTY_CALC_TIME_MAX_MS) {
        return TRUE;
    }
    g_set_error(
        error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
        _("calculation time %1$lld ms is out of range: use %2$d to %3$d ms"),
        (long long)calc_time, DIRTY_CALC_TIME_MIN_MS, DIRTY_CALC_TIME_MAX_MS);
    return FALSE;
}

/**
 * dirty_sample_pages_check: whether a sample can be that dense
 * @sample_pages: sampled pages per GiB of guest memory
 * @error: set to DIRTY_ERROR_INVALID where it cannot
 *
 * Return: TRUE if it can.
 */
gboolean
dirty_sample_pages_check(gint64 sample_pages, GError **error)
{
    if (sample_pages >= DIRTY_SAMPLE_PAGES_MIN &&
        sample_pages <= DIRTY_SAMPLE_PAGES_MAX) {
        return TRUE;
    }
    g_set_error(
        error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
        _("sample of %1$lld pages per GiB is out of range: use %2$d to %3$d"),
        (long long)sample_pages, DIRTY_SAMPLE_PAGES_MIN,
        DIRTY_SAMPLE_PAGES_MAX);
    return FALSE;
}

/**
 * dirty_measurement_request_check: whether a measurement can be asked for
 * @request: the request
 * @error: set to DIRTY_ERROR_INVALID where it cannot
 *
 * Return: TRUE if it can.
 */
gboolean
dirty_measurement_request_check(const DirtyMeasurementRequest *request,
                                GError **error)
{
    if (!dirty_calc_time_check(request->calc_time, error)) {
        return FALSE;
    }
    if ((guint)request->mode >= DIRTY_MODE_LAST) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("unknown mode number %1$d"), (int)request->mode);
        return FALSE;
    }
    if (!dirty_mode_counts_exactly(request->mode)) {
        return request->sample_pages == 0 ||
               dirty_sample_pages_check(request->sample_pages, error);
    }
    if (request->sample_pages != 0) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("mode '%1$s' counts every page: leave out the number of "
                      "sampled pages, "
                      "or use mode 'page-sampling'"),
                    dirty_mode_to_string(request->mode));
        return FALSE;
    }
    if (request->compression) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("mode '%1$s' has no sampled pages to compress: leave out "
                      "compression, or use mode 'page-sampling'"),
                    dirty_mode_to_string(request->mode));
        return FALSE;
    }
    return TRUE;
}

/**
 * dirty_zero_samples: how many pages to look at for zero pages in the modes
 *   that count dirty pages exactly
 * @n_pages: pages of guest memory
 *
 * Return: pages, @n_pages at most.
 */
guint64
dirty_zero_samples(guint64 n_pages)
{
    return MIN(n_pages, DIRTY_ZERO_SAMPLES_MAX);
}

/* Pages that a part and those before it leave over of @n_left. */
static guint64
zero_part_leaves(guint64 n_left)
{
    return n_left - n_left / 4;
}

/**
 * dirty_zero_part: in which part of memory a page lies
 * @page: the page, counted in the order in which memory is migrated
 * @n_pages: pages of guest memory, more than @page
 *
 * Return: the part, 0..DIRTY_ZERO_PARTS - 1.
 */
guint
dirty_zero_part(guint64 page, guint64 n_pages)
{
    guint64 n_left = zero_part_leaves(n_pages);
    guint part = 0;

    while (part < DIRTY_ZERO_PARTS - 1 && n_pages - page <= n_left) {
        n_left = zero_part_leaves(n_left);
        part++;
    }
    return part;
}

/**
 * dirty_zero_part_sizes: how large the parts of memory are
 * @n_pages: pages of guest memory
 * @sizes: set to the pages of each of the DIRTY_ZERO_PARTS parts
 */
void
dirty_zero_part_sizes(guint64 n_pages, guint64 *sizes)
{
    for (guint i = 0; i < DIRTY_ZERO_PARTS - 1; i++) {
        sizes[i] = n_pages - zero_part_leaves(n_pages);
        n_pages -= sizes[i];
    }
    sizes[DIRTY_ZERO_PARTS - 1] = n_pages;
}

/**
 * dirty_periods: when to take the readings of a measurement
 * @calc_time: its length, ms, DIRTY_CALC_TIME_MIN_MS..DIRTY_CALC_TIME_MAX_MS
 * @periods: filled with times after the start, ms, rising; the last one is
 * @calc_time
 *
 * Return: the number of readings, 1..DIRTY_PERIODS_MAX.
 */
gsize
dirty_periods(gint64 calc_time, gint64 periods[DIRTY_PERIODS_MAX])
{
    gsize n = 0;
    gint64 next = growing_periods[0];

    while (next < calc_time && n < DIRTY_PERIODS_MAX - 1) {
        periods[n++] = next;
        next = n < G_N_ELEMENTS(growing_periods) ? growing_periods[n]
                                                 : next + STEADY_PERIOD_MS;
    }
    periods[n++] = calc_time;
    return n;
}

/**
 * dirty_measurement_new: an empty measurement
 *
 * Return: a measurement that is not started; dirty_measurement_free() it.
 */
DirtyMeasurement *
dirty_measurement_new(void)
{
    return g_new0(DirtyMeasurement, 1);
}

/**
 * dirty_measurement_free: gives back a measurement and its arrays
 * @measurement: a measurement whose arrays are g_malloc()ed, or NULL
 */
void
dirty_measurement_free(DirtyMeasurement *measurement)
{
    if (!measurement) {
        return;
    }
    g_free(measurement->periods);
    g_free(measurement->n_dirty);
    for (gsize i = 0; i < measurement->n_vcpus; i++) {
        g_free(measurement->vcpus[i].n_dirty);
    }
    g_free(measurement->vcpus);
    g_free(measurement->compressions);
    g_free(measurement);
}
