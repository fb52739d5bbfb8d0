/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests the pacer's arithmetic: beside an exact reference, at its limits, and when things change.
 */
#include <string.h>

#include "dirty-limit-range.h"
#include "dirty-measurement.h"
#include "dirty-pacer.h"

#define MS (G_GINT64_CONSTANT(1000) * 1000)
#define S (1000 * MS)
#define YEAR (365 * 24 * 3600 * S)
#define RATE_100_MIBS 25600

/* Random sequences beside the reference, and steps of each. */
#define SEQUENCES 4000
#define STEPS 300

#ifdef __SIZEOF_INT128__
__extension__ typedef __int128 Wide;

/**
 * Reference: the same account as a level in 1e-9 pages, in integers that hold any of it
 * @level: credit where above 0, debt where below
 */
typedef struct {
    Wide rate;
    Wide level;
    gint64 last;
    gboolean resting;
    gint64 rested;
} Reference;

static gint64
reference_rest(const Reference *r)
{
    /* rounded up */
    return r->resting ? (gint64)((-r->level + r->rate - 1) / r->rate) : 0;
}

static void
reference_advance(Reference *r, gint64 now)
{
    gint64 passed;

    if (now < r->last && r->last - now > S) {
        r->last = now;
    }
    passed = MAX(now - r->last, 0);
    if (r->resting) {
        r->rested += MIN(passed, (gint64)(-r->level / r->rate));
    }
    r->last += passed;
    r->level += r->rate * passed;
    r->level = MIN(r->level, r->rate * (DIRTY_PACER_BURST_MS * MS - DIRTY_PACER_REST_MIN_NS));
    r->resting = r->resting && r->level < 0;
}

static void
reference_charge(Reference *r, guint64 pages)
{
    if (r->rate) {
        r->level -= (Wide)pages * S;
        r->resting = r->resting || -r->level >= r->rate * DIRTY_PACER_REST_MIN_NS;
    }
}

static void
reference_set_rate(Reference *r, guint64 rate)
{
    if (rate == r->rate) {
        return;
    }
    if (rate && r->rate) {
        r->level = MIN(r->level, 0);
        r->level = MAX(r->level, -(Wide)rate * DIRTY_PACER_CARRY_MS * MS);
    } else {
        r->level = 0;
        r->resting = FALSE;
    }
    r->rate = rate;
}

static guint64
reference_allowance(const Reference *r)
{
    Wide room = r->level + r->rate * DIRTY_PACER_REST_MIN_NS - 1;

    if (!r->rate) {
        return G_MAXUINT64;
    }
    return r->resting || room < 0 ? 0 : (guint64)(room / S);
}

/* Any size is as likely as any other, down to 0. */
static guint64
random_size(guint bits)
{
    guint64 value = ((guint64)g_test_rand_int() << 32) | (guint32)g_test_rand_int();
    gint shift = g_test_rand_int_range(64 - (gint)bits, 65);

    return shift == 64 ? 0 : value >> shift;
}

static gint64
random_time(gint64 now)
{
    guint64 step;

    switch (g_test_rand_int_range(0, 20)) {
    case 0:
        return now; /* two events at one time */
    case 1:         /* a late caller, or the clock is set back */
        step = random_size(40);
        return step < (guint64)now ? now - (gint64)step : 0;
    case 2:
        return now + (gint64)random_size(54); /* half a year */
    default:
        return now + (gint64)random_size(32);
    }
}

static void
compare(DirtyPacer *pacer, Reference *reference, gint64 now)
{
    g_assert_cmpint(dirty_pacer_rest(pacer, now), ==, reference_rest(reference));
    g_assert_cmpuint(dirty_pacer_allowance(pacer, now), ==, reference_allowance(reference));
    g_assert_cmpint(dirty_pacer_rested(pacer, now), ==, reference->rested);
}

