/*
 * virsh-dirty-tables.c: shows the vectors of a dirty page rate measurement
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "virsh-dirty-tables.h"
#include "virsh-dirty-values.h"

#include "dirty-curve.h"
#include "internal.h"
#include "vsh-table.h"

static bool
virshDirtyPrintTable(vshControl *ctl,
                     vshTable *table)
{
    vshPrint(ctl, "\n");
    vshTablePrintToStdout(table, ctl);
    return true;
}


/* the last of the counts of vCPU @i, as entry in the parameters */
static bool
virshDirtyGetVcpuPages(virshDirtyCall *call,
                       size_t i,
                       unsigned long long *pages)
{
    unsigned int periods = virshDirtyGetUInt(call, VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_COUNT);
    g_autofree char *name = NULL;

    if (periods == 0)
        return false;

    name = g_strdup_printf(VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_PREFIX "%zu"
                           VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_PERIOD "%u"
                           VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_DIRTY_PAGES,
                           i, periods - 1);

    return virTypedParamsGetULLong(call->result, call->nresult, name, pages) > 0;
}


static int
virshDirtyAddVcpu(vshTable *table,
                  virshDirtyCall *call,
                  size_t i)
{
    g_autofree char *idName = g_strdup_printf(VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_PREFIX "%zu"
                                              VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_ID, i);
    g_autofree char *idStr = g_strdup_printf("%u", virshDirtyGetUInt(call, idName));
    g_autofree char *rateStr = NULL;
    g_autofree char *pagesStr = NULL;
    unsigned long long pages;

    rateStr = virshDirtyFormat(virshDirtyGetDoubleAt(call, VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_PREFIX, i,
                                                     VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_RATE));
    if (virshDirtyGetVcpuPages(call, i, &pages))
        pagesStr = g_strdup_printf("%llu", pages);

    return vshTableRowAppend(table, idStr, NULLSTR_MINUS(pagesStr), rateStr, NULL);
}


bool
virshDirtyPrintVcpus(vshControl *ctl,
                     virshDirtyCall *call)
{
    unsigned int n = virshDirtyGetUInt(call, VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_COUNT);
    g_autoptr(vshTable) table = NULL;
    size_t i;

    if (n == 0)
        return true;

    if (!(table = vshTableNew(_("vCPU"), _("Dirty pages"), _("Rate MiB/s"), NULL)))
        return false;

    for (i = 0; i < n; i++) {
        if (virshDirtyAddVcpu(table, call, i) < 0)
            return false;
    }

    return virshDirtyPrintTable(ctl, table);
}


static int
virshDirtyAddCompression(vshTable *table,
                         virshDirtyCall *call,
                         size_t i)
{
    const char *prefix = VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_PREFIX;
    g_autofree char *name = g_strdup_printf("%s%zu%s", prefix, i,
                                            VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_SUFFIX_METHOD);
    const char *method = virshDirtyGetString(call, name);
    g_autofree char *ratio = virshDirtyFormat(virshDirtyGetDoubleAt(call, prefix, i,
                                              VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_SUFFIX_RATIO));
    g_autofree char *speed = virshDirtyFormat(virshDirtyGetDoubleAt(call, prefix, i,
                                              VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_SUFFIX_SPEED));
    g_autofree char *pages = g_strdup_printf("%llu", virshDirtyGetULLongAt(call, prefix, i,
                                             VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_SUFFIX_PAGES));

    return vshTableRowAppend(table, NULLSTR_MINUS(method), ratio, speed, pages, NULL);
}


bool
virshDirtyPrintCompression(vshControl *ctl,
                           virshDirtyCall *call,
                           bool wanted)
{
    unsigned int n = virshDirtyGetUInt(call, VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_COUNT);
    g_autoptr(vshTable) table = NULL;
    size_t i;

    if (n == 0) {
        if (wanted)
            vshPrintExtra(ctl, "\n%s\n",
                          _("Nothing was compressed: the measurement has not ended, or all sampled pages are zero."));
        return true;
    }

    if (!(table = vshTableNew(_("Compression"), _("Ratio"), _("MiB per s of CPU"),
                              _("Pages tried"), NULL)))
        return false;

    for (i = 0; i < n; i++) {
        if (virshDirtyAddCompression(table, call, i) < 0)
            return false;
    }

    return virshDirtyPrintTable(ctl, table);
}


static int
virshDirtyAddPeriod(vshTable *table,
                    virshDirtyCall *call,
                    bool exact,
                    size_t i)
{
    const char *prefix = VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_PREFIX;
    unsigned long long pageSize = virshDirtyGetULLong(call, VIR_DOMAIN_DIRTY_RATE_PARAM_PAGE_SIZE);
    unsigned long long ms = virshDirtyGetULLongAt(call, prefix, i,
                                                  VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_TIME);
    unsigned long long dirty = virshDirtyGetULLongAt(call, prefix, i,
                                                     VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_DIRTY_PAGES);
    double pages = virshDirtyGetDoubleAt(call, prefix, i,
                                         VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_PAGES);
    double low = virshDirtyGetDoubleAt(call, prefix, i,
                                       VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_PAGES_LOW);
    double high = virshDirtyGetDoubleAt(call, prefix, i,
                                        VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_PAGES_HIGH);
    double mib = pageSize / (1024.0 * 1024.0);
    g_autofree char *msStr = g_strdup_printf("%llu", ms);
    g_autofree char *dirtyStr = g_strdup_printf("%llu", dirty);
    g_autofree char *mibStr = virshDirtyFormat(pages * mib);
    g_autofree char *boundsStr = virshDirtyFormatBounds(low * mib, high * mib);
    g_autofree char *rateStr = virshDirtyFormat(dirty_pages_to_rate(pages, pageSize, MAX(ms, 1)));

    if (exact)
        return vshTableRowAppend(table, msStr, dirtyStr, mibStr, rateStr, NULL);

    return vshTableRowAppend(table, msStr, dirtyStr, mibStr, boundsStr, rateStr, NULL);
}


static vshTable *
virshDirtyPeriodTable(bool exact)
{
    if (exact)
        return vshTableNew(_("Period ms"), _("Dirty pages"), _("Dirty MiB"),
                           _("Rate MiB/s"), NULL);

    return vshTableNew(_("Period ms"), _("Dirty sampled pages"), _("Dirty MiB"),
                       _("95 % bounds MiB"), _("Rate MiB/s"), NULL);
}


bool
virshDirtyPrintPeriods(vshControl *ctl,
                       virshDirtyCall *call)
{
    unsigned int n = virshDirtyGetUInt(call, VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_COUNT);
    bool exact = virshDirtyIsExact(call);
    g_autoptr(vshTable) table = NULL;
    size_t i;

    if (n == 0) {
        vshPrintExtra(ctl, "\n%s\n",
                      _("No readings: the measurement has not ended, or the domain's QEMU does not report any."));
        return true;
    }

    if (!(table = virshDirtyPeriodTable(exact)))
        return false;

    for (i = 0; i < n; i++) {
        if (virshDirtyAddPeriod(table, call, exact, i) < 0)
            return false;
    }

    return virshDirtyPrintTable(ctl, table);
}
