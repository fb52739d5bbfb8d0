/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of virt-dirty predict share.
 */
#ifndef VIRT_DIRTY_PREDICT_H
#define VIRT_DIRTY_PREDICT_H

#include "migration-plan.h"
#include "predict-options.h"

G_BEGIN_DECLS

/* Most migrations predicted for one measurement: rows by columns of a table. */
#define PREDICT_CELLS_MAX 4096

/**
 * PredictResult: all that is predicted from one measurement
 * @file: the file it is from, as it was named
 * @number: its place in it, from 1 on
 * @memory: the guest's memory, bytes
 * @longest: how long it was measured, ms
 * @vcpus_known: how many vCPUs it has is known
 * @from_rate: the page counts follow from stock QEMU's rate alone
 * @options: what was asked for
 * @settings: how the migrations go, but for the bandwidth and the downtime limit of each
 * @cells: a prediction for each bandwidth and each downtime limit, row by row
 * @plan: the plan of the hardest of them
 */
typedef struct {
    const char *file;
    guint64 number;
    double memory;
    double longest;
    gboolean vcpus_known;
    gboolean from_rate;
    const PredictOptions *options;
    MigrationSettings settings;
    MigrationPrediction *cells;
    MigrationPlan *plan;
} PredictResult;

/**
 * PredictProgress: how far it is
 * @n: measurements done
 * @last: when that was shown last, us
 * @wanted: whether there is somebody to show it to
 * @shown: whether it has been shown
 */
typedef struct {
    guint64 n;
    gint64 last;
    gboolean wanted;
    gboolean shown;
} PredictProgress;

void predict_progress_init(PredictProgress *progress);
void predict_progress_show(PredictProgress *progress, const char *file, double share);
void predict_progress_end(PredictProgress *progress);

GPtrArray *predict_notes(const PredictResult *result);
void predict_print_text(const PredictResult *result, gboolean titled);
void predict_print_json(const PredictResult *result);

char *predict_read_file(const char *name, gsize *len, GError **error);

G_END_DECLS

#endif
