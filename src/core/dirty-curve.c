/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dirty curve: how many pages are dirty how long after a clean start, with
 * bounds.
 */
#include "dirty-curve.h"

#include <math.h>

#include "dirty-bounds.h"
#include "dirty-i18n.h"

#define BYTES_PER_MIB 1048576.0
#define MS_PER_S 1000.0

typedef struct {
    double ms;
    DirtyEstimate pages;
} CurvePoint;

struct DirtyCurve {
    guint64 page_size;
    /*
     * No more pages than this can ever be dirty; infinite where it is not
     * known.
     */
    double n_total;
    gboolean has_bounds;
    DirtyEstimate zero;
    gsize n_points;
    CurvePoint points[DIRTY_PERIODS_MAX];
};

static DirtyEstimate
scale_estimate(DirtyEstimate estimate, double factor)
{
    estimate.value *= factor;
    estimate.low *= factor;
    estimate.high *= factor;
    return estimate;
}

static DirtyEstimate
estimate_pages(const DirtyMeasurement *m, guint64 hits, guint n_together)
{
    /* Through a share and back the number would not come out whole. */
    if (m->n_sampled == m->n_total) {
        return (DirtyEstimate){hits, hits, hits};
    }
    return scale_estimate(
        dirty_share_bounds(hits, m->n_sampled, m->n_total, n_together),
        m->n_total);
}

/*
 * In a mode that counts exactly no page is sampled for its writes, but zero
 * pages are still found by looking at some: how sure their number is depends
 * on how many were looked at.
 */
static DirtyEstimate
estimate_zero(const DirtyMeasurement *m)
{
    DirtyEstimate zero;
    guint64 draws;
    double share = (double)m->n_zero / m->n_sampled;

    if (!dirty_mode_counts_exactly(m->mode)) {
        return estimate_pages(m, m->n_zero, 1);
    }
    draws = dirty_zero_samples(m->n_total);
    zero = scale_estimate(
        dirty_share_bounds(share * draws + 0.5, draws, m->n_total, 1),
        m->n_total);
    zero.value = CLAMP((double)m->n_zero, zero.low, zero.high);
    return zero;
}

static void
points_from_counts(DirtyCurve *curve, const DirtyMeasurement *m)
{
    curve->page_size = m->page_size;
    curve->n_total = m->n_total;
    curve->has_bounds = TRUE;
    curve->zero = estimate_zero(m);
    curve->n_points = m->n_periods;
    for (gsize i = 0; i < m->n_periods; i++) {
        curve->points[i].ms = m->periods[i];
        /* The readings are one curve, and it is the curve that is read. */
        curve->points[i].pages = estimate_pages(m, m->n_dirty[i], m->n_periods);
    }
}

static void
point_from_rate(DirtyCurve *curve, const DirtyMeasurement *m)
{
    double pages = m->rate * BYTES_PER_MIB / DIRTY_STOCK_PAGE_SIZE *
                   m->calc_time / MS_PER_S;

    curve->page_size = DIRTY_STOCK_PAGE_SIZE;
    curve->n_total = INFINITY;
    curve->n_points = 1;
    curve->points[0].ms = m->calc_time;
    curve->points[0].pages = (DirtyEstimate){pages, 0, INFINITY};
}

/**
 * dirty_curve_new: the curve of a measurement
 * @measurement: a measured measurement that passed dirty_measurement_check()
 * @error: set to DIRTY_ERROR_INVALID if it is not measured or says nothing of
 * dirty pages
 *
 * Return: a curve, or NULL with @error set; dirty_curve_free() it.
 */
DirtyCurve *
dirty_curve_new(const DirtyMeasurement *measurement, GError **error)
{
    g_autoptr(DirtyCurve) curve = g_new0(DirtyCurve, 1);

    if (!dirty_measurement_check_measured(measurement, error)) {
        return NULL;
    }
    if (measurement->has_counts) {
        points_from_counts(curve, measurement);
    } else if (measurement->has_rate && measurement->calc_time > 0) {
        point_from_rate(curve, measurement);
    } else {
        g_set_error(
            error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
            _("dirty page measurement has neither page counts nor a rate"));
        return NULL;
    }
    return g_steal_pointer(&curve);
}

/**
 * dirty_curve_free: gives back a curve
 * @curve: a curve, or NULL
 */
void
dirty_curve_free(DirtyCurve *curve)
{
    g_free(curve);
}

/**
 * dirty_curve_has_bounds: whether the curve knows how sure it is
 * @curve: a curve
 *
 * Return: FALSE for a measurement without page counts; its bounds are 0 and
 * infinity.
 */
gboolean
dirty_curve_has_bounds(const DirtyCurve *curve)
{
    return curve->has_bounds;
}

static double
point_value(const CurvePoint *point)
{
    return point->pages.value;
}

static double
point_low(const CurvePoint *point)
{
    return point->pages.low;
}

static double
point_high(const CurvePoint *point)
{
    return point->pages.high;
}

/*
 * The place of the first point at or after ms, or n_points where ms lies beyond
 * all.
 */
static gsize
find_point(const DirtyCurve *curve, double ms)
{
    gsize i = 0;

    while (i < curve->n_points && curve->points[i].ms < ms) {
        i++;
    }
    return i;
}

/*
 * The power of time with which pages grow from one point to the next. A guest
 * whose load stays the same dirties at most twice the pages in twice the time,
 * and never fewer: so it lies in 0..1, and what falls outside is the sample's
 * noise.
 */
static double
growth_exponent(const CurvePoint *from, const CurvePoint *to)
{
    if (from->pages.value <= 0 || to->pages.value <= 0) {
        return 1;
    }
    return CLAMP(log(to->pages.value / from->pages.value) /
                     log(to->ms / from->ms),
                 0, 1);
}

