/*
 * qemu_dirty_predict_model.c: predicts from a measurement
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Nothing here knows a domain or a monitor, so it needs no lock and no job.
 */

#include <config.h>

#include <math.h>

#include "qemu_dirty_predict_model.h"
#include "qemu_dirty_predict_result.h"
#include "qemu_dirty_params.h"
#include "dirty-measurement-memory.h"
#include "virerror.h"

#define VIR_FROM_THIS VIR_FROM_QEMU


/* Each connection compresses in a thread of its own. */
static int
qemuDirtyPredictTakeCompression(MigrationSettings *settings,
                                const DirtyMeasurement *measurement,
                                const char *method)
{
    size_t i;

    for (i = 0; i < measurement->n_compressions; i++) {
        const DirtyCompression *compression = &measurement->compressions[i];

        if (STRNEQ(compression->method, method))
            continue;

        settings->compression_ratio = compression->ratio;
        settings->compression_speed = compression->speed *
            MIN(settings->channels, g_get_num_processors());
        return 0;
    }

    virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                   _("how well the guest's memory compresses by '%1$s' was not measured: its QEMU lacks that method, or all its memory is zero"),
                   method);
    return -1;
}


static MigrationSettings
qemuDirtyPredictCellSettings(const qemuDirtyPrediction *prediction,
                             size_t i)
{
    MigrationSettings settings = prediction->settings;
    unsigned long long downtime = prediction->downtimes[i % prediction->ndowntimes];

    settings.bandwidth = prediction->bandwidths[i / prediction->ndowntimes] * QEMU_DIRTY_PREDICT_MIB;
    settings.downtime_limit = downtime == ULLONG_MAX ? INFINITY : downtime;

    return settings;
}


static int
qemuDirtyPredictCells(qemuDirtyPrediction *prediction,
                      const MigrationModel *model)
{
    size_t ncells = prediction->nbandwidths * prediction->ndowntimes;
    GError *err = NULL;
    size_t i;

    prediction->cells = g_new0(MigrationPrediction, ncells);

    for (i = 0; i < ncells; i++) {
        MigrationSettings settings = qemuDirtyPredictCellSettings(prediction, i);

        if (!migration_model_predict(model, &settings, prediction->bounds,
                                     &prediction->cells[i], &err)) {
            qemuDirtyReportError(err);
            return -1;
        }
    }

    return 0;
}


/* for the lowest bandwidth with the shortest downtime: what lets that
 * migration converge lets all others */
static int
qemuDirtyPredictPlan(qemuDirtyPrediction *prediction,
                     const MigrationModel *model)
{
    MigrationSettings settings;
    GError *err = NULL;
    size_t bandwidth = 0;
    size_t downtime = 0;
    size_t i;

    for (i = 1; i < prediction->nbandwidths; i++) {
        if (prediction->bandwidths[i] < prediction->bandwidths[bandwidth])
            bandwidth = i;
    }

    for (i = 1; i < prediction->ndowntimes; i++) {
        if (prediction->downtimes[i] < prediction->downtimes[downtime])
            downtime = i;
    }

    prediction->planCell = bandwidth * prediction->ndowntimes + downtime;
    settings = qemuDirtyPredictCellSettings(prediction, prediction->planCell);

    if (!(prediction->plan = migration_plan_new(model, &settings, &err))) {
        qemuDirtyReportError(err);
        return -1;
    }

    return 0;
}


