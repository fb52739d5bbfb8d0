/*
 * qemu_dirty.c: dirty page rate measurements of a running domain
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "qemu_dirty.h"
#include "qemu_dirty_jobs.h"
#include "qemu_dirty_monitor.h"
#include "qemu_dirty_params.h"
#include "qemu_dirty_result.h"
#include "qemu_dirty_state.h"
#include "virerror.h"
#include "virtime.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/*
 * QEMU sends no event when a measurement ends, and hashing and a loaded host
 * make it end some time after its calc-time. So it is asked again at growing
 * intervals, in ms.
 */
#define QEMU_DIRTY_POLL_FIRST 5
#define QEMU_DIRTY_POLL_MAX 250

/*
 * Sleeps with @vm unlocked until @deadline or until something about @vm may
 * have changed. Returns -1 with an error reported if that ends the wait for
 * the measurement of @call.
 */
static int
qemuDirtySleep(virDomainObj *vm,
               int id,
               qemuDirtyCall *call,
               long long deadline)
{
    long long left = deadline - qemuDirtyNow();
    unsigned long long wall;
    virDomainState state;
    int reason;

    if (virTimeMillisNow(&wall) < 0)
        return -1;

    if (left > 0 && virDomainObjWaitUntil(vm, wall + left) < 0)
        return -1;

    state = virDomainObjGetState(vm, &reason);

    if (vm->def->id != id ||
        state == VIR_DOMAIN_SHUTDOWN || state == VIR_DOMAIN_CRASHED) {
        qemuDirtyReportGone(vm);
        return -1;
    }

    if (call->cancelled) {
        qemuDirtyReportCancelled(vm, call);
        return -1;
    }

    if (state != VIR_DOMAIN_RUNNING) {
        /* QEMU with the patch takes a pause out of the time it measures */
        if (qemuDirtyGet(vm)->patched == VIR_TRISTATE_BOOL_YES &&
            qemuDirtyNow() < deadline)
            return 0;

        /* half a measurement of a guest at rest says nothing */
        if (qemuDirtyCancel(vm) < 0)
            virResetLastError();
        virReportError(VIR_ERR_OPERATION_FAILED,
                       _("domain '%1$s' became %2$s (%3$s) while its dirty page rate was being measured: measure again when it runs"),
                       vm->def->name, virDomainStateTypeToString(state),
                       virDomainStateReasonToString(state, reason));
        return -1;
    }

    return 0;
}


static DirtyMeasurement *
qemuDirtyWait(virDomainObj *vm,
              qemuDirty *dirty,
              qemuDirtyCall *call)
{
    int id = dirty->id;
    unsigned int serial = dirty->serial;
    long long deadline = dirty->end;
    long long poll = QEMU_DIRTY_POLL_FIRST;

    while (true) {
        g_autoptr(DirtyMeasurement) measurement = NULL;

        if (qemuDirtySleep(vm, id, call, deadline) < 0)
            return NULL;

        if (qemuDirtyNow() < deadline)
            continue;

        if (!(measurement = qemuDirtyQuery(vm))) {
            if (vm->def->id != id)
                qemuDirtyReportGone(vm);
            return NULL;
        }

        if (dirty->serial != serial || measurement->status == DIRTY_STATUS_UNSTARTED) {
            qemuDirtyReportCancelled(vm, call);
            return NULL;
        }

        if (measurement->status == DIRTY_STATUS_MEASURED)
            return g_steal_pointer(&measurement);

        deadline = qemuDirtyNow() + poll;
        poll = MIN(poll * 2, QEMU_DIRTY_POLL_MAX);
    }
}


/**
 * qemuDirtyMeasure:
 * @vm: domain, locked
 * @conn: connection that asks
 * @request: what to measure; its mode is settled here
 * @wait: whether to wait for the end, with @vm unlocked
 *
 * Returns the measurement, finished if it was waited for, or NULL with an
 * error reported.
 */
DirtyMeasurement *
qemuDirtyMeasure(virDomainObj *vm,
                 virConnectPtr conn,
                 DirtyMeasurementRequest *request,
                 bool wait)
{
    qemuDirty *dirty;
    qemuDirtyCall call = { .conn = conn };
    DirtyMeasurement *measurement;

    if (qemuDirtyCheckRunning(vm) < 0)
        return NULL;

    dirty = qemuDirtyGet(vm);
    dirty->calls = g_slist_prepend(dirty->calls, &call);

    measurement = qemuDirtyStart(vm, &call, request);

    if (measurement && wait) {
        g_clear_pointer(&measurement, dirty_measurement_free);
        measurement = qemuDirtyWait(vm, dirty, &call);
    }

    dirty->calls = g_slist_remove(dirty->calls, &call);

    return measurement;
}


/**
 * qemuDirtyGetRate:
 * @vm: domain, locked
 * @conn: connection that asks
 * @params: see virDomainGetDirtyRate()
 * @nparams: likewise
 * @result: likewise
 * @nresult: likewise
 * @flags: likewise
 *
 * Does the work of virDomainGetDirtyRate(). Unlocks @vm while it waits.
 *
 * Returns 0, or -1 with an error reported.
 */
int
qemuDirtyGetRate(virDomainObj *vm,
                 virConnectPtr conn,
                 virTypedParameterPtr params,
                 int nparams,
                 virTypedParameterPtr *result,
                 int *nresult,
                 unsigned int flags)
{
    DirtyMeasurementRequest request;
    g_autoptr(DirtyMeasurement) measurement = NULL;
    g_autoptr(virTypedParamList) list = NULL;

    if (nparams > 0 &&
        flags & (VIR_DOMAIN_DIRTY_RATE_LAST | VIR_DOMAIN_DIRTY_RATE_CANCEL)) {
        virReportError(VIR_ERR_INVALID_ARG,
                       _("parameter '%1$s' describes a new measurement, but the flags ask to read or cancel one: leave out either"),
                       params[0].field);
        return -1;
    }

    if (qemuDirtyRequestFromParams(params, nparams, &request) < 0)
        return -1;

    if (flags & VIR_DOMAIN_DIRTY_RATE_CANCEL)
        return qemuDirtyCancelForConn(vm, conn);

    if (flags & VIR_DOMAIN_DIRTY_RATE_LAST)
        measurement = qemuDirtyQuery(vm);
    else
        measurement = qemuDirtyMeasure(vm, conn, &request,
                                       !(flags & VIR_DOMAIN_DIRTY_RATE_NOWAIT));

    if (!measurement ||
        !(list = qemuDirtyMeasurementToParams(measurement)))
        return -1;

    return virTypedParamListSteal(list, result, nresult) < 0 ? -1 : 0;
}
