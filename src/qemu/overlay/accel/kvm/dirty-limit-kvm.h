/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What KVM's vCPU threads and dirty logs tell the dirty page rate limit.
 */
#ifndef ACCEL_KVM_DIRTY_LIMIT_KVM_H
#define ACCEL_KVM_DIRTY_LIMIT_KVM_H

#include "qemu/thread.h"
#include "hw/boards.h"
#include "system/dirty-limit.h"
#include "system/kvm_int.h"

struct kvm_dirty_gfn;

/* Of kvm-all.c: held while dirty bitmaps of memory slots are used. */
extern QemuMutex kml_slots_lock;

/* All that follow are called with the BQL held. */

/**
 * kvm_dirty_limit_reaped: an entry of a ring is about to be given back
 * @cpu: the vCPU whose ring it is
 * @gfn: the entry; those of one ring come in order
 */
void kvm_dirty_limit_reaped(CPUState *cpu, const struct kvm_dirty_gfn *gfn);

/**
 * kvm_dirty_limit_synced: KVM's dirty bitmap of a slot was read
 * @mem: the slot
 */
void kvm_dirty_limit_synced(const KVMSlot *mem);

/**
 * kvm_dirty_limit_unmapped: a slot goes, with its dirty bitmap
 * @mem: the slot
 */
void kvm_dirty_limit_unmapped(const KVMSlot *mem);

/* How many entries a table by cpu_index has. */
static inline unsigned int kvm_dirty_limit_max_vcpus(void)
{
    return MACHINE(qdev_get_machine())->smp.max_cpus;
}

/* With dirty rings; without a limit they do nothing. */
void kvm_dirty_limit_ring_enter(CPUState *cpu);
void kvm_dirty_limit_ring_leave(CPUState *cpu);
void kvm_dirty_limit_ring_end(CPUState *cpu);

/* The same without dirty rings. */
void kvm_dirty_limit_log_enter(CPUState *cpu);
void kvm_dirty_limit_log_leave(CPUState *cpu);
void kvm_dirty_limit_log_end(CPUState *cpu);

/**
 * kvm_dirty_limit_enter: a vCPU is about to run
 * @cpu: the vCPU
 *
 * Like the next two called in its thread.
 */
static inline void kvm_dirty_limit_enter(CPUState *cpu)
{
    if (dirty_limit_active()) {
        kvm_dirty_limit_ring_enter(cpu);
        kvm_dirty_limit_log_enter(cpu);
    }
}

/**
 * kvm_dirty_limit_leave: a vCPU has run
 * @cpu: the vCPU
 */
static inline void kvm_dirty_limit_leave(CPUState *cpu)
{
    if (dirty_limit_active()) {
        kvm_dirty_limit_ring_leave(cpu);
        kvm_dirty_limit_log_leave(cpu);
    }
}

/**
 * kvm_dirty_limit_end: a vCPU is about to give away its ring and end
 * @cpu: the vCPU
 */
static inline void kvm_dirty_limit_end(CPUState *cpu)
{
    kvm_dirty_limit_ring_end(cpu);
    kvm_dirty_limit_log_end(cpu);
}

#endif
