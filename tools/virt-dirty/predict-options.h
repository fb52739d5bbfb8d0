/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options of virt-dirty predict.
 */
#ifndef VIRT_DIRTY_PREDICT_OPTIONS_H
#define VIRT_DIRTY_PREDICT_OPTIONS_H

#include "dirty-measurement.h"
#include "migration-list.h"
#include "migration-settings.h"

G_BEGIN_DECLS

/**
 * PredictOptions: what is asked for
 * @bandwidths: the rows of the table
 * @downtimes: its columns
 * @settings: how the migrations go, but for the bandwidth and the downtime limit of each, and for
 *   what predict_options_apply() takes from a measurement
 * @memory: the guest's memory, bytes; 0: not given
 * @join: whether all measurements are one guest's, and make one curve
 * @method: the compression method, NULL: none
 * @vcpus_given: whether the number of vCPUs was given
 * @bounds: whether bounds are asked for
 * @explain: whether a reason for each cell is asked for
 * @json: whether the output is JSON
 */
typedef struct {
    MigrationList *bandwidths;
    MigrationList *downtimes;
    MigrationSettings settings;
    guint64 memory;
    gboolean join;
    const char *method;
    gboolean vcpus_given;
    gboolean bounds;
    gboolean explain;
    gboolean json;
} PredictOptions;

extern const GOptionEntry predict_entries[];

char **predict_option_values(const char *option);
PredictOptions *predict_options_new(GError **error);
void predict_options_free(PredictOptions *options);
gboolean predict_options_apply(const PredictOptions *options, const DirtyMeasurement *measurement,
                               MigrationSettings *settings, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PredictOptions, predict_options_free)

G_END_DECLS

#endif