static void
try_sequence(void)
{
    gint64 now = (gint64)random_size(50);
    Reference reference = {.rate = random_size(33), .last = now};
    DirtyPacer pacer;

    dirty_pacer_init(&pacer, (guint64)reference.rate, now);
    for (gint i = 0; i < STEPS; i++) {
        guint64 size = random_size(33);

        now = random_time(now);
        reference_advance(&reference, now);
        switch (g_test_rand_int_range(0, 10)) {
        case 0:
            reference_set_rate(&reference, size);
            dirty_pacer_set_rate(&pacer, size, now);
            break;
        case 1: /* the most that is allowed asks for no rest, one more does */
            size = MIN(reference_allowance(&reference), G_MAXUINT32);
            reference_charge(&reference, size);
            g_assert_cmpint(dirty_pacer_charge(&pacer, size, now), ==, reference_rest(&reference));
            break;
        default:
            /* No longer debt than times can have, and often one that is paid soon. */
            size = reference.rate ? size % (guint64)(4 * reference.rate) : size;
            size = g_test_rand_bit() ? size : MIN(size, 3);
            reference_charge(&reference, size);
            g_assert_cmpint(dirty_pacer_charge(&pacer, size, now), ==, reference_rest(&reference));
        }
        compare(&pacer, &reference, now);
    }
}

/* GLib prints the seed; --seed runs the same sequences again. */
static void
test_reference(void)
{
    for (gint i = 0; i < SEQUENCES; i++) {
        try_sequence();
    }
}
#endif

static void
test_allowance_is_exact(void)
{
    DirtyPacer pacer;
    guint64 allowance;

    dirty_pacer_init(&pacer, RATE_100_MIBS, 0);
    g_assert_cmpuint(dirty_pacer_allowance(&pacer, 0), ==, 76); /* 3 ms: 76.8 pages */
    g_assert_cmpint(dirty_pacer_charge(&pacer, 76, 0), ==, 0);
    g_assert_cmpuint(dirty_pacer_allowance(&pacer, 0), ==, 0);
    g_assert_cmpint(dirty_pacer_charge(&pacer, 1, 0), ==, 3007813); /* 77 pages, rounded up */

    /* A saved up burst is all that a window allows. */
    allowance = dirty_pacer_allowance(&pacer, 3600 * S);
    g_assert_cmpuint(allowance, ==, RATE_100_MIBS * DIRTY_PACER_BURST_MS / 1000 - 1);
    g_assert_cmpint(dirty_pacer_charge(&pacer, allowance, 3600 * S), ==, 0);
    g_assert_cmpint(dirty_pacer_charge(&pacer, 1, 3600 * S), ==, DIRTY_PACER_REST_MIN_NS);
}

static void
test_rest_ends_when_paid(void)
{
    DirtyPacer pacer;
    gint64 rest;

    dirty_pacer_init(&pacer, 256, 7);
    rest = dirty_pacer_charge(&pacer, 256, 7);
    g_assert_cmpint(rest, ==, S);
    g_assert_cmpint(dirty_pacer_rest(&pacer, 7 + 400 * MS), ==, 600 * MS);
    g_assert_cmpint(dirty_pacer_rested(&pacer, 7 + 400 * MS), ==, 400 * MS);
    g_assert_cmpint(dirty_pacer_rest(&pacer, 7 + S - 1), ==, 1);
    g_assert_cmpint(dirty_pacer_rest(&pacer, 7 + S), ==, 0);
    /* What is slept too long is no rest, but earns pages. */
    g_assert_cmpint(dirty_pacer_rested(&pacer, 7 + 3 * S / 2), ==, S);
    g_assert_cmpint(dirty_pacer_charge(&pacer, 128, 7 + 3 * S / 2), ==, 0);
    g_assert_cmpint(dirty_pacer_charge(&pacer, 1, 7 + 3 * S / 2), ==, S / 256);
}

