/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a dirty page rate measurement is asked for, and what it gives.
 */
#include "dirty-measurement.h"

#include <math.h>

#include "dirty-i18n.h"

G_DEFINE_QUARK(dirty_error_quark, dirty_error)

/*
 * The names QMP, the API and virsh use; tests compare them with QEMU's schema.
 */
static const char *const mode_names[] = {
    [DIRTY_MODE_PAGE_SAMPLING] = "page-sampling",
    [DIRTY_MODE_DIRTY_BITMAP] = "dirty-bitmap",
    [DIRTY_MODE_DIRTY_RING] = "dirty-ring",
};
G_STATIC_ASSERT(G_N_ELEMENTS(mode_names) == DIRTY_MODE_LAST);

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

/* No page of any host is larger, so a larger one in a reply is nonsense. */
#define PAGE_SIZE_MAX ((guint64)1 << 30)

static gboolean
name_to_index(const char *const *names, gsize n_names, const char *name,
              gsize *index)
{
    for (gsize i = 0; i < n_names; i++) {
        if (g_strcmp0(names[i], name) == 0) {
            *index = i;
            return TRUE;
        }
    }
    return FALSE;
}

/**
 * dirty_mode_to_string: the name of a mode
 * @mode: a mode below DIRTY_MODE_LAST
 *
 * Return: its name as in QMP, static.
 */
const char *
dirty_mode_to_string(DirtyMode mode)
{
    g_return_val_if_fail((guint)mode < DIRTY_MODE_LAST, NULL);
    return mode_names[mode];
}

/**
 * dirty_mode_from_string: the mode of a name
 * @name: a mode's name as in QMP, or NULL
 * @mode: where to put it
 * @error: set to DIRTY_ERROR_INVALID where there is no such mode
 *
 * Return: TRUE if there is one.
 */
gboolean
dirty_mode_from_string(const char *name, DirtyMode *mode, GError **error)
{
    gsize index;

    if (!name_to_index(mode_names, DIRTY_MODE_LAST, name, &index)) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("unknown mode '%1$s': use 'page-sampling', "
                      "'dirty-bitmap' or 'dirty-ring'"),
                    name ? name : "");
        return FALSE;
    }
    *mode = (DirtyMode)index;
    return TRUE;
}

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
    gsize index;

    if (!name_to_index(status_names, DIRTY_STATUS_LAST, name, &index)) {
        return FALSE;
    }
    *status = (DirtyStatus)index;
    return TRUE;
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
    if (request->sample_pages == 0) {
        return TRUE;
    }
    if (request->mode != DIRTY_MODE_PAGE_SAMPLING) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("mode '%1$s' counts every page: leave out the number of "
                      "sampled pages, "
                      "or use mode 'page-sampling'"),
                    dirty_mode_to_string(request->mode));
        return FALSE;
    }
    return dirty_sample_pages_check(request->sample_pages, error);
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
    g_free(measurement->vcpus);
    g_free(measurement);
}

static gboolean
bad_measurement(GError **error, const char *what)
{
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_BAD_REPLY,
                _("dirty page measurement: %1$s"), what);
    return FALSE;
}

static gboolean
check_page_counts(const DirtyMeasurement *m, GError **error)
{
    guint64 bytes;

    if (m->page_size == 0 || m->page_size > PAGE_SIZE_MAX ||
        (m->page_size & (m->page_size - 1)) != 0) {
        return bad_measurement(
            error, _("page-size is not a power of two up to 1 GiB"));
    }
    if (!g_uint64_checked_mul(&bytes, m->n_total, m->page_size)) {
        return bad_measurement(
            error, _("n-total-pages is more memory than can be addressed"));
    }
    if (m->n_sampled == 0 || m->n_sampled > m->n_total) {
        return bad_measurement(
            error, _("n-sampled-pages is 0 or more than n-total-pages"));
    }
    if (m->n_zero > m->n_sampled) {
        return bad_measurement(error,
                               _("n-zero-pages is more than n-sampled-pages"));
    }
    return TRUE;
}

static gboolean
check_readings(const DirtyMeasurement *m, GError **error)
{
    if (m->n_periods == 0 || m->n_periods > DIRTY_PERIODS_MAX) {
        return bad_measurement(error,
                               _("periods is empty or has too many entries"));
    }
    for (gsize i = 0; i < m->n_periods; i++) {
        if (m->periods[i] <= (i ? m->periods[i - 1] : 0)) {
            return bad_measurement(error,
                                   _("periods does not rise from above 0"));
        }
        if (m->n_dirty[i] > m->n_sampled) {
            return bad_measurement(
                error, _("n-dirty-pages is more than n-sampled-pages"));
        }
        if (i && m->n_dirty[i] < m->n_dirty[i - 1]) {
            return bad_measurement(error, _("n-dirty-pages falls"));
        }
    }
    return TRUE;
}

static gboolean
check_rates(const DirtyMeasurement *m, GError **error)
{
    if (m->has_rate && !(isfinite(m->rate) && m->rate >= 0)) {
        return bad_measurement(error,
                               _("dirty-rate is negative or not a number"));
    }
    for (gsize i = 0; i < m->n_vcpus; i++) {
        if (m->vcpus[i].id < 0) {
            return bad_measurement(error,
                                   _("vcpu-dirty-rate has a negative id"));
        }
        if (!(isfinite(m->vcpus[i].rate) && m->vcpus[i].rate >= 0)) {
            return bad_measurement(
                error, _("vcpu-dirty-rate is negative or not a number"));
        }
    }
    return TRUE;
}

/**
 * dirty_measurement_check: whether a measurement's members agree with each
 * other
 * @measurement: a measurement, its values perhaps from somebody not to be
 * trusted
 * @error: set to DIRTY_ERROR_BAD_REPLY where they do not
 *
 * Return: TRUE if they do; then dirty_curve_new() can rely on what
 * DirtyMeasurement promises.
 */
gboolean
dirty_measurement_check(const DirtyMeasurement *measurement, GError **error)
{
    if (measurement->calc_time < 0) {
        return bad_measurement(error, _("calc-time is negative"));
    }
    if (!check_rates(measurement, error)) {
        return FALSE;
    }
    if (!measurement->has_counts) {
        return TRUE;
    }
    return check_page_counts(measurement, error) &&
           check_readings(measurement, error);
}
