/*
 * qemu_dirty_monitor.c: the monitor as the measurement code uses it
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "qemu_dirty_monitor.h"
#include "qemu_dirty_params.h"
#include "qemu_domain.h"
#include "virerror.h"
#include "virthread.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/**
 * qemuDirtySend:
 * @request: a QMP request
 * @opaque: the qemuMonitor to send it to, locked
 * @err: where to put the reason of a failure, which is reported as well
 *
 * The DirtyQmpSend of a monitor.
 *
 * Returns the reply, or NULL.
 */
char *
qemuDirtySend(const char *request,
              void *opaque,
              GError **err)
{
    qemuMonitor *mon = opaque;
    char *reply = NULL;

    if (qemuMonitorArbitraryCommand(mon, request, -1, &reply, false) < 0) {
        g_set_error(err, DIRTY_ERROR, DIRTY_ERROR_IO, "%s", virGetLastErrorMessage());
        return NULL;
    }

    return reply;
}


/* the DirtyQmpSend of a domain with a job held, which may be an asynchronous
 * one of this thread */
static char *
qemuDirtyDomainSend(const char *request,
                    void *opaque,
                    GError **err)
{
    virDomainObj *vm = opaque;
    qemuDomainObjPrivate *priv = vm->privateData;
    virDomainAsyncJob job = VIR_ASYNC_JOB_NONE;
    char *reply = NULL;

    if (vm->job->asyncOwner == virThreadSelfID())
        job = vm->job->asyncJob;

    /* the guest may have died while an earlier request was under way */
    if (virDomainObjCheckActive(vm) < 0 ||
        qemuDomainObjEnterMonitorAsync(vm, job) < 0) {
        g_set_error(err, DIRTY_ERROR, DIRTY_ERROR_IO, "%s", virGetLastErrorMessage());
        return NULL;
    }

    reply = qemuDirtySend(request, priv->mon, err);
    qemuDomainObjExitMonitor(vm);

    return reply;
}


/**
 * qemuDirtyQmp:
 * @vm: domain with a job held
 *
 * Returns a way to the QEMU of @vm. Each request unlocks @vm.
 */
DirtyQmp
qemuDirtyQmp(virDomainObj *vm)
{
    return (DirtyQmp) { .send = qemuDirtyDomainSend, .opaque = vm };
}


/**
 * qemuDirtyReportGone:
 * @vm: domain that has stopped running
 *
 * Reports that this has ended a measurement.
 */
void
qemuDirtyReportGone(virDomainObj *vm)
{
    virReportError(VIR_ERR_OPERATION_FAILED,
                   _("domain '%1$s' stopped running while its dirty page rate was being measured"),
                   vm->def->name);
}


/**
 * qemuDirtyReportFailure:
 * @vm: domain
 * @id: its ID before the request that failed
 * @err: an error of the measurement code, freed here
 *
 * Reports @err, or that the guest is gone, which explains any failure.
 */
void
qemuDirtyReportFailure(virDomainObj *vm,
                       int id,
                       GError *err)
{
    if (vm->def->id != id || !virDomainObjIsActive(vm)) {
        g_error_free(err);
        qemuDirtyReportGone(vm);
        return;
    }

    qemuDirtyReportError(err);
}