static void
test_no_limit(void)
{
    DirtyPacer pacer;

    dirty_pacer_init(&pacer, 0, 5);
    g_assert_cmpint(dirty_pacer_charge(&pacer, G_MAXUINT64, 5), ==, 0);
    g_assert_cmpuint(dirty_pacer_allowance(&pacer, 5), ==, G_MAXUINT64);
    /* What was written without a limit is not owed under one. */
    dirty_pacer_set_rate(&pacer, 1, 6);
    g_assert_cmpint(dirty_pacer_rest(&pacer, 6), ==, 0);
    g_assert_cmpint(dirty_pacer_charge(&pacer, 1, 6), ==, S);
}

static void
test_cancel_ends_rest(void)
{
    DirtyPacer pacer;

    dirty_pacer_init(&pacer, 1280, 0);
    g_assert_cmpint(dirty_pacer_charge(&pacer, 1280 * 60, 0), ==, 60 * S);
    dirty_pacer_set_rate(&pacer, 0, S);
    g_assert_cmpint(dirty_pacer_rest(&pacer, S), ==, 0);
    g_assert_cmpint(dirty_pacer_charge(&pacer, 1, S), ==, 0);
    g_assert_cmpuint(dirty_pacer_allowance(&pacer, S), ==, G_MAXUINT64);
    g_assert_cmpint(dirty_pacer_rested(&pacer, 2 * S), ==, S);
}

static void
test_change_of_rate(void)
{
    DirtyPacer pacer;

    dirty_pacer_init(&pacer, 25600, 0);
    dirty_pacer_charge(&pacer, 512, 0);           /* 20 ms */
    dirty_pacer_set_rate(&pacer, 25600, 10 * MS); /* the same: nothing changes */
    g_assert_cmpint(dirty_pacer_rest(&pacer, 10 * MS), ==, 10 * MS);
    dirty_pacer_set_rate(&pacer, 51200, 10 * MS); /* the same pages, in half the time */
    g_assert_cmpint(dirty_pacer_rest(&pacer, 10 * MS), ==, 5 * MS);
    dirty_pacer_set_rate(&pacer, 256, 10 * MS); /* one second's worth, and no more than bearable */
    g_assert_cmpint(dirty_pacer_rest(&pacer, 10 * MS), ==, DIRTY_PACER_CARRY_MS * MS);

    /* Credit does not live on. */
    g_assert_cmpuint(dirty_pacer_allowance(&pacer, 60 * S), ==, 255);
    dirty_pacer_set_rate(&pacer, 25600, 60 * S);
    g_assert_cmpuint(dirty_pacer_allowance(&pacer, 60 * S), ==, 76);
}

static void
test_extremes(void)
{
    const gint64 late = 280 * YEAR;
    guint64 most = dirty_limit_pages_per_s(DIRTY_LIMIT_MAX_MIBS, 4096);
    DirtyPacer pacer;

    g_assert_cmpuint(most, ==, G_GUINT64_CONSTANT(1) << 28);
    dirty_pacer_init(&pacer, most, 0);
    g_assert_cmpint(dirty_pacer_charge(&pacer, most * 3600, 0), ==, 3600 * S);
    g_assert_cmpuint(dirty_pacer_allowance(&pacer, YEAR), ==, most - 1);

    /* Longer than times last: it stays a debt, whatever is charged and changed. */
    g_assert_cmpint(dirty_pacer_charge(&pacer, G_MAXUINT64, YEAR), >, 1000 * S);
    dirty_pacer_set_rate(&pacer, 1, YEAR);
    g_assert_cmpint(dirty_pacer_charge(&pacer, G_MAXUINT64, YEAR), >, 100 * YEAR);
    g_assert_cmpint(dirty_pacer_charge(&pacer, G_MAXUINT64, late), >, 0);
    dirty_pacer_set_rate(&pacer, 2, late);
    g_assert_cmpint(dirty_pacer_rest(&pacer, late), ==, DIRTY_PACER_CARRY_MS * MS);
    dirty_pacer_set_rate(&pacer, G_MAXUINT64, late);
    g_assert_cmpint(dirty_pacer_rest(&pacer, G_MAXINT64), ==, 0);
    g_assert_cmpint(dirty_pacer_rest(&pacer, G_MININT64), ==, 0);
    g_assert_cmpuint(dirty_pacer_allowance(&pacer, 0), ==, DIRTY_PACER_RATE_MAX - 1);
    g_assert_cmpint(dirty_pacer_charge(&pacer, DIRTY_PACER_RATE_MAX * 2, 0), >, S);

    dirty_pacer_init(&pacer, 1, G_MININT64);
    g_assert_cmpint(dirty_pacer_charge(&pacer, 2, G_MININT64), ==, 2 * S);
    g_assert_cmpint(dirty_pacer_rest(&pacer, G_MAXINT64), ==, 0);
}

