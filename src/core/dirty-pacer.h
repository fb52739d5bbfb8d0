/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Holds a writer to a dirty page rate: a token bucket in exact arithmetic.
 */
#ifndef DIRTY_PACER_H
#define DIRTY_PACER_H

#include <glib.h>

G_BEGIN_DECLS

/*
 * What is limited. The dirty page rate of a vCPU is the number of distinct
 * pages that it is the first to dirty in a window of this length, ms: what a
 * measurement of one second reports. However often a page is written in a
 * window, and however often somebody looks, it counts once; in the next window
 * it counts again. What devices write belongs to no vCPU.
 *
 * So a writer whose hot set is smaller than what the limit allows in a window
 * is never slowed, and one that goes round a larger set is held to the limit.
 */
#define DIRTY_LIMIT_WINDOW_MS 1000

/*
 * The burst, ms at the limit: what a writer that saved up can dirty at once
 * before it must rest. All pages of a window may come at its start, so with
 * less than a window's worth a writer just below its limit would be slowed.
 */
#define DIRTY_PACER_BURST_MS 1000

/*
 * Shortest rest asked for, ns. Debts below it wait for the next charge: a fast
 * writer is stopped some hundred times a second and not at each page, and its
 * steps are still too short to be felt.
 */
#define DIRTY_PACER_REST_MIN_NS (3 * 1000 * 1000)

/*
 * Most of a debt that lives on when the rate changes, ms at the new rate: what
 * was allowed once must not bring a writer to a standstill afterwards.
 */
#define DIRTY_PACER_CARRY_MS 50

/*
 * Highest rate, pages/s; a higher one counts as this. It is eight times
 * DIRTY_LIMIT_MAX_MIBS in pages of 1 KiB, and the highest for which a second's
 * pages in units of 1e-9 pages fit 64 bits.
 */
#define DIRTY_PACER_RATE_MAX (G_GUINT64_CONSTANT(1) << 33)

/**
 * DirtyPacer: the account of one writer, or of several that share a limit
 * @rate: pages/s that it earns; 0 where there is no limit
 * @last: latest time seen, ns
 * @paid_at: when all that was charged is paid, ns; what is left at @last is a
 *   debt, what has passed since then is credit
 * @fraction: what @paid_at leaves out, in units of 1 ns / @rate; below @rate
 * @resting: whether a rest was asked for and the debt is not paid yet
 * @rest_from: from when on the present rest is not in @rested yet, ns
 * @rested: how long the rests so far have been, ns
 *
 * Times are ns of any clock that starts at 0 or later; the pacer has none of
 * its own. No page and no ns is ever rounded away, so between any two times
 *
 *     pages charged <= rate * time + burst + the last charge
 *
 * provided that the writer rests when it is told to. A writer that rests for
 * longer than it must has earned pages meanwhile.
 *
 * A pacer takes no lock and holds no memory.
 */
typedef struct {
    guint64 rate;
    gint64 last;
    gint64 paid_at;
    guint64 fraction;
    gboolean resting;
    gint64 rest_from;
    gint64 rested;
} DirtyPacer;

void dirty_pacer_init(DirtyPacer *pacer, guint64 rate, gint64 now);
void dirty_pacer_set_rate(DirtyPacer *pacer, guint64 rate, gint64 now);
gint64 dirty_pacer_charge(DirtyPacer *pacer, guint64 pages, gint64 now);
gint64 dirty_pacer_rest(DirtyPacer *pacer, gint64 now);
gint64 dirty_pacer_rested(DirtyPacer *pacer, gint64 now);
guint64 dirty_pacer_allowance(DirtyPacer *pacer, gint64 now);

G_END_DECLS

#endif