static double
extend_power(const CurvePoint *point, double exponent, double ms)
{
    return point->pages.value * pow(ms / point->ms, exponent);
}

/*
 * Before the first point: down to no pages at no time, bent as the first two
 * points are.
 */
static double
eval_before(const DirtyCurve *curve, double ms)
{
    const CurvePoint *first = &curve->points[0];
    double exponent =
        curve->n_points > 1 ? growth_exponent(first, first + 1) : 1;

    return extend_power(first, exponent, ms);
}

/*
 * Beyond the last point: on as the last two points went, up to all the memory
 * there is.
 */
static double
eval_beyond(const DirtyCurve *curve, double ms)
{
    const CurvePoint *last = &curve->points[curve->n_points - 1];
    double exponent = curve->n_points > 1 ? growth_exponent(last - 1, last) : 1;

    return MIN(extend_power(last, exponent, ms), curve->n_total);
}

static double
eval_between(const DirtyCurve *curve, gsize right, double ms,
             double (*get)(const CurvePoint *))
{
    const CurvePoint *to = &curve->points[right];
    const CurvePoint *from = to - 1;
    double share = (ms - from->ms) / (to->ms - from->ms);

    return get(from) + (get(to) - get(from)) * share;
}

/**
 * dirty_curve_eval: pages dirty some time after a clean start
 * @curve: a curve
 * @ms: the time, ms
 *
 * Return: the estimate, pages; 0 at 0 ms and before, at most all pages of the
 * guest.
 */
double
dirty_curve_eval(const DirtyCurve *curve, double ms)
{
    gsize right;

    if (!(ms > 0)) {
        return 0;
    }
    right = find_point(curve, ms);
    if (right == curve->n_points) {
        return eval_beyond(curve, ms);
    }
    if (right == 0) {
        return eval_before(curve, ms);
    }
    return eval_between(curve, right, ms, point_value);
}

/*
 * Outside the points the bounds rest only on what holds for every guest: dirty
 * pages do not become clean, and in a steady load the first half of a time
 * dirties at least half of what the whole does. So they open the further one
 * asks beyond what was measured.
 */
static void
bounds_outside(const DirtyCurve *curve, gsize right, double ms, double *low,
               double *high)
{
    const CurvePoint *first = &curve->points[0];
    const CurvePoint *last = &curve->points[curve->n_points - 1];

    if (right == 0) {
        *low = first->pages.low * ms / first->ms;
        *high = first->pages.high;
    } else {
        *low = last->pages.low;
        *high = MIN(last->pages.high * ms / last->ms, curve->n_total);
    }
}

/**
 * dirty_curve_pages: pages dirty some time after a clean start, with bounds
 * @curve: a curve
 * @ms: the time, ms
 *
 * Return: the estimate with 95 % bounds, pages.
 */
DirtyEstimate
dirty_curve_pages(const DirtyCurve *curve, double ms)
{
    DirtyEstimate pages = {dirty_curve_eval(curve, ms), 0, curve->n_total};
    gsize right;

    if (!(ms > 0)) {
        pages.high = 0;
        return pages;
    }
    if (!curve->has_bounds) {
        return pages;
    }
    right = find_point(curve, ms);
    if (right < curve->n_points && curve->points[right].ms == ms) {
        return curve->points[right].pages;
    }
    if (right == 0 || right == curve->n_points) {
        bounds_outside(curve, right, ms, &pages.low, &pages.high);
    } else {
        pages.low = eval_between(curve, right, ms, point_low);
        pages.high = eval_between(curve, right, ms, point_high);
    }
    return pages;
}

/**
 * dirty_pages_to_rate: the rate at which pages became dirty
 * @pages: pages
 * @page_size: bytes of a page
 * @ms: the time it took, ms, above 0
 *
 * Return: the rate, MiB/s.
 */
double
dirty_pages_to_rate(double pages, guint64 page_size, double ms)
{
    return pages * page_size / BYTES_PER_MIB * MS_PER_S / ms;
}

/**
 * dirty_curve_rate: the dirty page rate over a time, with bounds
 * @curve: a curve
 * @ms: the time, ms, above 0
 *
 * Return: distinct pages dirtied in that time by that time, MiB/s, with 95 %
 * bounds.
 */
DirtyEstimate
dirty_curve_rate(const DirtyCurve *curve, double ms)
{
    return scale_estimate(dirty_curve_pages(curve, ms),
                          dirty_pages_to_rate(1, curve->page_size, ms));
}

/**
 * dirty_curve_zero_pages: pages that held only zero bytes when the measurement
 * began
 * @curve: a curve
 *
 * Return: the estimate with 95 % bounds, pages; all 0 where
 * dirty_curve_has_bounds() is FALSE.
 */
DirtyEstimate
dirty_curve_zero_pages(const DirtyCurve *curve)
{
    return curve->zero;
}

/**
 * dirty_vcpu_rate: the rate at which one vCPU dirties pages
 * @measurement: a measured measurement that passed dirty_measurement_check()
 * @i: the vCPU's place in it
 *
 * Return: pages it was the first to dirty by the last reading, MiB/s; where
 * they were not counted, the rate QEMU reports, in whole MiB/s.
 */
double
dirty_vcpu_rate(const DirtyMeasurement *measurement, gsize i)
{
    const DirtyVcpuRate *vcpu = &measurement->vcpus[i];
    gsize last = measurement->n_periods - 1;

    if (!vcpu->n_dirty) {
        return vcpu->rate;
    }
    return dirty_pages_to_rate(vcpu->n_dirty[last], measurement->page_size,
                               measurement->periods[last]);
}
