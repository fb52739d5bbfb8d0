/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: the memory that is sampled.
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "exec/target_page.h"
#include "dirty-rate-memory.h"
#include "dirty-rate-presence.h"
#include "dirty-rate-regions.h"
#include "ram.h"
#include "trace.h"

/*
 * Memory scanned between two looks at the request to stop, and under one RCU
 * read lock.  At the densest sample and 1 us per page this takes 16 ms: what
 * cancelling costs the main thread at worst.
 */
#define CHUNK_SIZE GiB

/* A chunk, and its RAM block as it was when the measurement began. */
typedef struct Chunk {
    DirtyRatePages pages;
    const RAMBlock *block;      /* compared, never followed: it may be gone */
    const uint8_t *host;
    ram_addr_t used_length;
} Chunk;

struct DirtyRateMemory {
    DirtyRateHost host;
    GArray *chunks;             /* of Chunk */
    GArray *regions;            /* of PageSamplerRegion, one for each chunk */
};

static void memory_add(RAMBlock *block, ram_addr_t start, ram_addr_t length,
                       void *opaque)
{
    DirtyRateMemory *memory = opaque;

    for (ram_addr_t at = 0; at < length; at += CHUNK_SIZE) {
        Chunk chunk = {
            .block = block,
            .host = block->host,
            .used_length = block->used_length,
        };

        dirty_rate_pages_init(&chunk.pages, &memory->host, block, start + at,
                              MIN(length - at, CHUNK_SIZE));
        g_array_append_val(memory->chunks, chunk);
    }
}

/* Only now do the chunks stay where they are. */
static void memory_add_regions(DirtyRateMemory *memory)
{
    for (size_t i = 0; i < memory->chunks->len; i++) {
        DirtyRatePages *pages = &g_array_index(memory->chunks, Chunk, i).pages;
        PageSamplerRegion region = {
            .address = pages->address,
            .n_pages = pages->length / qemu_target_page_size(),
            .page_size = qemu_target_page_size(),
            .probe = dirty_rate_probe(),
            .opaque = pages,
        };

        g_array_append_val(memory->regions, region);
    }
}

DirtyRateMemory *dirty_rate_memory_new(void)
{
    DirtyRateMemory *memory = g_new0(DirtyRateMemory, 1);

    dirty_rate_host_init(&memory->host);
    memory->chunks = g_array_new(false, false, sizeof(Chunk));
    memory->regions = g_array_new(false, false, sizeof(PageSamplerRegion));
    dirty_rate_for_each_region(memory_add, memory);
    memory_add_regions(memory);
    return memory;
}

void dirty_rate_memory_free(DirtyRateMemory *memory)
{
    if (!memory) {
        return;
    }
    g_array_unref(memory->regions);
    g_array_unref(memory->chunks);
    dirty_rate_host_destroy(&memory->host);
    g_free(memory);
}

const PageSamplerRegion *dirty_rate_memory_chunks(const DirtyRateMemory *memory,
                                                  size_t *n)
{
    *n = memory->regions->len;
    return (const PageSamplerRegion *)memory->regions->data;
}

PageSampler *dirty_rate_memory_sampler(const DirtyRateMemory *memory,
                                       uint64_t pages_per_gib, Error **errp)
{
    uint64_t seed = (uint64_t)g_random_int() << 32 | g_random_int();
    g_autoptr(GError) err = NULL;
    const PageSamplerRegion *chunks;
    PageSampler *sampler;
    size_t n;

    chunks = dirty_rate_memory_chunks(memory, &n);
    sampler = page_sampler_new(chunks, n, pages_per_gib, seed, &err);
    if (!sampler) {
        error_setg(errp, "%s", err->message);
    }
    return sampler;
}

void dirty_rate_memory_renew(DirtyRateMemory *memory)
{
    dirty_rate_host_renew(&memory->host);
    for (size_t i = 0; i < memory->chunks->len; i++) {
        dirty_rate_pages_renew(&g_array_index(memory->chunks, Chunk, i).pages);
    }
}

bool dirty_rate_memory_is_there(const DirtyRateMemory *memory, size_t i)
{
    const Chunk *chunk = &g_array_index(memory->chunks, Chunk, i);
    RAMBlock *block;

    RAMBLOCK_FOREACH_MIGRATABLE(block) {
        if (block == chunk->block) {
            return block->host == chunk->host &&
                   block->used_length == chunk->used_length;
        }
    }
    trace_dirty_rate_skip_chunk(i, chunk->host);
    return false;
}
