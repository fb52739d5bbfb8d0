/*
 * qemu_dirty.c: dirty page rate measurements of a running domain
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "qemu_dirty.h"
#include "qemu_dirty_monitor.h"
#include "qemu_dirty_params.h"
#include "qemu_dirty_state.h"
#include "qemu_domain.h"
#include "dirty-qmp.h"
#include "virerror.h"
#include "virlog.h"
#include "virtime.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

VIR_LOG_INIT("qemu.qemu_dirty");

/*
 * QEMU sends no event when a measurement ends, and hashing and a loaded host
 * make it end some time after its calc-time. So it is asked again at growing
 * intervals, in ms.
 */
#define QEMU_DIRTY_POLL_FIRST 5
#define QEMU_DIRTY_POLL_MAX 250

static void
qemuDirtyReportCancelled(virDomainObj *vm)
{
    virReportError(VIR_ERR_OPERATION_ABORTED,
                   _("the dirty page rate measurement of domain '%1$s' was cancelled"),
                   vm->def->name);
}


static void
qemuDirtyReportBusy(virDomainObj *vm,
                    qemuDirty *dirty)
{
    long long left = dirty->end - qemuDirtyNow();

    if (dirty->end == 0) {
        virReportError(VIR_ERR_OPERATION_INVALID,
                       _("a dirty page rate measurement of domain '%1$s' is already running that was not started through this daemon: wait until it ends, after 60 s at the latest"),
                       vm->def->name);
        return;
    }

    if (left <= 0) {
        virReportError(VIR_ERR_OPERATION_INVALID,
                       _("a dirty page rate measurement of domain '%1$s' is already running and about to end: try again, read its result as the last measurement, or cancel it"),
                       vm->def->name);
        return;
    }

    virReportError(VIR_ERR_OPERATION_INVALID,
                   _("a dirty page rate measurement of domain '%1$s' is already running and ends in about %2$lld ms: wait until then, read its result as the last measurement, or cancel it"),
                   vm->def->name, left);
}


static int
qemuDirtyCheckRunning(virDomainObj *vm)
{
    if (virDomainObjCheckActive(vm) < 0)
        return -1;

    if (virDomainObjGetState(vm, NULL) != VIR_DOMAIN_RUNNING) {
        virReportError(VIR_ERR_OPERATION_INVALID,
                       _("domain '%1$s' is %2$s: its dirty page rate can be measured only while it runs, resume it first"),
                       vm->def->name,
                       virDomainStateTypeToString(virDomainObjGetState(vm, NULL)));
        return -1;
    }

    return 0;
}


/*
 * Has QEMU start a measurement. One it is still busy with although this daemon
 * has not started it is of no use to anybody: whoever waited for it lost it
 * when the daemon went down.
 */
static gboolean
qemuDirtyStartQmp(virDomainObj *vm,
                  qemuDirty *dirty,
                  const DirtyMeasurementRequest *request,
                  GError **err)
{
    DirtyQmp qmp = qemuDirtyQmp(vm);

    if (dirty_qmp_calc_dirty_rate(&qmp, request, err))
        return TRUE;

    if (dirty->end != 0 || !g_error_matches(*err, DIRTY_ERROR, DIRTY_ERROR_BUSY))
        return FALSE;

    VIR_DEBUG("cancelling a left-over measurement of domain '%s'", vm->def->name);

    /* if it cannot be cancelled, the first error is the one that helps */
    if (!dirty_qmp_cancel_dirty_rate(&qmp, NULL))
        return FALSE;

    g_clear_error(err);
    return dirty_qmp_calc_dirty_rate(&qmp, request, err);
}