/* what is known only now, behind what was known of the guest */
static void
qemuDirtyPredictNotes(qemuDirtyPrediction *prediction,
                      const qemuDirtyPredictGuest *guest)
{
    size_t ncells = prediction->nbandwidths * prediction->ndowntimes;
    size_t i;

    prediction->notes = g_ptr_array_new_with_free_func(g_free);

    if (prediction->age > 0)
        g_ptr_array_add(prediction->notes,
                        g_strdup_printf(_("the measurement is %1$llu s old: what the guest does now is not part of it"),
                                        prediction->age));

    if (!prediction->measurement->has_counts)
        g_ptr_array_add(prediction->notes,
                        g_strdup(_("the hypervisor told only a rate and no counts of pages: the predictions are rough, and assume that no page is zero")));

    for (i = 0; i < ncells; i++) {
        if (prediction->cells[i].extrapolated) {
            g_ptr_array_add(prediction->notes,
                            g_strdup_printf(_("passes of the migration take longer than the %1$lld ms that the guest was measured for: measure longer to know more"),
                                            (long long) prediction->measurement->calc_time));
            break;
        }
    }

    for (i = 0; i < guest->notes->len; i++)
        g_ptr_array_add(prediction->notes,
                        g_strdup(g_ptr_array_index(guest->notes, i)));
}


/* what @measurement is with counts of pages, and with those of the shorter
 * ones if QEMU gave none */
static int
qemuDirtyPredictCount(DirtyMeasurement *measurement,
                      const qemuDirtyPredictGuest *guest)
{
    GError *err = NULL;
    size_t i;

    if (!dirty_measurement_add_memory(measurement, guest->memory, &err))
        goto error;

    for (i = 0; i < guest->shorter->len; i++) {
        DirtyMeasurement *shorter = g_ptr_array_index(guest->shorter, i);

        if (!dirty_measurement_add_memory(shorter, guest->memory, &err) ||
            !dirty_measurement_join(measurement, shorter, &err))
            goto error;
    }

    return 0;

 error:
    virReportError(VIR_ERR_OPERATION_INVALID, "%s", err->message);
    g_error_free(err);
    return -1;
}


/* Counts are put into a copy, as @measurement is told as it was reported. */
static MigrationModel *
qemuDirtyPredictModel(const DirtyMeasurement *measurement,
                      const qemuDirtyPredictGuest *guest)
{
    DirtyMeasurement counted = *measurement;
    MigrationModel *model = NULL;
    GError *err = NULL;

    if (qemuDirtyPredictCount(&counted, guest) == 0 &&
        !(model = migration_model_new(&counted, &err)))
        qemuDirtyReportError(err);

    /* all else is owned by @measurement */
    if (!measurement->has_counts) {
        g_free(counted.periods);
        g_free(counted.n_dirty);
    }

    return model;
}


/**
 * qemuDirtyPredictFrom:
 * @request: what is asked for, with both lists
 * @guest: what is known about the guest
 * @measurement: a finished measurement of it
 * @age: how long ago it ended, s
 *
 * Returns the parameters virDomainMigratePredict() gives, or NULL with an
 * error reported.
 */
virTypedParamList *
qemuDirtyPredictFrom(const qemuDirtyPredictRequest *request,
                     const qemuDirtyPredictGuest *guest,
                     const DirtyMeasurement *measurement,
                     unsigned long long age)
{
    g_autoptr(MigrationModel) model = NULL;
    g_auto(qemuDirtyPrediction) prediction = {
        .measurement = measurement,
        .age = age,
        .settings = guest->settings,
        .compressed = !!request->compression,
        .bounds = request->bounds,
        .nbandwidths = request->nbandwidths,
        .bandwidths = request->bandwidths,
        .ndowntimes = request->ndowntimes,
        .downtimes = request->downtimes,
    };

    /* QEMU with the libvirt-dirty patch, which tells counts, or a ring */
    prediction.settings.limitable = measurement->has_counts ||
        prediction.settings.log == MIGRATION_LOG_RING;

    if (request->compression &&
        qemuDirtyPredictTakeCompression(&prediction.settings, measurement,
                                        request->compression) < 0)
        return NULL;

    if (!(model = qemuDirtyPredictModel(measurement, guest)) ||
        qemuDirtyPredictCells(&prediction, model) < 0 ||
        qemuDirtyPredictPlan(&prediction, model) < 0)
        return NULL;

    qemuDirtyPredictNotes(&prediction, guest);

    return qemuDirtyPredictionToParams(&prediction);
}
