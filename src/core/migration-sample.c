/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Other migrations that fit a measurement: what the bounds of a prediction come
 * from.
 */
#include "migration-sample.h"

#include <math.h>

/*
 * How much a guest dirties differs from one while to the next even where its
 * load is steady, and the link gives not always the same: standard deviations,
 * shares. From the same cases as the model's error (migration-outcome.c), those
 * whose curve was counted and not sampled.
 */
#define PACE_SPREAD 0.025
#define LINK_SPREAD 0.006

/*
 * How long compressing takes by what it did in the lab, whose hosts share two
 * CPUs with each other and the guest: CPUs that have nothing else to do are
 * faster, those that are busier slower.
 */
#define WORK_MIN 0.7
#define WORK_MAX 2.0
/*
 * How much pages compress is tried on a thousand of them: standard deviation of
 * what they take together, as a share.
 */
#define SQUEEZE_SPREAD 0.025

/*
 * One in so many samples of a guest has its zero pages before the others: where
 * they lie is not measured. Guests use their memory from its start.
 */
#define ZERO_FIRST_EVERY 6

/* Least pages looked at that say of a part of memory how much of it is zero. */
#define PART_DRAWS_MIN 8

/* What is drawn where no page was seen: half a page (Jeffreys' prior). */
#define PRIOR_HITS 0.5

/*
 * A cautious guess takes everything that can be unlucky together, each at so
 * many standard deviations, and windows measured as slower than they are.
 */
#define CAUTIOUS 2.0
#define CAUTIOUS_WINDOW 0.95

/**
 * migration_random: the next random number
 * @state: where they have got to; not 0
 *
 * Marsaglia's xorshift; every prediction draws the same ones.
 *
 * Return: a number between 0 and 1, neither of them.
 */
double
migration_random(guint32 *state)
{
    guint32 x = *state;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *state = x;
    return (x + 0.5) / 4294967296.0;
}

/*
 * How many standard deviations above the mean a quantile of the normal
 * distribution is, by Tukey's lambda distribution: to 0.01 between 0.001 and
 * 0.999.
 */
static double
normal_quantile(double quantile)
{
    return 4.91 * (pow(quantile, 0.14) - pow(1 - quantile, 0.14));
}

/**
 * migration_random_normal: the next random number of the normal distribution
 * @state: as for migration_random()
 *
 * Four even numbers together: quick, and near enough up to three standard
 * deviations.
 *
 * Return: how many standard deviations above the mean it is.
 */
double
migration_random_normal(guint32 *state)
{
    double sum = 0;

    for (int i = 0; i < 4; i++) {
        sum += migration_random(state);
    }
    return (sum - 2) * sqrt(3);
}

/*
 * A number of the gamma distribution of a shape above 0 (Wilson and Hilferty
 * 1931): what a count of that size could as well have been.
 */
static double
draw_gamma(double shape, guint32 *state)
{
    double lift = 1;
    double root;

    if (shape < 1) {
        lift = pow(migration_random(state), 1 / shape);
        shape += 1;
    }
    root = 1 - 1 / (9 * shape) +
           migration_random_normal(state) / (3 * sqrt(shape));
    return lift * shape * MAX(root, 0) * root * root;
}

/* The van der Corput sequence: fills 0..1 evenly, however few are drawn. */
static double
even_number(guint which, guint base)
{
    double value = 0;
    double part = 1.0 / base;

    for (guint i = which + 1; i > 0; i /= base) {
        value += i % base * part;
        part /= base;
    }
    return value;
}

/*
 * A sample without putting back tells the more the larger a part of all it is:
 * the standard deviation of a count of it by that of independent draws.
 */
static double
population_factor(const DirtyMeasurement *m)
{
    return m->n_total > 1
               ? sqrt((double)(m->n_total - m->n_sampled) / (m->n_total - 1))
               : 0;
}

static double
zero_share(const DirtyMeasurement *m)
{
    return (double)m->n_zero / m->n_sampled;
}

