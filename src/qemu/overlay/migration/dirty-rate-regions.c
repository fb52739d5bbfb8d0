/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: which memory the guest has.
 */
#include "qemu/osdep.h"
#include "qemu/rcu.h"
#include "exec/memory.h"
#include "exec/target_page.h"
#include "dirty-rate-regions.h"
#include "ram.h"

/* What is called, and with what, while a block's plugged parts are found. */
typedef struct RegionVisit {
    RAMBlock *block;
    DirtyRateRegionFunc *func;
    void *opaque;
} RegionVisit;

static void visit(const RegionVisit *v, ram_addr_t start, ram_addr_t length)
{
    length = QEMU_ALIGN_DOWN(length, qemu_target_page_size());
    if (length) {
        v->func(v->block, start, length, v->opaque);
    }
}

static int visit_plugged(MemoryRegionSection *section, void *opaque)
{
    visit(opaque, section->offset_within_region, int128_get64(section->size));
    return 0;
}

static void visit_block(const RegionVisit *v)
{
    MemoryRegion *mr = v->block->mr;

    if (mr && memory_region_has_ram_discard_manager(mr)) {
        MemoryRegionSection section = {
            .mr = mr,
            .size = int128_make64(v->block->used_length),
        };

        ram_discard_manager_replay_populated(
            memory_region_get_ram_discard_manager(mr), &section,
            visit_plugged, (void *)v);
    } else {
        visit(v, 0, v->block->used_length);
    }
}

void dirty_rate_for_each_region(DirtyRateRegionFunc *func, void *opaque)
{
    RegionVisit v = { .func = func, .opaque = opaque };

    RCU_READ_LOCK_GUARD();
    RAMBLOCK_FOREACH_MIGRATABLE(v.block) {
        if (v.block->host) {
            visit_block(&v);
        }
    }
}
