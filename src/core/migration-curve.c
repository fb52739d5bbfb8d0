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

/* How steep a curve is taken to be before its first reading, see bend_before().
 */
#define STEEP_LIKELY 0.5

/* Quotients of the times of the points outside the readings. */
#define BEFORE_STEP 0.5
#define BEYOND_STEP 2.0
/* A time at which a curve has got as far as it ever will, ms: a year. */
#define TIME_MAX 3.2e10
/* 2 to the power of MIGRATION_CURVE_OCTAVE_FIRST, ms. */
#define OCTAVE_FIRST_MS (1.0 / 4096)

/**
 * migration_curve_start: a curve without readings
 * @curve: set to it
 * @n_total: pages of the guest
 */
void
migration_curve_start(MigrationCurve *curve, double n_total)
{
    curve->n_total = n_total;
    curve->first = 1 + MIGRATION_CURVE_BEFORE;
    curve->n_readings = 0;
    curve->n = curve->first;
}

static void
add_point(MigrationCurve *curve, double ms, double pages)
{
    curve->ms[curve->n] = ms;
    curve->pages[curve->n] = MIN(pages, curve->n_total);
    curve->n++;
}

/**
 * migration_curve_add: a further reading
 * @curve: a curve that is not finished, with less than DIRTY_PERIODS_MAX of
 *   them
 * @ms: its time, later than that of the last one
 * @pages: pages dirty by then, no fewer than by the last one
 */
void
migration_curve_add(MigrationCurve *curve, double ms, double pages)
{
    add_point(curve, ms, pages);
    curve->n_readings++;
}

/*
 * The power of time with which pages grow between two readings. A guest whose
 * load stays the same dirties at most twice the pages in twice the time, and
 * never fewer: what falls outside 0..1 is noise.
 */
static double
growth_power(const MigrationCurve *curve, guint from, guint to)
{
    if (from == to || curve->pages[from] <= 0) {
        return 1;
    }
    return CLAMP(log(curve->pages[to] / curve->pages[from]) /
                     log(curve->ms[to] / curve->ms[from]),
                 0, 1);
}

static guint
last_reading(const MigrationCurve *curve)
{
    return curve->first + curve->n_readings - 1;
}

static guint
reading_before_end(const MigrationCurve *curve)
{
    guint last = last_reading(curve);
    guint i = last;

    while (i > curve->first && curve->ms[i] * BEND_SPAN > curve->ms[last]) {
        i--;
    }
    return i;
}

static guint
reading_after_start(const MigrationCurve *curve)
{
    guint i = curve->first;

    while (i < last_reading(curve) &&
           curve->ms[i] < curve->ms[curve->first] * BEND_SPAN) {
        i++;
    }
    return i;
}

/*
 * Down to no pages at no time. A page that is written now and then is the
 * likelier to be dirty the longer one waits, so nearest to the start pages grow
 * in proportion to time; nowhere are they bent more than at the first readings.
 * Where between the two it is like the one and where like the other nobody saw:
 * @steep is 0 for the one, 1 for the other.
 */
static void
bend_before(MigrationCurve *curve, double steep)
{
    double power =
        growth_power(curve, curve->first, reading_after_start(curve));
    double ms = curve->ms[curve->first];
    double pages = curve->pages[curve->first];

    for (guint i = curve->first; i-- > 1;) {
        ms *= BEFORE_STEP;
        pages *= pow(BEFORE_STEP, power + (1 - power) * steep);
        curve->ms[i] = ms;
        curve->pages[i] = pages;
    }
    curve->ms[0] = 0;
    curve->pages[0] = 0;
}

static void
bend_beyond(MigrationCurve *curve)
{
    double power =
        growth_power(curve, reading_before_end(curve), last_reading(curve));
    double ms = curve->ms[curve->n - 1];
    double pages = curve->pages[curve->n - 1];

    for (guint i = 1; i < MIGRATION_CURVE_BEYOND; i++) {
        ms *= BEYOND_STEP;
        pages *= pow(BEYOND_STEP, power);
        add_point(curve, ms, pages);
    }
}

static double
end_slope(const MigrationCurve *curve)
{
    guint from = reading_before_end(curve);
    guint to = last_reading(curve);

    if (from == to) {
        return curve->pages[to] / curve->ms[to];
    }
    return (curve->pages[to] - curve->pages[from]) /
           (curve->ms[to] - curve->ms[from]);
}

