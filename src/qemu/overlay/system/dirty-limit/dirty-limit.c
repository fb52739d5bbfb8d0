/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: who is limited, and how.
 *
 * The state is there as long as anybody is limited.  Its entries go by
 * cpu_index up to max_cpus, whether or not a vCPU is there: a limit outlives
 * its vCPU, and the next one in its place falls under it.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "qapi/error.h"
#include "exec/target_page.h"
#include "hw/boards.h"
#include "hw/core/cpu.h"
#include "system/dirty-limit.h"
#include "system/tcg.h"
#include "dirty-limit-state.h"
#include "dirty-limit-window.h"
#include "migration/dirty-core/dirty-limit-range.h"
#include "system/trace.h"

DirtyLimit *dirty_limit;

int dirty_limit_n_vcpus(void)
{
    return MACHINE(qdev_get_machine())->smp.max_cpus;
}

/* The limit of a vCPU, or with NULL the guest's, changed. */
static void tell_change(CPUState *cpu)
{
    if (cpu) {
        qemu_cpu_kick(cpu);
    } else {
        dirty_limit_kick_guest();
    }
    if (dirty_limit->backend->limit_changed) {
        dirty_limit->backend->limit_changed(cpu);
    }
}

static uint64_t to_pages(uint64_t mibs)
{
    return dirty_limit_pages_per_s(mibs, qemu_target_page_size());
}

void dirty_limit_apply_to_guest(void)
{
    uint64_t mibs = 0;
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        mibs += dirty_limit_mibs(cpu->cpu_index);
    }
    if (dirty_limit_quota_set_rate(&dirty_limit->guest, to_pages(mibs))) {
        tell_change(NULL);
    }
}

static void apply_to_vcpu(int index)
{
    VcpuLimit *vcpu = &dirty_limit->vcpus[index];
    CPUState *cpu;

    if (dirty_limit_quota_set_rate(&vcpu->quota, to_pages(vcpu->mibs))) {
        cpu = qemu_get_cpu(index);
        if (cpu) {
            tell_change(cpu);
        }
    }
}

/* A thread of its own wakes a vCPU in time, see dirty_limit_wait(). */
static bool vcpus_share_thread(void)
{
    return tcg_enabled() && !qemu_tcg_mttcg_enabled();
}

static DirtyLimit *state_new(const DirtyLimitBackend *backend)
{
    QEMUTimerCB *rest_ends = vcpus_share_thread() ? dirty_limit_kick_vcpu
                                                  : NULL;
    int n = dirty_limit_n_vcpus();
    DirtyLimit *limit = g_malloc0(sizeof(*limit) + n * sizeof(VcpuLimit));

    limit->backend = backend;
    limit->n_vcpus = n;
    dirty_limit_run_start(limit);
    dirty_limit_quota_init(&limit->guest, NULL, NULL);
    for (int i = 0; i < n; i++) {
        dirty_limit_quota_init(&limit->vcpus[i].quota, rest_ends,
                               GINT_TO_POINTER(i));
    }
    return limit;
}

static void state_free(DirtyLimit *limit)
{
    for (int i = 0; i < limit->n_vcpus; i++) {
        dirty_limit_quota_destroy(&limit->vcpus[i].quota);
    }
    dirty_limit_quota_destroy(&limit->guest);
    g_free(limit);
}

/* Begins to count; nobody is limited yet. */
static bool start(Error **errp)
{
    const DirtyLimitBackend *backend = dirty_limit_find_backend(errp);

    if (!backend) {
        return false;
    }
    dirty_limit_watch_guest();
    dirty_limit_window_open();
    if (!backend->start(errp)) {
        dirty_limit_window_close();
        return false;
    }
    qatomic_rcu_set(&dirty_limit, state_new(backend));
    trace_dirty_limit_start(dirty_limit->n_vcpus);
    return true;
}

static void stop(void)
{
    DirtyLimit *limit = dirty_limit;

    qatomic_rcu_set(&dirty_limit, NULL);
    dirty_limit_run_stop(limit);
    if (limit->backend->stop) {
        limit->backend->stop();
    }
    dirty_limit_window_close();
    call_rcu(limit, state_free, rcu);
    trace_dirty_limit_stop();
}

/*
 * Brings what is in force in line with what is wanted.
 *
 * A new limit holds for pages that were dirtied already in this window, too:
 * a vCPU that writes the same pages round and round would not feel it before
 * the next one.
 */
static void apply(void)
{
    bool any = false;

    dirty_limit_count_pages();
    for (int i = 0; i < dirty_limit->n_vcpus; i++) {
        VcpuLimit *vcpu = &dirty_limit->vcpus[i];

        vcpu->mibs = vcpu->user && dirty_limit->migration ?
                     MIN(vcpu->user, dirty_limit->migration) :
                     MAX(vcpu->user, dirty_limit->migration);
        any |= vcpu->mibs;
        if (!dirty_limit_whole_guest(dirty_limit)) {
            apply_to_vcpu(i);
        }
    }
    if (dirty_limit_whole_guest(dirty_limit)) {
        dirty_limit_apply_to_guest();
    }
    if (any) {
        dirty_limit_forget_pages();
    } else {
        stop();
    }
}

static bool check_scope(int index, Error **errp)
{
    const DirtyLimitBackend *backend =
        dirty_limit ? dirty_limit->backend : dirty_limit_find_backend(errp);

    if (!backend) {
        return false;
    }
    if (index != DIRTY_LIMIT_ALL && dirty_limit_n_vcpus() > 1 &&
        backend->scope == DIRTY_LIMIT_SCOPE_GUEST) {
        error_setg(errp, "a dirty page rate limit of one vCPU of several "
                   "needs a dirty ring, which the KVM accelerator property "
                   "'dirty-ring-size' enables: without it only all vCPUs "
                   "can be limited");
        return false;
    }
    return true;
}

bool dirty_limit_set_user(int index, uint64_t mibs, Error **errp)
{
    assert(bql_locked());
    if (!mibs && !dirty_limit) {
        return true;
    }
    if (!check_scope(index, errp) || (!dirty_limit && !start(errp))) {
        return false;
    }
    for (int i = 0; i < dirty_limit->n_vcpus; i++) {
        if (index == i || index == DIRTY_LIMIT_ALL) {
            dirty_limit->vcpus[i].user = mibs;
        }
    }
    trace_dirty_limit_set(index, mibs);
    apply();
    return true;
}

bool dirty_limit_set_migration(uint64_t mibs, Error **errp)
{
    assert(bql_locked());
    if (mibs == dirty_limit_migration()) {
        return true;
    }
    if (!dirty_limit && !start(errp)) {
        return false;
    }
    dirty_limit->migration = mibs;
    apply();
    return true;
}

uint64_t dirty_limit_migration(void)
{
    return dirty_limit ? dirty_limit->migration : 0;
}

uint64_t dirty_limit_mibs(int index)
{
    return dirty_limit ? dirty_limit->vcpus[index].mibs : 0;
}
