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
#include "system/cpu-timers.h"
#include "system/dirty-limit.h"
#include "system/replay.h"
#include "system/reset.h"
#include "system/runstate.h"
#include "dirty-limit-clock.h"
#include "dirty-limit-state.h"
#include "dirty-limit-window.h"
#include "migration/dirty-core/dirty-limit-range.h"
#include "trace.h"

#define WINDOW_NS (DIRTY_LIMIT_WINDOW_MS * (int64_t)SCALE_MS)

typedef struct VcpuLimit {
    uint64_t user;          /* what the user wants, MiB/s */
    uint64_t mibs;          /* what is in force, MiB/s */
    DirtyLimitQuota quota;
} VcpuLimit;

struct DirtyLimit {
    struct rcu_head rcu;
    const DirtyLimitBackend *backend;
    QEMUTimer *window_timer;
    int64_t window_end;     /* by dirty_limit_clock_ns() */
    uint64_t migration;     /* what migration wants of all vCPUs, MiB/s */
    DirtyLimitQuota guest;  /* with scope 'guest' */
    int n_vcpus;
    VcpuLimit vcpus[];
};

DirtyLimit *dirty_limit;

static GSList *backends;

void dirty_limit_register_backend(const DirtyLimitBackend *backend)
{
    backends = g_slist_prepend(backends, (gpointer)backend);
}

static const DirtyLimitBackend *find_backend(Error **errp)
{
    if (icount_enabled() || replay_mode != REPLAY_MODE_NONE) {
        error_setg(errp, "dirty page rate limits do not work with -icount, "
                   "where time is what the guest executes");
        return NULL;
    }
    for (GSList *b = backends; b; b = b->next) {
        const DirtyLimitBackend *backend = b->data;

        if (backend->usable()) {
            return backend;
        }
    }
    error_setg(errp, "dirty page rate limits need accelerator KVM or TCG");
    return NULL;
}

bool dirty_limit_supported(Error **errp)
{
    return find_backend(errp);
}

int dirty_limit_n_vcpus(void)
{
    return MACHINE(qdev_get_machine())->smp.max_cpus;
}

static bool whole_guest(const DirtyLimit *limit)
{
    return limit->backend->scope == DIRTY_LIMIT_SCOPE_GUEST;
}

/* Needs the RCU read lock or the BQL.  NULL: nobody limits it. */
static DirtyLimitQuota *quota_of(DirtyLimit *limit, CPUState *cpu)
{
    if (!limit) {
        return NULL;
    }
    if (whole_guest(limit)) {
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

static void kick_all(void)
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
    if (!cpu) {
        kick_all();
    } else if (qemu_cpu_is_self(cpu)) {
        cpu_exit(cpu);
    } else {
        qemu_cpu_kick(cpu);
    }
}

/* The rest of a vCPU is over. */
static void kick_vcpu(void *opaque)
{
    CPUState *cpu = qemu_get_cpu(GPOINTER_TO_INT(opaque));

    if (cpu) {
        qemu_cpu_kick(cpu);
    }
}

/* The rest of the guest is over. */
static void kick_guest(void *opaque)
{
    kick_all();
}

/* The limit of a vCPU, or with NULL the guest's, changed. */
static void tell_change(CPUState *cpu)
{
    if (cpu) {
        qemu_cpu_kick(cpu);
    } else {
        kick_all();
    }
    if (dirty_limit->backend->limit_changed) {
        dirty_limit->backend->limit_changed(cpu);
    }
}

static uint64_t to_pages(uint64_t mibs)
{
    return dirty_limit_pages_per_s(mibs, qemu_target_page_size());
}

/* The guest may dirty what the vCPUs that are there may together. */
static void apply_to_guest(void)
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
    CPUState *cpu = qemu_get_cpu(index);

    if (dirty_limit_quota_set_rate(&vcpu->quota, to_pages(vcpu->mibs)) &&
        cpu) {
        tell_change(cpu);
    }
}

static void arm_window_timer(void)
{
    timer_mod_ns(dirty_limit->window_timer,
                 qemu_clock_get_ns(QEMU_CLOCK_REALTIME) +
                 dirty_limit->window_end - dirty_limit_clock_ns());
}

/* All pages count anew from now on. */
static void forget_pages(void)
{
    if (dirty_limit->backend->end_window) {
        dirty_limit->backend->end_window();
    }
    dirty_limit_window_next();
    if (dirty_limit->backend->begin_window) {
        dirty_limit->backend->begin_window();
    }
}

static void next_window(void)
{
    forget_pages();
    dirty_limit_quota_end_window(&dirty_limit->guest);
    for (int i = 0; i < dirty_limit->n_vcpus; i++) {
        dirty_limit_quota_end_window(&dirty_limit->vcpus[i].quota);
    }
    if (whole_guest(dirty_limit)) {
        /* vCPUs may have come or gone. */
        apply_to_guest();
    }
}

static void window_timer_fired(void *opaque)
{
    int64_t now = dirty_limit_clock_ns();

    if (now >= dirty_limit->window_end) {
        next_window();
        dirty_limit->window_end += WINDOW_NS;
        /* Not twice at once where the host did not let us run. */
        if (now >= dirty_limit->window_end) {
            dirty_limit->window_end = now + WINDOW_NS;
        }
    }
    if (runstate_is_running()) {
        arm_window_timer();
    }
}

