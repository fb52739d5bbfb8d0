/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Holds a writer to a dirty page rate: a token bucket in exact arithmetic.
 *
 * The bucket's level is kept as the time at which all debts are paid. A time
 * needs neither wide integers nor a tick at which tokens are poured in: what
 * was earned since is the distance between two times.
 */
#include "dirty-pacer.h"

#define NS_PER_MS (G_GINT64_CONSTANT(1000) * 1000)
#define NS_PER_S (1000 * NS_PER_MS)
#define BURST_NS (DIRTY_PACER_BURST_MS * NS_PER_MS)
/* The burst is credit and then a debt too small for a rest. */
#define CREDIT_NS (BURST_NS - DIRTY_PACER_REST_MIN_NS)
#define CARRY_NS (DIRTY_PACER_CARRY_MS * NS_PER_MS)

/* A second's pages, in units of 1e-9 pages, and one more fraction. */
G_STATIC_ASSERT(DIRTY_PACER_RATE_MAX <= G_MAXINT64 / (NS_PER_S + 1));
G_STATIC_ASSERT(BURST_NS <= NS_PER_S);

/*
 * How far a time may lie before the latest one and still be a caller who read
 * the clock and came late, ns; further back, the clock was set.
 */
#define LATE_NS NS_PER_S

/* Latest time taken, ns: past it, a second's credit would not fit 64 bits. */
#define TIME_MAX_NS (G_MAXINT64 - BURST_NS)

/* Adds up the rest, up to the latest time or to its end. */
static void
account_rest(DirtyPacer *pacer)
{
    gint64 until = MIN(pacer->last, pacer->paid_at);

    if (pacer->resting) {
        pacer->rested += until - pacer->rest_from;
        pacer->rest_from = until;
    }
}

/*
 * A late caller's time counts as the latest. When the clock was set back the
 * level stays: nobody can tell what was earned.
 */
static void
set_last(DirtyPacer *pacer, gint64 now)
{
    now = CLAMP(now, 0, TIME_MAX_NS);
    if (now >= pacer->last) {
        pacer->last = now;
    } else if (pacer->last - now > LATE_NS) {
        pacer->paid_at -= pacer->last - now;
        pacer->rest_from -= pacer->last - now;
        pacer->last = now;
    }
}

/* Return: time until all debts are paid, ns, rounded up; 0 or less for none */
static gint64
debt(const DirtyPacer *pacer)
{
    gint64 ns = pacer->paid_at - pacer->last;

    return pacer->fraction ? ns + 1 : ns;
}

/* Brings the account up to a time. */
static void
advance(DirtyPacer *pacer, gint64 now)
{
    set_last(pacer, now);
    account_rest(pacer);
    if (debt(pacer) <= 0) {
        pacer->resting = FALSE;
    }
    if (pacer->paid_at < pacer->last - CREDIT_NS) {
        pacer->paid_at = pacer->last - CREDIT_NS;
        pacer->fraction = 0;
    }
}

/* Forgets debts and credit. */
static void
settle(DirtyPacer *pacer)
{
    pacer->paid_at = pacer->last;
    pacer->fraction = 0;
    pacer->resting = FALSE;
}

/**
 * dirty_pacer_init: begin to hold a writer to a rate
 * @pacer: its account, of any content
 * @rate: pages/s, 0 for no limit
 * @now: the time, ns
 *
 * The bucket is empty at first: there is no burst at the start.
 */
void
dirty_pacer_init(DirtyPacer *pacer, guint64 rate, gint64 now)
{
    *pacer = (DirtyPacer){
        .rate = MIN(rate, DIRTY_PACER_RATE_MAX),
        .last = CLAMP(now, 0, TIME_MAX_NS),
    };
    settle(pacer);
}

/*
 * Return: what is owed, in units of 1e-9 pages, at most what is paid in
 *   DIRTY_PACER_CARRY_MS at @rate
 */
static guint64
owed_pages(const DirtyPacer *pacer, guint64 rate)
{
    guint64 most = CARRY_NS * rate;
    guint64 ns = MAX(pacer->paid_at - pacer->last, 0);

    /* So it is without a rate to divide by, too. */
    if (debt(pacer) <= 0) {
        return 0;
    }
    if (ns > most / pacer->rate) {
        return most;
    }
    return MIN(ns * pacer->rate + pacer->fraction, most);
}

