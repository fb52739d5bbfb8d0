/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: the memory that is sampled.
 */
#ifndef QEMU_MIGRATION_DIRTY_RATE_MEMORY_H
#define QEMU_MIGRATION_DIRTY_RATE_MEMORY_H

#include "dirty-core/page-sampler.h"

/**
 * DirtyRateMemory: the guest's memory as it was when a measurement began
 *
 * It consists of chunks, short enough to be scanned in one go.  RAM blocks
 * that come later are not part of it; those that go or change are left out of
 * later scans.
 */
typedef struct DirtyRateMemory DirtyRateMemory;

/**
 * dirty_rate_memory_new: look what memory the guest has
 *
 * Called in the main thread with the BQL held.  All other functions can be
 * called from any one thread.
 */
DirtyRateMemory *dirty_rate_memory_new(void);

/**
 * dirty_rate_memory_free: give it back
 * @memory: the memory, or NULL
 */
void dirty_rate_memory_free(DirtyRateMemory *memory);

/**
 * dirty_rate_memory_chunks: the chunks, as the page sampler needs them
 * @memory: the memory
 * @n: set to their number, which may be 0
 *
 * Return: the chunks, owned by @memory.
 */
const PageSamplerRegion *dirty_rate_memory_chunks(const DirtyRateMemory *memory,
                                                  size_t *n);

/**
 * dirty_rate_memory_sampler: draw pages of it at random
 * @memory: the memory, which must outlive the sampler
 * @pages_per_gib: how many
 * @errp: set if there is no memory, or none for the sample
 *
 * Return: a sampler whose regions are the chunks, or NULL.
 */
PageSampler *dirty_rate_memory_sampler(const DirtyRateMemory *memory,
                                       uint64_t pages_per_gib, Error **errp);

/**
 * dirty_rate_memory_renew: what was found at the last reading may have changed
 * @memory: the memory
 */
void dirty_rate_memory_renew(DirtyRateMemory *memory);

/**
 * dirty_rate_memory_is_there: whether a chunk is still mapped as it was
 * @memory: the memory
 * @chunk: number of the chunk
 *
 * Needs the RCU read lock; the answer holds while it is held.
 */
bool dirty_rate_memory_is_there(const DirtyRateMemory *memory, size_t chunk);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DirtyRateMemory, dirty_rate_memory_free)

#endif
