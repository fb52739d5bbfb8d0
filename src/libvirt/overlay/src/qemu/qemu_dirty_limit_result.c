/*
 * qemu_dirty_limit_result.c: limits of vCPUs' dirty page rates as parameters
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "qemu_dirty_limit_result.h"
#include "qemu_dirty_limit_sync.h"
#include "qemu_dirty_monitor.h"
#include "dirty-qmp-limit.h"
#include "virerror.h"

#define QEMU_DIRTY_LIMIT_NAME(suffix) \
    VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_PREFIX "%zu" \
    VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_SUFFIX_ ## suffix

#define QEMU_DIRTY_LIMIT_STAT(suffix) \
    VIR_DOMAIN_STATS_DIRTYLIMIT_VCPU_PREFIX "%zu" \
    VIR_DOMAIN_STATS_DIRTYLIMIT_VCPU_SUFFIX_ ## suffix


/**
 * qemuDirtyLimitConfigToParams:
 * @def: domain definition
 *
 * Returns the parameters virDomainGetVcpuDirtyLimit() gives for a domain's
 * configuration.
 */
virTypedParamList *
qemuDirtyLimitConfigToParams(virDomainDef *def)
{
    g_autoptr(virTypedParamList) list = virTypedParamListNew();
    size_t i;

    virTypedParamListAddUInt(list, virDomainDefGetVcpusMax(def), "%s",
                             VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_COUNT);

    for (i = 0; i < virDomainDefGetVcpusMax(def); i++) {
        virTypedParamListAddUInt(list, i, QEMU_DIRTY_LIMIT_NAME(ID), i);
        virTypedParamListAddULLong(list, virDomainDefGetVcpu(def, i)->dirtyLimit,
                                   QEMU_DIRTY_LIMIT_NAME(LIMIT), i);
    }

    return g_steal_pointer(&list);
}


/* one scope for all, as QEMU keeps the limits of a guest in one way */
static const char *
qemuDirtyLimitScope(const GArray *limits)
{
    if (limits->len == 0)
        return NULL;

    return dirty_scope_to_string(g_array_index(limits, DirtyVcpuLimit, 0).scope);
}


/* @limit is NULL if the vCPU has none */
static void
qemuDirtyLimitAddVcpu(virTypedParamList *list,
                      size_t i,
                      unsigned int vcpu,
                      const DirtyVcpuLimit *limit)
{
    virTypedParamListAddUInt(list, vcpu, QEMU_DIRTY_LIMIT_NAME(ID), i);
    virTypedParamListAddULLong(list, limit ? limit->limit : 0,
                               QEMU_DIRTY_LIMIT_NAME(LIMIT), i);

    if (limit)
        virTypedParamListAddDouble(list, limit->rate, QEMU_DIRTY_LIMIT_NAME(RATE), i);

    if (limit && limit->has_resting_share)
        virTypedParamListAddDouble(list, limit->resting_share,
                                   QEMU_DIRTY_LIMIT_NAME(RESTING_SHARE), i);
}


/**
 * qemuDirtyLimitsToParams:
 * @def: definition of a running domain
 * @limits: its limits as QEMU reported them
 *
 * Returns the parameters virDomainGetVcpuDirtyLimit() gives for a running
 * domain.
 */
virTypedParamList *
qemuDirtyLimitsToParams(virDomainDef *def,
                        const GArray *limits)
{
    g_autoptr(virTypedParamList) list = virTypedParamListNew();
    const char *scope = qemuDirtyLimitScope(limits);
    size_t n = 0;
    size_t i;

    if (scope)
        virTypedParamListAddString(list, scope, "%s",
                                   VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_SCOPE);

    virTypedParamListAddUInt(list, virDomainDefGetVcpus(def), "%s",
                             VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_COUNT);

    for (i = 0; i < virDomainDefGetVcpusMax(def); i++) {
        if (virDomainDefGetVcpu(def, i)->online)
            qemuDirtyLimitAddVcpu(list, n++, i,
                                  qemuDirtyLimitFind(def, limits, i));
    }

    return g_steal_pointer(&list);
}


/**
 * qemuDirtyLimitsToStats:
 * @def: definition of a running domain
 * @limits: its limits as QEMU reported them
 * @stats: list to add its statistics to
 *
 * Adds the limited vCPUs that are plugged, each by its number.
 */
void
qemuDirtyLimitsToStats(virDomainDef *def,
                       const GArray *limits,
                       virTypedParamList *stats)
{
    const char *scope = qemuDirtyLimitScope(limits);
    size_t i;

    if (scope)
        virTypedParamListAddString(stats, scope, "%s",
                                   VIR_DOMAIN_STATS_DIRTYLIMIT_SCOPE);

    for (i = 0; i < virDomainDefGetVcpusMax(def); i++) {
        const DirtyVcpuLimit *limit = qemuDirtyLimitFind(def, limits, i);

        if (!limit || !virDomainDefGetVcpu(def, i)->online)
            continue;

        virTypedParamListAddULLong(stats, limit->limit, QEMU_DIRTY_LIMIT_STAT(LIMIT), i);
        virTypedParamListAddDouble(stats, limit->rate, QEMU_DIRTY_LIMIT_STAT(RATE), i);

        if (limit->has_resting_share)
            virTypedParamListAddDouble(stats, limit->resting_share,
                                       QEMU_DIRTY_LIMIT_STAT(RESTING_SHARE), i);
    }
}


/**
 * qemuDirtyLimitGetStats:
 * @vm: running domain with a job held
 * @stats: list to add its dirty page rate limits to
 *
 * Adds nothing if QEMU does not tell any: statistics never fail.
 */
void
qemuDirtyLimitGetStats(virDomainObj *vm,
                       virTypedParamList *stats)
{
    DirtyQmp qmp = qemuDirtyQmp(vm);
    g_autoptr(GArray) limits = NULL;

    if ((limits = dirty_qmp_query_vcpu_dirty_limit(&qmp, NULL)) &&
        virDomainObjIsActive(vm))
        qemuDirtyLimitsToStats(vm->def, limits, stats);
    else
        virResetLastError();
}
