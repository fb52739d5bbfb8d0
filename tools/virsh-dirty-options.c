/*
 * virsh-dirty-options.c: options that say how dirty pages are measured
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "virsh-completer.h"
#include "virsh-dirty-options.h"

#include "dirty-measurement.h"
#include "internal.h"

char **
virshDirtyModeCompleter(vshControl *ctl G_GNUC_UNUSED,
                        const vshCmd *cmd G_GNUC_UNUSED,
                        unsigned int flags)
{
    g_auto(GStrv) ret = g_new0(char *, DIRTY_MODE_LAST + 2);
    size_t i;

    virCheckFlags(0, NULL);

    for (i = 0; i < DIRTY_MODE_LAST; i++)
        ret[i] = g_strdup(dirty_mode_to_string(i));
    ret[i] = g_strdup(DIRTY_MODE_AUTO_NAME);

    return g_steal_pointer(&ret);
}


/* completes the last entry of an option's list with one of @values */
char **
virshDirtyListComplete(vshControl *ctl,
                       const vshCmd *cmd,
                       const char *option,
                       const char **values)
{
    const char *list = NULL;

    if (vshCommandOptStringQuiet(ctl, cmd, option, &list) < 0)
        return NULL;

    return virshCommaStringListComplete(list, values);
}


/* frees @err; returns false */
bool
virshDirtyReportInvalid(vshControl *ctl,
                        GError *err)
{
    vshError(ctl, "%s", err->message);
    g_error_free(err);
    return false;
}


/* reads --seconds or --calc-time; @calcTime stays as it is without them */
static bool
virshDirtyOptCalcTime(vshControl *ctl,
                      const vshCmd *cmd,
                      virTypedParamList *params,
                      unsigned int *calcTime)
{
    const int maxSeconds = DIRTY_CALC_TIME_MAX_MS / 1000;
    long long ms;
    int seconds = 0;
    int hasSeconds;
    int hasMs;
    GError *err = NULL;

    if ((hasSeconds = vshCommandOptInt(ctl, cmd, "seconds", &seconds)) < 0 ||
        (hasMs = vshCommandOptLongLong(ctl, cmd, "calc-time", &ms)) < 0)
        return false;

    if (!hasSeconds && !hasMs)
        return true;

    if (hasSeconds) {
        if (seconds < 1 || seconds > maxSeconds) {
            vshError(ctl,
                     _("%1$d seconds is out of range: give 1 to %2$d seconds, or use --calc-time for less than one"),
                     seconds, maxSeconds);
            return false;
        }
        ms = seconds * 1000LL;
    }

    /* the API takes no negative number, so it cannot be left to the daemon */
    if (!dirty_calc_time_check(ms, &err))
        return virshDirtyReportInvalid(ctl, err);

    *calcTime = ms;
    virTypedParamListAddUInt(params, *calcTime, "%s", VIR_DOMAIN_DIRTY_RATE_PARAM_CALC_TIME);
    return true;
}


/**
 * virshDirtyOptMeasure:
 * @ctl: virsh
 * @cmd: a command with the options seconds, calc-time, mode and sample-pages
 * @params: where to add what they ask for
 * @calcTime: where to put the length in ms, if one was given
 *
 * Returns true, or false with an error reported.
 */
bool
virshDirtyOptMeasure(vshControl *ctl,
                     const vshCmd *cmd,
                     virTypedParamList *params,
                     unsigned int *calcTime)
{
    const char *mode = NULL;
    long long samplePages;
    int hasSamplePages;
    GError *err = NULL;

    if (!virshDirtyOptCalcTime(ctl, cmd, params, calcTime))
        return false;

    if (vshCommandOptString(ctl, cmd, "mode", &mode) < 0 ||
        (hasSamplePages = vshCommandOptLongLong(ctl, cmd, "sample-pages", &samplePages)) < 0)
        return false;

    if (mode)
        virTypedParamListAddString(params, mode, "%s", VIR_DOMAIN_DIRTY_RATE_PARAM_MODE);

    if (hasSamplePages) {
        if (!dirty_sample_pages_check(samplePages, &err))
            return virshDirtyReportInvalid(ctl, err);
        virTypedParamListAddUInt(params, samplePages, "%s",
                                 VIR_DOMAIN_DIRTY_RATE_PARAM_SAMPLE_PAGES);
    }

    return true;
}