/* How many pages of a guest were looked at to tell which are zero. */
static guint64
zero_draws(const DirtyMeasurement *m)
{
    return dirty_mode_counts_exactly(m->mode) ? dirty_zero_samples(m->n_total)
                                              : m->n_sampled;
}

/*
 * What part of each part of memory is zero pages: neighbours together, from the
 * end on, where too few pages were looked at to tell them apart. Of each part
 * one page more or less than its share may have been.
 */
static void
spread_zero_pages(const DirtyMeasurement *m, const guint64 *sizes,
                  double *shares)
{
    double draws_per_page = (double)zero_draws(m) / m->n_total;
    double zero_per_draw = (double)m->n_sampled / zero_draws(m);
    guint end = DIRTY_ZERO_PARTS;
    double drawn = 0;
    double zero = 0;

    for (guint i = DIRTY_ZERO_PARTS; i-- > 0;) {
        drawn += sizes[i] * draws_per_page;
        zero += m->zero_parts[i] / zero_per_draw;
        if (drawn < PART_DRAWS_MIN && i > 0) {
            continue;
        }
        for (; end > i; end--) {
            shares[end - 1] = zero + 1 > drawn ? 1 : zero / drawn;
        }
        drawn = zero = 0;
    }
}

/* Where in memory pages with content and zero pages lie, if it was counted. */
static void
take_parts(MigrationChance *chance, const DirtyMeasurement *m)
{
    guint64 sizes[DIRTY_ZERO_PARTS];
    double shares[DIRTY_ZERO_PARTS];
    double zero = 0;
    double normal;

    chance->has_parts = m->has_zero_parts && m->n_zero > 0;
    if (!chance->has_parts) {
        return;
    }
    dirty_zero_part_sizes(m->n_total, sizes);
    spread_zero_pages(m, sizes, shares);
    for (guint i = 0; i < DIRTY_ZERO_PARTS; i++) {
        zero += sizes[i] * shares[i];
    }
    normal = m->n_total - zero;
    for (guint i = 0; i < DIRTY_ZERO_PARTS; i++) {
        chance->zero[i] = zero > 0 ? sizes[i] * shares[i] / zero : 0;
        chance->normal[i] = normal > 0 ? sizes[i] * (1 - shares[i]) / normal
                                       : (double)sizes[i] / m->n_total;
    }
}

/**
 * migration_sample_best: the migration that fits a measurement best
 * @sample: set to it
 * @measurement: a measured measurement with counts that passed
 *   dirty_measurement_check()
 */
void
migration_sample_best(MigrationSample *sample,
                      const DirtyMeasurement *measurement)
{
    migration_curve_init(&sample->curve, measurement);
    sample->zero_share = zero_share(measurement);
    sample->chance = (MigrationChance){
        .link = 1,
        .window = 1,
        .work = 1,
        .squeeze = 1,
        .backlog = 1,
        .writers = 1,
        .zero_last = TRUE,
        .hopes = TRUE,
    };
    take_parts(&sample->chance, measurement);
}

/**
 * migration_sample_cautious: a migration that dirties more than 95 % of those
 * that fit a measurement
 * @sample: set to it
 * @measurement: as for migration_sample_best()
 */
void
migration_sample_cautious(MigrationSample *sample,
                          const DirtyMeasurement *measurement)
{
    double factor = population_factor(measurement);
    double n = measurement->n_sampled;
    double scale = measurement->n_total / n;

    migration_curve_start(&sample->curve, measurement->n_total);
    for (gsize i = 0; i < measurement->n_periods; i++) {
        double hits = measurement->n_dirty[i] + PRIOR_HITS * factor;
        double spread = sqrt(MAX(hits * (1 - hits / n), 0)) * factor * CAUTIOUS;

        migration_curve_add(&sample->curve, measurement->periods[i],
                            (hits + spread) * scale);
    }
    migration_curve_finish(
        &sample->curve,
        (MigrationOutside){.end = MIGRATION_END_STRAIGHT, .part = 1});
    migration_curve_stretch(&sample->curve, 1 - PACE_SPREAD * CAUTIOUS);
    sample->zero_share = zero_share(measurement);
    sample->chance = (MigrationChance){
        .link = 1 - LINK_SPREAD * CAUTIOUS,
        .window = CAUTIOUS_WINDOW,
        .work = WORK_MAX,
        .squeeze = 1 + SQUEEZE_SPREAD * CAUTIOUS,
        .backlog = INFINITY,
        .writers = 1,
        .zero_last = TRUE,
    };
    take_parts(&sample->chance, measurement);
}

