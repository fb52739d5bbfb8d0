/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: the QMP commands and the state they share.
 *
 * The state belongs to the main thread and is protected by the BQL.  How
 * pages are counted is up to a DirtyRateMethod, which hands over its whole
 * result at once: a query sees all of a measurement or nothing of it.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/host-utils.h"
#include "qemu/main-loop.h"
#include "qemu/units.h"
#include "qapi/clone-visitor.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-migration.h"
#include "qapi/qapi-visit-migration.h"
#include "exec/target_page.h"
#include "migration/misc.h"
#include "system/runstate.h"
#include "dirty-core/dirty-curve.h"
#include "dirty-rate.h"
#include "migration.h"
#include "trace.h"

#define MS_PER_S 1000

/* How each mode is called in the core, and who measures it. */
static const struct {
    DirtyMode mode;
    const DirtyRateMethod *method;
} modes[DIRTY_RATE_MEASURE_MODE__MAX] = {
    [DIRTY_RATE_MEASURE_MODE_PAGE_SAMPLING] = {
        DIRTY_MODE_PAGE_SAMPLING, &dirty_rate_sample_method
    },
    [DIRTY_RATE_MEASURE_MODE_DIRTY_RING] = {
        DIRTY_MODE_DIRTY_RING, &dirty_rate_log_method
    },
    [DIRTY_RATE_MEASURE_MODE_DIRTY_BITMAP] = {
        DIRTY_MODE_DIRTY_BITMAP, &dirty_rate_log_method
    },
};

/* What a guest that was never measured reports. */
static const DirtyRateInfo unstarted = {
    .status = DIRTY_RATE_STATUS_UNSTARTED,
};

/* The last measurement, its calc-time in ms; NULL if there is none. */
static DirtyRateInfo *last;

static const DirtyRateInfo *dirty_rate_last(void)
{
    return last ? last : &unstarted;
}

static void dirty_rate_replace(DirtyRateInfo *info)
{
    qapi_free_DirtyRateInfo(last);
    last = info;
}

/* The members of a result that the arithmetic of the core needs. */
static DirtyMeasurement *to_measurement(const DirtyRateInfo *info,
                                        DirtyMode mode)
{
    DirtyMeasurement *m = dirty_measurement_new();
    const int64List *period = info->periods;
    const uint64List *n_dirty = info->n_dirty_pages;

    m->status = DIRTY_STATUS_MEASURED;
    m->mode = mode;
    m->calc_time = info->calc_time;
    m->has_counts = true;
    m->page_size = info->page_size;
    m->n_total = info->n_total_pages;
    m->n_sampled = info->n_sampled_pages;
    m->n_zero = info->n_zero_pages;
    m->periods = g_new(gint64, DIRTY_PERIODS_MAX);
    m->n_dirty = g_new(guint64, DIRTY_PERIODS_MAX);
    for (; period && n_dirty && m->n_periods < DIRTY_PERIODS_MAX;
         period = period->next, n_dirty = n_dirty->next) {
        m->periods[m->n_periods] = period->value;
        m->n_dirty[m->n_periods] = n_dirty->value;
        m->n_periods++;
    }
    return m;
}

/*
 * Fills in the rates, which follow from the counts in the same way always.
 * Counts that contradict each other are a bug of ours; no guest shall end for
 * that.
 */
static bool add_rates(DirtyRateInfo *info, DirtyMode mode)
{
    g_autoptr(DirtyMeasurement) m = to_measurement(info, mode);
    g_autoptr(GError) err = NULL;
    g_autoptr(DirtyCurve) curve = NULL;
    DirtyEstimate rate;

    if (dirty_measurement_check(m, &err)) {
        curve = dirty_curve_new(m, &err);
    }
    if (!curve) {
        error_report("dirty page rate measurement failed: %s", err->message);
        return false;
    }
    rate = dirty_curve_rate(curve, info->calc_time);

    info->has_dirty_rate = true;
    info->dirty_rate = rate.value;
    info->has_rate = true;
    info->rate = rate.value;
    info->has_rate_low = true;
    info->rate_low = rate.low;
    info->has_rate_high = true;
    info->rate_high = rate.high;
    return true;
}

void dirty_rate_finish(DirtyRateInfo *result)
{
    assert(last && last->status == DIRTY_RATE_STATUS_MEASURING);

    if (result && !add_rates(result, modes[last->mode].mode)) {
        qapi_free_DirtyRateInfo(result);
        result = NULL;
    }
    if (result) {
        result->status = DIRTY_RATE_STATUS_MEASURED;
        result->mode = last->mode;
        result->start_time = last->start_time;
        result->sample_pages = last->sample_pages;
        trace_dirty_rate_finish(result->rate * KiB, result->calc_time);
    }
    dirty_rate_replace(result);
}

