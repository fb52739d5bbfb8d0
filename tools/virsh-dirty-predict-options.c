/*
 * virsh-dirty-predict-options.c: what a migration shall be predicted for
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include <math.h>

#include "virsh-dirty-options.h"
#include "virsh-dirty-predict-options.h"

#include "dirty-measurement.h"
#include "internal.h"
#include "virstring.h"

/* Options that switch a way to migrate on, as those of "migrate" do. */
static const struct {
    const char *option;
    unsigned int flag;
} virshDirtyPredictFlags[] = {
    {"auto-converge", VIR_MIGRATE_AUTO_CONVERGE},
    {"postcopy", VIR_MIGRATE_POSTCOPY},
    {"parallel", VIR_MIGRATE_PARALLEL},
    /* unlike there, naming a method is enough */
    {"comp-methods", VIR_MIGRATE_COMPRESSED},
};

/* Options with a number. What range it has is for the daemon to say. */
static const struct {
    const char *option;
    const char *param;
    virTypedParameterType type;
} virshDirtyPredictNumbers[] = {
    {"max-age", VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MAX_AGE, VIR_TYPED_PARAM_UINT},
    {"max-bandwidth", VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MAX_BANDWIDTH, VIR_TYPED_PARAM_ULLONG},
    {"dirty-limit", VIR_DOMAIN_MIGRATE_PREDICT_PARAM_DIRTY_LIMIT, VIR_TYPED_PARAM_ULLONG},
    {"latency", VIR_DOMAIN_MIGRATE_PREDICT_PARAM_LATENCY, VIR_TYPED_PARAM_DOUBLE},
    {"available-switchover-bandwidth", VIR_MIGRATE_PARAM_BANDWIDTH_AVAIL_SWITCHOVER,
     VIR_TYPED_PARAM_ULLONG},
    {"auto-converge-initial", VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL, VIR_TYPED_PARAM_INT},
    {"auto-converge-increment", VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT, VIR_TYPED_PARAM_INT},
    {"parallel-connections", VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS, VIR_TYPED_PARAM_INT},
    {"comp-zlib-level", VIR_MIGRATE_PARAM_COMPRESSION_ZLIB_LEVEL, VIR_TYPED_PARAM_INT},
    {"comp-zstd-level", VIR_MIGRATE_PARAM_COMPRESSION_ZSTD_LEVEL, VIR_TYPED_PARAM_INT},
};


void
virshDirtyPredictOptionsClear(virshDirtyPredictOptions *options)
{
    virTypedParamListFree(options->params);
    migration_list_free(options->bandwidths);
    migration_list_free(options->downtimes);
}


/* adds the number that @text is; returns false if it is none of that type */
static bool
virshDirtyPredictAddNumber(virTypedParamList *params,
                           const char *param,
                           virTypedParameterType type,
                           const char *text)
{
    unsigned long long ullong;
    unsigned int uinteger;
    int integer;
    double real;

    switch (type) {
    case VIR_TYPED_PARAM_INT:
        if (virStrToLong_i(text, NULL, 10, &integer) < 0)
            return false;
        virTypedParamListAddInt(params, integer, "%s", param);
        return true;

    case VIR_TYPED_PARAM_UINT:
        if (virStrToLong_uip(text, NULL, 10, &uinteger) < 0)
            return false;
        virTypedParamListAddUInt(params, uinteger, "%s", param);
        return true;

    case VIR_TYPED_PARAM_ULLONG:
        if (virStrToLong_ullp(text, NULL, 10, &ullong) < 0)
            return false;
        virTypedParamListAddULLong(params, ullong, "%s", param);
        return true;

    case VIR_TYPED_PARAM_DOUBLE:
        if (virStrToDouble(text, NULL, &real) < 0 || !isfinite(real))
            return false;
        virTypedParamListAddDouble(params, real, "%s", param);
        return true;

    case VIR_TYPED_PARAM_LLONG:
    case VIR_TYPED_PARAM_BOOLEAN:
    case VIR_TYPED_PARAM_STRING:
    case VIR_TYPED_PARAM_LAST:
    default:
        return false;
    }
}


