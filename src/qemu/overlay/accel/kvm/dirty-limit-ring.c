/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: what each vCPU dirties, as its dirty ring tells.
 *
 * To harvest a ring makes the guest trap again on every page that is in it,
 * and count a busy page again.  So entries are counted where they wait, and
 * each page once in a window whenever rings are harvested: because one is
 * full, for a measurement, for migration, or at the window's end for all.
 *
 * A vCPU with a limit runs in slices and counts its own ring after each; other
 * vCPUs are left alone.
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "exec/memory.h"
#include "hw/core/cpu.h"
#include "system/dirty-limit-pages.h"
#include "system/kvm.h"
#include "system/kvm-dirty-ring.h"
#include "system/kvm_int.h"
#include "dirty-limit-kvm.h"
#include "dirty-limit-slice.h"
#include "dirty-limit-timer.h"

/*
 * RingVcpu: a vCPU, present or not
 * @limited: whether the thread that runs has begun to count
 * @cursor: the first entry of the ring that is not counted; as kvm_fetch_index
 * @n_pages: what is counted and not charged yet
 * @since: when it entered the guest, ns
 */
typedef struct RingVcpu {
    bool limited;
    uint32_t cursor;
    uint64_t n_pages;
    int64_t since;
    DirtyLimitSlice slice;
    DirtyLimitTimer timer;
} RingVcpu;

/*
 * PageGroup: pages of one word of a bitmap, to be counted together
 * @slot: the slot they are in, as entries name it
 * @number: how many such groups come before them in their slot
 * @start: where the first that may be in the group begins
 * @pages: which of them are; none: the rest means nothing
 */
typedef struct PageGroup {
    uint32_t slot;
    uint64_t number;
    ram_addr_t start;
    unsigned long pages;
} PageGroup;

/* By cpu_index; NULL while there is no limit.  Belongs to the BQL. */
static RingVcpu *vcpus;

/* Returns how many pages must be charged. */
static uint64_t mark(const PageGroup *group)
{
    /* The other way round it is the same. */
    unsigned long bitmap = leul_to_cpu(group->pages);

    return dirty_limit_window_mark_bitmap(&bitmap, group->start, BITS_PER_LONG);
}

/* Begins a group with the page of an entry, if there is such a page. */
static void begin_group(PageGroup *group, const struct kvm_dirty_gfn *gfn)
{
    ram_addr_t addr;

    group->pages = 0;
    if (kvm_dirty_gfn_addr(gfn, &addr)) {
        group->slot = gfn->slot;
        group->number = gfn->offset / BITS_PER_LONG;
        group->start = addr - gfn->offset % BITS_PER_LONG *
                              qemu_real_host_page_size();
        group->pages = BIT_MASK(gfn->offset);
    }
}

/*
 * Counts the entries that nobody has harvested.  Those that follow each other
 * are often of pages that do, too.
 */
static void count_waiting(CPUState *cpu, RingVcpu *vcpu)
{
    const struct kvm_dirty_gfn *gfn;
    PageGroup group = { };

    while (vcpu->cursor - cpu->kvm_fetch_index <
           kvm_state->kvm_dirty_ring_size) {
        gfn = kvm_dirty_ring_waiting(cpu, vcpu->cursor);
        if (!gfn) {
            break;
        }
        if (group.pages && gfn->slot == group.slot &&
            gfn->offset / BITS_PER_LONG == group.number) {
            group.pages |= BIT_MASK(gfn->offset);
        } else {
            vcpu->n_pages += mark(&group);
            begin_group(&group, gfn);
        }
        vcpu->cursor++;
    }
    vcpu->n_pages += mark(&group);
}

void kvm_dirty_limit_reaped(CPUState *cpu, const struct kvm_dirty_gfn *gfn)
{
    RingVcpu *vcpu = vcpus ? &vcpus[cpu->cpu_index] : NULL;

    /* The first that is not counted: all that follow still wait. */
    if (vcpu && vcpu->limited &&
        gfn == kvm_dirty_ring_entry(cpu, vcpu->cursor)) {
        count_waiting(cpu, vcpu);
    }
}

