/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bounds on a share of a population that was counted in a sample.
 */
#ifndef DIRTY_BOUNDS_H
#define DIRTY_BOUNDS_H

#include <glib.h>

G_BEGIN_DECLS

/**
 * DirtyEstimate: a value with the interval that holds the truth in at least 95
 * % of measurements
 * @value: the estimate
 * @low: lower bound
 * @high: upper bound
 */
typedef struct {
    double value;
    double low;
    double high;
} DirtyEstimate;

DirtyEstimate dirty_share_bounds(guint64 hits, guint64 draws,
                                 guint64 population, guint n_together);

G_END_DECLS

#endif
