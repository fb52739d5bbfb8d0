/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: memory whose dirty bitmap begins all dirty.
 */
#include "qemu/osdep.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "system/dirty-seen.h"
#include "dirty-rate-fresh.h"

/* RAM that was mapped since the last commit. */
typedef struct FreshRam {
    MemoryRegion *mr;
    hwaddr offset;
    ram_addr_t start;
    ram_addr_t length;
    unsigned long *held;
} FreshRam;

/* NULL: not started. */
static GArray *fresh;

static void fresh_add(MemoryListener *listener, MemoryRegionSection *section)
{
    FreshRam ram = {
        .mr = section->mr,
        .offset = section->offset_within_region,
        .length = int128_get64(section->size),
    };

    if (memory_region_is_ram(section->mr)) {
        ram.start = memory_region_get_ram_addr(section->mr) + ram.offset;
        g_array_append_val(fresh, ram);
    }
}

/*
 * Takes over what fresh bitmaps begin with, for others who log, but does not
 * count it; then makes them trap the next write to every page.
 */
static void fresh_commit(MemoryListener *listener)
{
    if (!fresh->len) {
        return;
    }
    for (size_t i = 0; i < fresh->len; i++) {
        FreshRam *ram = &g_array_index(fresh, FreshRam, i);

        ram->held = dirty_seen_hold(ram->start, ram->length);
    }
    memory_global_dirty_log_sync(false);
    /* Backwards, for two of them may share a word of the bitmap. */
    for (size_t i = fresh->len; i--; ) {
        FreshRam *ram = &g_array_index(fresh, FreshRam, i);

        memory_region_clear_dirty_bitmap(ram->mr, ram->offset, ram->length);
        dirty_seen_release(ram->start, ram->length, ram->held);
    }
    g_array_set_size(fresh, 0);
}

static MemoryListener fresh_listener = {
    .name = "dirty-rate-fresh",
    .region_add = fresh_add,
    .commit = fresh_commit,
    /* When the accelerator has mapped it. */
    .priority = MEMORY_LISTENER_PRIORITY_ACCEL + 1,
};

void dirty_rate_fresh_start(void)
{
    fresh = g_array_new(false, false, sizeof(FreshRam));
    /* All that is mapped is fresh to begin with. */
    memory_listener_register(&fresh_listener, &address_space_memory);
}

void dirty_rate_fresh_stop(void)
{
    if (fresh) {
        memory_listener_unregister(&fresh_listener);
        g_clear_pointer(&fresh, g_array_unref);
    }
}
