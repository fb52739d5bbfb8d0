/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: which memory the guest has.
 */
#ifndef QEMU_MIGRATION_DIRTY_RATE_REGIONS_H
#define QEMU_MIGRATION_DIRTY_RATE_REGIONS_H

#include "exec/ramblock.h"

/**
 * DirtyRateRegionFunc: takes a stretch of guest memory
 * @block: its RAM block
 * @start: its first byte within @block
 * @length: bytes, above 0; both are multiples of the target's page size
 * @opaque: what dirty_rate_for_each_region() was given
 */
typedef void DirtyRateRegionFunc(RAMBlock *block, ram_addr_t start,
                                 ram_addr_t length, void *opaque);

/**
 * dirty_rate_for_each_region: go through the memory the guest has now
 * @func: called for each stretch, in the order of blocks and addresses
 * @opaque: for @func
 *
 * That is all memory a migration would send: of devices that plug memory in
 * small parts (virtio-mem) only the parts that are plugged.
 *
 * Called in the main thread with the BQL held.
 */
void dirty_rate_for_each_region(DirtyRateRegionFunc *func, void *opaque);

#endif
