/*
 * qemu_dirty_mode.c: by which mode a domain's dirty page rate is measured
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "qemu_dirty_mode.h"
#include "qemu_dirty_monitor.h"
#include "qemu_dirty_params.h"
#include "qemu_dirty_state.h"
#include "virlog.h"

VIR_LOG_INIT("qemu.qemu_dirty_mode");

/**
 * qemuDirtyHasRing:
 * @def: domain definition
 *
 * Returns whether KVM logs the writes of each vCPU in a dirty ring.
 */
bool
qemuDirtyHasRing(const virDomainDef *def)
{
    return def->features[VIR_DOMAIN_FEATURE_KVM] == VIR_TRISTATE_SWITCH_ON &&
        def->kvm_features &&
        def->kvm_features->features[VIR_DOMAIN_KVM_DIRTY_RING] == VIR_TRISTATE_SWITCH_ON;
}


/**
 * qemuDirtyIsPatched:
 * @vm: running domain with a job held
 * @patched: where to put whether its QEMU has the libvirt-dirty patch
 *
 * QEMU is asked once in the life of a guest, as it can be another one than
 * that installed now.
 *
 * Returns 0, or -1 with an error reported.
 */
int
qemuDirtyIsPatched(virDomainObj *vm,
                   gboolean *patched)
{
    qemuDirty *dirty = qemuDirtyGet(vm);
    DirtyQmp qmp = qemuDirtyQmp(vm);
    int id = vm->def->id;
    GError *err = NULL;

    if (dirty->patched == VIR_TRISTATE_BOOL_ABSENT) {
        if (!dirty_qmp_query_patched(&qmp, patched, &err)) {
            qemuDirtyReportFailure(vm, id, err);
            return -1;
        }
        dirty->patched = virTristateBoolFromBool(*patched);
    }

    *patched = dirty->patched == VIR_TRISTATE_BOOL_YES;
    return 0;
}


/**
 * qemuDirtySettleMode:
 * @vm: running domain with a job held
 * @request: what is asked for; its mode is replaced if it is "auto"
 *
 * Chooses a mode where the choice is left to us, and refuses one that the
 * domain cannot have. QEMU is not asked for the latter, because some versions
 * crash when a guest without KVM is to be measured by what KVM tracks.
 *
 * Returns 0, or -1 with an error reported.
 */
int
qemuDirtySettleMode(virDomainObj *vm,
                    DirtyMeasurementRequest *request)
{
    DirtyModeFacts facts = {
        .kvm = vm->def->virtType == VIR_DOMAIN_VIRT_KVM,
        .ring = qemuDirtyHasRing(vm->def),
        .migrating = vm->job->asyncJob == VIR_ASYNC_JOB_MIGRATION_OUT,
    };
    GError *err = NULL;

    if (qemuDirtyIsPatched(vm, &facts.patched) < 0)
        return -1;

    if (request->mode == DIRTY_MODE_AUTO) {
        request->mode = dirty_mode_choose(&facts);
        /* who leaves the mode open wants a sample only if there is one */
        if (dirty_mode_counts_exactly(request->mode))
            request->sample_pages = 0;
        VIR_DEBUG("domain '%s': mode '%s'",
                  vm->def->name, dirty_mode_to_string(request->mode));
    }

    if (!dirty_mode_check(request->mode, &facts, &err)) {
        qemuDirtyReportError(err);
        return -1;
    }

    return 0;
}
