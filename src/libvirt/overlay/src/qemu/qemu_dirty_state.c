/*
 * qemu_dirty_state.c: what the driver knows about a domain's measurements
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "qemu_dirty_state.h"
#include "qemu_dirty_vcpu_load.h"
#include "qemu_domain.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

void
qemuDirtyFree(qemuDirty *dirty)
{
    if (!dirty)
        return;

    g_slist_free(dirty->calls);
    g_free(dirty->times);
    g_free(dirty);
}


/**
 * qemuDirtyGet:
 * @vm: domain, locked
 *
 * Returns what is known about measurements in the current run of @vm.
 */
qemuDirty *
qemuDirtyGet(virDomainObj *vm)
{
    qemuDomainObjPrivate *priv = vm->privateData;

    if (!priv->dirty)
        priv->dirty = g_new0(qemuDirty, 1);

    if (priv->dirty->id != vm->def->id) {
        priv->dirty->id = vm->def->id;
        priv->dirty->end = 0;
        priv->dirty->memory = 0;
        priv->dirty->ntimes = 0;
        priv->dirty->limitsChanged = 0;
        priv->dirty->patched = VIR_TRISTATE_BOOL_ABSENT;
    }

    return priv->dirty;
}


/**
 * qemuDirtyNow:
 *
 * Returns the time in ms by a clock that does not move when the host's clock
 * is set, as deadlines must not either.
 */
long long
qemuDirtyNow(void)
{
    return g_get_monotonic_time() / 1000;
}


/**
 * qemuDirtyNoteStarted:
 * @vm: domain whose QEMU has just started a measurement
 * @calcTime: its length in ms
 *
 * Remembers that the measurement is this daemon's, whichever API was used, so
 * that it is not taken for a left-over one. Called with a job held.
 */
void
qemuDirtyNoteStarted(virDomainObj *vm,
                     unsigned long long calcTime)
{
    qemuDirty *dirty = qemuDirtyGet(vm);

    dirty->end = qemuDirtyNow() + calcTime;
    dirty->serial++;
    dirty->memory = virDomainDefGetMemoryTotal(vm->def);
    qemuDirtyVcpuLoadNote(vm);
}


/**
 * qemuDirtyIsAwaited:
 * @dirty: what is known about the domain
 *
 * Returns whether a call waits for a measurement it has started.
 */
bool
qemuDirtyIsAwaited(qemuDirty *dirty)
{
    GSList *next;

    for (next = dirty->calls; next; next = next->next) {
        qemuDirtyCall *call = next->data;

        if (call->started)
            return true;
    }

    return false;
}


/**
 * qemuDirtyHasCall:
 * @dirty: what is known about the domain
 * @conn: a connection
 * @started: whether only calls count whose measurement has started
 *
 * Returns whether a call of @conn is under way.
 */
bool
qemuDirtyHasCall(qemuDirty *dirty,
                 virConnectPtr conn,
                 bool started)
{
    GSList *next;

    for (next = dirty->calls; next; next = next->next) {
        qemuDirtyCall *call = next->data;

        if (call->conn == conn && (call->started || !started))
            return true;
    }

    return false;
}


/**
 * qemuDirtyMarkEarly:
 * @dirty: what is known about the domain
 * @conn: connection a cancel request came from
 *
 * Marks the calls of @conn that have not started their measurement yet, which
 * will see the mark.
 */
void
qemuDirtyMarkEarly(qemuDirty *dirty,
                   virConnectPtr conn)
{
    GSList *next;

    for (next = dirty->calls; next; next = next->next) {
        qemuDirtyCall *call = next->data;

        if (call->conn == conn && !call->started)
            call->cancelled = true;
    }
}


/**
 * qemuDirtyMarkCancelled:
 * @dirty: what is known about the domain
 * @conn: connection whose call is cancelled, or NULL for all
 * @goesOn: whether QEMU could not end the measurement
 *
 * Marks the call that waits for the measurement.
 */
void
qemuDirtyMarkCancelled(qemuDirty *dirty,
                       virConnectPtr conn,
                       bool goesOn)
{
    GSList *next;

    for (next = dirty->calls; next; next = next->next) {
        qemuDirtyCall *call = next->data;

        if (call->started && (!conn || call->conn == conn)) {
            call->cancelled = true;
            call->goesOn = goesOn;
        }
    }
}
