/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dirty curve in the form that a replay reads: quick, and one of many that
 * fit a measurement.
 */
#ifndef MIGRATION_CURVE_H
#define MIGRATION_CURVE_H

#include "dirty-measurement.h"

G_BEGIN_DECLS

/**
 * MigrationCurve: pages dirty some time after a clean start
 * @n: readings, 1 or more
 * @ms: their times, rising
 * @pages: pages of the whole guest dirty by then, never falling
 * @n_total: pages of the guest
 * @before: power of time with which it grows up to the first reading, 0..1
 * @beyond: the same from the last reading on
 * @beyond_slope: pages/ms that it grows by from the last reading on, in place
 *   of @beyond; below 0: @beyond is meant
 */
typedef struct {
    gsize n;
    double ms[DIRTY_PERIODS_MAX];
    double pages[DIRTY_PERIODS_MAX];
    double n_total;
    double before;
    double beyond;
    double beyond_slope;
} MigrationCurve;

void migration_curve_init(MigrationCurve *curve,
                          const DirtyMeasurement *measurement);
double migration_curve_pages(const MigrationCurve *curve, double ms);
double migration_curve_last(const MigrationCurve *curve);
double migration_curve_end_slope(const MigrationCurve *curve);

G_END_DECLS

#endif
