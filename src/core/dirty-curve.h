/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dirty curve: how many pages are dirty how long after a clean start, with
 * bounds.
 */
#ifndef DIRTY_CURVE_H
#define DIRTY_CURVE_H

#include "dirty-bounds.h"
#include "dirty-measurement.h"

G_BEGIN_DECLS

typedef struct DirtyCurve DirtyCurve;

DirtyCurve *dirty_curve_new(const DirtyMeasurement *measurement,
                            GError **error);
void dirty_curve_free(DirtyCurve *curve);

gboolean dirty_curve_has_bounds(const DirtyCurve *curve);
double dirty_curve_eval(const DirtyCurve *curve, double ms);
DirtyEstimate dirty_curve_pages(const DirtyCurve *curve, double ms);
DirtyEstimate dirty_curve_rate(const DirtyCurve *curve, double ms);
DirtyEstimate dirty_curve_zero_pages(const DirtyCurve *curve);

double dirty_vcpu_rate(const DirtyMeasurement *measurement, gsize i);
double dirty_pages_to_rate(double pages, guint64 page_size, double ms);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DirtyCurve, dirty_curve_free)

G_END_DECLS

#endif