/* starts a measurement and reads what QEMU says about it, with a job held */
static DirtyMeasurement *
qemuDirtyStartLocked(virDomainObj *vm,
                     qemuDirty *dirty,
                     qemuDirtyCall *call,
                     const DirtyMeasurementRequest *request)
{
    DirtyQmp qmp = qemuDirtyQmp(vm);
    DirtyMeasurement *measurement = NULL;
    int id = vm->def->id;
    GError *err = NULL;

    /* one that has ended in QEMU is still to be read by who waits for it */
    if (qemuDirtyIsAwaited(dirty)) {
        qemuDirtyReportBusy(vm, dirty);
        return NULL;
    }

    if (!qemuDirtyStartQmp(vm, dirty, request, &err)) {
        if (g_error_matches(err, DIRTY_ERROR, DIRTY_ERROR_BUSY)) {
            g_error_free(err);
            qemuDirtyReportBusy(vm, dirty);
        } else {
            qemuDirtyReportFailure(vm, id, err);
        }
        return NULL;
    }

    qemuDirtyNoteStarted(vm, request->calc_time);
    call->started = true;

    /* who cancelled so early did not know there was something to cancel */
    if (call->cancelled) {
        dirty->end = 0;
        dirty_qmp_cancel_dirty_rate(&qmp, NULL);
        qemuDirtyReportCancelled(vm);
        return NULL;
    }

    if (!(measurement = dirty_qmp_query_dirty_rate(&qmp, &err)))
        qemuDirtyReportFailure(vm, id, err);

    return measurement;
}


static DirtyMeasurement *
qemuDirtyStart(virDomainObj *vm,
               qemuDirtyCall *call,
               const DirtyMeasurementRequest *request)
{
    DirtyMeasurement *measurement = NULL;

    /* a query job, as it is allowed while the domain migrates and nothing in
     * the domain changes */
    if (virDomainObjBeginJob(vm, VIR_JOB_QUERY) < 0)
        return NULL;

    if (call->cancelled)
        qemuDirtyReportCancelled(vm);
    else if (qemuDirtyCheckRunning(vm) == 0)
        measurement = qemuDirtyStartLocked(vm, qemuDirtyGet(vm), call, request);

    virDomainObjEndJob(vm);

    return measurement;
}


static DirtyMeasurement *
qemuDirtyQuery(virDomainObj *vm)
{
    DirtyQmp qmp = qemuDirtyQmp(vm);
    DirtyMeasurement *measurement = NULL;
    int id = vm->def->id;
    GError *err = NULL;

    if (virDomainObjBeginJob(vm, VIR_JOB_QUERY) < 0)
        return NULL;

    if (virDomainObjCheckActive(vm) == 0 &&
        !(measurement = dirty_qmp_query_dirty_rate(&qmp, &err)))
        qemuDirtyReportFailure(vm, id, err);

    virDomainObjEndJob(vm);

    return measurement;
}


static int
qemuDirtyCancel(virDomainObj *vm)
{
    DirtyQmp qmp = qemuDirtyQmp(vm);
    int id = vm->def->id;
    int ret = -1;
    GError *err = NULL;

    if (virDomainObjBeginJob(vm, VIR_JOB_QUERY) < 0)
        return -1;

    if (virDomainObjCheckActive(vm) == 0) {
        if (dirty_qmp_cancel_dirty_rate(&qmp, &err)) {
            qemuDirtyGet(vm)->end = 0;
            ret = 0;
        } else {
            qemuDirtyReportFailure(vm, id, err);
        }
    }

    virDomainObjEndJob(vm);

    return ret;
}


static int
qemuDirtyCancelForConn(virDomainObj *vm,
                       virConnectPtr conn)
{
    int ret = 0;

    if (virDomainObjCheckActive(vm) < 0)
        return -1;

    if (qemuDirtyMarkCancelled(qemuDirtyGet(vm), conn))
        ret = qemuDirtyCancel(vm);

    /* whoever waits is released even if QEMU cannot cancel */
    virDomainObjBroadcast(vm);

    return ret;
}


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
        qemuDirtyReportCancelled(vm);
        return -1;
    }

    if (state != VIR_DOMAIN_RUNNING) {
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
            qemuDirtyReportCancelled(vm);
            return NULL;
        }

        if (measurement->status == DIRTY_STATUS_MEASURED)
            return g_steal_pointer(&measurement);

        deadline = qemuDirtyNow() + poll;
        poll = MIN(poll * 2, QEMU_DIRTY_POLL_MAX);
    }
}


static DirtyMeasurement *
qemuDirtyMeasure(virDomainObj *vm,
                 virConnectPtr conn,
                 const DirtyMeasurementRequest *request,
                 bool wait)
{
    qemuDirty *dirty;
    qemuDirtyCall call = { .conn = conn };
    DirtyMeasurement *measurement;

    if (qemuDirtyCheckRunning(vm) < 0 ||
        qemuDirtyCheckMode(vm->def, request->mode) < 0)
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