static void resume(void)
{
    arm_window_timer();
    dirty_limit_quota_resume(&dirty_limit->guest);
    for (int i = 0; i < dirty_limit->n_vcpus; i++) {
        dirty_limit_quota_resume(&dirty_limit->vcpus[i].quota);
    }
}

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    dirty_limit_clock_set(running);
    if (running && dirty_limit) {
        resume();
    }
}

/* A guest that begins anew does not pay what it owed before. */
static void guest_reset(void *opaque)
{
    if (!dirty_limit) {
        return;
    }
    dirty_limit_quota_reset(&dirty_limit->guest);
    for (int i = 0; i < dirty_limit->n_vcpus; i++) {
        dirty_limit_quota_reset(&dirty_limit->vcpus[i].quota);
    }
    kick_all();
}

/*
 * The handlers stay for good: one that runs may drop the BQL, and then its
 * neighbour in the list must not go away.
 */
static void watch_guest(void)
{
    static bool watching;

    if (!watching) {
        dirty_limit_clock_set(runstate_is_running());
        qemu_add_vm_change_state_handler(vm_state_changed, NULL);
        qemu_register_reset(guest_reset, NULL);
        watching = true;
    }
}

static DirtyLimit *state_new(const DirtyLimitBackend *backend)
{
    int n = dirty_limit_n_vcpus();
    DirtyLimit *limit = g_malloc0(sizeof(*limit) + n * sizeof(VcpuLimit));

    limit->backend = backend;
    limit->n_vcpus = n;
    limit->window_timer = timer_new_ns(QEMU_CLOCK_REALTIME,
                                       window_timer_fired, NULL);
    limit->window_end = dirty_limit_clock_ns() + WINDOW_NS;
    dirty_limit_quota_init(&limit->guest, kick_guest, NULL);
    for (int i = 0; i < n; i++) {
        dirty_limit_quota_init(&limit->vcpus[i].quota, kick_vcpu,
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
    const DirtyLimitBackend *backend = find_backend(errp);

    if (!backend) {
        return false;
    }
    watch_guest();
    dirty_limit_window_open();
    if (!backend->start(errp)) {
        dirty_limit_window_close();
        return false;
    }
    qatomic_rcu_set(&dirty_limit, state_new(backend));
    if (runstate_is_running()) {
        arm_window_timer();
    }
    trace_dirty_limit_start(dirty_limit->n_vcpus);
    return true;
}

static void stop(void)
{
    DirtyLimit *limit = dirty_limit;

    qatomic_rcu_set(&dirty_limit, NULL);
    timer_free(limit->window_timer);
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

    for (int i = 0; i < dirty_limit->n_vcpus; i++) {
        VcpuLimit *vcpu = &dirty_limit->vcpus[i];

        vcpu->mibs = vcpu->user && dirty_limit->migration ?
                     MIN(vcpu->user, dirty_limit->migration) :
                     MAX(vcpu->user, dirty_limit->migration);
        any |= vcpu->mibs;
        if (!whole_guest(dirty_limit)) {
            apply_to_vcpu(i);
        }
    }
    if (whole_guest(dirty_limit)) {
        apply_to_guest();
    }
    if (any) {
        forget_pages();
    } else {
        stop();
    }
}

static bool check_scope(int index, Error **errp)
{
    const DirtyLimitBackend *backend =
        dirty_limit ? dirty_limit->backend : find_backend(errp);

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

DirtyLimitScope dirty_limit_scope(void)
{
    return dirty_limit->backend->scope;
}

static int n_present(void)
{
    CPUState *cpu;
    int n = 0;

    CPU_FOREACH(cpu) {
        n++;
    }
    return n;
}

DirtyLimitUse dirty_limit_last_use(int index)
{
    DirtyLimitUse use;

    if (!whole_guest(dirty_limit)) {
        return dirty_limit_quota_last(&dirty_limit->vcpus[index].quota);
    }
    use = dirty_limit_quota_last(&dirty_limit->guest);
    use.pages = qemu_get_cpu(index) ? use.pages / n_present() : 0;
    return use;
}

static int64_t longest_rest(DirtyLimitQuota *quota)
{
    return MAX(dirty_limit_quota_last(quota).rested,
               dirty_limit_quota_present(quota).rested);
}

int64_t dirty_limit_longest_rest(void)
{
    int64_t longest;

    if (!dirty_limit) {
        return 0;
    }
    longest = longest_rest(&dirty_limit->guest);
    for (int i = 0; i < dirty_limit->n_vcpus; i++) {
        longest = MAX(longest, longest_rest(&dirty_limit->vcpus[i].quota));
    }
    return longest;
}

uint64_t dirty_limit_mean_rate(void)
{
    double sum = 0;
    CPUState *cpu;
    int n = 0;

    CPU_FOREACH(cpu) {
        if (dirty_limit_mibs(cpu->cpu_index)) {
            DirtyLimitUse use = dirty_limit_last_use(cpu->cpu_index);

            sum += use.length ? (double)use.pages / use.length : 0;
            n++;
        }
    }
    return n ? sum / n * NANOSECONDS_PER_SECOND : 0;
}
