/*
 * virsh-dirty-predict-cells.c: takes predictions out of a daemon's answer
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include <math.h>

#include "virsh-dirty-predict-cells.h"
#include "virsh-dirty-values.h"

#include "internal.h"
#include "virstring.h"

#define CELL_VALUE(name, member) \
    { VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_ ## name, \
      offsetof(virshDirtyPredictCell, member) }

/* a value whose bounds are told as well */
#define CELL_ESTIMATE(name, member) \
    CELL_VALUE(name, prediction.member.value), \
    CELL_VALUE(name ## _LOW, prediction.member.low), \
    CELL_VALUE(name ## _HIGH, prediction.member.high)

/* Where the number of a parameter of a cell goes. */
static const struct {
    const char *suffix;
    size_t offset; /* of a double */
} virshDirtyPredictCellValues[] = {
    CELL_VALUE(BANDWIDTH, bandwidth),
    CELL_VALUE(DOWNTIME_LIMIT, downtimeLimit),
    CELL_VALUE(CERTAINTY, prediction.certainty),
    CELL_ESTIMATE(TIME, total_time),
    CELL_ESTIMATE(DOWNTIME, downtime),
    CELL_ESTIMATE(PASSES, passes),
    CELL_ESTIMATE(BYTES, bytes),
    CELL_ESTIMATE(THROTTLE, throttle),
    CELL_VALUE(SWITCH_TIME, prediction.switch_time),
    CELL_VALUE(POSTCOPY_TIME, prediction.postcopy_time),
    CELL_VALUE(POSTCOPY_FAULTS, prediction.postcopy_faults),
};


void
virshDirtyPredictCellsFree(virshDirtyPredictCells *cells)
{
    if (!cells)
        return;

    g_free(cells->cells);
    g_free(cells);
}


/* returns the value of a parameter that is a number, else 0 */
static double
virshDirtyPredictNumber(const virTypedParameter *param)
{
    switch ((virTypedParameterType) param->type) {
    case VIR_TYPED_PARAM_INT:
        return param->value.i;
    case VIR_TYPED_PARAM_UINT:
        return param->value.ui;
    case VIR_TYPED_PARAM_LLONG:
        return param->value.l;
    case VIR_TYPED_PARAM_ULLONG:
        return param->value.ul == ULLONG_MAX ? INFINITY : param->value.ul;
    case VIR_TYPED_PARAM_DOUBLE:
        return param->value.d;
    case VIR_TYPED_PARAM_BOOLEAN:
        return param->value.b;
    case VIR_TYPED_PARAM_STRING:
    case VIR_TYPED_PARAM_LAST:
    default:
        return 0;
    }
}


static void
virshDirtyPredictCellSet(virshDirtyPredictCell *cell,
                         const char *suffix,
                         const virTypedParameter *param)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(virshDirtyPredictCellValues); i++) {
        if (STREQ(suffix, virshDirtyPredictCellValues[i].suffix)) {
            G_STRUCT_MEMBER(double, cell, virshDirtyPredictCellValues[i].offset) =
                virshDirtyPredictNumber(param);
            return;
        }
    }

    if (STREQ(suffix, VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_EXTRAPOLATED))
        cell->prediction.extrapolated = virshDirtyPredictNumber(param) != 0;

    if (STREQ(suffix, VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_VERDICT) &&
        param->type == VIR_TYPED_PARAM_STRING)
        ignore_value(migration_verdict_from_string(param->value.s,
                                                   &cell->prediction.verdict));
}


/* What a cell is before its parameters are read: none of them is there. */
static void
virshDirtyPredictCellInit(virshDirtyPredictCell *cell)
{
    const DirtyEstimate never = { INFINITY, INFINITY, INFINITY };

    cell->prediction.verdict = MIGRATION_VERDICT_LAST;
    cell->prediction.certainty = 1;
    cell->prediction.total_time = never;
    cell->prediction.downtime = never;
}


/**
 * virshDirtyPredictCellsRead:
 * @ctl: virsh
 * @call: a call of virDomainMigratePredict() that has returned
 * @n: how many predictions were asked for
 *
 * Returns the predictions, or NULL with an error reported.
 */
virshDirtyPredictCells *
virshDirtyPredictCellsRead(vshControl *ctl,
                           virshDirtyCall *call,
                           size_t n)
{
    g_autoptr(virshDirtyPredictCells) cells = g_new0(virshDirtyPredictCells, 1);
    const char *prefix = VIR_DOMAIN_MIGRATE_PREDICT_CELL_PREFIX;
    size_t i;

    cells->n = n;
    cells->cells = g_new0(virshDirtyPredictCell, n);
    for (i = 0; i < n; i++)
        virshDirtyPredictCellInit(&cells->cells[i]);

    /* in one go, as looking each of thousands up by its name takes long */
    for (i = 0; i < call->nresult; i++) {
        const virTypedParameter *param = &call->result[i];
        unsigned int number;
        char *suffix;

        if (STRPREFIX(param->field, prefix) &&
            virStrToLong_uip(param->field + strlen(prefix), &suffix, 10, &number) == 0 &&
            number < n)
            virshDirtyPredictCellSet(&cells->cells[number], suffix, param);
    }
    vshResetLibvirtError();

    for (i = 0; i < n; i++) {
        if (cells->cells[i].prediction.verdict == MIGRATION_VERDICT_LAST) {
            vshError(ctl, _("the daemon's answer lacks prediction %1$zu of %2$zu"),
                     i + 1, n);
            return NULL;
        }
    }

    return g_steal_pointer(&cells);
}
