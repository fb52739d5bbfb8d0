/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What KVM's dirty rings say of each vCPU.
 */
#ifndef SYSTEM_KVM_DIRTY_RING_H
#define SYSTEM_KVM_DIRTY_RING_H

#include "exec/cpu-common.h"
#include "system/kvm.h"

struct kvm_dirty_gfn;

/**
 * kvm_dirty_ring_reap: harvest dirty rings
 * @s: the accelerator
 * @cpu: the vCPU whose ring it is, or NULL for all
 *
 * Their pages are protected anew.  Called with the BQL held.
 *
 * Return: number of entries.
 */
uint64_t kvm_dirty_ring_reap(KVMState *s, CPUState *cpu);

/**
 * kvm_dirty_gfn_addr: find the page that an entry of a ring stands for
 * @gfn: the entry
 * @addr: set to where the page begins; it has the size of the host's pages
 *
 * Called with the BQL held, so that memory slots stay as they are.
 *
 * Return: whether there is such a page.
 */
bool kvm_dirty_gfn_addr(const struct kvm_dirty_gfn *gfn, ram_addr_t *addr);

/**
 * kvm_dirty_ring_entry: where an entry of a ring is
 * @cpu: the vCPU whose ring it is
 * @index: which one, as kvm_fetch_index counts them
 */
const struct kvm_dirty_gfn *kvm_dirty_ring_entry(CPUState *cpu, uint32_t index);

/**
 * kvm_dirty_ring_waiting: look at an entry of a ring
 * @cpu: the vCPU whose ring it is
 * @index: which one, as kvm_fetch_index counts them
 *
 * Called with the BQL held, so that nobody harvests it meanwhile.
 *
 * Return: the entry if it waits to be harvested, NULL if not.
 */
const struct kvm_dirty_gfn *kvm_dirty_ring_waiting(CPUState *cpu,
                                                   uint32_t index);

/**
 * kvm_dirty_ring_seen: tell dirty-seen.h of one entry of a ring
 * @cpu: the vCPU whose ring it is
 * @gfn: the entry
 *
 * Called with the BQL held.
 */
void kvm_dirty_ring_seen(CPUState *cpu, const struct kvm_dirty_gfn *gfn);

/**
 * kvm_dirty_ring_peek: tell dirty-seen.h of all entries that wait in the rings
 *
 * They are left there: harvesting them would protect their pages anew, and the
 * guest would have to wait for every one of them again.  Up to 512 pages for
 * each vCPU may still wait in the processor's own log.
 *
 * Called with the BQL held, so that nobody harvests them meanwhile.
 */
void kvm_dirty_ring_peek(void);

/**
 * kvm_dirty_rings_reset: give harvested entries back to KVM
 * @n_entries: how many were harvested, in all rings
 *
 * KVM stops early if a signal waits for the thread, and must be asked again.
 *
 * Called with the BQL held.
 */
void kvm_dirty_rings_reset(uint64_t n_entries);

/**
 * kvm_dirty_ring_park: a vCPU that KVM keeps is unplugged
 * @cpu: the vCPU, whose ring was harvested
 *
 * KVM goes on in its ring where it is, so QEMU must as well.
 */
void kvm_dirty_ring_park(CPUState *cpu);

/**
 * kvm_dirty_ring_unpark: a vCPU is plugged, perhaps one that KVM has kept
 * @cpu: the vCPU
 */
void kvm_dirty_ring_unpark(CPUState *cpu);

#endif