/* What it dirtied without a limit does not count. */
static void begin(CPUState *cpu, RingVcpu *vcpu)
{
    kvm_dirty_ring_reap(kvm_state, cpu);
    vcpu->cursor = cpu->kvm_fetch_index;
    vcpu->n_pages = 0;
    vcpu->slice = (DirtyLimitSlice){};
    vcpu->limited = true;
}

static void end(RingVcpu *vcpu)
{
    dirty_limit_timer_free(&vcpu->timer);
    vcpu->limited = false;
}

void kvm_dirty_limit_ring_enter(CPUState *cpu)
{
    RingVcpu *vcpu = vcpus ? &vcpus[cpu->cpu_index] : NULL;
    uint64_t rate;

    if (!vcpu) {
        return;
    }
    rate = dirty_limit_rate(cpu);
    if (!rate) {
        end(vcpu);
        return;
    }
    if (!vcpu->limited) {
        begin(cpu, vcpu);
    }
    vcpu->since = get_clock();
    dirty_limit_timer_arm(&vcpu->timer,
                          dirty_limit_slice_next(&vcpu->slice, rate,
                                                 dirty_limit_allowance(cpu)));
}

static void charge(CPUState *cpu, RingVcpu *vcpu)
{
    uint64_t n_pages = vcpu->n_pages;

    vcpu->n_pages = 0;
    if (n_pages) {
        dirty_limit_charge(cpu, n_pages);
    }
}

void kvm_dirty_limit_ring_leave(CPUState *cpu)
{
    RingVcpu *vcpu = vcpus ? &vcpus[cpu->cpu_index] : NULL;
    int64_t now = get_clock();

    if (!vcpu || !vcpu->limited) {
        return;
    }
    dirty_limit_timer_disarm(&vcpu->timer, now);
    count_waiting(cpu, vcpu);
    dirty_limit_slice_done(&vcpu->slice, vcpu->n_pages, now - vcpu->since, now);
    charge(cpu, vcpu);
}

void kvm_dirty_limit_ring_end(CPUState *cpu)
{
    if (vcpus) {
        end(&vcpus[cpu->cpu_index]);
    }
}

static bool ring_usable(void)
{
    return kvm_enabled() && kvm_dirty_ring_enabled();
}

static bool ring_start(Error **errp)
{
    if (!memory_global_dirty_log_start(GLOBAL_DIRTY_LIMIT, errp)) {
        return false;
    }
    vcpus = g_new0(RingVcpu, kvm_dirty_limit_max_vcpus());
    return true;
}

static void ring_stop(void)
{
    for (unsigned int i = 0; i < kvm_dirty_limit_max_vcpus(); i++) {
        end(&vcpus[i]);
    }
    g_clear_pointer(&vcpus, g_free);
    memory_global_dirty_log_stop(GLOBAL_DIRTY_LIMIT);
}

/* Protects all pages anew, so that each counts once in each window. */
static void ring_end_window(void)
{
    CPUState *cpu;

    kvm_dirty_ring_reap(kvm_state, NULL);
    CPU_FOREACH(cpu) {
        charge(cpu, &vcpus[cpu->cpu_index]);
    }
}

static void ring_limit_changed(CPUState *cpu)
{
    /* What was right for another limit may be too long now. */
    vcpus[cpu->cpu_index].slice.length = 0;
}

static const DirtyLimitBackend ring_backend = {
    .scope = DIRTY_LIMIT_SCOPE_VCPU,
    .usable = ring_usable,
    .start = ring_start,
    .stop = ring_stop,
    .end_window = ring_end_window,
    .limit_changed = ring_limit_changed,
};

static void ring_register(void)
{
    dirty_limit_register_backend(&ring_backend);
}

type_init(ring_register)
