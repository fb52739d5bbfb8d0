/*
 * qemu_dirty_predict_result.c: predictions of migrations as parameters
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include <math.h>

#include "qemu_dirty_predict_result.h"
#include "qemu_dirty_predict_params.h"
#include "qemu_dirty_result.h"
#include "virerror.h"

#define QEMU_DIRTY_PREDICT_CELL(suffix) \
    VIR_DOMAIN_MIGRATE_PREDICT_CELL_PREFIX "%zu" \
    VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_ ## suffix

/* An estimate of a prediction. */
typedef struct _qemuDirtyPredictEstimate qemuDirtyPredictEstimate;
struct _qemuDirtyPredictEstimate {
    const char *suffix;
    const char *low;
    const char *high;
    size_t offset;
};

#define QEMU_DIRTY_PREDICT_ESTIMATE(suffix, member) \
    { VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_ ## suffix, \
      VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_ ## suffix ## _LOW, \
      VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_ ## suffix ## _HIGH, \
      offsetof(MigrationPrediction, member) }

static const qemuDirtyPredictEstimate qemuDirtyPredictEstimates[] = {
    QEMU_DIRTY_PREDICT_ESTIMATE(TIME, total_time),
    QEMU_DIRTY_PREDICT_ESTIMATE(DOWNTIME, downtime),
    QEMU_DIRTY_PREDICT_ESTIMATE(PASSES, passes),
    QEMU_DIRTY_PREDICT_ESTIMATE(BYTES, bytes),
    QEMU_DIRTY_PREDICT_ESTIMATE(THROTTLE, throttle),
};

/* A way to make a migration converge. */
typedef struct _qemuDirtyPredictWay qemuDirtyPredictWay;
struct _qemuDirtyPredictWay {
    const char *name;
    const char *sure;
    double unit; /* of the parameter in that of the plan */
};

static const qemuDirtyPredictWay qemuDirtyPredictWays[] = {
    [MIGRATION_PLAN_BANDWIDTH] = {
        VIR_DOMAIN_MIGRATE_PREDICT_PLAN_BANDWIDTH,
        VIR_DOMAIN_MIGRATE_PREDICT_PLAN_BANDWIDTH_SURE,
        QEMU_DIRTY_PREDICT_MIB,
    },
    [MIGRATION_PLAN_DOWNTIME] = {
        VIR_DOMAIN_MIGRATE_PREDICT_PLAN_DOWNTIME,
        VIR_DOMAIN_MIGRATE_PREDICT_PLAN_DOWNTIME_SURE,
        1,
    },
    [MIGRATION_PLAN_THROTTLE] = {
        VIR_DOMAIN_MIGRATE_PREDICT_PLAN_THROTTLE,
        VIR_DOMAIN_MIGRATE_PREDICT_PLAN_THROTTLE_SURE,
        1,
    },
    [MIGRATION_PLAN_DIRTY_LIMIT] = {
        VIR_DOMAIN_MIGRATE_PREDICT_PLAN_DIRTY_LIMIT,
        VIR_DOMAIN_MIGRATE_PREDICT_PLAN_DIRTY_LIMIT_SURE,
        1,
    },
};
G_STATIC_ASSERT(G_N_ELEMENTS(qemuDirtyPredictWays) == MIGRATION_PLAN_LAST);


void
qemuDirtyPredictionClear(qemuDirtyPrediction *prediction)
{
    g_clear_pointer(&prediction->cells, g_free);
    g_clear_pointer(&prediction->plan, migration_plan_free);
    g_clear_pointer(&prediction->notes, g_ptr_array_unref);
}


static int
qemuDirtyPredictAddMeasurement(virTypedParamList *list,
                               const qemuDirtyPrediction *prediction)
{
    g_autoptr(virTypedParamList) measured = NULL;
    virTypedParameterPtr params = NULL;
    size_t nparams = 0;
    size_t i;

    if (!(measured = qemuDirtyMeasurementToParams(prediction->measurement)) ||
        virTypedParamListFetch(measured, &params, &nparams) < 0)
        return -1;

    for (i = 0; i < nparams; i++) {
        g_autofree char *name = g_strdup_printf(VIR_DOMAIN_MIGRATE_PREDICT_MEASUREMENT_PREFIX "%s",
                                                params[i].field);

        qemuDirtyAddParam(list, name, &params[i]);
    }

    virTypedParamListAddULLong(list, prediction->age, "%s",
                               VIR_DOMAIN_MIGRATE_PREDICT_MEASUREMENT_AGE);

    return 0;
}