void dirty_rate_cancel(void)
{
    if (last && last->status == DIRTY_RATE_STATUS_MEASURING) {
        modes[last->mode].method->cancel();
        trace_dirty_rate_cancel();
        dirty_rate_replace(NULL);
    }
}

int64_t dirty_rate_from_pages(double pages, int64_t ms)
{
    return dirty_pages_to_rate(pages, qemu_target_page_size(), ms);
}

/* Saturates, so that a length beyond all bounds is refused and not wrapped. */
static int64_t to_ms(int64_t value, TimeUnit unit)
{
    int64_t ms = value;

    if (unit == TIME_UNIT_SECOND && smul64_overflow(value, MS_PER_S, &ms)) {
        ms = value < 0 ? INT64_MIN : INT64_MAX;
    }
    return ms;
}

static bool request_check(const DirtyMeasurementRequest *request,
                          bool has_sample_pages, Error **errp)
{
    g_autoptr(GError) err = NULL;

    /* The core takes 0 as not given, but nobody may ask for no pages. */
    if (!dirty_measurement_request_check(request, &err) ||
        (has_sample_pages &&
         !dirty_sample_pages_check(request->sample_pages, &err))) {
        error_setg(errp, "%s", err->message);
        return false;
    }
    return true;
}

/* Whether the guest's memory is here, all of it. */
static bool guest_check(Error **errp)
{
    if (runstate_check(RUN_STATE_INMIGRATE) ||
        migration_in_incoming_postcopy()) {
        error_setg(errp, "the guest's memory is still coming in by migration: "
                   "measure when that is done");
        return false;
    }
    if (migration_in_postcopy()) {
        error_setg(errp, "the guest already runs on the target of a post-copy "
                   "migration: measure there when that is done");
        return false;
    }
    return true;
}

static void start(const DirtyMeasurementRequest *request,
                  DirtyRateMeasureMode mode, Error **errp)
{
    DirtyRateInfo *info;

    if (last && last->status == DIRTY_RATE_STATUS_MEASURING) {
        error_setg(errp, "dirty page rate is already being measured: wait for "
                   "the result or end it with cancel-dirty-rate");
        return;
    }

    info = g_new0(DirtyRateInfo, 1);
    info->status = DIRTY_RATE_STATUS_MEASURING;
    info->mode = mode;
    info->start_time = qemu_clock_get_ms(QEMU_CLOCK_HOST) / MS_PER_S;
    info->calc_time = request->calc_time;
    info->sample_pages = request->sample_pages;

    if (!guest_check(errp) || !modes[mode].method->start(request, errp)) {
        qapi_free_DirtyRateInfo(info);
        return;
    }
    trace_dirty_rate_start(DirtyRateMeasureMode_str(mode), request->calc_time,
                           request->sample_pages);
    dirty_rate_replace(info);
}

void qmp_calc_dirty_rate(int64_t calc_time,
                         bool has_calc_time_unit,
                         TimeUnit calc_time_unit,
                         bool has_sample_pages,
                         int64_t sample_pages,
                         bool has_mode,
                         DirtyRateMeasureMode mode,
                         bool has_compression,
                         bool compression,
                         Error **errp)
{
    ERRP_GUARD();
    DirtyMeasurementRequest request = { 0 };

    if (!has_mode) {
        mode = DIRTY_RATE_MEASURE_MODE_PAGE_SAMPLING;
    }
    request.mode = modes[mode].mode;
    request.calc_time = to_ms(calc_time, has_calc_time_unit ?
                                         calc_time_unit : TIME_UNIT_SECOND);
    request.sample_pages = has_sample_pages ? sample_pages : 0;
    request.compression = has_compression && compression;
    if (request_check(&request, has_sample_pages, errp)) {
        if (request.mode == DIRTY_MODE_PAGE_SAMPLING && !has_sample_pages) {
            request.sample_pages = DIRTY_SAMPLE_PAGES_DEFAULT;
        }
        start(&request, mode, errp);
    }
    if (*errp) {
        trace_dirty_rate_refused(error_get_pretty(*errp));
    }
}

DirtyRateInfo *qmp_query_dirty_rate(bool has_calc_time_unit,
                                    TimeUnit calc_time_unit, Error **errp)
{
    DirtyRateInfo *info = QAPI_CLONE(DirtyRateInfo, dirty_rate_last());

    info->calc_time_unit = has_calc_time_unit ?
                           calc_time_unit : TIME_UNIT_SECOND;
    if (info->calc_time_unit == TIME_UNIT_SECOND) {
        info->calc_time /= MS_PER_S;
    }
    return info;
}

void qmp_cancel_dirty_rate(Error **errp)
{
    dirty_rate_cancel();
}
