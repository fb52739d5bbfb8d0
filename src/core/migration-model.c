/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The prediction of a live migration: replays what QEMU does on a guest's dirty
 * curve.
 */
#include "migration-model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dirty-i18n.h"
#include "migration-limit.h"
#include "migration-outcome.h"
#include "migration-replay.h"
#include "migration-sample.h"
#include "migration-wire.h"

#define BYTES_PER_MIB 1048576.0

/* Of MIGRATION_SAMPLES, those looked at to see whether all converge. */
#define N_HARDEST 8

/*
 * What logging costs the guest each time it dirties a page, ms of a vCPU's
 * time, by MigrationLog; not yet in a curve that was sampled. KVM: a guest of
 * 24 GiB that wrote 9354 MiB/s to random pages dirtied 2084 MiB/s of them while
 * they were logged. The emulator's cost is within its other slowness.
 */
static const double log_fault_ms[] = {
    [MIGRATION_LOG_LAZY] = 0.0015,
    [MIGRATION_LOG_BITMAP] = 0.0015,
    [MIGRATION_LOG_RING] = 0.0015,
    [MIGRATION_LOG_TCG] = 0,
};
G_STATIC_ASSERT(G_N_ELEMENTS(log_fault_ms) == MIGRATION_LOG_LAST);

/*
 * What logging its writes does to a guest.
 * @page_ms: how long it is held up by a first write to a page, ms; 0: it is not
 * @load: share of its time that it is busy anyway
 */
typedef struct {
    double page_ms;
    double load;
} HoldUp;

struct MigrationModel {
    /* What was measured; vCPUs and compression are left out. */
    DirtyMeasurement facts;
    gint64 periods[DIRTY_PERIODS_MAX];
    guint64 n_dirty[DIRTY_PERIODS_MAX];

    MigrationSample best;
    MigrationSample cautious;
    MigrationVcpus vcpus;

    /*
     * Drawn when bounds are asked for the first time, and held up as they are
     * in that migration: those that follow mostly are.
     */
    gsize has_samples;
    MigrationSample *samples;
    MigrationCurve *slowed;
    HoldUp slowed_by;
};

static void
keep_facts(MigrationModel *model, const DirtyMeasurement *measurement)
{
    gsize n = measurement->n_periods;

    model->facts = *measurement;
    model->facts.n_vcpus = model->facts.n_compressions = 0;
    model->facts.vcpus = NULL;
    model->facts.compressions = NULL;
    memcpy(model->periods, measurement->periods, n * sizeof(model->periods[0]));
    memcpy(model->n_dirty, measurement->n_dirty, n * sizeof(model->n_dirty[0]));
    model->facts.periods = model->periods;
    model->facts.n_dirty = model->n_dirty;
}

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

    if (!dirty_measurement_check_measured(measurement, error)) {
        return NULL;
    }
    if (!measurement->has_counts || measurement->n_periods == 0) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("dirty page measurement has no page counts to predict a "
                      "migration from: measure with a QEMU that gives "
                      "'n-dirty-pages'"));
        return NULL;
    }
    keep_facts(model, measurement);
    migration_sample_best(&model->best, &model->facts);
    migration_sample_cautious(&model->cautious, &model->facts);
    migration_vcpus_init(&model->vcpus, measurement);
    return g_steal_pointer(&model);
}

/**
 * migration_model_free: gives back a model
 * @model: a model, or NULL
 */
void
migration_model_free(MigrationModel *model)
{
    if (model) {
        migration_vcpus_clear(&model->vcpus);
        g_free(model->samples);
        g_free(model->slowed);
        g_free(model);
    }
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
    return (double)model->facts.n_total * model->facts.page_size;
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
    return migration_curve_last(&model->best.curve);
}

/* A curve that was counted was so while writes were logged. */
static HoldUp
hold_up(const MigrationModel *model, const MigrationSettings *settings)
{
    if (dirty_mode_counts_exactly(model->facts.mode)) {
        return (HoldUp){0, 1};
    }
    return (HoldUp){log_fault_ms[settings->log] / settings->n_vcpus,
                    settings->vcpu_load};
}

static gboolean
is_slowed_so(const MigrationModel *model, HoldUp by)
{
    return model->slowed_by.page_ms == by.page_ms &&
           model->slowed_by.load == by.load;
}

static void
init_wire(const MigrationModel *model, const MigrationSettings *settings,
          const MigrationSample *sample, MigrationWire *wire)
{
    migration_wire_init(wire, settings, model->facts.page_size,
                        model->facts.n_total, sample->zero_share,
                        &sample->chance);
}

/**
 * migration_model_patience: when a migration is given up
 * @model: the guest's model
 * @settings: how the migration is run, checked
 *
 * Return: ms of its total time.
 */
double
migration_model_patience(const MigrationModel *model,
                         const MigrationSettings *settings)
{
    MigrationWire wire;

    init_wire(model, settings, &model->best, &wire);
    return migration_wire_patience(&wire, settings);
}

static void
run_curve(const MigrationModel *model, const MigrationSettings *settings,
          const MigrationSample *sample, const MigrationCurve *curve,
          MigrationOutcome *outcome)
{
    const DirtyMeasurement *facts = &model->facts;
    MigrationHeld held;
    MigrationWire wire;

    init_wire(model, settings, sample, &wire);
    if (settings->throttle == MIGRATION_THROTTLE_DIRTY_LIMIT) {
        held.curve = *curve;
        held.loss = migration_curve_limit(
            &held.curve, &model->vcpus,
            ceil(settings->n_vcpus * sample->chance.writers),
            settings->vcpu_dirty_limit * BYTES_PER_MIB / facts->page_size);
    }
    migration_replay(settings, &wire, curve, &held, &sample->chance, outcome);
}

