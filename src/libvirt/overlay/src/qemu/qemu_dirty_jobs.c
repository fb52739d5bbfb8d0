/*
 * qemu_dirty_jobs.c: the short jobs that measuring a dirty page rate takes
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "qemu_dirty_jobs.h"
#include "qemu_dirty_mode.h"
#include "qemu_dirty_monitor.h"
#include "virerror.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

VIR_LOG_INIT("qemu.qemu_dirty_jobs");

/**
 * qemuDirtyReportCancelled:
 * @vm: domain
 * @call: a call about to return without a measurement because it was cancelled
 *
 * Reports that, and whether QEMU has stopped measuring as well.
 */
void
qemuDirtyReportCancelled(virDomainObj *vm,
                         qemuDirtyCall *call)
{
    if (call->goesOn) {
        virReportError(VIR_ERR_OPERATION_ABORTED,
                       _("the wait for the dirty page rate of domain '%1$s' was cancelled, but its QEMU cannot cancel the measurement, which goes on for about %2$lld ms"),
                       vm->def->name, MAX(qemuDirtyGet(vm)->end - qemuDirtyNow(), 0));
        return;
    }

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


/* Reading memory that is still to arrive would also fetch it out of turn. */
static int
qemuDirtyCheckArrived(virDomainObj *vm)
{
    if (vm->job->asyncJob == VIR_ASYNC_JOB_MIGRATION_IN) {
        virReportError(VIR_ERR_OPERATION_INVALID,
                       _("domain '%1$s' is still being migrated to this host: measure its dirty page rate on the source, or here when the migration has ended"),
                       vm->def->name);
        return -1;
    }

    return 0;
}


/**
 * qemuDirtyCheckRunning:
 * @vm: domain, locked
 *
 * Returns 0 if the guest runs, or -1 with an error reported.
 */
int
qemuDirtyCheckRunning(virDomainObj *vm)
{
    virDomainState state;
    int reason;

    if (virDomainObjCheckActive(vm) < 0 ||
        qemuDirtyCheckArrived(vm) < 0)
        return -1;

    state = virDomainObjGetState(vm, &reason);

    if (state == VIR_DOMAIN_RUNNING)
        return 0;

    if (state == VIR_DOMAIN_PAUSED &&
        (reason == VIR_DOMAIN_PAUSED_MIGRATION || reason == VIR_DOMAIN_PAUSED_POSTCOPY)) {
        virReportError(VIR_ERR_OPERATION_INVALID,
                       _("domain '%1$s' is paused by its migration: measure its dirty page rate on the destination when the migration has ended"),
                       vm->def->name);
        return -1;
    }

    virReportError(VIR_ERR_OPERATION_INVALID,
                   _("domain '%1$s' is %2$s: its dirty page rate can be measured only while it runs, resume it first"),
                   vm->def->name, virDomainStateTypeToString(state));
    return -1;
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
        if (dirty_qmp_cancel_dirty_rate(&qmp, NULL))
            dirty->end = 0;
        else
            call->goesOn = true;
        qemuDirtyReportCancelled(vm, call);
        return NULL;
    }

    if (!(measurement = dirty_qmp_query_dirty_rate(&qmp, &err)))
        qemuDirtyReportFailure(vm, id, err);

    return measurement;
}


/**
 * qemuDirtyBeginJob:
 * @vm: domain, locked
 *
 * Begins a query job, as that is allowed while the domain migrates and nothing
 * in the domain changes. On the destination of a migration none is allowed
 * until the migration ends, and that is better said than waited for.
 *
 * Returns 0, or -1 with an error reported.
 */
int
qemuDirtyBeginJob(virDomainObj *vm)
{
    if (qemuDirtyCheckArrived(vm) < 0)
        return -1;

    return virDomainObjBeginJob(vm, VIR_JOB_QUERY);
}


/**
 * qemuDirtyStart:
 * @vm: domain, locked
 * @call: the call that wants the measurement
 * @request: what to measure; its mode is settled here
 *
 * Returns what QEMU says about the measurement once it is started, or NULL
 * with an error reported.
 */
