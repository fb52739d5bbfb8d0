/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: finds out what vCPUs dirty under TCG.
 *
 * The first write of a limited vCPU to a page in a window is trapped in that
 * vCPU's own TLB.  Other vCPUs' TLBs are left as they are, and so are the
 * dirty bitmaps that migration and others use.
 *
 * Where the limit is high, trapping each page would cost a writer below it
 * more than it should feel.  Then one page of each group of some stands for
 * all of them: it is drawn anew for each window, so each page is charged with
 * 1 on average, whatever pattern the guest writes in.
 */
#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qemu/main-loop.h"
#include "exec/cpu-all.h"
#include "exec/target_page.h"
#include "exec/tlb-common.h"
#include "hw/core/cpu.h"
#include "system/tcg.h"
#include "dirty-limit-tcg.h"

/*
 * Groups are as large as leaves so many traps a second: n of them tell the
 * rate with a standard deviation of at most 1 / sqrt(n), 1.6 %.
 */
#define TRAPS_PER_S 4096
#define GROUP_MAX 64

/* Pages in a group, a power of 2.  @rate: the limit, pages/s, above 0 */
static uint64_t group_size(uint64_t rate)
{
    return pow2floor(MIN(MAX(rate / TRAPS_PER_S, 1), GROUP_MAX));
}

/* The finalizer of MurmurHash3: each bit of its result depends on all. */
static uint64_t scramble(uint64_t x)
{
    x = (x ^ x >> 33) * 0xff51afd7ed558ccdULL;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ULL;
    return x ^ x >> 33;
}

/* Whether a page is the one that stands for its group in this window. */
static bool is_drawn(uint64_t page, uint64_t group)
{
    uint64_t number = page / group;
    uint64_t window = dirty_limit_window();

    return group == 1 ||
           (scramble(number ^ window << 32) ^ page) % group == 0;
}

bool dirty_limit_wants_slow(CPUState *cpu, ram_addr_t addr)
{
    uint64_t rate = dirty_limit_rate(cpu);

    return rate &&
           is_drawn(addr >> TARGET_PAGE_BITS, group_size(rate)) &&
           !dirty_limit_window_marked(addr);
}

void dirty_limit_write_slow(CPUState *cpu, ram_addr_t addr)
{
    uint64_t rate = dirty_limit_rate(cpu);
    uint64_t group = rate ? group_size(rate) : 0;

    if (group && is_drawn(addr >> TARGET_PAGE_BITS, group) &&
        dirty_limit_window_mark(addr)) {
        dirty_limit_charge(cpu, group);
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

    if (!dirty_limit_rate(cpu)) {
        return;
    }
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

static void tcg_begin_window(void)
{
    CPUState *cpu;

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
    .begin_window = tcg_begin_window,
};

static void register_backend(void)
{
    dirty_limit_register_backend(&tcg_backend);
}

type_init(register_backend)