/* Straight on until all pages are dirty. */
static void
go_straight(MigrationCurve *curve, double slope)
{
    double ms = curve->ms[curve->n - 1];
    double left = curve->n_total - curve->pages[curve->n - 1];

    if (left > 0 && slope > 0 && ms + left / slope < TIME_MAX) {
        add_point(curve, ms + left / slope, curve->n_total);
    }
}

/* What is worked out beforehand for quick reading. */
static void
join_points(MigrationCurve *curve)
{
    double ms = OCTAVE_FIRST_MS;
    guint point = 0;

    for (guint i = 0; i < curve->n - 1; i++) {
        curve->rise[i] = (curve->pages[i + 1] - curve->pages[i]) /
                         (curve->ms[i + 1] - curve->ms[i]);
    }
    curve->rise[curve->n - 1] = 0;
    for (guint i = 0; i < MIGRATION_CURVE_OCTAVES; i++, ms *= 2) {
        while (point + 1 < curve->n && curve->ms[point + 1] <= ms) {
            point++;
        }
        curve->octave[i] = point;
    }
}

/**
 * migration_curve_finish: how a curve goes on outside its readings
 * @curve: a curve with all its readings
 * @outside: what is not known of it
 */
void
migration_curve_finish(MigrationCurve *curve, MigrationOutside outside)
{
    bend_before(curve, outside.steep);
    if (outside.end == MIGRATION_END_BENT) {
        bend_beyond(curve);
    } else {
        go_straight(curve, end_slope(curve) * outside.part);
    }
    add_point(curve, TIME_MAX, curve->pages[curve->n - 1]);
    join_points(curve);
}

/**
 * migration_outside_likely: how a curve goes on for all that is known
 *
 * Return: the middle of what can be.
 */
MigrationOutside
migration_outside_likely(void)
{
    return (MigrationOutside){
        .steep = STEEP_LIKELY,
        .end = MIGRATION_END_BENT,
    };
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

    migration_curve_start(curve, measurement->n_total);
    for (gsize i = 0; i < measurement->n_periods; i++) {
        migration_curve_add(curve, measurement->periods[i],
                            measurement->n_dirty[i] * scale);
    }
    migration_curve_finish(curve, migration_outside_likely());
}

/* The place of the power of two that is just below a time. */
static guint
octave_of(double ms)
{
    GDoubleIEEE754 number = {ms};
    int power = (int)number.mpn.biased_exponent - G_IEEE754_DOUBLE_BIAS -
                MIGRATION_CURVE_OCTAVE_FIRST;

    return CLAMP(power, 0, MIGRATION_CURVE_OCTAVES - 1);
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
    guint i;

    if (!(ms > 0)) {
        return 0;
    }
    i = curve->octave[octave_of(ms)];
    while (i + 1 < curve->n && curve->ms[i + 1] <= ms) {
        i++;
    }
    return curve->pages[i] + curve->rise[i] * (ms - curve->ms[i]);
}

/**
 * migration_curve_time: how long it takes to dirty pages
 * @curve: a curve
 * @pages: pages
 *
 * Return: the time, ms; a year where it never does.
 */
double
migration_curve_time(const MigrationCurve *curve, double pages)
{
    guint i = 0;

    while (i < curve->n - 1 && curve->pages[i + 1] < pages) {
        i++;
    }
    if (i == curve->n - 1) {
        return TIME_MAX;
    }
    return curve->rise[i] > 0
               ? curve->ms[i] + (pages - curve->pages[i]) / curve->rise[i]
               : curve->ms[i];
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
    return curve->ms[last_reading(curve)];
}

/**
 * migration_curve_stretch: the curve of a guest that runs slower
 * @curve: a curve
 * @factor: by how much, above 0
 */
void
migration_curve_stretch(MigrationCurve *curve, double factor)
{
    for (guint i = 0; i < curve->n; i++) {
        curve->ms[i] *= factor;
    }
    join_points(curve);
}

/**
 * migration_curve_slow: the curve of a guest that each first write holds up
 * @curve: a curve
 * @load: share of the time that it is busy anyway, 0..1
 * @page_ms: for how long, ms
 *
 * What it would have idled it makes up for.
 */
void
migration_curve_slow(MigrationCurve *curve, double load, double page_ms)
{
    double last = 0;

    for (guint i = 1; i < curve->n; i++) {
        double busy = curve->ms[i] * load + curve->pages[i] * page_ms;

        /* Times have to rise also where nothing is dirtied any more. */
        last = MAX(MAX(curve->ms[i], busy), last * (1 + 1e-9));
        curve->ms[i] = last;
    }
    join_points(curve);
}
