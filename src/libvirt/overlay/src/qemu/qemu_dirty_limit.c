/*
 * qemu_dirty_limit.c: set and tell limits of vCPUs' dirty page rates
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "qemu_dirty_limit.h"
#include "qemu_dirty_limit_arrive.h"
#include "qemu_dirty_limit_result.h"
#include "qemu_dirty_limit_sync.h"
#include "qemu_dirty_monitor.h"
#include "qemu_dirty_params.h"
#include "qemu_domain.h"
#include "domain_dirty_limit.h"
#include "dirty-qmp-limit.h"
#include "virerror.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

VIR_LOG_INIT("qemu.qemu_dirty_limit");

/* What happens to the domain on this host from now on will not reach the
 * other one, or is not known here yet. */
static int
qemuDirtyLimitCheckHere(virDomainObj *vm)
{
    virDomainState state;
    int reason;

    if (vm->job->asyncJob == VIR_ASYNC_JOB_MIGRATION_IN) {
        virReportError(VIR_ERR_OPERATION_INVALID,
                       _("domain '%1$s' is still being migrated to this host: use the dirty page rate limits of its vCPUs on the source, or here when the migration has ended"),
                       vm->def->name);
        return -1;
    }

    state = virDomainObjGetState(vm, &reason);

    if (state == VIR_DOMAIN_PAUSED &&
        (reason == VIR_DOMAIN_PAUSED_MIGRATION || reason == VIR_DOMAIN_PAUSED_POSTCOPY)) {
        virReportError(VIR_ERR_OPERATION_INVALID,
                       _("domain '%1$s' is paused by its migration: use the dirty page rate limits of its vCPUs on the destination when the migration has ended"),
                       vm->def->name);
        return -1;
    }

    return 0;
}


/*
 * Nothing else may change the domain meanwhile, but a limit is wanted most
 * while the domain migrates, and then only query jobs are allowed. They, too,
 * are held by one thread at a time.
 */
static int
qemuDirtyLimitBeginJob(virDomainObj *vm)
{
    virDomainJob job = VIR_JOB_MODIFY;

    if (qemuDirtyLimitCheckHere(vm) < 0)
        return -1;

    if (vm->job->asyncJob == VIR_ASYNC_JOB_MIGRATION_OUT)
        job = VIR_JOB_QUERY;

    return virDomainObjBeginJob(vm, job);
}


/* takes the limits of @before back, after what should have followed has failed */
static void
qemuDirtyLimitUndo(virDomainObj *vm,
                   const unsigned long long *before)
{
    virErrorPtr orig;

    virErrorPreserveLast(&orig);

    virDomainDirtyLimitLoad(vm->def, before);
    qemuDomainSaveStatus(vm);

    if (qemuDirtyLimitSync(vm) < 0)
        VIR_WARN("Unable to take back dirty page rate limits of domain '%s': %s",
                 vm->def->name, virGetLastErrorMessage());

    virErrorRestore(&orig);
}


/* changes QEMU and the live definition, or neither */
static int
qemuDirtyLimitSetLive(virDomainObj *vm,
                      int vcpu,
                      unsigned long long rate,
                      const unsigned long long *before)
{
    DirtyQmp qmp = qemuDirtyQmp(vm);
    int cpu = vcpu == -1 ? DIRTY_VCPU_ALL : qemuDirtyLimitCpuIndex(vm->def, vcpu);
    int id = vm->def->id;
    GError *err = NULL;

    /* QEMU can be told of a vCPU it has no number for when that is plugged */
    if ((vcpu == -1 || cpu >= 0) &&
        !dirty_qmp_set_vcpu_dirty_limit(&qmp, cpu, rate, &err)) {
        qemuDirtyLimitReportFailure(vm, id, err);
        return -1;
    }

    if (qemuDirtyLimitCheckRun(vm, id) < 0)
        return -1;

    /* it may have left while QEMU answered, without the new limit */
    if (qemuDirtyLimitCheckHere(vm) < 0) {
        qemuDirtyLimitUndo(vm, before);
        return -1;
    }

    virDomainDirtyLimitSet(vm->def, vcpu, rate);
    qemuDirtyLimitNoteChanged(vm);
    qemuDomainSaveStatus(vm);

    return 0;
}