DirtyMeasurement *
qemuDirtyStart(virDomainObj *vm,
               qemuDirtyCall *call,
               DirtyMeasurementRequest *request)
{
    DirtyMeasurement *measurement = NULL;

    if (qemuDirtyBeginJob(vm) < 0)
        return NULL;

    if (call->cancelled)
        qemuDirtyReportCancelled(vm, call);
    else if (qemuDirtyCheckRunning(vm) == 0 &&
             qemuDirtySettleMode(vm, request) == 0)
        measurement = qemuDirtyStartLocked(vm, qemuDirtyGet(vm), call, request);

    virDomainObjEndJob(vm);

    return measurement;
}


/**
 * qemuDirtyQuery:
 * @vm: domain, locked
 *
 * Returns the last or the running measurement, or NULL with an error reported.
 */
DirtyMeasurement *
qemuDirtyQuery(virDomainObj *vm)
{
    DirtyQmp qmp = qemuDirtyQmp(vm);
    DirtyMeasurement *measurement = NULL;
    int id = vm->def->id;
    GError *err = NULL;

    if (qemuDirtyBeginJob(vm) < 0)
        return NULL;

    if (virDomainObjCheckActive(vm) == 0 &&
        !(measurement = dirty_qmp_query_dirty_rate(&qmp, &err)))
        qemuDirtyReportFailure(vm, id, err);

    virDomainObjEndJob(vm);

    return measurement;
}


/* cancels the measurement in QEMU, with a job held */
static int
qemuDirtyCancelLocked(virDomainObj *vm)
{
    DirtyQmp qmp = qemuDirtyQmp(vm);
    int id = vm->def->id;
    GError *err = NULL;

    if (virDomainObjCheckActive(vm) < 0)
        return -1;

    if (!dirty_qmp_cancel_dirty_rate(&qmp, &err)) {
        qemuDirtyReportFailure(vm, id, err);
        return -1;
    }

    qemuDirtyGet(vm)->end = 0;
    return 0;
}


/**
 * qemuDirtyCancel:
 * @vm: domain, locked
 *
 * Returns 0 if QEMU measures no more, or -1 with an error reported.
 */
int
qemuDirtyCancel(virDomainObj *vm)
{
    int ret;

    if (qemuDirtyBeginJob(vm) < 0)
        return -1;

    ret = qemuDirtyCancelLocked(vm);
    virDomainObjEndJob(vm);

    return ret;
}


/**
 * qemuDirtyCancelForConn:
 * @vm: domain, locked
 * @conn: connection that wants a measurement to end
 *
 * Cancels the measurement a call of @conn waits for, or if there is no such
 * call, the running one, whosever it is.
 *
 * Returns 0, also if there was none; -1 with an error reported if QEMU goes
 * on measuring. Whoever waits is released all the same, and told so.
 */
int
qemuDirtyCancelForConn(virDomainObj *vm,
                       virConnectPtr conn)
{
    qemuDirty *dirty;
    bool own;
    int ret = 0;

    if (virDomainObjCheckActive(vm) < 0)
        return -1;

    dirty = qemuDirtyGet(vm);
    own = qemuDirtyHasCall(dirty, conn, false);
    qemuDirtyMarkEarly(dirty, conn);

    /* what runs in QEMU while own calls have still to start belongs to
     * somebody else */
    if (!own || qemuDirtyHasCall(dirty, conn, true)) {
        if ((ret = qemuDirtyBeginJob(vm)) == 0) {
            /* it may have ended while the job was waited for */
            if (!own || qemuDirtyHasCall(dirty, conn, true))
                ret = qemuDirtyCancelLocked(vm);
            virDomainObjEndJob(vm);
        }
        qemuDirtyMarkCancelled(dirty, own ? conn : NULL, ret < 0);
    }

    virDomainObjBroadcast(vm);

    return ret;
}
