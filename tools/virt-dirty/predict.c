/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * virt-dirty predict: predicts migrations from saved measurements, without a guest.
 */
#include "predict.h"

#include <glib/gi18n-lib.h>

#include "dirty-measurement-memory.h"
#include "dirty-saved.h"
#include "virt-dirty.h"

/* Files that are being predicted from. */
typedef struct {
    const PredictOptions *options;
    const char *file;
    /* Whether each result needs a title to be told from the others. */
    gboolean titled;
    /* With --join, the measurement that all are put into; NULL before the first. */
    DirtyMeasurement *joined;
    PredictProgress progress;
} PredictRun;

static void
clear_result(PredictResult *result)
{
    g_clear_pointer(&result->cells, g_free);
    g_clear_pointer(&result->plan, migration_plan_free);
}

/* Return: whether the measurement has page counts now */
static gboolean
complete_measurement(const PredictOptions *options, DirtyMeasurement *measurement, GError **error)
{
    if (options->memory > 0) {
        return dirty_measurement_add_memory(measurement, options->memory, error);
    }
    if (measurement->status == DIRTY_STATUS_MEASURED && !measurement->has_counts) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("QEMU without the libvirt-dirty patch gave a rate and no page counts: say "
                      "with --memory how much memory the guest has, in MiB"));
        return FALSE;
    }
    return TRUE;
}

static MigrationSettings
cell_settings(const PredictResult *result, gsize row, gsize column)
{
    MigrationSettings settings = result->settings;

    settings.bandwidth = result->options->bandwidths->values[row];
    settings.downtime_limit = result->options->downtimes->values[column];
    return settings;
}

static gboolean
predict_cells(PredictResult *result, const MigrationModel *model, GError **error)
{
    const PredictOptions *options = result->options;
    gsize n_columns = options->downtimes->n;

    result->cells = g_new(MigrationPrediction, options->bandwidths->n * n_columns);
    for (gsize row = 0; row < options->bandwidths->n; row++) {
        for (gsize column = 0; column < n_columns; column++) {
            MigrationSettings settings = cell_settings(result, row, column);

            if (!migration_model_predict(model, &settings, options->bounds,
                                         &result->cells[row * n_columns + column], error)) {
                return FALSE;
            }
        }
    }
    return TRUE;
}

static gsize
find_least(const MigrationList *list)
{
    gsize least = 0;

    for (gsize i = 1; i < list->n; i++) {
        if (list->values[i] < list->values[least]) {
            least = i;
        }
    }
    return least;
}

/* The plan is for the hardest case: what serves it serves the whole table. */
static gboolean
predict_plan(PredictResult *result, const MigrationModel *model, GError **error)
{
    MigrationSettings settings = cell_settings(result, find_least(result->options->bandwidths),
                                               find_least(result->options->downtimes));

    result->settings = settings;
    result->plan = migration_plan_new(model, &settings, error);
    return result->plan != NULL;
}

static gboolean
predict_measurement(PredictResult *result, DirtyMeasurement *measurement, GError **error)
{
    g_autoptr(MigrationModel) model = NULL;

    model = migration_model_new(measurement, error);
    if (!model) {
        return FALSE;
    }
    result->memory = migration_model_memory(model);
    result->longest = migration_model_longest(model);
    result->vcpus_known = result->options->vcpus_given || measurement->n_vcpus > 0;
    result->from_rate = measurement->zero_unknown;
    return predict_options_apply(result->options, measurement, &result->settings, error) &&
           predict_cells(result, model, error) && predict_plan(result, model, error);
}

static gboolean
predict_and_print(const PredictRun *run, guint64 number, gboolean titled,
                  DirtyMeasurement *measurement, GError **error)
{
    PredictResult result = {
        .file = run->file,
        .number = number,
        .options = run->options,
    };
    gboolean ok = predict_measurement(&result, measurement, error);

    if (ok && run->options->json) {
        predict_print_json(&result);
    } else if (ok) {
        predict_print_text(&result, titled);
    }
    clear_result(&result);
    return ok;
}

