/*
 * qemu_dirty_limit_sync.c: give QEMU the dirty page rate limits of a definition
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "qemu_dirty_limit_sync.h"
#include "qemu_dirty_mode.h"
#include "qemu_dirty_monitor.h"
#include "qemu_dirty_params.h"
#include "qemu_domain.h"
#include "domain_dirty_limit.h"
#include "dirty-qmp-limit.h"
#include "virerror.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

VIR_LOG_INIT("qemu.qemu_dirty_limit_sync");

/**
 * qemuDirtyLimitValidate:
 * @def: domain definition
 *
 * Refuses limits that no QEMU can keep, whatever it is patched with. What the
 * installed one can is known only when it runs.
 *
 * Returns 0, or -1 with an error reported.
 */
int
qemuDirtyLimitValidate(const virDomainDef *def)
{
    if (def->virtType == VIR_DOMAIN_VIRT_KVM &&
        !virDomainDirtyLimitIsUniform(def) &&
        !qemuDirtyHasRing(def)) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       _("domain '%1$s' has dirty page rate limits that differ between its vCPUs, but KVM can tell vCPUs' writes apart only with a dirty ring: add <dirty-ring state='on' size='4096'/> to <kvm> of its <features>, or set one limit for all vCPUs"),
                       def->name);
        return -1;
    }

    return 0;
}


static int
qemuDirtyLimitOwnIndex(virDomainDef *def,
                       unsigned int vcpu)
{
    virDomainVcpuDef *info = virDomainDefGetVcpu(def, vcpu);

    return info->online ? QEMU_DOMAIN_VCPU_PRIVATE(info)->qemu_id : -1;
}


/**
 * qemuDirtyLimitCpuIndex:
 * @def: definition of a running domain
 * @vcpu: number of a vCPU
 *
 * QEMU tells its number of a vCPU only if that is plugged. One that is not
 * will have the same number as here, unless another one has it.
 *
 * Returns QEMU's number of the vCPU, or -1 if that is not known yet.
 */
int
qemuDirtyLimitCpuIndex(virDomainDef *def,
                       unsigned int vcpu)
{
    int cpu = qemuDirtyLimitOwnIndex(def, vcpu);
    size_t i;

    if (cpu >= 0)
        return cpu;

    for (i = 0; i < virDomainDefGetVcpusMax(def); i++) {
        if (qemuDirtyLimitOwnIndex(def, i) == (int) vcpu)
            return -1;
    }

    return vcpu;
}


/**
 * qemuDirtyLimitCheckRun:
 * @vm: domain, locked
 * @id: its ID before a request
 *
 * Returns 0 if @vm still is the same run of the guest, or -1 with an error
 * reported.
 */
int
qemuDirtyLimitCheckRun(virDomainObj *vm,
                       int id)
{
    if (vm->def->id == id && virDomainObjIsActive(vm))
        return 0;

    virReportError(VIR_ERR_OPERATION_FAILED,
                   _("domain '%1$s' stopped running while dirty page rate limits of its vCPUs were dealt with"),
                   vm->def->name);
    return -1;
}


/**
 * qemuDirtyLimitReportFailure:
 * @vm: domain
 * @id: its ID before the request that failed
 * @err: an error of the request, freed here
 *
 * Reports @err, or that the guest is gone, which explains any failure.
 */
void
qemuDirtyLimitReportFailure(virDomainObj *vm,
                            int id,
                            GError *err)
{
    if (qemuDirtyLimitCheckRun(vm, id) < 0)
        g_error_free(err);
    else
        qemuDirtyReportError(err);
}


/**
 * qemuDirtyLimitFind:
 * @def: definition of a running domain
 * @limits: its limits as QEMU reported them
 * @vcpu: number of a vCPU
 *
 * Returns QEMU's limit of that vCPU, or NULL if there is none.
 */
const DirtyVcpuLimit *
qemuDirtyLimitFind(virDomainDef *def,
                   const GArray *limits,
                   unsigned int vcpu)
{
    int cpu = qemuDirtyLimitCpuIndex(def, vcpu);
    size_t i;

    for (i = 0; cpu >= 0 && i < limits->len; i++) {
        const DirtyVcpuLimit *limit = &g_array_index(limits, DirtyVcpuLimit, i);

        if (limit->vcpu == cpu)
            return limit;
    }

    return NULL;
}


/* Changes what differs from @limits, QEMU's. All vCPUs are changed at once
 * where that will do: a domain can have hundreds of them, and without a dirty
 * ring it is the only way. */
