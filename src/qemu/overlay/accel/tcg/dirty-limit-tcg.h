/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: finds out what vCPUs dirty under TCG.
 *
 * Whether a page is wanted is asked each time an entry of the TLB is made, so
 * that is decided here, and mostly by nothing but arithmetic.
 */
#ifndef ACCEL_TCG_DIRTY_LIMIT_TCG_H
#define ACCEL_TCG_DIRTY_LIMIT_TCG_H

#include "exec/target_page.h"
#include "hw/core/cpu.h"
#include "system/dirty-limit.h"
#include "system/dirty-limit-pages.h"

/**
 * DirtyLimitDraw: which pages stand for how many in one window
 * @offset: drawn anew for each window
 * @n_vcpus: number of entries
 * @vcpus: by cpu_index
 * @weight: how many pages each page that is drawn stands for; 0: no limit
 * @below: a page is drawn if its place is below this, UINT64_MAX / @weight
 *
 * It is never written to again.
 */
typedef struct DirtyLimitDraw {
    struct rcu_head rcu;
    uint64_t offset;
    int n_vcpus;
    struct {
        uint64_t weight;
        uint64_t below;
    } vcpus[];
} DirtyLimitDraw;

/* NULL while nobody is limited.  Followed under the RCU read lock only. */
extern DirtyLimitDraw *dirty_limit_draw;

/*
 * The golden ratio in units of 2^-64.  Its multiples modulo 1 are spread as
 * evenly as can be, so of any run of pages as many are drawn as should be.
 */
#define DIRTY_LIMIT_GOLDEN 0x9e3779b97f4a7c15ULL

/**
 * dirty_limit_is_drawn: whether a page counts for a vCPU in this window
 * @draw: the present one
 * @cpu: the vCPU
 * @addr: an address in the page
 */
static inline bool dirty_limit_is_drawn(const DirtyLimitDraw *draw,
                                        const CPUState *cpu, ram_addr_t addr)
{
    uint64_t page = addr >> TARGET_PAGE_BITS;

    return cpu->cpu_index < draw->n_vcpus &&
           page * DIRTY_LIMIT_GOLDEN + draw->offset <
           draw->vcpus[cpu->cpu_index].below;
}

/**
 * dirty_limit_wants: whether a vCPU's next write to a page must be trapped
 * @cpu: the vCPU; called in its thread
 * @addr: an address in the page
 *
 * Called under the RCU read lock.
 */
static inline bool dirty_limit_wants(const CPUState *cpu, ram_addr_t addr)
{
    const DirtyLimitDraw *draw = qatomic_rcu_read(&dirty_limit_draw);

    return unlikely(draw) && unlikely(dirty_limit_is_drawn(draw, cpu, addr)) &&
           !dirty_limit_window_marked(addr);
}

void dirty_limit_write_slow(CPUState *cpu, ram_addr_t addr);

/**
 * dirty_limit_write: a vCPU is about to write to a page
 * @cpu: the vCPU; called in its thread
 * @addr: an address in the page
 *
 * Called under the RCU read lock.
 */
static inline void dirty_limit_write(CPUState *cpu, ram_addr_t addr)
{
    if (unlikely(qatomic_read(&dirty_limit_draw))) {
        dirty_limit_write_slow(cpu, addr);
    }
}

#endif