/**
 * dirty_pacer_set_rate: change the rate
 * @pacer: the account
 * @rate: pages/s, 0 for no limit
 * @now: the time, ns
 *
 * Credit is lost, so that the new rate is kept from now on. A debt stays as
 * many pages as it was, but no more than DIRTY_PACER_CARRY_MS pay at the new
 * rate; a rest goes on until it is paid. Where the rate is the same, nothing
 * changes.
 */
void
dirty_pacer_set_rate(DirtyPacer *pacer, guint64 rate, gint64 now)
{
    guint64 owed;

    rate = MIN(rate, DIRTY_PACER_RATE_MAX);
    advance(pacer, now);
    if (rate == pacer->rate) {
        return;
    }
    if (!rate) {
        pacer->rate = 0;
        settle(pacer);
        return;
    }
    owed = owed_pages(pacer, rate);
    pacer->rate = rate;
    pacer->paid_at = pacer->last + (gint64)(owed / rate);
    pacer->fraction = owed % rate;
}

/* Moves the time of payment; a debt past the end of time stays there. */
static void
spend(DirtyPacer *pacer, guint64 pages)
{
    guint64 room = G_MAXINT64 - MAX(pacer->paid_at, 0);
    guint64 seconds = pages / pacer->rate;
    guint64 rest = pages % pacer->rate * NS_PER_S + pacer->fraction;

    if (seconds >= room / NS_PER_S) {
        pacer->paid_at = G_MAXINT64;
        pacer->fraction = 0;
        return;
    }
    pacer->paid_at += (gint64)(seconds * NS_PER_S + rest / pacer->rate);
    pacer->fraction = rest % pacer->rate;
}

/**
 * dirty_pacer_charge: spend pages
 * @pacer: the account
 * @pages: how many were dirtied
 * @now: the time, ns
 *
 * Return: how long the writer must rest from @now on, ns, for its whole debt; 0
 *   for not at all, also where a rest would be shorter than
 *   DIRTY_PACER_REST_MIN_NS
 */
gint64
dirty_pacer_charge(DirtyPacer *pacer, guint64 pages, gint64 now)
{
    advance(pacer, now);
    if (!pacer->rate) {
        return 0;
    }
    spend(pacer, pages);
    if (!pacer->resting &&
        pacer->paid_at - pacer->last >= DIRTY_PACER_REST_MIN_NS) {
        pacer->resting = TRUE;
        pacer->rest_from = pacer->last;
    }
    return pacer->resting ? debt(pacer) : 0;
}

/**
 * dirty_pacer_rest: how long the writer must still rest
 * @pacer: the account
 * @now: the time, ns
 *
 * Return: the time, ns; 0 where no rest was asked for or it is over
 */
gint64
dirty_pacer_rest(DirtyPacer *pacer, gint64 now)
{
    advance(pacer, now);
    return pacer->resting ? debt(pacer) : 0;
}

/**
 * dirty_pacer_rested: how long the writer has been told to rest
 * @pacer: the account
 * @now: the time, ns
 *
 * Return: the length of all rests since dirty_pacer_init(), of the present one
 *   up to now, ns; two of these tell the share of the time between
 */
gint64
dirty_pacer_rested(DirtyPacer *pacer, gint64 now)
{
    advance(pacer, now);
    return pacer->rested;
}

/**
 * dirty_pacer_allowance: how far the writer can go
 * @pacer: the account
 * @now: the time, ns
 *
 * Return: most pages that could be charged now without a rest; 0 while it
 *   rests; G_MAXUINT64 where there is no limit
 */
guint64
dirty_pacer_allowance(DirtyPacer *pacer, gint64 now)
{
    gint64 ns;

    advance(pacer, now);
    if (!pacer->rate) {
        return G_MAXUINT64;
    }
    ns = pacer->last + DIRTY_PACER_REST_MIN_NS - pacer->paid_at;
    if (pacer->resting || ns <= 0) {
        return 0;
    }
    return (ns * pacer->rate - pacer->fraction - 1) / NS_PER_S;
}
