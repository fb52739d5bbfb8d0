/*
 * virsh-dirty-predict-print.c: shows predictions of a migration
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include <math.h>

#include "virsh-dirty-predict-cells.h"
#include "virsh-dirty-predict-print.h"
#include "virsh-dirty-print.h"
#include "virsh-dirty-values.h"

#include "internal.h"
#include "migration-explain.h"
#include "migration-table.h"

/* The prefix of what was assumed. */
#define VIRSH_DIRTY_SETTING_PREFIX "setting."

/* A part of a call's result, whose names have lost their prefix. The values
 * stay with the call. */
typedef struct _virshDirtyPart virshDirtyPart;
struct _virshDirtyPart {
    virshDirtyCall call;
};


static void
virshDirtyPartClear(virshDirtyPart *part)
{
    g_free(part->call.result);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(virshDirtyPart, virshDirtyPartClear);


static void
virshDirtyPartTake(virshDirtyPart *part,
                   virshDirtyCall *call,
                   const char *prefix)
{
    size_t i;

    part->call.result = g_new0(virTypedParameter, call->nresult);

    for (i = 0; i < call->nresult; i++) {
        virTypedParameterPtr to = &part->call.result[part->call.nresult];

        if (!STRPREFIX(call->result[i].field, prefix))
            continue;

        *to = call->result[i];
        memmove(to->field, to->field + strlen(prefix),
                strlen(to->field) - strlen(prefix) + 1);
        part->call.nresult++;
    }
}


/* what the predictions rest on, as getdirtyrate prints it */
static bool
virshDirtyPredictPrintMeasurement(vshControl *ctl,
                                  virshDirtyCall *call)
{
    g_auto(virshDirtyPart) measurement = { 0 };
    virshDirtyShow show = { .periods = true };
    unsigned long long age = virshDirtyGetULLong(call, VIR_DOMAIN_MIGRATE_PREDICT_MEASUREMENT_AGE);

    virshDirtyPartTake(&measurement, call, VIR_DOMAIN_MIGRATE_PREDICT_MEASUREMENT_PREFIX);

    if (age > 0)
        vshPrint(ctl, _("Measured %1$llu s ago:\n"), age);

    if (!virshDirtyPrint(ctl, &measurement.call, &show))
        return false;

    vshPrint(ctl, "\n");
    return true;
}


static void
virshDirtyPredictPrintSettings(vshControl *ctl,
                               virshDirtyCall *call)
{
    g_auto(virshDirtyPart) settings = { 0 };
    size_t i;

    virshDirtyPartTake(&settings, call, VIRSH_DIRTY_SETTING_PREFIX);
    vshPrint(ctl, "%s\n", _("Assumed:"));

    for (i = 0; i < settings.call.nresult; i++) {
        virTypedParameterPtr param = &settings.call.result[i];
        g_autofree char *value = NULL;

        if (param->type == VIR_TYPED_PARAM_DOUBLE)
            value = virshDirtyFormat(param->value.d);
        else
            value = vshGetTypedParamValue(ctl, param);

        vshPrint(ctl, " %-21s %s\n", param->field, value);
    }

    vshPrint(ctl, "\n");
}


/* A list that was not given has one value, a whole number that the domain has. */
static char **
virshDirtyPredictBandwidthLabels(const virshDirtyPredictOptions *options,
                                 const virshDirtyPredictCells *cells)
{
    char **labels;

    if (options->bandwidths)
        return g_strdupv(options->bandwidths->labels);

    labels = g_new0(char *, 2);
    labels[0] = g_strdup_printf(_("%1$.0f MiB/s"), cells->cells[0].bandwidth);
    return labels;
}


static char **
virshDirtyPredictDowntimeLabels(const virshDirtyPredictOptions *options,
                                const virshDirtyPredictCells *cells)
{
    char **labels;

    if (options->downtimes)
        return g_strdupv(options->downtimes->labels);

    labels = g_new0(char *, 2);
    labels[0] = g_strdup_printf(_("%1$.0f ms"), cells->cells[0].downtimeLimit);
    return labels;
}


static void
virshDirtyPredictPrintTable(vshControl *ctl,
                            const virshDirtyPredictCells *cells,
                            char **bandwidths,
                            char **downtimes,
                            bool bounds)
{
    g_autofree MigrationPrediction *predictions = g_new0(MigrationPrediction, cells->n);
    MigrationTable table = {
        .bandwidths = (const char *const *) bandwidths,
        .downtimes = (const char *const *) downtimes,
        .cells = predictions,
        .bounds = bounds,
    };
    g_autofree char *text = NULL;
    size_t i;

    for (i = 0; i < cells->n; i++)
        predictions[i] = cells->cells[i].prediction;

    text = migration_table_format(&table);
    vshPrint(ctl, "%s\n", text);
}


static void
virshDirtyPredictPrintExplanations(vshControl *ctl,
                                   const virshDirtyPredictCells *cells,
                                   char **bandwidths,
                                   char **downtimes)
{
    size_t nDowntimes = g_strv_length(downtimes);
    size_t i;

    for (i = 0; i < cells->n; i++) {
        const virshDirtyPredictCell *cell = &cells->cells[i];
        g_autofree char *text = migration_explain(&cell->prediction,
                                                  cell->bandwidth * 1024 * 1024,
                                                  cell->downtimeLimit);

        vshPrint(ctl, "%s, %s: %s\n", bandwidths[i / nDowntimes],
                 downtimes[i % nDowntimes], text);
    }

    vshPrint(ctl, "\n");
}


static void
virshDirtyPredictPrintNotes(vshControl *ctl,
                            virshDirtyCall *call)
{
    unsigned int n = virshDirtyGetUInt(call, VIR_DOMAIN_MIGRATE_PREDICT_NOTE_COUNT);
    size_t i;

    for (i = 0; i < n; i++) {
        g_autofree char *name = g_strdup_printf(VIR_DOMAIN_MIGRATE_PREDICT_NOTE_PREFIX "%zu", i);
        const char *note = virshDirtyGetString(call, name);

        if (!note)
            break;

        vshPrint(ctl, _("Note: %1$s\n"), note);
    }

    if (n > 0)
        vshPrint(ctl, "\n");
}


/**
 * virshDirtyPredictPrint:
 * @ctl: virsh
 * @call: a call of virDomainMigratePredict() that has returned
 * @options: what it was asked for
 * @show: what to show beside the table and the recommendation
 *
 * Returns true, or false with an error reported.
 */
bool
virshDirtyPredictPrint(vshControl *ctl,
                       virshDirtyCall *call,
                       const virshDirtyPredictOptions *options,
                       const virshDirtyPredictShow *show)
{
    size_t n = (options->bandwidths ? options->bandwidths->n : 1) *
        (options->downtimes ? options->downtimes->n : 1);
    g_autoptr(virshDirtyPredictCells) cells = virshDirtyPredictCellsRead(ctl, call, n);
    g_auto(GStrv) bandwidths = NULL;
    g_auto(GStrv) downtimes = NULL;

    if (!cells)
        return false;

    bandwidths = virshDirtyPredictBandwidthLabels(options, cells);
    downtimes = virshDirtyPredictDowntimeLabels(options, cells);

    if (show->explain) {
        if (!virshDirtyPredictPrintMeasurement(ctl, call))
            return false;
        virshDirtyPredictPrintSettings(ctl, call);
    }

    virshDirtyPredictPrintTable(ctl, cells, bandwidths, downtimes, show->bounds);

    if (show->explain)
        virshDirtyPredictPrintExplanations(ctl, cells, bandwidths, downtimes);

    virshDirtyPredictPrintNotes(ctl, call);
    vshPrint(ctl, "%s\n",
             NULLSTR_MINUS(virshDirtyGetString(call, VIR_DOMAIN_MIGRATE_PREDICT_PLAN_RECOMMENDATION)));
    return true;
}