static void
test_clock_goes_back(void)
{
    DirtyPacer pacer;

    dirty_pacer_init(&pacer, 25600, 100 * S);
    dirty_pacer_charge(&pacer, 25600, 100 * S);
    /* Who read the clock before another and comes after it neither earns nor owes. */
    g_assert_cmpint(dirty_pacer_rest(&pacer, 100 * S + 600 * MS), ==, 400 * MS);
    g_assert_cmpint(dirty_pacer_rest(&pacer, 100 * S + 500 * MS), ==, 400 * MS);
    g_assert_cmpint(dirty_pacer_rest(&pacer, 100 * S + 600 * MS), ==, 400 * MS);
    /* A clock that was set does not make the rest longer by as much. */
    g_assert_cmpint(dirty_pacer_rest(&pacer, 40 * S), ==, 400 * MS);
    g_assert_cmpint(dirty_pacer_rest(&pacer, 40 * S + 400 * MS), ==, 0);
    g_assert_cmpint(dirty_pacer_rested(&pacer, 41 * S), ==, S);
}

static void
test_range(void)
{
    const guint64 bad[] = {DIRTY_LIMIT_MAX_MIBS + 1, G_GUINT64_CONSTANT(1) << 63, G_MAXUINT64};
    DirtyScope scope;

    g_assert_true(dirty_limit_check(0, NULL));
    g_assert_true(dirty_limit_check(DIRTY_LIMIT_MIN_MIBS, NULL));
    g_assert_true(dirty_limit_check(DIRTY_LIMIT_MAX_MIBS, NULL));
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *value = g_strdup_printf("%" G_GUINT64_FORMAT " MiB/s", bad[i]);

        g_assert_false(dirty_limit_check(bad[i], &error));
        g_assert_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, value));
        g_assert_nonnull(strstr(error->message, "1 to 1048576"));
    }
    g_assert_cmpuint(dirty_limit_pages_per_s(5, 4096), ==, 1280);
    g_assert_cmpuint(dirty_limit_pages_per_s(5, 65536), ==, 80);
    for (gint i = 0; i < DIRTY_SCOPE_LAST; i++) {
        g_assert_true(dirty_scope_from_string(dirty_scope_to_string((DirtyScope)i), &scope));
        g_assert_cmpint(scope, ==, i);
    }
    g_assert_false(dirty_scope_from_string("host", &scope));
    g_assert_false(dirty_scope_from_string(NULL, &scope));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#ifdef __SIZEOF_INT128__
    g_test_add_func("/dirty-pacer/reference", test_reference);
#endif
    g_test_add_func("/dirty-pacer/allowance-is-exact", test_allowance_is_exact);
    g_test_add_func("/dirty-pacer/rest-ends-when-paid", test_rest_ends_when_paid);
    g_test_add_func("/dirty-pacer/no-limit", test_no_limit);
    g_test_add_func("/dirty-pacer/cancel-ends-rest", test_cancel_ends_rest);
    g_test_add_func("/dirty-pacer/change-of-rate", test_change_of_rate);
    g_test_add_func("/dirty-pacer/extremes", test_extremes);
    g_test_add_func("/dirty-pacer/clock-goes-back", test_clock_goes_back);
    g_test_add_func("/dirty-limit/range", test_range);
    return g_test_run();
}
