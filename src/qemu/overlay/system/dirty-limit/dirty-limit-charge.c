/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: charges vCPUs, and lets them rest and run again.
 *
 * This is what vCPUs' threads see of the state.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "hw/core/cpu.h"
#include "system/cpus.h"
#include "system/dirty-limit.h"
#include "system/trace.h"
#include "dirty-limit-state.h"

/* Needs the RCU read lock or the BQL.  NULL: nobody limits it. */
static DirtyLimitQuota *quota_of(DirtyLimit *limit, CPUState *cpu)
{
    if (!limit) {
        return NULL;
    }
    if (dirty_limit_whole_guest(limit)) {
        return &limit->guest;
    }
    return cpu && cpu->cpu_index >= 0 && cpu->cpu_index < limit->n_vcpus ?
           &limit->vcpus[cpu->cpu_index].quota : NULL;
}

uint64_t dirty_limit_rate(CPUState *cpu)
{
    RCU_READ_LOCK_GUARD();
    DirtyLimitQuota *quota = quota_of(qatomic_rcu_read(&dirty_limit), cpu);

    return quota ? qatomic_read_u64(&quota->rate) : 0;
}

uint64_t dirty_limit_index_rate(int index)
{
    return dirty_limit ? dirty_limit->vcpus[index].quota.rate : 0;
}

uint64_t dirty_limit_allowance(CPUState *cpu)
{
    RCU_READ_LOCK_GUARD();
    DirtyLimitQuota *quota = quota_of(qatomic_rcu_read(&dirty_limit), cpu);

    return quota ? dirty_limit_quota_allowance(quota) : UINT64_MAX;
}

int64_t dirty_limit_rest_ns(CPUState *cpu)
{
    RCU_READ_LOCK_GUARD();
    DirtyLimitQuota *quota = quota_of(qatomic_rcu_read(&dirty_limit), cpu);

    return quota ? dirty_limit_quota_rest_ns(quota) : 0;
}

/*
 * The end of a rest is awaited here and not by a timer: rests are many, and
 * the main thread would have to be woken twice for each.  On a busy host it may
 * also be late by much more than the rest was long.
 */
void dirty_limit_wait(CPUState *cpu)
{
    int64_t ns = dirty_limit_active() && !cpu_is_stopped(cpu) ?
                 dirty_limit_rest_ns(cpu) : 0;

    if (ns) {
        qemu_cond_timedwait_bql(cpu->halt_cond, DIV_ROUND_UP(ns, SCALE_MS));
    } else if (cpu_thread_is_idle(cpu)) {
        /* It is not just that the rest has ended since somebody asked. */
        qemu_cond_wait_bql(cpu->halt_cond);
    }
}

void dirty_limit_kick_vcpu(void *opaque)
{
    CPUState *cpu = qemu_get_cpu(GPOINTER_TO_INT(opaque));

    if (cpu) {
        qemu_cpu_kick(cpu);
    }
}

void dirty_limit_kick_guest(void)
{
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        qemu_cpu_kick(cpu);
    }
}

void dirty_limit_charge(CPUState *cpu, uint64_t pages)
{
    RCU_READ_LOCK_GUARD();
    DirtyLimitQuota *quota = quota_of(qatomic_rcu_read(&dirty_limit), cpu);

    if (!quota || !dirty_limit_quota_charge(quota, pages)) {
        return;
    }
    trace_dirty_limit_rest(cpu ? cpu->cpu_index : DIRTY_LIMIT_ALL,
                           dirty_limit_quota_rest_ns(quota));
    if (!cpu) {
        dirty_limit_kick_guest();
    } else if (qemu_cpu_is_self(cpu)) {
        cpu_exit(cpu);
    } else {
        qemu_cpu_kick(cpu);
    }
}
