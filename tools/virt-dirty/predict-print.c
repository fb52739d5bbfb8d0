/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shows predictions to a person.
 */
#include "predict.h"

#include <glib/gi18n-lib.h>
#include <stdio.h>

#include "migration-explain.h"
#include "migration-table.h"

#define MS_PER_S 1000.0

static gboolean
any_extrapolated(const PredictResult *result)
{
    gsize n = result->options->bandwidths->n * result->options->downtimes->n;

    for (gsize i = 0; i < n; i++) {
        if (result->cells[i].extrapolated) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Whether a limit of the dirty page rate was asked for or is recommended. */
static gboolean
names_limit(const PredictResult *result)
{
    return result->options->settings.throttle == MIGRATION_THROTTLE_DIRTY_LIMIT ||
           (result->plan->asked.verdict != MIGRATION_CONVERGES &&
            result->plan->ways[MIGRATION_PLAN_DIRTY_LIMIT].exists);
}

/**
 * predict_notes: what a reader of the predictions must know
 * @result: the predictions
 *
 * Return: sentences, translated
 */
GPtrArray *
predict_notes(const PredictResult *result)
{
    GPtrArray *notes = g_ptr_array_new_with_free_func(g_free);

    if (any_extrapolated(result)) {
        g_ptr_array_add(notes,
                        g_strdup_printf(_("passes last longer than the %1$g s that were measured: "
                                          "what the guest dirties then is a guess"),
                                        result->longest / MS_PER_S));
    }
    if (!result->vcpus_known && names_limit(result)) {
        g_ptr_array_add(notes, g_strdup(_("how many vCPUs the guest has is not known (--vcpus): a "
                                          "limit is what all of them may dirty together")));
    }
    if (result->from_rate) {
        g_ptr_array_add(notes,
                        g_strdup(_("measured by QEMU without the libvirt-dirty patch: one rate in "
                                   "whole MiB/s, and zero pages not known, so that it can be much "
                                   "faster than predicted")));
    }
    return notes;
}

static void
print_explanations(const PredictResult *result)
{
    const MigrationList *bandwidths = result->options->bandwidths;
    const MigrationList *downtimes = result->options->downtimes;
    const MigrationPrediction *cell = result->cells;

    printf("\n");
    for (gsize row = 0; row < bandwidths->n; row++) {
        for (gsize column = 0; column < downtimes->n; column++) {
            g_autofree char *text =
                migration_explain(cell++, bandwidths->values[row], downtimes->values[column]);

            printf("%s, %s: %s\n", bandwidths->labels[row], downtimes->labels[column], text);
        }
    }
}

/**
 * predict_print_text: print a table, the recommendation and what to know about them
 * @result: the predictions
 * @titled: whether to say which measurement it is
 */
void
predict_print_text(const PredictResult *result, gboolean titled)
{
    const PredictOptions *options = result->options;
    const MigrationTable table = {
        .bandwidths = (const char *const *)options->bandwidths->labels,
        .downtimes = (const char *const *)options->downtimes->labels,
        .cells = result->cells,
        .bounds = options->bounds,
    };
    g_autofree char *text = migration_table_format(&table);
    g_autoptr(GPtrArray) notes = predict_notes(result);

    if (titled) {
        printf(_("%1$s, measurement %2$llu:\n"), result->file, (unsigned long long)result->number);
        printf("\n");
    }
    printf("%s", text);
    if (options->explain) {
        print_explanations(result);
    }
    for (guint i = 0; i < notes->len; i++) {
        printf(_("Note: %1$s\n"), (const char *)g_ptr_array_index(notes, i));
    }
    printf("\n%s\n", result->plan->recommendation);
    if (titled) {
        printf("\n");
    }
}
