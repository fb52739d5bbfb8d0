/*
 * qemu_dirty_vcpu_load.c: how busy vCPUs are while they are measured
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "qemu_dirty_vcpu_load.h"
#include "qemu_dirty_state.h"
#include "qemu_domain.h"
#include "virprocess.h"

#define QEMU_DIRTY_NS_PER_MS 1000000.0

/* The host counts CPU time in ticks of 10 ms. Over less time than this, in ms,
 * they say little. */
#define QEMU_DIRTY_LOAD_TIME_MIN 200

/* A load that would be 0 is told as this: a vCPU that has written has run. */
#define QEMU_DIRTY_LOAD_MIN 0.01


/* ns in which a vCPU has run or wanted to; false if that is not known */
static bool
qemuDirtyVcpuTime(virDomainObj *vm,
                  size_t vcpu,
                  unsigned long long *time)
{
    pid_t tid = qemuDomainGetVcpuPid(vm, vcpu);
    unsigned long long wait = 0;

    if (vm->pid == 0 || tid == 0 ||
        virProcessGetStatInfo(time, NULL, NULL, NULL, NULL, vm->pid, tid) < 0)
        return false;

    /* not every kernel tells how long a thread had to wait for a CPU */
    if (virProcessGetSchedInfo(&wait, vm->pid, tid) < 0)
        virResetLastError();

    *time += wait;
    return true;
}


/**
 * qemuDirtyVcpuLoadNote:
 * @vm: domain whose QEMU has just started a measurement
 *
 * Remembers how long each vCPU has run by now.
 */
void
qemuDirtyVcpuLoadNote(virDomainObj *vm)
{
    qemuDirty *dirty = qemuDirtyGet(vm);
    size_t i;

    dirty->ntimes = virDomainDefGetVcpusMax(vm->def);
    dirty->times = g_renew(unsigned long long, dirty->times, dirty->ntimes);
    dirty->timesTaken = qemuDirtyNow();

    for (i = 0; i < dirty->ntimes; i++) {
        if (!qemuDirtyVcpuTime(vm, i, &dirty->times[i]))
            dirty->times[i] = ULLONG_MAX;
    }
}


/**
 * qemuDirtyVcpuLoad:
 * @vm: domain
 *
 * Returns the share of the time since the last measurement began in which the
 * busiest vCPU has run or wanted to, above 0 and up to 1; 1 if that is not
 * known.
 */
double
qemuDirtyVcpuLoad(virDomainObj *vm)
{
    qemuDirty *dirty = qemuDirtyGet(vm);
    long long elapsed = qemuDirtyNow() - dirty->timesTaken;
    unsigned long long busiest = 0;
    bool known = false;
    size_t i;

    if (elapsed < QEMU_DIRTY_LOAD_TIME_MIN)
        return 1;

    for (i = 0; i < MIN(dirty->ntimes, virDomainDefGetVcpusMax(vm->def)); i++) {
        unsigned long long time;

        if (dirty->times[i] != ULLONG_MAX &&
            qemuDirtyVcpuTime(vm, i, &time) && time >= dirty->times[i]) {
            busiest = MAX(busiest, time - dirty->times[i]);
            known = true;
        }
    }

    if (!known)
        return 1;

    return CLAMP(busiest / (elapsed * QEMU_DIRTY_NS_PER_MS), QEMU_DIRTY_LOAD_MIN, 1);
}
