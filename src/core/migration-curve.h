/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dirty curve in the form that a replay reads: quick, and one of many that
 * fit a measurement.
 */
#ifndef MIGRATION_CURVE_H
#define MIGRATION_CURVE_H

#include "dirty-measurement.h"

G_BEGIN_DECLS

/* Points before the first reading and beyond the last that bend the curve. */
#define MIGRATION_CURVE_BEFORE 5
#define MIGRATION_CURVE_BEYOND 8
#define MIGRATION_CURVE_POINTS                                                 \
 (1 + MIGRATION_CURVE_BEFORE + DIRTY_PERIODS_MAX + MIGRATION_CURVE_BEYOND)

/* Powers of two, in ms, between which points are found without a search. */
#define MIGRATION_CURVE_OCTAVES 48
#define MIGRATION_CURVE_OCTAVE_FIRST (-12)

/*
 * How a curve goes on beyond its last reading:
 * @MIGRATION_END_BENT: as it is bent between the last readings
 * @MIGRATION_END_STRAIGHT: with part of the slope of the last readings
 */
typedef enum { MIGRATION_END_BENT, MIGRATION_END_STRAIGHT } MigrationEnd;

/**
 * MigrationOutside: what is not known of a curve
 * @steep: before the first reading: 0: bent as it is there, 1: straight
 * @end: beyond the last
 * @part: with MIGRATION_END_STRAIGHT, the part of the slope, 0..1
 */
typedef struct {
    double steep;
    MigrationEnd end;
    double part;
} MigrationOutside;

/**
 * MigrationCurve: pages dirty some time after a clean start
 * @n_total: pages of the guest
 * @first: place of the first reading among the points
 * @n_readings: readings, 1 or more
 * @n: points, the first of them at 0 ms, the last later than any pass ends
 * @ms: their times, rising
 * @pages: pages of the whole guest dirty by then, never falling
 * @rise: pages/ms from each point to the next
 * @octave: the last point at or before each power of two
 */
typedef struct {
    double n_total;
    guint first;
    guint n_readings;
    guint n;
    double ms[MIGRATION_CURVE_POINTS];
    double pages[MIGRATION_CURVE_POINTS];
    double rise[MIGRATION_CURVE_POINTS];
    guint8 octave[MIGRATION_CURVE_OCTAVES];
} MigrationCurve;

void migration_curve_start(MigrationCurve *curve, double n_total);
void migration_curve_add(MigrationCurve *curve, double ms, double pages);
void migration_curve_finish(MigrationCurve *curve, MigrationOutside outside);
MigrationOutside migration_outside_likely(void);
void migration_curve_init(MigrationCurve *curve,
                          const DirtyMeasurement *measurement);

double migration_curve_pages(const MigrationCurve *curve, double ms);
double migration_curve_time(const MigrationCurve *curve, double pages);
double migration_curve_last(const MigrationCurve *curve);
void migration_curve_stretch(MigrationCurve *curve, double factor);
void migration_curve_slow(MigrationCurve *curve, double load, double page_ms);

G_END_DECLS

#endif