static void
qemuDirtyPredictAddThrottle(virTypedParamList *list,
                            const MigrationSettings *settings)
{
    virTypedParamListAddString(list, migration_throttle_to_string(settings->throttle), "%s",
                               VIR_DOMAIN_MIGRATE_PREDICT_SETTING_THROTTLE);

    switch (settings->throttle) {
    case MIGRATION_THROTTLE_AUTO_CONVERGE:
        virTypedParamListAddDouble(list, settings->throttle_initial, "%s",
                                   VIR_DOMAIN_MIGRATE_PREDICT_SETTING_THROTTLE_INITIAL);
        virTypedParamListAddDouble(list, settings->throttle_increment, "%s",
                                   VIR_DOMAIN_MIGRATE_PREDICT_SETTING_THROTTLE_INCREMENT);
        virTypedParamListAddDouble(list, settings->throttle_max, "%s",
                                   VIR_DOMAIN_MIGRATE_PREDICT_SETTING_THROTTLE_MAX);
        break;

    case MIGRATION_THROTTLE_DIRTY_LIMIT:
        virTypedParamListAddDouble(list, settings->vcpu_dirty_limit, "%s",
                                   VIR_DOMAIN_MIGRATE_PREDICT_SETTING_DIRTY_LIMIT);
        break;

    case MIGRATION_THROTTLE_NONE:
    case MIGRATION_THROTTLE_LAST:
    default:
        break;
    }
}


static void
qemuDirtyPredictAddSettings(virTypedParamList *list,
                            const qemuDirtyPrediction *prediction)
{
    const MigrationSettings *settings = &prediction->settings;

    virTypedParamListAddString(list, migration_log_to_string(settings->log), "%s",
                               VIR_DOMAIN_MIGRATE_PREDICT_SETTING_LOG);
    virTypedParamListAddUInt(list, settings->n_vcpus, "%s",
                             VIR_DOMAIN_MIGRATE_PREDICT_SETTING_VCPUS);
    virTypedParamListAddDouble(list, settings->vcpu_load, "%s",
                               VIR_DOMAIN_MIGRATE_PREDICT_SETTING_VCPU_LOAD);
    virTypedParamListAddDouble(list, settings->device_state, "%s",
                               VIR_DOMAIN_MIGRATE_PREDICT_SETTING_DEVICE_STATE);

    if (settings->max_bandwidth > 0)
        virTypedParamListAddDouble(list, settings->max_bandwidth / QEMU_DIRTY_PREDICT_MIB, "%s",
                                   VIR_DOMAIN_MIGRATE_PREDICT_SETTING_MAX_BANDWIDTH);

    if (settings->switchover_bandwidth > 0)
        virTypedParamListAddDouble(list, settings->switchover_bandwidth / QEMU_DIRTY_PREDICT_MIB, "%s",
                                   VIR_DOMAIN_MIGRATE_PREDICT_SETTING_SWITCHOVER_BANDWIDTH);

    virTypedParamListAddDouble(list, settings->free_page_share, "%s",
                               VIR_DOMAIN_MIGRATE_PREDICT_SETTING_FREE_PAGE_SHARE);
    virTypedParamListAddDouble(list, settings->latency, "%s",
                               VIR_DOMAIN_MIGRATE_PREDICT_SETTING_LATENCY);
    qemuDirtyPredictAddThrottle(list, settings);

    if (settings->channels > 0)
        virTypedParamListAddUInt(list, settings->channels, "%s",
                                 VIR_DOMAIN_MIGRATE_PREDICT_SETTING_CHANNELS);

    if (prediction->compressed) {
        virTypedParamListAddDouble(list, settings->compression_ratio, "%s",
                                   VIR_DOMAIN_MIGRATE_PREDICT_SETTING_COMPRESSION_RATIO);
        virTypedParamListAddDouble(list, settings->compression_speed, "%s",
                                   VIR_DOMAIN_MIGRATE_PREDICT_SETTING_COMPRESSION_SPEED);
    }
}


static void
qemuDirtyPredictAddEstimates(virTypedParamList *list,
                             size_t i,
                             const MigrationPrediction *cell,
                             bool bounds)
{
    size_t j;

    for (j = 0; j < G_N_ELEMENTS(qemuDirtyPredictEstimates); j++) {
        const qemuDirtyPredictEstimate *item = &qemuDirtyPredictEstimates[j];
        const DirtyEstimate *estimate = &G_STRUCT_MEMBER(DirtyEstimate, cell, item->offset);

        /* a migration without an end has no time */
        if (!isfinite(estimate->value))
            continue;

        virTypedParamListAddDouble(list, estimate->value,
                                   VIR_DOMAIN_MIGRATE_PREDICT_CELL_PREFIX "%zu%s",
                                   i, item->suffix);
        if (!bounds)
            continue;

        virTypedParamListAddDouble(list, estimate->low,
                                   VIR_DOMAIN_MIGRATE_PREDICT_CELL_PREFIX "%zu%s",
                                   i, item->low);
        virTypedParamListAddDouble(list, estimate->high,
                                   VIR_DOMAIN_MIGRATE_PREDICT_CELL_PREFIX "%zu%s",
                                   i, item->high);
    }
}


