/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What KVM's dirty rings say of each vCPU.
 */
#ifndef SYSTEM_KVM_DIRTY_RING_H
#define SYSTEM_KVM_DIRTY_RING_H

struct kvm_dirty_gfn;

/**
 * kvm_dirty_ring_seen: tell dirty-seen.h of one entry of a ring
 * @cpu: the vCPU whose ring it is
 * @gfn: the entry
 *
 * Called with the BQL held, so that memory slots stay as they are.
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

#endif
