/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which pages of the guest were written since somebody began to look.
 *
 * A dirty log says which pages were written since each was last looked at, so
 * whoever counts its bits counts a busy page again and again, and whoever
 * clears them takes them from migration.  Here each page is counted once, for
 * the first who was seen to write it, and no dirty bitmap is touched.
 */
#ifndef SYSTEM_DIRTY_SEEN_H
#define SYSTEM_DIRTY_SEEN_H

#include "qemu/atomic.h"
#include "exec/cpu-common.h"

typedef struct DirtySeen DirtySeen;

/* NULL while nobody looks.  Followed under the RCU read lock only. */
extern DirtySeen *dirty_seen;

/**
 * dirty_seen_new: prepare to look; watches no page yet
 *
 * Called with the BQL held.
 */
DirtySeen *dirty_seen_new(void);

/**
 * dirty_seen_free: give back what dirty_seen_start() was not called with
 * @seen: what dirty_seen_new() returned
 */
void dirty_seen_free(DirtySeen *seen);

/**
 * dirty_seen_watch: watch a stretch of memory that is not watched yet
 * @seen: what dirty_seen_new() returned
 * @start: its first byte
 * @length: its length in bytes; both are multiples of the target's page size
 */
void dirty_seen_watch(DirtySeen *seen, ram_addr_t start, ram_addr_t length);

/**
 * dirty_seen_start: begin to look
 * @seen: what dirty_seen_new() returned; ownership is taken
 *
 * Under TCG the next write of each vCPU to each page is trapped from now on.
 * Other accelerators report writes only while they are told to log.  Memory
 * that goes away meanwhile keeps its counts; what appears is not watched.
 *
 * Called with the BQL held.  Nobody may be looking yet.
 */
void dirty_seen_start(DirtySeen *seen);

/**
 * dirty_seen_stop: look no longer; forgets all counts
 *
 * Called with the BQL held.
 */
void dirty_seen_stop(void);

/**
 * dirty_seen_n_watched: number of target pages that are watched
 * @seen: what dirty_seen_new() returned
 */
uint64_t dirty_seen_n_watched(const DirtySeen *seen);

/**
 * dirty_seen_n_vcpus: how many indices of vCPUs there are, in use or not
 * @seen: what dirty_seen_new() returned
 */
unsigned int dirty_seen_n_vcpus(const DirtySeen *seen);

/**
 * dirty_seen_by_vcpu: number of pages that a vCPU was the first to write
 * @index: cpu_index, below dirty_seen_n_vcpus().  A vCPU that was unplugged
 *     keeps its pages, and one that takes its place adds to them.
 *
 * Like dirty_seen_by_others(): called with the BQL held, while somebody looks.
 */
uint64_t dirty_seen_by_vcpu(unsigned int index);

/**
 * dirty_seen_by_others: number of pages that were first written by a device,
 * by QEMU or by a vCPU that the accelerator does not name
 */
uint64_t dirty_seen_by_others(void);

/**
 * dirty_seen_hold: do not count writes to a stretch of memory for a while
 * @start: its first byte
 * @length: its length in bytes; neighbours up to 64 pages away may be held too
 *
 * Called with the BQL held, while somebody looks.  Stretches may overlap if
 * the last that was held is released first.
 *
 * Return: what dirty_seen_release() needs.
 */
unsigned long *dirty_seen_hold(ram_addr_t start, ram_addr_t length);

/**
 * dirty_seen_release: count writes to a stretch again
 * @start: its first byte
 * @length: its length in bytes, as it was held
 * @held: what dirty_seen_hold() returned; ownership is taken
 *
 * Called with the BQL held, while somebody looks.
 */
void dirty_seen_release(ram_addr_t start, ram_addr_t length,
                        unsigned long *held);

void dirty_seen_mark_slow(CPUState *cpu, ram_addr_t start, ram_addr_t length);
void dirty_seen_mark_bitmap_slow(const unsigned long *bitmap, ram_addr_t start,
                                 uint64_t pages);
bool dirty_seen_wants_slow(ram_addr_t addr);

/**
 * dirty_seen_mark: memory is being written
 * @cpu: the vCPU that writes it; NULL if none does or it is not known
 * @start: its first byte
 * @length: its length in bytes; every page it touches is marked
 *
 * From any thread.
 */
static inline void dirty_seen_mark(CPUState *cpu, ram_addr_t start,
                                   ram_addr_t length)
{
    if (unlikely(qatomic_read(&dirty_seen))) {
        dirty_seen_mark_slow(cpu, start, length);
    }
}

/**
 * dirty_seen_mark_bitmap: memory was written by whoever it was
 * @bitmap: little-endian, a bit for each page of the host; set: written
 * @start: the first page
 * @pages: number of pages of the host
 *
 * From any thread.
 */
static inline void dirty_seen_mark_bitmap(const unsigned long *bitmap,
                                          ram_addr_t start, uint64_t pages)
{
    if (unlikely(qatomic_read(&dirty_seen))) {
        dirty_seen_mark_bitmap_slow(bitmap, start, pages);
    }
}

/**
 * dirty_seen_wants: whether the next write to a page must be trapped
 * @addr: an address in the page
 *
 * From any thread.
 */
static inline bool dirty_seen_wants(ram_addr_t addr)
{
    return unlikely(qatomic_read(&dirty_seen)) && dirty_seen_wants_slow(addr);
}

#endif
