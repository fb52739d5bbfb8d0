/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What KVM's dirty rings say of each vCPU.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "hw/core/cpu.h"
#include "system/dirty-seen.h"
#include "system/kvm.h"
#include "system/kvm-dirty-ring.h"
#include "system/kvm_int.h"
#include <linux/kvm.h>

/* Signals do not come so often in a row that KVM gets nowhere. */
#define RESET_VAIN_MAX 1000

/* kvm_fetch_index of parked vCPUs by KVM's id of theirs. */
static GHashTable *parked;

bool kvm_dirty_gfn_addr(const struct kvm_dirty_gfn *gfn, ram_addr_t *addr)
{
    size_t page_size = qemu_real_host_page_size();
    uint32_t as_id = gfn->slot >> 16;
    uint32_t slot_id = gfn->slot & 0xffff;
    const KVMMemoryListener *listener;
    const KVMSlot *slot;

    if (as_id >= kvm_state->nr_as) {
        return false;
    }
    listener = kvm_state->as[as_id].ml;
    if (slot_id >= listener->nr_slots_allocated) {
        return false;
    }
    slot = &listener->slots[slot_id];
    /* The entry may be older than the slot. */
    if (gfn->offset >= slot->memory_size / page_size) {
        return false;
    }
    *addr = slot->ram_start_offset + gfn->offset * page_size;
    return true;
}

const struct kvm_dirty_gfn *kvm_dirty_ring_entry(CPUState *cpu, uint32_t index)
{
    /* The size is a power of two. */
    return &cpu->kvm_dirty_gfns[index & (kvm_state->kvm_dirty_ring_size - 1)];
}

const struct kvm_dirty_gfn *kvm_dirty_ring_waiting(CPUState *cpu,
                                                   uint32_t index)
{
    const struct kvm_dirty_gfn *gfn = kvm_dirty_ring_entry(cpu, index);

    /* KVM writes the flags last. */
    return qatomic_load_acquire(&gfn->flags) == KVM_DIRTY_GFN_F_DIRTY ? gfn
                                                                      : NULL;
}

void kvm_dirty_ring_seen(CPUState *cpu, const struct kvm_dirty_gfn *gfn)
{
    ram_addr_t addr;

    /* Mostly nobody looks while rings are harvested. */
    if (qatomic_read(&dirty_seen) && kvm_dirty_gfn_addr(gfn, &addr)) {
        dirty_seen_mark(cpu, addr, qemu_real_host_page_size());
    }
}

void kvm_dirty_rings_reset(uint64_t n_entries)
{
    unsigned int n_vain = 0;

    while (n_entries) {
        int n = kvm_vm_ioctl(kvm_state, KVM_RESET_DIRTY_RINGS);

        /* KVM must know of no other entries than QEMU. */
        assert(n >= 0 && n <= n_entries);
        n_vain = n ? 0 : n_vain + 1;
        assert(n_vain < RESET_VAIN_MAX);
        n_entries -= n;
    }
}

void kvm_dirty_ring_park(CPUState *cpu)
{
    if (!parked) {
        parked = g_hash_table_new(NULL, NULL);
    }
    g_hash_table_insert(parked, GUINT_TO_POINTER(kvm_arch_vcpu_id(cpu)),
                        GUINT_TO_POINTER(cpu->kvm_fetch_index));
}

void kvm_dirty_ring_unpark(CPUState *cpu)
{
    gpointer id = GUINT_TO_POINTER(kvm_arch_vcpu_id(cpu));

    if (parked) {
        cpu->kvm_fetch_index =
            GPOINTER_TO_UINT(g_hash_table_lookup(parked, id));
        g_hash_table_remove(parked, id);
    }
}

static void peek(CPUState *cpu)
{
    for (uint32_t i = 0; i < kvm_state->kvm_dirty_ring_size; i++) {
        const struct kvm_dirty_gfn *gfn =
            kvm_dirty_ring_waiting(cpu, cpu->kvm_fetch_index + i);

        if (!gfn) {
            return;
        }
        kvm_dirty_ring_seen(cpu, gfn);
    }
}

void kvm_dirty_ring_peek(void)
{
    CPUState *cpu;

    assert(bql_locked());
    CPU_FOREACH(cpu) {
        /* One that is being plugged has no ring yet. */
        if (cpu->created) {
            peek(cpu);
        }
    }
}
