/*
 * virsh-dirty-print.c: shows a dirty page rate measurement
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "virsh-dirty-print.h"
#include "virsh-dirty-tables.h"
#include "virsh-dirty-values.h"

#include "internal.h"

/* Wide enough for each label of a line. */
#define VIRSH_DIRTY_LABEL "%-15s "

static void
virshDirtyPrintStart(vshControl *ctl,
                     virshDirtyCall *call)
{
    g_autoptr(GDateTime) date = NULL;
    g_autofree char *text = NULL;
    long long start = 0;

    if (virTypedParamsGetLLong(call->result, call->nresult,
                               VIR_DOMAIN_DIRTY_RATE_PARAM_START_TIME, &start) <= 0)
        return;

    if ((date = g_date_time_new_from_unix_local(start)))
        text = g_date_time_format(date, "%Y-%m-%d %H:%M:%S%z");

    vshPrint(ctl, VIRSH_DIRTY_LABEL "%s\n", _("Start time:"), NULLSTR_MINUS(text));
}


static void
virshDirtyPrintMode(vshControl *ctl,
                    virshDirtyCall *call,
                    const char *mode,
                    bool automatic)
{
    vshPrint(ctl, VIRSH_DIRTY_LABEL "%s", _("Mode:"), mode);
    if (automatic)
        vshPrint(ctl, " %s", _("(chosen automatically)"));
    vshPrint(ctl, "\n");
    virshDirtyPrintStart(ctl, call);
}


static void
virshDirtyPrintRate(vshControl *ctl,
                    virshDirtyCall *call)
{
    double low = virshDirtyGetDouble(call, VIR_DOMAIN_DIRTY_RATE_PARAM_RATE_LOW);
    double high = virshDirtyGetDouble(call, VIR_DOMAIN_DIRTY_RATE_PARAM_RATE_HIGH);
    g_autofree char *rate = NULL;
    g_autofree char *bounds = NULL;

    if (!virshDirtyHas(call, VIR_DOMAIN_DIRTY_RATE_PARAM_RATE))
        return;

    rate = virshDirtyFormat(virshDirtyGetDouble(call, VIR_DOMAIN_DIRTY_RATE_PARAM_RATE));
    vshPrint(ctl, VIRSH_DIRTY_LABEL "%s MiB/s", _("Dirty rate:"), rate);

    if (virshDirtyHas(call, VIR_DOMAIN_DIRTY_RATE_PARAM_RATE_LOW)) {
        bounds = virshDirtyFormatBounds(low, high);
        if (virshDirtyIsExact(call))
            vshPrint(ctl, " %s", _("(all pages counted)"));
        else
            vshPrint(ctl, _(" (95 %%: %1$s)"), bounds);
    }

    vshPrint(ctl, "\n");
}


static void
virshDirtyPrintPages(vshControl *ctl,
                     virshDirtyCall *call)
{
    unsigned long long size = virshDirtyGetULLong(call, VIR_DOMAIN_DIRTY_RATE_PARAM_PAGE_SIZE);
    unsigned long long total = virshDirtyGetULLong(call, VIR_DOMAIN_DIRTY_RATE_PARAM_PAGES_TOTAL);
    unsigned long long zero = virshDirtyGetULLong(call, VIR_DOMAIN_DIRTY_RATE_PARAM_PAGES_ZERO);

    if (size == 0)
        return;

    vshPrint(ctl, VIRSH_DIRTY_LABEL, _("Memory:"));
    vshPrint(ctl, _("%1$llu pages of %2$llu bytes (%3$.1f MiB)\n"),
             total, size, (double) total * size / (1024 * 1024));

    if (virshDirtyIsExact(call)) {
        vshPrint(ctl, VIRSH_DIRTY_LABEL, _("Zero pages:"));
        vshPrint(ctl, _("about %1$llu\n"), zero);
        return;
    }

    vshPrint(ctl, VIRSH_DIRTY_LABEL "%llu\n", _("Sampled pages:"),
             virshDirtyGetULLong(call, VIR_DOMAIN_DIRTY_RATE_PARAM_PAGES_SAMPLED));
    vshPrint(ctl, VIRSH_DIRTY_LABEL, _("Zero pages:"));
    vshPrint(ctl, _("%1$llu of the sampled\n"), zero);
}


/**
 * virshDirtyPrint:
 * @ctl: virsh
 * @call: a call that has returned a measurement
 * @show: what to show beside it
 *
 * Returns true, or false with an error reported.
 */
bool
virshDirtyPrint(vshControl *ctl,
                virshDirtyCall *call,
                const virshDirtyShow *show)
{
    const char *status = virshDirtyGetString(call, VIR_DOMAIN_DIRTY_RATE_PARAM_STATUS);
    const char *mode = virshDirtyGetString(call, VIR_DOMAIN_DIRTY_RATE_PARAM_MODE);

    vshPrint(ctl, VIRSH_DIRTY_LABEL "%s\n", _("Status:"), NULLSTR_MINUS(status));

    if (!mode)
        return true;

    virshDirtyPrintMode(ctl, call, mode, show->automatic);
    vshPrint(ctl, VIRSH_DIRTY_LABEL "%llu ms\n", _("Calc time:"),
             virshDirtyGetULLong(call, VIR_DOMAIN_DIRTY_RATE_PARAM_CALC_TIME));
    virshDirtyPrintRate(ctl, call);
    virshDirtyPrintPages(ctl, call);

    return (!show->periods || virshDirtyPrintPeriods(ctl, call)) &&
        virshDirtyPrintVcpus(ctl, call) &&
        virshDirtyPrintCompression(ctl, call, show->compression);
}
