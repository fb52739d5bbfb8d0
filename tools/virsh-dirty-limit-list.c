/*
 * virsh-dirty-limit-list.c: the dirty page rate limits of a domain's vCPUs
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "virsh-dirty-limit-list.h"
#include "virsh-dirty-values.h"

#include "dirty-limit-range.h"
#include "internal.h"
#include "viralloc.h"
#include "virbitmap.h"
#include "virtypedparam.h"
#include "vsh-table.h"

void
virshDirtyLimitListFree(virshDirtyLimitList *list)
{
    if (!list)
        return;

    g_free(list->limits);
    g_free(list->scope);
    g_free(list);
}


/* the name of a parameter of entry @i */
static char *
virshDirtyLimitParam(size_t i,
                     const char *suffix)
{
    return g_strdup_printf(VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_PREFIX "%zu%s",
                           i, suffix);
}


/* returns whether that entry is there with all it must have */
static bool
virshDirtyLimitRead(virTypedParameterPtr params,
                    int nparams,
                    size_t i,
                    virshDirtyLimit *limit)
{
    g_autofree char *id = virshDirtyLimitParam(i, VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_SUFFIX_ID);
    g_autofree char *max = virshDirtyLimitParam(i, VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_SUFFIX_LIMIT);
    g_autofree char *rate = virshDirtyLimitParam(i, VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_SUFFIX_RATE);
    g_autofree char *resting = virshDirtyLimitParam(i, VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_SUFFIX_RESTING_SHARE);

    limit->hasRate = virTypedParamsGetDouble(params, nparams, rate, &limit->rate) > 0;
    limit->hasResting = virTypedParamsGetDouble(params, nparams, resting, &limit->resting) > 0;

    return virTypedParamsGetUInt(params, nparams, id, &limit->vcpu) > 0 &&
        virTypedParamsGetULLong(params, nparams, max, &limit->limit) > 0;
}


static virshDirtyLimitList *
virshDirtyLimitListRead(virTypedParameterPtr params,
                        int nparams)
{
    g_autoptr(virshDirtyLimitList) list = g_new0(virshDirtyLimitList, 1);
    const char *scope = NULL;
    unsigned int count = 0;
    size_t i;

    ignore_value(virTypedParamsGetUInt(params, nparams,
                                       VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_COUNT, &count));
    ignore_value(virTypedParamsGetString(params, nparams,
                                         VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_SCOPE, &scope));
    list->scope = g_strdup(scope);

    for (i = 0; i < count; i++) {
        virshDirtyLimit limit = { 0 };

        if (!virshDirtyLimitRead(params, nparams, i, &limit))
            return NULL;
        VIR_APPEND_ELEMENT(list->limits, list->n, limit);
    }

    return g_steal_pointer(&list);
}


/**
 * virshDirtyLimitListGet:
 * @ctl: virsh
 * @dom: the domain
 * @flags: one of virDomainModificationImpact
 *
 * Returns the limits, or NULL with an error reported.
 */
virshDirtyLimitList *
virshDirtyLimitListGet(vshControl *ctl,
                       virDomainPtr dom,
                       unsigned int flags)
{
    virshDirtyLimitList *list = NULL;
    virTypedParameterPtr params = NULL;
    int nparams = 0;

    if (virDomainGetVcpuDirtyLimit(dom, &params, &nparams, flags) < 0)
        return NULL;

    if (!(list = virshDirtyLimitListRead(params, nparams)))
        vshError(ctl, "%s", _("the daemon's answer lacks a vCPU's number or limit"));

    virTypedParamsFree(params, nparams);
    return list;
}


/* returns the entry of a vCPU, or NULL if the domain does not have it */
const virshDirtyLimit *
virshDirtyLimitListFind(const virshDirtyLimitList *list,
                        unsigned int vcpu)
{
    size_t i;

    for (i = 0; i < list->n; i++) {
        if (list->limits[i].vcpu == vcpu)
            return &list->limits[i];
    }

    return NULL;
}


/* returns the numbers of all vCPUs, such as "0-3,6" */
char *
virshDirtyLimitListVcpus(const virshDirtyLimitList *list)
{
    g_autoptr(virBitmap) vcpus = virBitmapNew(0);
    size_t i;

    for (i = 0; i < list->n; i++)
        virBitmapSetBitExpand(vcpus, list->limits[i].vcpu);

    return virBitmapFormat(vcpus);
}


static int
virshDirtyLimitAddRow(vshTable *table,
                      const virshDirtyLimit *limit)
{
    g_autofree char *vcpu = g_strdup_printf("%u", limit->vcpu);
    g_autofree char *max = limit->limit ? g_strdup_printf("%llu", limit->limit) : NULL;
    g_autofree char *rate = limit->hasRate ? virshDirtyFormat(limit->rate) : NULL;
    g_autofree char *resting = NULL;

    if (limit->hasResting)
        resting = g_strdup_printf("%.1f%%", limit->resting * 100);

    return vshTableRowAppend(table, vcpu, NULLSTR_MINUS(max), NULLSTR_MINUS(rate),
                             NULLSTR_MINUS(resting), NULL);
}


/**
 * virshDirtyLimitListPrint:
 * @ctl: virsh
 * @list: the limits
 *
 * Prints a row for each vCPU; the columns are always the same.
 *
 * Returns true, or false with an error reported.
 */
bool
virshDirtyLimitListPrint(vshControl *ctl,
                         const virshDirtyLimitList *list)
{
    g_autoptr(vshTable) table = vshTableNew(_("vCPU"), _("Limit MiB/s"), _("Rate MiB/s"),
                                            _("Resting"), NULL);
    size_t i;

    if (!table)
        return false;

    for (i = 0; i < list->n; i++) {
        if (virshDirtyLimitAddRow(table, &list->limits[i]) < 0)
            return false;
    }

    if (STREQ_NULLABLE(list->scope, dirty_scope_to_string(DIRTY_SCOPE_GUEST)))
        vshPrint(ctl, "%s\n\n",
                 _("Scope: guest (the limits' sum holds for all vCPUs together)"));

    vshTablePrintToStdout(table, ctl);
    return true;
}
