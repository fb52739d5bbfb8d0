/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The prediction of a live migration: replays what QEMU does on a guest's dirty
 * curve.
 */
#include "migration-model.h"

#include "dirty-i18n.h"
#include "migration-curve.h"
#include "migration-replay.h"
#include "migration-wire.h"

struct MigrationModel {
    MigrationCurve curve;
    double page_bytes;
    double zero_share;
};

static const char *const verdict_names[] = {
    [MIGRATION_CONVERGES] = "converges",
    [MIGRATION_DIRTIES_TOO_FAST] = "dirties-too-fast",
    [MIGRATION_DOWNTIME_TOO_SHORT] = "downtime-too-short",
    [MIGRATION_THROTTLE_EXHAUSTED] = "throttle-exhausted",
    [MIGRATION_TIME_LIMIT] = "time-limit",
};
G_STATIC_ASSERT(G_N_ELEMENTS(verdict_names) == MIGRATION_VERDICT_LAST);

/**
 * migration_model_new: the model of a guest
 * @measurement: a measured measurement that passed dirty_measurement_check()
 * @error: set to DIRTY_ERROR_INVALID if it is not measured or has no page
 *   counts
 *
 * Return: a model, or NULL with @error set; migration_model_free() it. It holds
 *   no reference to @measurement, is never changed and can be used by several
 *   threads at once.
 */
MigrationModel *
migration_model_new(const DirtyMeasurement *measurement, GError **error)
{
    g_autoptr(MigrationModel) model = g_new0(MigrationModel, 1);

    if (measurement->status != DIRTY_STATUS_MEASURED) {
        g_set_error(
            error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
            _("dirty page measurement is '%1$s': wait until it is 'measured'"),
            dirty_status_to_string(measurement->status));
        return NULL;
    }
    if (!measurement->has_counts || measurement->n_periods == 0) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("dirty page measurement has no page counts to predict a "
                      "migration from: measure with a QEMU that gives "
                      "'n-dirty-pages'"));
        return NULL;
    }
    migration_curve_init(&model->curve, measurement);
    model->page_bytes = measurement->page_size;
    model->zero_share = (double)measurement->n_zero / measurement->n_sampled;
    return g_steal_pointer(&model);
}

/**
 * migration_model_free: gives back a model
 * @model: a model, or NULL
 */
void
migration_model_free(MigrationModel *model)
{
    g_free(model);
}

/**
 * migration_model_memory: how large a model's guest is
 * @model: a model
 *
 * Return: bytes of its memory.
 */
double
migration_model_memory(const MigrationModel *model)
{
    return model->curve.n_total * model->page_bytes;
}

/**
 * migration_model_longest: how long a model's guest was measured
 * @model: a model
 *
 * Return: ms; a prediction whose passes take longer is extrapolated.
 */
double
migration_model_longest(const MigrationModel *model)
{
    return migration_curve_last(&model->curve);
}

static DirtyEstimate
exactly(double value)
{
    return (DirtyEstimate){value, value, value};
}

/**
 * migration_model_predict: how a migration will go
 * @model: the guest's model
 * @settings: how the migration is run
 * @bounds: whether to work out bounds too, which takes longer
 * @prediction: set to it
 * @error: set to DIRTY_ERROR_INVALID where a setting is out of its range
 *
 * The same arguments give the same prediction.
 *
 * Return: TRUE, or FALSE with @error set.
 */
gboolean
migration_model_predict(const MigrationModel *model,
                        const MigrationSettings *settings, gboolean bounds,
                        MigrationPrediction *prediction, GError **error)
{
    MigrationWire wire;
    MigrationOutcome outcome;

    if (!migration_settings_check(settings, error)) {
        return FALSE;
    }
    (void)bounds;
    migration_wire_init(&wire, settings, model->page_bytes, model->zero_share);
    migration_replay(settings, &wire, &model->curve, &outcome);
    *prediction = (MigrationPrediction){
        .verdict = outcome.verdict,
        .certainty = 1,
        .total_time = exactly(outcome.total_time),
        .downtime = exactly(outcome.downtime),
        .passes = exactly(outcome.passes),
        .bytes = exactly(outcome.bytes),
        .throttle = exactly(outcome.throttle),
        .extrapolated = outcome.longest > migration_curve_last(&model->curve),
        .switch_time = outcome.switch_time,
        .postcopy_time = outcome.postcopy_time,
        .postcopy_faults = outcome.postcopy_faults,
    };
    return TRUE;
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