static void
qemuDirtyPredictAddCell(virTypedParamList *list,
                        const qemuDirtyPrediction *prediction,
                        size_t i)
{
    const MigrationPrediction *cell = &prediction->cells[i];
    bool converges = cell->verdict == MIGRATION_CONVERGES;

    virTypedParamListAddDouble(list, prediction->bandwidths[i / prediction->ndowntimes],
                               QEMU_DIRTY_PREDICT_CELL(BANDWIDTH), i);
    virTypedParamListAddULLong(list, prediction->downtimes[i % prediction->ndowntimes],
                               QEMU_DIRTY_PREDICT_CELL(DOWNTIME_LIMIT), i);
    virTypedParamListAddBoolean(list, converges, QEMU_DIRTY_PREDICT_CELL(CONVERGES), i);
    virTypedParamListAddString(list, migration_verdict_to_string(cell->verdict),
                               QEMU_DIRTY_PREDICT_CELL(VERDICT), i);
    if (prediction->bounds)
        virTypedParamListAddDouble(list, cell->certainty,
                                   QEMU_DIRTY_PREDICT_CELL(CERTAINTY), i);

    qemuDirtyPredictAddEstimates(list, i, cell, prediction->bounds);

    virTypedParamListAddBoolean(list, cell->extrapolated,
                                QEMU_DIRTY_PREDICT_CELL(EXTRAPOLATED), i);

    if (prediction->settings.postcopy && converges) {
        virTypedParamListAddDouble(list, cell->switch_time,
                                   QEMU_DIRTY_PREDICT_CELL(SWITCH_TIME), i);
        virTypedParamListAddDouble(list, cell->postcopy_time,
                                   QEMU_DIRTY_PREDICT_CELL(POSTCOPY_TIME), i);
        virTypedParamListAddDouble(list, cell->postcopy_faults,
                                   QEMU_DIRTY_PREDICT_CELL(POSTCOPY_FAULTS), i);
    }
}


static void
qemuDirtyPredictAddPlan(virTypedParamList *list,
                        const qemuDirtyPrediction *prediction)
{
    const MigrationPlan *plan = prediction->plan;
    size_t i;

    virTypedParamListAddUInt(list, prediction->planCell, "%s",
                             VIR_DOMAIN_MIGRATE_PREDICT_PLAN_CELL);

    for (i = 0; i < G_N_ELEMENTS(qemuDirtyPredictWays); i++) {
        const qemuDirtyPredictWay *way = &qemuDirtyPredictWays[i];
        const MigrationRemedy *remedy = &plan->ways[i];

        if (!remedy->exists)
            continue;

        virTypedParamListAddDouble(list, remedy->value / way->unit, "%s", way->name);
        if (remedy->sure > 0)
            virTypedParamListAddDouble(list, remedy->sure / way->unit, "%s", way->sure);
    }

    virTypedParamListAddBoolean(list, plan->postcopy_better, "%s",
                                VIR_DOMAIN_MIGRATE_PREDICT_PLAN_POSTCOPY);
    virTypedParamListAddString(list, plan->recommendation, "%s",
                               VIR_DOMAIN_MIGRATE_PREDICT_PLAN_RECOMMENDATION);
}


/**
 * qemuDirtyPredictionToParams:
 * @prediction: what was predicted
 *
 * Returns the parameters virDomainMigratePredict() gives for it, or NULL with
 * an error reported.
 */
virTypedParamList *
qemuDirtyPredictionToParams(const qemuDirtyPrediction *prediction)
{
    g_autoptr(virTypedParamList) list = virTypedParamListNew();
    size_t ncells = prediction->nbandwidths * prediction->ndowntimes;
    size_t i;

    if (qemuDirtyPredictAddMeasurement(list, prediction) < 0)
        return NULL;

    qemuDirtyPredictAddSettings(list, prediction);

    virTypedParamListAddUInt(list, ncells, "%s",
                             VIR_DOMAIN_MIGRATE_PREDICT_CELL_COUNT);
    for (i = 0; i < ncells; i++)
        qemuDirtyPredictAddCell(list, prediction, i);

    qemuDirtyPredictAddPlan(list, prediction);

    virTypedParamListAddUInt(list, prediction->notes->len, "%s",
                             VIR_DOMAIN_MIGRATE_PREDICT_NOTE_COUNT);
    for (i = 0; i < prediction->notes->len; i++)
        virTypedParamListAddString(list, g_ptr_array_index(prediction->notes, i),
                                   VIR_DOMAIN_MIGRATE_PREDICT_NOTE_PREFIX "%zu", i);

    return g_steal_pointer(&list);
}
