/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Holds vCPUs to a dirty page rate: what accelerators and migration need.
 *
 * An accelerator finds out which pages a vCPU dirtied and charges it with
 * them.  A vCPU that is in debt rests: it counts as idle until its debt is
 * paid, so whatever wakes an idle vCPU (queued work, stop, unplug, the end of
 * QEMU) is answered at once.
 *
 * A page counts once in a window of DIRTY_LIMIT_WINDOW_MS, for the vCPU that
 * was the first to dirty it.  What windows are is said in dirty-pacer.h.
 */
#ifndef SYSTEM_DIRTY_LIMIT_H
#define SYSTEM_DIRTY_LIMIT_H

#include "qapi/qapi-types-migration.h"
#include "qemu/atomic.h"
#include "exec/cpu-common.h"

typedef struct DirtyLimit DirtyLimit;

/* NULL while nobody is limited.  Followed under the RCU read lock only. */
extern DirtyLimit *dirty_limit;

/**
 * DirtyLimitBackend: how an accelerator finds out what vCPUs dirty
 * @scope: whom it can charge: each vCPU, or only the guest as a whole
 * @usable: whether its accelerator is in use and set up for it
 * @start: begins to count; returns false with @errp set if it cannot
 * @stop: ends that.  NULL if there is nothing to do, like those below.
 * @end_window: what is dirty and was not charged yet must be charged now.
 *     Called also when a limit changes, then @begin_window is, too.
 * @begin_window: all pages count anew from now on
 * @limit_changed: the limit of @cpu is another one now, or it has one or none
 *     now; with scope 'guest' called once, with NULL
 *
 * All are called with the BQL held; between @start and @stop except for
 * @usable.
 */
typedef struct DirtyLimitBackend {
    DirtyLimitScope scope;
    bool (*usable)(void);
    bool (*start)(Error **errp);
    void (*stop)(void);
    void (*end_window)(void);
    void (*begin_window)(void);
    void (*limit_changed)(CPUState *cpu);
} DirtyLimitBackend;

/**
 * dirty_limit_register_backend: offer a way to count; from a type_init()
 * @backend: stays in use.  Of several that are usable any may be taken.
 */
void dirty_limit_register_backend(const DirtyLimitBackend *backend);

/**
 * dirty_limit_supported: whether vCPUs can be limited here
 * @errp: says why not
 */
bool dirty_limit_supported(Error **errp);

/**
 * dirty_limit_active: whether anybody is limited
 *
 * From any thread.  A vCPU may hear of it a little late.
 */
static inline bool dirty_limit_active(void)
{
    return unlikely(qatomic_read(&dirty_limit));
}

/*
 * In what follows @cpu may be NULL: that is the guest as a whole, with a
 * backend of scope 'guest'; there, each vCPU stands for the guest.  From any
 * thread.
 */

/**
 * dirty_limit_rate: the limit that is in force
 * @cpu: a vCPU, or NULL
 *
 * Return: target pages/s, 0 for none.
 */
uint64_t dirty_limit_rate(CPUState *cpu);

/**
 * dirty_limit_index_rate: the same for a vCPU that may not be there
 * @index: its cpu_index, below max_cpus
 *
 * Called with the BQL held; with scope 'vcpu' only.
 */
uint64_t dirty_limit_index_rate(int index);

/**
 * dirty_limit_allowance: how many pages may be charged before a rest is due
 * @cpu: a vCPU, or NULL
 *
 * Return: target pages, UINT64_MAX if there is no limit.
 */
uint64_t dirty_limit_allowance(CPUState *cpu);

/**
 * dirty_limit_charge: pages were dirtied
 * @cpu: the vCPU that did, or NULL
 * @pages: target pages
 *
 * If a rest is due the vCPU leaves its loop as soon as it can, or all do.
 * With NULL, or from another thread than the vCPU's, called with the BQL held.
 */
void dirty_limit_charge(CPUState *cpu, uint64_t pages);

/**
 * dirty_limit_rest_ns: for how long a vCPU must not run
 * @cpu: a vCPU, or NULL
 *
 * Return: ns, 0 if it may run.
 */
int64_t dirty_limit_rest_ns(CPUState *cpu);

/**
 * dirty_limit_resting: whether a vCPU must not run
 * @cpu: a vCPU, or NULL
 *
 * The vCPU is kicked when that changes.
 */
static inline bool dirty_limit_resting(CPUState *cpu)
{
    return dirty_limit_active() && dirty_limit_rest_ns(cpu);
}

/**
 * dirty_limit_wait: sleep until somebody kicks a vCPU or its rest is over
 * @cpu: the vCPU; called in its thread with the BQL held
 *
 * It may return without a reason.
 */
void dirty_limit_wait(CPUState *cpu);

/**
 * dirty_limit_set_migration: hold all vCPUs to a rate while a guest migrates
 * @mibs: MiB/s; 0 ends it.  A lower limit of the user's stays in force.
 * @errp: set if they cannot be limited
 *
 * Called with the BQL held.
 */
bool dirty_limit_set_migration(uint64_t mibs, Error **errp);

/**
 * dirty_limit_migration: what dirty_limit_set_migration() set, MiB/s, or 0
 *
 * Called with the BQL held.
 */
uint64_t dirty_limit_migration(void);

/**
 * dirty_limit_longest_rest: how long the vCPU that rested most did so, ns, in
 * the last window or in what has passed of the present one
 *
 * Called with the BQL held.
 */
int64_t dirty_limit_longest_rest(void);

/**
 * dirty_limit_mean_rate: mean dirty page rate of the limited vCPUs in the
 * last window, target pages/s
 *
 * Called with the BQL held.
 */
uint64_t dirty_limit_mean_rate(void);

#endif