static void
run_sample(const MigrationModel *model, const MigrationSettings *settings,
           const MigrationSample *sample, MigrationOutcome *outcome)
{
    HoldUp by = hold_up(model, settings);
    MigrationCurve slowed;

    if (by.page_ms <= 0) {
        run_curve(model, settings, sample, &sample->curve, outcome);
        return;
    }
    slowed = sample->curve;
    migration_curve_slow(&slowed, by.load, by.page_ms);
    run_curve(model, settings, sample, &slowed, outcome);
}

/*
 * How hard a sample is to migrate by the others: what it dirties while little
 * is sent, in a second and while much is sent, by what its link carries.
 */
static double
hardness(const MigrationSample *sample)
{
    const double times[] = {60, 1000, migration_curve_last(&sample->curve)};
    double product = 1;

    for (gsize i = 0; i < G_N_ELEMENTS(times); i++) {
        product *= migration_curve_pages(&sample->curve, times[i]) /
                   sample->chance.link;
    }
    return product;
}

static int
harder_first(const void *a, const void *b)
{
    double first = hardness(a);
    double second = hardness(b);

    return first < second ? 1 : first > second ? -1 : 0;
}

static void
draw_samples(MigrationModel *model)
{
    model->samples = g_new(MigrationSample, MIGRATION_SAMPLES);
    for (guint i = 0; i < MIGRATION_SAMPLES; i++) {
        migration_sample_draw(&model->samples[i], &model->facts, i);
    }
    qsort(model->samples, MIGRATION_SAMPLES, sizeof(model->samples[0]),
          harder_first);
}

static void
slow_samples(MigrationModel *model, HoldUp by)
{
    model->slowed_by = by;
    if (by.page_ms <= 0) {
        return;
    }
    model->slowed = g_new(MigrationCurve, MIGRATION_SAMPLES);
    for (guint i = 0; i < MIGRATION_SAMPLES; i++) {
        model->slowed[i] = model->samples[i].curve;
        migration_curve_slow(&model->slowed[i], by.load, by.page_ms);
    }
}

/* The samples, the hardest first, drawn once; safe where several threads ask at
 * the same time. */
static void
get_samples(const MigrationModel *model, const MigrationSettings *settings)
{
    MigrationModel *own = (MigrationModel *)model;

    if (g_once_init_enter(&own->has_samples)) {
        draw_samples(own);
        slow_samples(own, hold_up(model, settings));
        g_once_init_leave(&own->has_samples, 1);
    }
}

/* As run_sample(), of one of the samples drawn. */
static void
run_drawn(const MigrationModel *model, const MigrationSettings *settings,
          guint which, MigrationOutcome *outcome)
{
    const MigrationSample *sample = &model->samples[which];

    if (model->slowed && is_slowed_so(model, hold_up(model, settings))) {
        run_curve(model, settings, sample, &model->slowed[which], outcome);
    } else {
        run_sample(model, settings, sample, outcome);
    }
}

static void
add_bounds(const MigrationModel *model, const MigrationSettings *settings,
           MigrationPrediction *prediction)
{
    MigrationOutcome outcomes[MIGRATION_SAMPLES];

    get_samples(model, settings);
    for (guint i = 0; i < MIGRATION_SAMPLES; i++) {
        run_drawn(model, settings, i, &outcomes[i]);
    }
    migration_prediction_bound(prediction, outcomes, MIGRATION_SAMPLES);
}

/**
 * migration_model_predict: how a migration will go
 * @model: the guest's model
 * @settings: how the migration is run
 * @bounds: whether to work out bounds too, which takes some 25 times as long
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
    MigrationOutcome outcome;

    if (!migration_settings_check(settings, error)) {
        return FALSE;
    }
    run_sample(model, settings, &model->best, &outcome);
    migration_prediction_init(prediction, &outcome,
                              migration_model_longest(model));
    if (bounds) {
        add_bounds(model, settings, prediction);
    }
    return TRUE;
}

/**
 * migration_model_is_sure: whether a migration surely converges
 * @model: the guest's model
 * @settings: how the migration is run, checked
 *
 * What a prediction with bounds says of that, but quicker: it looks at the
 * worst case and at the hardest of what fits the measurement; the rest is
 * easier.
 *
 * Return: TRUE if it does, but for one of those at most.
 */
gboolean
migration_model_is_sure(const MigrationModel *model,
                        const MigrationSettings *settings)
{
    MigrationOutcome outcome;
    guint n_failed = 0;
    guint n = N_HARDEST;

    run_sample(model, settings, &model->cautious, &outcome);
    if (outcome.verdict != MIGRATION_CONVERGES) {
        return FALSE;
    }
    get_samples(model, settings);
    /* How hard they are to each other the limit changes. */
    if (settings->throttle == MIGRATION_THROTTLE_DIRTY_LIMIT) {
        n = MIGRATION_SAMPLES;
    }
    for (guint i = 0; i < n && n_failed < 2; i++) {
        run_drawn(model, settings, i, &outcome);
        n_failed += outcome.verdict != MIGRATION_CONVERGES;
    }
    return n_failed < 2;
}
