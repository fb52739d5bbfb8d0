/*
 * testutilsqemudirtypredictresult.c: compares predictions of migrations
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How good the predictions are is not a question here: of their numbers only
 * the types are compared, and that bounds are around them, and not even these
 * of migrations of which it is not obvious how they end.
 */

#include <config.h>

#include <math.h>

#include "testutilsqemudirtypredict.h"
#include "testutils.h"

#define VIR_FROM_THIS VIR_FROM_NONE

/* The model's numbers and words: what stands behind "cell.N.", or the whole name. */
static const char *testPredictNumbers[] = {
    VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_VERDICT,
    VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_EXTRAPOLATED,
    VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_CERTAINTY,
    VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_TIME,
    VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_DOWNTIME,
    VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_PASSES,
    VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_BYTES,
    VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_THROTTLE,
    VIR_DOMAIN_MIGRATE_PREDICT_PLAN_POSTCOPY,
    VIR_DOMAIN_MIGRATE_PREDICT_PLAN_RECOMMENDATION,
    VIR_DOMAIN_MIGRATE_PREDICT_MEASUREMENT_AGE,
    VIR_DOMAIN_MIGRATE_PREDICT_SETTING_DEVICE_STATE,
    VIR_DOMAIN_MIGRATE_PREDICT_SETTING_VCPU_LOAD,
    VIR_DOMAIN_MIGRATE_PREDICT_SETTING_COMPRESSION_SPEED,
};

/* Ways to make a migration converge, of which a plan need not have any. */
static const char *testPredictWays[] = {
    VIR_DOMAIN_MIGRATE_PREDICT_PLAN_BANDWIDTH,
    VIR_DOMAIN_MIGRATE_PREDICT_PLAN_DOWNTIME,
    VIR_DOMAIN_MIGRATE_PREDICT_PLAN_THROTTLE,
    VIR_DOMAIN_MIGRATE_PREDICT_PLAN_DIRTY_LIMIT,
};


/* what stands behind "cell.N" in @field, or NULL */
static const char *
testPredictCellSuffix(const char *field)
{
    const char *number = STRSKIP(field, VIR_DOMAIN_MIGRATE_PREDICT_CELL_PREFIX);

    return number && g_ascii_isdigit(*number) ? strchr(number, '.') : NULL;
}


/* whether one of @names is @name, but for a dot and a word behind it */
static bool
testPredictIsOneOf(const char *name,
                   const char *const *names,
                   size_t nnames)
{
    size_t i;

    for (i = 0; i < nnames; i++) {
        const char *suffix = STRSKIP(name, names[i]);

        if (suffix &&
            (STREQ(suffix, "") || STREQ(suffix, ".sure") ||
             STREQ(suffix, ".low") || STREQ(suffix, ".high")))
            return true;
    }

    return false;
}


/* whether the model decides on whether there is a @field */
static bool
testPredictIsVague(const testPredict *data,
                   const char *field)
{
    const char *suffix = testPredictCellSuffix(field);

    if (suffix)
        return data->vague &&
            STRNEQ(suffix, VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_BANDWIDTH) &&
            STRNEQ(suffix, VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_DOWNTIME_LIMIT);

    return testPredictIsOneOf(field, testPredictWays, G_N_ELEMENTS(testPredictWays)) ||
        STRPREFIX(field, VIR_DOMAIN_MIGRATE_PREDICT_NOTE_PREFIX);
}


/* notes that are not about the time that passes, or about passes of a
 * migration */
static bool
testPredictIsNote(virTypedParameterPtr param)
{
    return STRPREFIX(param->field, VIR_DOMAIN_MIGRATE_PREDICT_NOTE_PREFIX) &&
        param->type == VIR_TYPED_PARAM_STRING &&
        !strstr(param->value.s, "s old") && !strstr(param->value.s, "passes");
}


static void
testPredictFormat(virBuffer *buf,
                  const testPredict *data,
                  virTypedParameterPtr param)
{
    const char *type = virTypedParameterTypeToString(param->type);
    const char *suffix = testPredictCellSuffix(param->field);
    g_autofree char *value = virTypedParameterToString(param);

    if (testPredictIsNote(param))
        virBufferAsprintf(buf, "note=%s\n", value);
    else if (testPredictIsVague(data, param->field))
        return;
    else if (testPredictIsOneOf(suffix ? suffix : param->field, testPredictNumbers,
                                G_N_ELEMENTS(testPredictNumbers)))
        virBufferAsprintf(buf, "%s %s\n", param->field, type);
    else
        virBufferAsprintf(buf, "%s %s=%s\n", param->field, type, value);
}


static int
testPredictCheckBounds(virTypedParameterPtr params,
                       int nparams,
                       virTypedParameterPtr param)
{
    g_autofree char *low = g_strdup_printf("%s.low", param->field);
    g_autofree char *high = g_strdup_printf("%s.high", param->field);
    virTypedParameterPtr lowParam = virTypedParamsGet(params, nparams, low);
    virTypedParameterPtr highParam = virTypedParamsGet(params, nparams, high);

    if (!lowParam && !highParam)
        return 0;

    if (lowParam && highParam &&
        0 <= lowParam->value.d && lowParam->value.d <= param->value.d &&
        param->value.d <= highParam->value.d && isfinite(param->value.d))
        return 0;

    fprintf(stderr, "the bounds of %s are not around it\n", param->field);
    return -1;
}


/**
 * testPredictCheckResult:
 * @data: the case
 * @params: the parameters that came of it
 * @nparams: how many there are
 *
 * Returns 0 if they are those of the case's file, or -1.
 */
int
testPredictCheckResult(const testPredict *data,
                       virTypedParameterPtr params,
                       int nparams)
{
    g_autofree char *path = g_strdup_printf("%s/qemudirtypredictdata/%s.out",
                                            abs_srcdir, data->name);
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;
    size_t i;

    for (i = 0; i < nparams; i++) {
        if (params[i].type == VIR_TYPED_PARAM_DOUBLE &&
            testPredictCheckBounds(params, nparams, params + i) < 0)
            return -1;

        testPredictFormat(&buf, data, params + i);
    }

    return virTestCompareToFile(virBufferCurrentContent(&buf), path);
}
