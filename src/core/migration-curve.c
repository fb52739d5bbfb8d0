/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dirty curve in the form that a replay reads: quick, and one of many that
 * fit a measurement.
 */
#include "migration-curve.h"

#include <math.h>

/*
 * How far the readings lie apart that tell how a curve is bent, as a quotient
 * of their times: neighbours tell more of the sample's noise than of the bend.
 */
#define BEND_SPAN 2.0

/*
 * The power of time with which pages grow between two readings. A guest whose
 * load stays the same dirties at most twice the pages in twice the time, and
 * never fewer: what falls outside 0..1 is noise.
 */
static double
growth_power(const MigrationCurve *curve, gsize from, gsize to)
{
    if (from == to || curve->pages[from] <= 0) {
        return 1;
    }
    return CLAMP(log(curve->pages[to] / curve->pages[from]) /
                     log(curve->ms[to] / curve->ms[from]),
                 0, 1);
}

static gsize
reading_before_end(const MigrationCurve *curve)
{
    gsize i = curve->n - 1;

    while (i > 0 && curve->ms[i] * BEND_SPAN > curve->ms[curve->n - 1]) {
        i--;
    }
    return i;
}

static gsize
reading_after_start(const MigrationCurve *curve)
{
    gsize i = 0;

    while (i < curve->n - 1 && curve->ms[i] < curve->ms[0] * BEND_SPAN) {
        i++;
    }
    return i;
}

/**
 * migration_curve_bend: works out how a curve goes on outside its readings
 * @curve: a curve with readings; the other members are set
 */
static void
migration_curve_bend(MigrationCurve *curve)
{
    curve->before = growth_power(curve, 0, reading_after_start(curve));
    curve->beyond =
        growth_power(curve, reading_before_end(curve), curve->n - 1);
    curve->beyond_slope = -1;
}

/**
 * migration_curve_init: the curve that fits a measurement best
 * @curve: set to it
 * @measurement: a measured measurement with counts that passed
 *   dirty_measurement_check()
 */
void
migration_curve_init(MigrationCurve *curve, const DirtyMeasurement *measurement)
{
    double scale = (double)measurement->n_total / measurement->n_sampled;

    curve->n = measurement->n_periods;
    curve->n_total = measurement->n_total;
    for (gsize i = 0; i < curve->n; i++) {
        curve->ms[i] = measurement->periods[i];
        curve->pages[i] = measurement->n_dirty[i] * scale;
    }
    migration_curve_bend(curve);
}

/**
 * migration_curve_last: how far a curve is known
 * @curve: a curve
 *
 * Return: the time of its last reading, ms.
 */
double
migration_curve_last(const MigrationCurve *curve)
{
    return curve->ms[curve->n - 1];
}

/**
 * migration_curve_end_slope: how fast a curve grows at its end
 * @curve: a curve
 *
 * Return: pages/ms between the last readings; from the origin where there is
 *   but one.
 */
double
migration_curve_end_slope(const MigrationCurve *curve)
{
    gsize from = reading_before_end(curve);
    gsize to = curve->n - 1;

    if (from == to) {
        return curve->pages[to] / curve->ms[to];
    }
    return (curve->pages[to] - curve->pages[from]) /
           (curve->ms[to] - curve->ms[from]);
}

static double
pages_beyond(const MigrationCurve *curve, double ms)
{
    double last = curve->pages[curve->n - 1];
    double since = curve->ms[curve->n - 1];
    double pages;

    if (curve->beyond_slope >= 0) {
        pages = last + curve->beyond_slope * (ms - since);
    } else {
        pages = last * pow(ms / since, curve->beyond);
    }
    return MIN(pages, curve->n_total);
}

/**
 * migration_curve_pages: pages dirty some time after a clean start
 * @curve: a curve
 * @ms: the time, ms
 *
 * Return: pages; 0 at 0 ms, at most all pages of the guest.
 */
double
migration_curve_pages(const MigrationCurve *curve, double ms)
{
    gsize low = 0;
    gsize high = curve->n - 1;

    if (!(ms > 0)) {
        return 0;
    }
    if (ms >= curve->ms[high]) {
        return pages_beyond(curve, ms);
    }
    if (ms <= curve->ms[0]) {
        return curve->pages[0] * (curve->before == 1
                                      ? ms / curve->ms[0]
                                      : pow(ms / curve->ms[0], curve->before));
    }
    while (high - low > 1) {
        gsize middle = (low + high) / 2;

        if (curve->ms[middle] <= ms) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return curve->pages[low] + (curve->pages[high] - curve->pages[low]) *
                                   (ms - curve->ms[low]) /
                                   (curve->ms[high] - curve->ms[low]);
}
