/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether the members of a measurement from an untrusted source agree.
 */
#include <math.h>
#include <string.h>

#include "dirty-i18n.h"
#include "dirty-measurement.h"

/* No page of any host is larger, so a larger one in a reply is nonsense. */
#define PAGE_SIZE_MAX ((guint64)1 << 30)

static gboolean
bad_measurement(GError **error, const char *what)
{
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_BAD_REPLY,
                _("dirty page measurement: %1$s"), what);
    return FALSE;
}

static gboolean
check_zero_parts(const DirtyMeasurement *m, GError **error)
{
    guint64 left = m->n_zero;
    gsize i = 0;

    if (!m->has_zero_parts) {
        return TRUE;
    }
    while (i < DIRTY_ZERO_PARTS && m->zero_parts[i] <= left) {
        left -= m->zero_parts[i++];
    }
    if (i < DIRTY_ZERO_PARTS || left > 0) {
        return bad_measurement(
            error, _("zero-pages-by-part is not n-zero-pages together"));
    }
    return TRUE;
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
    if (dirty_mode_counts_exactly(m->mode) && m->n_sampled != m->n_total) {
        return bad_measurement(error,
                               _("n-sampled-pages is not n-total-pages in a "
                                 "mode that counts every page"));
    }
    if (m->n_zero > m->n_sampled) {
        return bad_measurement(error,
                               _("n-zero-pages is more than n-sampled-pages"));
    }
    return check_zero_parts(m, error);
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
is_rate(double rate)
{
    return isfinite(rate) && rate >= 0;
}

static gboolean
check_rate(const DirtyMeasurement *m, GError **error)
{
    if (m->has_rate && !is_rate(m->rate)) {
        return bad_measurement(error,
                               _("dirty-rate is negative or not a number"));
    }
    if (!m->has_rate_bounds) {
        return TRUE;
    }
    if (!m->has_rate || !is_rate(m->rate_low) || !is_rate(m->rate_high) ||
        m->rate_low > m->rate || m->rate_high < m->rate) {
        return bad_measurement(error,
                               _("rate is not between rate-low and rate-high"));
    }
    return TRUE;
}

/* Whoever keeps vCPUs by their number must not find two with the same. */
static gboolean
check_vcpu_ids(const DirtyMeasurement *m, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_int64_hash, g_int64_equal);

    for (gsize i = 0; i < m->n_vcpus; i++) {
        if (m->vcpus[i].id < 0 || m->vcpus[i].id > G_MAXINT32) {
            return bad_measurement(
                error, _("vcpu-dirty-rate has an id that is not a vCPU's"));
        }
        if (!g_hash_table_add(seen, &m->vcpus[i].id)) {
            return bad_measurement(error,
                                   _("vcpu-dirty-rate has the same id twice"));
        }
    }
    return TRUE;
}

static gboolean
check_vcpu_rates(const DirtyMeasurement *m, GError **error)
{
    for (gsize i = 0; i < m->n_vcpus; i++) {
        if (!is_rate(m->vcpus[i].rate)) {
            return bad_measurement(
                error, _("vcpu-dirty-rate is negative or not a number"));
        }
        if (m->vcpus[i].n_dirty && !m->has_counts) {
            return bad_measurement(
                error, _("vcpu-dirty-rate has n-dirty-pages without periods"));
        }
    }
    return TRUE;
}

/*
 * Only one vCPU is the first to dirty a page, so together they cannot have
 * dirtied more than all; less they can, because devices write as well.
 */
static gboolean
check_vcpu_readings(const DirtyMeasurement *m, GError **error)
{
    for (gsize i = 0; i < m->n_periods; i++) {
        guint64 left = m->n_dirty[i];

        for (gsize v = 0; v < m->n_vcpus; v++) {
            const guint64 *n_dirty = m->vcpus[v].n_dirty;

            if (!n_dirty) {
                continue;
            }
            if (i && n_dirty[i] < n_dirty[i - 1]) {
                return bad_measurement(
                    error, _("n-dirty-pages of vcpu-dirty-rate falls"));
            }
            if (n_dirty[i] > left) {
                return bad_measurement(error,
                                       _("the vCPUs' n-dirty-pages together "
                                         "are more than n-dirty-pages"));
            }
            left -= n_dirty[i];
        }
    }
    return TRUE;
}

static gboolean
check_method(const char *method, GError **error)
{
    if (method[0] == '\0' ||
        !memchr(method, '\0', DIRTY_COMPRESSION_NAME_SIZE)) {
        return bad_measurement(error,
                               _("compression has a method without a name or "
                                 "with one that is too long"));
    }
    return TRUE;
}

static gboolean
check_compressions(const DirtyMeasurement *m, GError **error)
{
    if (m->n_compressions > DIRTY_COMPRESSIONS_MAX) {
        return bad_measurement(error, _("compression has too many entries"));
    }
    for (gsize i = 0; i < m->n_compressions; i++) {
        const DirtyCompression *c = &m->compressions[i];

        if (!check_method(c->method, error)) {
            return FALSE;
        }
        if (c->n_pages == 0 || (m->has_counts && c->n_pages > m->n_sampled)) {
            return bad_measurement(error, _("n-pages of compression is 0 or "
                                            "more than n-sampled-pages"));
        }
        if (!(isfinite(c->ratio) && c->ratio > 0) ||
            !(isfinite(c->speed) && c->speed > 0)) {
            return bad_measurement(
                error, _("ratio or speed of compression is not above 0"));
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
    if ((guint)measurement->mode >= DIRTY_MODE_LAST) {
        return bad_measurement(error, _("mode is not one to measure by"));
    }
    if (!check_rate(measurement, error) ||
        !check_vcpu_ids(measurement, error) ||
        !check_vcpu_rates(measurement, error) ||
        !check_compressions(measurement, error)) {
        return FALSE;
    }
    if (!measurement->has_counts) {
        return TRUE;
    }
    return check_page_counts(measurement, error) &&
           check_readings(measurement, error) &&
           check_vcpu_readings(measurement, error);
}

/**
 * dirty_measurement_check_measured: whether a measurement is over
 * @measurement: a measurement
 * @error: set to DIRTY_ERROR_INVALID where it is not
 *
 * Return: TRUE if it is.
 */
gboolean
dirty_measurement_check_measured(const DirtyMeasurement *measurement,
                                 GError **error)
{
    if (measurement->status == DIRTY_STATUS_MEASURED) {
        return TRUE;
    }
    g_set_error(
        error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
        _("dirty page measurement is '%1$s': wait until it is 'measured'"),
        dirty_status_to_string(measurement->status));
    return FALSE;
}
