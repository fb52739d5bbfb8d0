/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: finds out what vCPUs dirty under TCG.
 *
 * The first write of a limited vCPU to a page in a window is trapped in that
 * vCPU's own TLB.  Other vCPUs' TLBs are left as they are, and so are the
 * dirty bitmaps that migration and others use.
 *
 * Where the limit is high, trapping each page would cost a writer below it
 * more than it should feel.  Then one page of some stands for all of them: it
 * is drawn anew for each window, so each page is charged with 1 on average,
 * whatever pattern the guest writes in.
 */
#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "exec/cpu-all.h"
#include "exec/tlb-common.h"
#include "hw/boards.h"
#include "system/tcg.h"
#include "dirty-limit-tcg.h"

/*
 * Pages weigh as much as leaves so many traps a second: n of them tell the
 * rate with a standard deviation of at most 1 / sqrt(n), 1.6 %.
 */
#define TRAPS_PER_S 4096
#define WEIGHT_MAX 64

DirtyLimitDraw *dirty_limit_draw;

/* @rate: the limit in pages/s, 0 for none */
static uint64_t weight_of(uint64_t rate)
{
    return rate ? MIN(MAX(rate / TRAPS_PER_S, 1), WEIGHT_MAX) : 0;
}

static DirtyLimitDraw *draw_new(void)
{
    int n = current_machine->smp.max_cpus;
    DirtyLimitDraw *draw = g_malloc0(sizeof(*draw) +
                                     n * sizeof(draw->vcpus[0]));

    draw->offset = (uint64_t)g_random_int() << 32 | g_random_int();
    draw->n_vcpus = n;
    for (int i = 0; i < n; i++) {
        uint64_t weight = weight_of(dirty_limit_index_rate(i));

        draw->vcpus[i].weight = weight;
        draw->vcpus[i].below = weight ? UINT64_MAX / weight : 0;
    }
    return draw;
}

static void draw_replace(DirtyLimitDraw *draw)
{
    DirtyLimitDraw *old = dirty_limit_draw;

    qatomic_rcu_set(&dirty_limit_draw, draw);
    if (old) {
        g_free_rcu(old, rcu);
    }
}

void dirty_limit_write_slow(CPUState *cpu, ram_addr_t addr)
{
    const DirtyLimitDraw *draw = qatomic_rcu_read(&dirty_limit_draw);

    if (draw && dirty_limit_is_drawn(draw, cpu, addr) &&
        dirty_limit_window_mark(addr)) {
        dirty_limit_charge(cpu, draw->vcpus[cpu->cpu_index].weight);
    }
}

/* Needs the lock of the TLB. */
static void trap_entry(CPUState *cpu, CPUTLBEntry *entry,
                       const CPUTLBEntryFull *full)
{
    uintptr_t addr = entry->addr_write;

    if (!(addr & (TLB_INVALID_MASK | TLB_MMIO | TLB_DISCARD_WRITE |
                  TLB_NOTDIRTY)) &&
        dirty_limit_wants(cpu,
                          (addr & TARGET_PAGE_MASK) + full->xlat_section)) {
        qatomic_set(&entry->addr_write, addr | TLB_NOTDIRTY);
    }
}

/* Needs the lock of the TLB. */
static void trap_mode(CPUState *cpu, CPUTLBDescFast *fast, CPUTLBDesc *desc)
{
    size_t n = (fast->mask >> CPU_TLB_ENTRY_BITS) + 1;

    for (size_t i = 0; i < n; i++) {
        trap_entry(cpu, &fast->table[i], &desc->fulltlb[i]);
    }
    for (size_t i = 0; i < CPU_VTLB_SIZE; i++) {
        trap_entry(cpu, &desc->vtable[i], &desc->vfulltlb[i]);
    }
}

/*
 * In the vCPU's own thread: there it is not just about to add a page that it
 * found to need no trap before the window began.
 */
static void trap_writes(CPUState *cpu, run_on_cpu_data unused)
{
    CPUTLB *tlb = &cpu->neg.tlb;

    RCU_READ_LOCK_GUARD();
    qemu_spin_lock(&tlb->c.lock);
    for (int mode = 0; mode < NB_MMU_MODES; mode++) {
        /* The others are empty. */
        if (tlb->c.dirty & 1 << mode) {
            trap_mode(cpu, &tlb->f[mode], &tlb->d[mode]);
        }
    }
    qemu_spin_unlock(&tlb->c.lock);
}

static bool tcg_is_used(void)
{
    return tcg_enabled();
}

static bool tcg_start(Error **errp)
{
    return true;
}

static void tcg_stop(void)
{
    draw_replace(NULL);
}

static void tcg_begin_window(void)
{
    CPUState *cpu;

    draw_replace(draw_new());
    CPU_FOREACH(cpu) {
        if (dirty_limit_rate(cpu)) {
            async_run_on_cpu(cpu, trap_writes, RUN_ON_CPU_NULL);
        }
    }
}

static const DirtyLimitBackend tcg_backend = {
    .scope = DIRTY_LIMIT_SCOPE_VCPU,
    .usable = tcg_is_used,
    .start = tcg_start,
    .stop = tcg_stop,
    .begin_window = tcg_begin_window,
};

static void register_backend(void)
{
    dirty_limit_register_backend(&tcg_backend);
}

type_init(register_backend)
