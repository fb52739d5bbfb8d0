/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How one replay ended, and what many of them say together.
 */
#include "migration-outcome.h"

#include <math.h>

/*
 * The model's error: what real migrations differ from a replay by beyond what
 * its samples do, a share of the value and a part that does not depend on it,
 * ms. From the cases of even number of an accuracy run (seed 5001), checked on
 * the odd ones: pieces in which sockets and windows fill, the scheduler, start
 * and end of threads.
 */
#define TIME_ERROR_SHARE 0.005
#define TIME_ERROR_MS 20.0
#define DOWNTIME_ERROR_SHARE 0.08
#define DOWNTIME_ERROR_MS 25.0
#define BYTES_ERROR_SHARE 0.01

static const char *const verdict_names[] = {
    [MIGRATION_CONVERGES] = "converges",
    [MIGRATION_DIRTIES_TOO_FAST] = "dirties-too-fast",
    [MIGRATION_DOWNTIME_TOO_SHORT] = "downtime-too-short",
    [MIGRATION_THROTTLE_EXHAUSTED] = "throttle-exhausted",
    [MIGRATION_TIME_LIMIT] = "time-limit",
};
G_STATIC_ASSERT(G_N_ELEMENTS(verdict_names) == MIGRATION_VERDICT_LAST);

/* One row for each figure that has bounds. */
typedef struct {
    gsize estimate;
    gsize outcome;
    double error_share;
    double error;
    double high;
} FigureRow;

#define ROW(member, share, error, high)                                        \
 {                                                                             \
  G_STRUCT_OFFSET(MigrationPrediction, member),                                \
      G_STRUCT_OFFSET(MigrationOutcome, member), share, error, high            \
 }

static const FigureRow figures[] = {
    ROW(total_time, TIME_ERROR_SHARE, TIME_ERROR_MS, INFINITY),
    ROW(downtime, DOWNTIME_ERROR_SHARE, DOWNTIME_ERROR_MS, INFINITY),
    ROW(passes, 0, 0, INFINITY),
    ROW(bytes, BYTES_ERROR_SHARE, 0, INFINITY),
    ROW(throttle, 0, 0, 1),
};

static DirtyEstimate *
estimate_of(MigrationPrediction *prediction, const FigureRow *row)
{
    return &G_STRUCT_MEMBER(DirtyEstimate, prediction, row->estimate);
}

static double
figure_of(const MigrationOutcome *outcome, const FigureRow *row)
{
    return G_STRUCT_MEMBER(double, outcome, row->outcome);
}

/**
 * migration_prediction_init: what one replay says
 * @prediction: set to it; its bounds are its values
 * @outcome: how the replay ended
 * @measured: how long the guest was measured, ms
 */
void
migration_prediction_init(MigrationPrediction *prediction,
                          const MigrationOutcome *outcome, double measured)
{
    *prediction = (MigrationPrediction){
        .verdict = outcome->verdict,
        .certainty = 1,
        .extrapolated = outcome->longest > measured,
        .switch_time = outcome->switch_time,
        .postcopy_time = outcome->postcopy_time,
        .postcopy_faults = outcome->postcopy_faults,
    };
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++) {
        double value = figure_of(outcome, &figures[i]);

        *estimate_of(prediction, &figures[i]) =
            (DirtyEstimate){value, value, value};
    }
}

static void
bound_figure(DirtyEstimate *estimate, const FigureRow *row,
             const MigrationOutcome *outcomes, guint n)
{
    for (guint i = 0; i < n; i++) {
        double figure = figure_of(&outcomes[i], row);

        estimate->low = MIN(estimate->low, figure);
        estimate->high = MAX(estimate->high, figure);
    }
    estimate->low -= isfinite(estimate->low)
                         ? estimate->low * row->error_share + row->error
                         : 0;
    estimate->high += estimate->high * row->error_share + row->error;
    estimate->low = MAX(estimate->low, 0);
    estimate->high = MIN(estimate->high, row->high);
}

/**
 * migration_prediction_bound: how sure a prediction is
 * @prediction: a prediction without bounds; they are set
 * @outcomes: replays of migrations that fit the measurement as well
 * @n: how many, 1 or more
 */
void
migration_prediction_bound(MigrationPrediction *prediction,
                           const MigrationOutcome *outcomes, guint n)
{
    gboolean converges = prediction->verdict == MIGRATION_CONVERGES;
    guint alike = 0;

    for (guint i = 0; i < n; i++) {
        alike += (outcomes[i].verdict == MIGRATION_CONVERGES) == converges;
    }
    prediction->certainty = (double)alike / n;
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++) {
        bound_figure(estimate_of(prediction, &figures[i]), &figures[i],
                     outcomes, n);
    }
}

/**
 * migration_verdict_to_string: the name of a verdict
 * @verdict: below MIGRATION_VERDICT_LAST
 *
 * Return: its name as in the API, static.
 */
const char *
migration_verdict_to_string(MigrationVerdict verdict)
{
    g_return_val_if_fail((guint)verdict < MIGRATION_VERDICT_LAST, NULL);
    return verdict_names[verdict];
}

/**
 * migration_verdict_from_string: the verdict of a name
 * @name: a verdict's name, or NULL
 * @verdict: where to put it
 *
 * Return: whether there is one.
 */
gboolean
migration_verdict_from_string(const char *name, MigrationVerdict *verdict)
{
    for (gsize i = 0; i < MIGRATION_VERDICT_LAST; i++) {
        if (g_strcmp0(verdict_names[i], name) == 0) {
            *verdict = (MigrationVerdict)i;
            return TRUE;
        }
    }
    return FALSE;
}