/*
 * The readings are one sample seen several times, so it is the pages that are
 * drawn anew and not the readings: how many of them got dirty first between one
 * reading and the next, and how many never (Rubin's Bayesian bootstrap, for
 * pages that are alike).
 */
static void
draw_readings(MigrationCurve *curve, const DirtyMeasurement *m, guint32 *state)
{
    double drawn[DIRTY_PERIODS_MAX];
    double never = m->n_sampled - m->n_dirty[m->n_periods - 1] + PRIOR_HITS;
    double all = draw_gamma(never, state);
    double factor = population_factor(m);
    double sum = 0;
    double last = 0;

    for (gsize i = 0; i < m->n_periods; i++) {
        double hits = m->n_dirty[i] - (i ? m->n_dirty[i - 1] : 0);

        drawn[i] = draw_gamma(hits + PRIOR_HITS / m->n_periods, state);
        all += drawn[i];
    }
    for (gsize i = 0; i < m->n_periods; i++) {
        double seen = (double)m->n_dirty[i] / m->n_sampled;
        double pages;

        sum += drawn[i];
        pages = (seen + (sum / all - seen) * factor) * m->n_total;
        last = MAX(last, pages);
        migration_curve_add(curve, m->periods[i], last);
    }
}

static double
draw_zero_share(const DirtyMeasurement *m, double even)
{
    double z = normal_quantile(even);
    double share = zero_share(m);
    double spread = sqrt(share * (1 - share) / zero_draws(m));

    /* Where nobody looked, any page not seen dirty may be zero. */
    if (m->zero_unknown) {
        return even * (m->n_sampled - m->n_dirty[m->n_periods - 1]) /
               m->n_sampled;
    }
    return CLAMP(share + z * spread, 0, 1);
}

/*
 * Whether a vCPU that was throttled makes up for all it has missed or for
 * nothing has to do with what the guest does: half of the samples do with less
 * than usual, half with more, up to both ends.
 */
static double
draw_backlog(double even)
{
    return even / (1 - even);
}

/**
 * migration_sample_draw: a migration that fits a measurement
 * @sample: set to it
 * @measurement: as for migration_sample_best()
 * @which: which one, 0..MIGRATION_SAMPLES - 1
 *
 * Beyond the last reading it may dirty nothing that it has not dirtied before,
 * go on as it did at the end, or anything between.
 */
void
migration_sample_draw(MigrationSample *sample,
                      const DirtyMeasurement *measurement, guint which)
{
    guint32 state = (which + 1) * 2654435761u;
    double pace = normal_quantile(even_number(which, 2)) * PACE_SPREAD;
    double link = normal_quantile(even_number(which, 3)) * LINK_SPREAD;
    const MigrationOutside outside = {
        .steep = even_number(which, 13),
        .end = MIGRATION_END_STRAIGHT,
        .part = even_number(which, 5),
    };

    migration_curve_start(&sample->curve, measurement->n_total);
    draw_readings(&sample->curve, measurement, &state);
    migration_curve_finish(&sample->curve, outside);
    migration_curve_stretch(&sample->curve, exp(pace));
    sample->zero_share = draw_zero_share(measurement, even_number(which, 7));
    sample->chance = (MigrationChance){
        .seed = state,
        .link = exp(link),
        .window = 1,
        .work = WORK_MIN * pow(WORK_MAX / WORK_MIN, even_number(which, 13)),
        .squeeze = exp(SQUEEZE_SPREAD * normal_quantile(even_number(which, 7))),
        .backlog = draw_backlog(even_number(which, 11)),
        .writers = even_number(which, 11),
        .hopes = TRUE,
        .zero_last = which % ZERO_FIRST_EVERY != 0,
    };
    take_parts(&sample->chance, measurement);
}
