/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bounds on a share of a population that was counted in a sample.
 */
/*
 * For lgamma_r(): lgamma() writes a global variable, and measurements run in
 * several threads.
 */
#define _DEFAULT_SOURCE
#include "dirty-bounds.h"

#include <float.h>
#include <math.h>

/*
 * The truth may lie below the bounds in this share of measurements, and above
 * them likewise.
 */
#define TAIL 0.025

/*
 * A quantile is found by halving 0..1 this often: to the last bit of a double's
 * fraction.
 */
#define QUANTILE_STEPS 60

/*
 * The continued fraction converges in about sqrt(n) steps; this serves 10^9
 * samples.
 */
#define FRACTION_STEPS_MAX 100000
#define FRACTION_EPSILON (500 * DBL_EPSILON)
#define FRACTION_TINY DBL_MIN

static double
log_gamma(double x)
{
    int sign;

    return lgamma_r(x, &sign);
}

/* One step of the modified Lentz method for 1/(1 + a1/(1 + a2/(1 + ...))). */
static double
lentz_step(double coefficient, double *c, double *d)
{
    *d = 1 + coefficient * *d;
    if (fabs(*d) < FRACTION_TINY) {
        *d = FRACTION_TINY;
    }
    *d = 1 / *d;
    *c = 1 + coefficient / *c;
    if (fabs(*c) < FRACTION_TINY) {
        *c = FRACTION_TINY;
    }
    return *c * *d;
}

/* The continued fraction of the incomplete beta function (DLMF 8.17.22). */
static double
beta_fraction(double a, double b, double x)
{
    double c = 1;
    double d = 1 / (1 - (a + b) * x / (a + 1));
    double fraction = d;

    for (int m = 1; m < FRACTION_STEPS_MAX; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd =
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double change;

        fraction *= lentz_step(even, &c, &d);
        change = lentz_step(odd, &c, &d);
        fraction *= change;
        if (fabs(change - 1) < FRACTION_EPSILON) {
            break;
        }
    }
    return fraction;
}

/* The regularised incomplete beta function I_x(a, b); 0 < x < 1; a, b > 0. */
static double
incomplete_beta(double a, double b, double x)
{
    double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) +
                       a * log(x) + b * log1p(-x));

    /*
     * The fraction converges quickly only on this side; the other follows by
     * symmetry.
     */
    if (x < (a + 1) / (a + b + 2)) {
        return front * beta_fraction(a, b, x) / a;
    }
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

static double
beta_quantile(double a, double b, double probability)
{
    double low = 0;
    double high = 1;

    for (int i = 0; i < QUANTILE_STEPS; i++) {
        double middle = low + (high - low) / 2;

        if (incomplete_beta(a, b, middle) < probability) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low + (high - low) / 2;
}

/**
 * dirty_share_bounds: what a sample tells of a population
 * @hits: drawn items that have the property; at most @draws
 * @draws: items drawn without putting back; 1..@population
 * @population: items there are
 * @n_together: how many such bounds, this one included, shall hold at once; 1
 *   or more
 *
 * The bounds are those of Clopper and Pearson (1934), which hold the truth in
 * at least 95 % of samples whatever the share is, also at no hit and at all
 * hits. Drawing one item from each stratum spreads the count no more than
 * independent draws do (Cochran, Sampling Techniques, chapter 5), so they hold
 * for our sample too. The sample counts for more the more of the population it
 * is: draws are weighted by (population - 1) / (population - draws), the finite
 * population correction, and the bounds never contradict the items seen.
 *
 * Where bounds are read together, each is given its part of the 5 % in which
 * they may miss (Bonferroni), so that all of them hold in 95 % of samples.
 *
 * Return: the share, 0..1, with its bounds.
 */
DirtyEstimate
dirty_share_bounds(guint64 hits, guint64 draws, guint64 population,
                   guint n_together)
{
    DirtyEstimate share;
    double tail;
    double weight;
    double x;
    double n;

    g_return_val_if_fail(draws > 0 && hits <= draws && draws <= population &&
                             n_together > 0,
                         ((DirtyEstimate){0, 0, 1}));

    share.value = share.low = share.high = (double)hits / draws;
    if (draws == population) {
        return share;
    }

    tail = TAIL / n_together;
    weight = (population - 1.0) / (population - draws);
    x = hits * weight;
    n = draws * weight;
    share.low = hits == 0 ? 0 : beta_quantile(x, n - x + 1, tail);
    share.high = hits == draws ? 1 : beta_quantile(x + 1, n - x, 1 - tail);

    share.low = MAX(share.low, (double)hits / population);
    share.high = MIN(share.high, 1 - (double)(draws - hits) / population);
    /* Beyond 2^53 items rounding is larger than the bounds are wide. */
    share.low = MIN(share.low, share.value);
    share.high = MAX(share.high, share.value);
    return share;
}