/* a changed copy of @def, the persistent definition, that can replace it */
static virDomainDef *
qemuDirtyLimitCopyConfig(virDomainObj *vm,
                         int vcpu,
                         unsigned long long rate)
{
    qemuDomainObjPrivate *priv = vm->privateData;
    g_autoptr(virDomainDef) copy = NULL;

    if (!(copy = virDomainObjCopyPersistentDef(vm, priv->driver->xmlopt,
                                               priv->qemuCaps)))
        return NULL;

    if (virDomainDirtyLimitCheckVcpu(copy, vcpu) < 0)
        return NULL;

    virDomainDirtyLimitSet(copy, vcpu, rate);

    if (qemuDirtyLimitValidate(copy) < 0)
        return NULL;

    return g_steal_pointer(&copy);
}


/* with a job held; everything is checked before anything is changed */
static int
qemuDirtyLimitSetLocked(virDomainObj *vm,
                        int vcpu,
                        unsigned long long rate,
                        unsigned int flags)
{
    qemuDomainObjPrivate *priv = vm->privateData;
    g_autoptr(virQEMUDriverConfig) cfg = virQEMUDriverGetConfig(priv->driver);
    virDomainDef *def = NULL;
    virDomainDef *persistentDef = NULL;
    g_autoptr(virDomainDef) copy = NULL;
    g_autofree unsigned long long *before = NULL;

    if (virDomainObjGetDefs(vm, flags, &def, &persistentDef) < 0 ||
        (def && virDomainDirtyLimitCheckVcpu(def, vcpu) < 0) ||
        (persistentDef && !(copy = qemuDirtyLimitCopyConfig(vm, vcpu, rate))))
        return -1;

    if (def) {
        before = virDomainDirtyLimitSave(def);

        if (qemuDirtyLimitCheckHere(vm) < 0 ||
            qemuDirtyLimitSetLive(vm, vcpu, rate, before) < 0)
            return -1;
    }

    if (copy) {
        if (virDomainDefSave(copy, priv->driver->xmlopt, cfg->configDir) < 0) {
            if (before)
                qemuDirtyLimitUndo(vm, before);
            return -1;
        }

        virDomainObjAssignDef(vm, &copy, false, NULL);
    }

    return 0;
}


/**
 * qemuDirtyLimitSet:
 * @vm: domain, locked
 * @vcpu: see virDomainSetVcpuDirtyLimit()
 * @rate: likewise
 * @flags: likewise
 *
 * Does the work of virDomainSetVcpuDirtyLimit().
 *
 * Returns 0, or -1 with an error reported.
 */
int
qemuDirtyLimitSet(virDomainObj *vm,
                  int vcpu,
                  unsigned long long rate,
                  unsigned int flags)
{
    GError *err = NULL;
    int ret;

    if (!dirty_limit_check(rate, &err)) {
        qemuDirtyReportError(err);
        return -1;
    }

    if (qemuDirtyLimitBeginJob(vm) < 0)
        return -1;

    ret = qemuDirtyLimitSetLocked(vm, vcpu, rate, flags);
    virDomainObjEndJob(vm);

    return ret;
}


/* with a job held */
static virTypedParamList *
qemuDirtyLimitGetLocked(virDomainObj *vm,
                        unsigned int flags)
{
    DirtyQmp qmp = qemuDirtyQmp(vm);
    g_autoptr(GArray) limits = NULL;
    virDomainDef *def;
    bool live;
    int id = vm->def->id;
    GError *err = NULL;

    if (!(def = virDomainObjGetOneDefState(vm, flags, &live)))
        return NULL;

    if (!live)
        return qemuDirtyLimitConfigToParams(def);

    if (!(limits = dirty_qmp_query_vcpu_dirty_limit(&qmp, &err))) {
        qemuDirtyLimitReportFailure(vm, id, err);
        return NULL;
    }

    if (qemuDirtyLimitCheckRun(vm, id) < 0)
        return NULL;

    return qemuDirtyLimitsToParams(def, limits);
}


/**
 * qemuDirtyLimitGet:
 * @vm: domain, locked
 * @result: see virDomainGetVcpuDirtyLimit()
 * @nresult: likewise
 * @flags: likewise
 *
 * Does the work of virDomainGetVcpuDirtyLimit().
 *
 * Returns 0, or -1 with an error reported.
 */
int
qemuDirtyLimitGet(virDomainObj *vm,
                  virTypedParameterPtr *result,
                  int *nresult,
                  unsigned int flags)
{
    g_autoptr(virTypedParamList) list = NULL;

    if (qemuDirtyLimitCheckHere(vm) < 0 ||
        virDomainObjBeginJob(vm, VIR_JOB_QUERY) < 0)
        return -1;

    list = qemuDirtyLimitGetLocked(vm, flags);
    virDomainObjEndJob(vm);

    if (!list)
        return -1;

    return virTypedParamListSteal(list, result, nresult) < 0 ? -1 : 0;
}