/* Takes over @measurement where it is the first. */
static gboolean
join_next(PredictRun *run, DirtyMeasurement **measurement, GError **error)
{
    if (run->joined) {
        return dirty_measurement_join(run->joined, *measurement, error);
    }
    run->joined = g_steal_pointer(measurement);
    return TRUE;
}

static gboolean
predict_next(PredictRun *run, const DirtySaved *saved, DirtyMeasurement **measurement,
             GError **error)
{
    gboolean titled = run->titled || saved->n_read > 1 || saved->pos < saved->len;
    gboolean ok = complete_measurement(run->options, *measurement, error);

    if (ok) {
        ok = run->options->join
                 ? join_next(run, measurement, error)
                 : predict_and_print(run, saved->n_read, titled, *measurement, error);
    }
    if (!ok) {
        g_prefix_error(error, _("measurement %1$llu: "), (unsigned long long)saved->n_read);
    }
    return ok;
}

static gboolean
predict_text(PredictRun *run, const char *text, gsize len, GError **error)
{
    DirtySaved saved;

    dirty_saved_init(&saved, text, len);
    while (TRUE) {
        g_autoptr(DirtyMeasurement) measurement = NULL;

        if (!dirty_saved_next(&saved, &measurement, error)) {
            return FALSE;
        }
        if (!measurement) {
            return TRUE;
        }
        if (!predict_next(run, &saved, &measurement, error)) {
            return FALSE;
        }
        predict_progress_show(&run->progress, run->file, (double)saved.pos / len);
    }
}

static gboolean
predict_file(PredictRun *run, GError **error)
{
    gsize len;
    g_autofree char *text = predict_read_file(run->file, &len, error);

    if (!text) {
        return FALSE;
    }
    if (!predict_text(run, text, len, error)) {
        g_prefix_error(error, "%s: ", run->file);
        return FALSE;
    }
    return TRUE;
}

static gboolean
predict_files(const PredictOptions *options, char **files, GError **error)
{
    PredictRun run = {.options = options, .titled = files[1] != NULL};
    gboolean ok = TRUE;

    predict_progress_init(&run.progress);
    for (gsize i = 0; ok && files[i]; i++) {
        run.file = files[i];
        ok = predict_file(&run, error);
    }
    predict_progress_end(&run.progress);
    if (ok && run.joined) {
        ok = predict_and_print(&run, 1, FALSE, run.joined, error);
    }
    g_clear_pointer(&run.joined, dirty_measurement_free);
    return ok;
}

static gboolean
check_cells(const PredictOptions *options, GError **error)
{
    gsize n = options->bandwidths->n * options->downtimes->n;

    if (n <= PREDICT_CELLS_MAX) {
        return TRUE;
    }
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                _("%1$zu bandwidths by %2$zu downtime limits are too many: ask about at most "
                  "%3$d migrations at once"),
                options->bandwidths->n, options->downtimes->n, PREDICT_CELLS_MAX);
    return FALSE;
}

static int
run_predict(char **files)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PredictOptions) options = predict_options_new(&error);

    if (!options || !check_cells(options, &error)) {
        return virt_dirty_fail(VIRT_DIRTY_MISUSED, error);
    }
    if (!files[0]) {
        g_set_error(&error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("no measurement given: name a file that holds the reply of "
                      "'query-dirty-rate', or - for standard input"));
        return virt_dirty_fail(VIRT_DIRTY_MISUSED, error);
    }
    if (!predict_files(options, files, &error)) {
        return virt_dirty_fail(VIRT_DIRTY_FAILED, error);
    }
    return VIRT_DIRTY_DONE;
}

const VirtDirtyCommand virt_dirty_predict = {
    .name = "predict",
    .arguments = "FILE...",
    .summary = N_("predict migrations from saved measurements of dirty pages"),
    .options = predict_entries,
    .values = predict_option_values,
    .run = run_predict,
};