static bool
virshDirtyPredictOptNumbers(vshControl *ctl,
                            const vshCmd *cmd,
                            virTypedParamList *params)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(virshDirtyPredictNumbers); i++) {
        const char *option = virshDirtyPredictNumbers[i].option;
        virTypedParameterType type = virshDirtyPredictNumbers[i].type;
        const char *text = NULL;

        if (!vshCommandOptBool(cmd, option))
            continue;

        ignore_value(vshCommandOptStringQuiet(ctl, cmd, option, &text));
        if (virshDirtyPredictAddNumber(params, virshDirtyPredictNumbers[i].param,
                                       type, NULLSTR_EMPTY(text)))
            continue;

        vshResetLibvirtError();
        if (type == VIR_TYPED_PARAM_DOUBLE)
            vshError(ctl, _("'%1$s' is no value of --%2$s: give a number, 0 or above"),
                     NULLSTR_EMPTY(text), option);
        else
            vshError(ctl, _("'%1$s' is no value of --%2$s: give a whole number, 0 or above"),
                     NULLSTR_EMPTY(text), option);
        return false;
    }

    return true;
}


static bool
virshDirtyPredictOptFlags(vshControl *ctl,
                          const vshCmd *cmd,
                          virshDirtyPredictOptions *options)
{
    const char *methods = NULL;
    size_t i;

    options->flags = VIR_MIGRATE_LIVE;
    for (i = 0; i < G_N_ELEMENTS(virshDirtyPredictFlags); i++) {
        if (vshCommandOptBool(cmd, virshDirtyPredictFlags[i].option))
            options->flags |= virshDirtyPredictFlags[i].flag;
    }

    if (vshCommandOptString(ctl, cmd, "comp-methods", &methods) < 0)
        return false;

    if (methods) {
        g_auto(GStrv) names = g_strsplit(methods, ",", 0);

        for (i = 0; names[i]; i++)
            virTypedParamListAddString(options->params, names[i], "%s",
                                       VIR_MIGRATE_PARAM_COMPRESSION);
    }

    return true;
}


static bool
virshDirtyPredictOptBandwidths(vshControl *ctl,
                               const vshCmd *cmd,
                               virshDirtyPredictOptions *options)
{
    const char *text = NULL;
    GError *err = NULL;
    size_t i;

    if (!vshCommandOptBool(cmd, "bandwidth"))
        return true;

    ignore_value(vshCommandOptStringQuiet(ctl, cmd, "bandwidth", &text));
    if (!(options->bandwidths = migration_bandwidths_parse(NULLSTR_EMPTY(text), &err)))
        return virshDirtyReportInvalid(ctl, err);

    for (i = 0; i < options->bandwidths->n; i++)
        virTypedParamListAddDouble(options->params,
                                   options->bandwidths->values[i] / (1024 * 1024), "%s",
                                   VIR_DOMAIN_MIGRATE_PREDICT_PARAM_BANDWIDTH);

    return true;
}


static bool
virshDirtyPredictOptDowntimes(vshControl *ctl,
                              const vshCmd *cmd,
                              virshDirtyPredictOptions *options)
{
    const char *text = NULL;
    GError *err = NULL;
    size_t i;

    if (!vshCommandOptBool(cmd, "downtime"))
        return true;

    ignore_value(vshCommandOptStringQuiet(ctl, cmd, "downtime", &text));
    if (!(options->downtimes = migration_downtimes_parse(NULLSTR_EMPTY(text), &err)))
        return virshDirtyReportInvalid(ctl, err);

    for (i = 0; i < options->downtimes->n; i++) {
        double ms = options->downtimes->values[i];

        virTypedParamListAddULLong(options->params, isinf(ms) ? ULLONG_MAX : ms, "%s",
                                   VIR_DOMAIN_MIGRATE_PREDICT_PARAM_DOWNTIME);
    }

    return true;
}


/**
 * virshDirtyPredictOptionsRead:
 * @ctl: virsh
 * @cmd: the command "migrate-predict"
 * @options: where to put what its options ask for
 *
 * Returns true, or false with an error reported.
 */
bool
virshDirtyPredictOptionsRead(vshControl *ctl,
                             const vshCmd *cmd,
                             virshDirtyPredictOptions *options)
{
    options->params = virTypedParamListNew();
    options->calcTime = DIRTY_CALC_TIME_DEFAULT_MS;

    return virshDirtyOptMeasure(ctl, cmd, options->params, &options->calcTime) &&
        virshDirtyPredictOptBandwidths(ctl, cmd, options) &&
        virshDirtyPredictOptDowntimes(ctl, cmd, options) &&
        virshDirtyPredictOptNumbers(ctl, cmd, options->params) &&
        virshDirtyPredictOptFlags(ctl, cmd, options);
}