static gboolean
qemuDirtyLimitPush(virDomainObj *vm,
                   const GArray *limits,
                   GError **err)
{
    DirtyQmp qmp = qemuDirtyQmp(vm);
    bool uniform = virDomainDirtyLimitIsUniform(vm->def);
    size_t i;

    for (i = 0; i < virDomainDefGetVcpusMax(vm->def); i++) {
        const DirtyVcpuLimit *limit = qemuDirtyLimitFind(vm->def, limits, i);
        unsigned long long wanted = virDomainDefGetVcpu(vm->def, i)->dirtyLimit;
        int cpu = qemuDirtyLimitCpuIndex(vm->def, i);

        if (wanted == (limit ? limit->limit : 0))
            continue;

        if (uniform)
            return dirty_qmp_set_vcpu_dirty_limit(&qmp, DIRTY_VCPU_ALL, wanted, err);

        if (cpu >= 0 && !dirty_qmp_set_vcpu_dirty_limit(&qmp, cpu, wanted, err))
            return FALSE;
    }

    return TRUE;
}


/* gives QEMU the limits of the live definition */
static gboolean
qemuDirtyLimitTrySync(virDomainObj *vm,
                      GError **err)
{
    DirtyQmp qmp = qemuDirtyQmp(vm);
    g_autoptr(GArray) limits = NULL;

    if (!(limits = dirty_qmp_query_vcpu_dirty_limit(&qmp, err)))
        return FALSE;

    return qemuDirtyLimitPush(vm, limits, err);
}


/**
 * qemuDirtyLimitSync:
 * @vm: running domain with a job held
 *
 * Gives QEMU the limits of the live definition.
 *
 * Returns 0, or -1 with an error reported.
 */
int
qemuDirtyLimitSync(virDomainObj *vm)
{
    int id = vm->def->id;
    GError *err = NULL;

    if (qemuDirtyLimitTrySync(vm, &err))
        return 0;

    qemuDirtyLimitReportFailure(vm, id, err);
    return -1;
}


/**
 * qemuDirtyLimitStart:
 * @vm: domain whose QEMU has been started, but not yet its vCPUs
 *
 * Gives QEMU the limits of the domain, which must not start without them. If
 * that QEMU has none, the configuration is at fault, as nothing was asked for.
 *
 * Returns 0, or -1 with an error reported.
 */
int
qemuDirtyLimitStart(virDomainObj *vm)
{
    int id = vm->def->id;
    GError *err = NULL;

    if (!virDomainDirtyLimitIsSet(vm->def) ||
        qemuDirtyLimitTrySync(vm, &err))
        return 0;

    if (g_error_matches(err, DIRTY_ERROR, DIRTY_ERROR_UNSUPPORTED)) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       _("domain '%1$s' has a <dirtylimit>: %2$s"),
                       vm->def->name, err->message);
        g_error_free(err);
    } else {
        qemuDirtyLimitReportFailure(vm, id, err);
    }

    return -1;
}


/**
 * qemuDirtyLimitPlug:
 * @vm: running domain with a job held
 * @vcpu: number of the first vCPU that has been plugged
 * @nvcpus: how many have been plugged with it
 *
 * Sees to it that QEMU keeps the limits of these vCPUs, as it might have
 * forgotten them when they were unplugged.
 *
 * Returns 0, or -1 with an error reported.
 */
int
qemuDirtyLimitPlug(virDomainObj *vm,
                   unsigned int vcpu,
                   unsigned int nvcpus)
{
    size_t i;

    for (i = vcpu; i < vcpu + nvcpus; i++) {
        if (virDomainDefGetVcpu(vm->def, i)->dirtyLimit > 0)
            return qemuDirtyLimitSync(vm);
    }

    return 0;
}


/**
 * qemuDirtyLimitReconnect:
 * @vm: domain that was running before the daemon was started
 *
 * Makes QEMU's limits those of the domain again: the daemon may have died
 * between changing the one and the other, and no vCPU may stay limited without
 * anybody knowing. The guest goes on if that fails.
 */
void
qemuDirtyLimitReconnect(virDomainObj *vm)
{
    if (qemuDirtyLimitSync(vm) == 0)
        return;

    /* a QEMU that knows no limits has none to put right */
    if (virDomainDirtyLimitIsSet(vm->def) ||
        virGetLastErrorCode() != VIR_ERR_OPERATION_UNSUPPORTED)
        VIR_WARN("Unable to restore the dirty page rate limits of domain '%s': %s",
                 vm->def->name, virGetLastErrorMessage());

    virResetLastError();
}
