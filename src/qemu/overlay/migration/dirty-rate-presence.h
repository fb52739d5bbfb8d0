/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: which pages the host has in memory.
 */
#ifndef QEMU_MIGRATION_DIRTY_RATE_PRESENCE_H
#define QEMU_MIGRATION_DIRTY_RATE_PRESENCE_H

#include "exec/ramblock.h"
#include "dirty-core/page-sampler.h"

/**
 * DirtyRateHost: what the host can be asked
 * @pagemap: descriptor of this process's page map, -1 if it may not be read
 * @has_swapped: whether the host has anything swapped out
 */
typedef struct DirtyRateHost {
    int pagemap;
    bool has_swapped;
} DirtyRateHost;

void dirty_rate_host_init(DirtyRateHost *host);
void dirty_rate_host_destroy(DirtyRateHost *host);

/**
 * dirty_rate_host_renew: learn anew what is the same for all pages
 * @host: what the host can be asked
 *
 * Called at the beginning of each reading.
 */
void dirty_rate_host_renew(DirtyRateHost *host);

/**
 * DirtyRatePagesKind: where the pages of a stretch come from
 * @DIRTY_RATE_PAGES_ANONYMOUS: no file, or none that is known
 * @DIRTY_RATE_PAGES_TMPFS: a file whose data is in memory or swapped out
 * @DIRTY_RATE_PAGES_HUGE: a file of huge pages, which stay in memory
 * @DIRTY_RATE_PAGES_FILE: any other file
 */
typedef enum DirtyRatePagesKind {
    DIRTY_RATE_PAGES_ANONYMOUS,
    DIRTY_RATE_PAGES_TMPFS,
    DIRTY_RATE_PAGES_HUGE,
    DIRTY_RATE_PAGES_FILE,
} DirtyRatePagesKind;

/**
 * DirtyRatePages: a stretch of a RAM block whose pages are looked for
 * @host: what the host can be asked
 * @address: of its first byte in this process
 * @fd: descriptor of the file it is mapped from, -1 if there is none
 * @offset: of its first byte in that file
 * @length: bytes
 * @kind: where its pages come from
 * @shared: whether what is written goes to that file
 * @hole_start: a hole of the file that was found, from here...
 * @hole_end: ...to before here
 *
 * @fd must be open and the memory mapped whenever pages are looked for.
 */
typedef struct DirtyRatePages {
    const DirtyRateHost *host;
    uint8_t *address;
    int fd;
    uint64_t offset;
    uint64_t length;
    DirtyRatePagesKind kind;
    bool shared;
    uint64_t hole_start;
    uint64_t hole_end;
} DirtyRatePages;

/**
 * dirty_rate_pages_init: prepare to look for the pages of a stretch
 * @pages: the stretch
 * @host: what the host can be asked; must outlive @pages
 * @block: its RAM block; not used later
 * @start: its first byte within @block
 * @length: bytes
 */
void dirty_rate_pages_init(DirtyRatePages *pages, const DirtyRateHost *host,
                           const RAMBlock *block, ram_addr_t start,
                           ram_addr_t length);

/**
 * dirty_rate_pages_renew: forget what was found at the last reading
 * @pages: a stretch
 */
void dirty_rate_pages_renew(DirtyRatePages *pages);

/**
 * dirty_rate_probe: how to look for the pages of a DirtyRatePages
 *
 * Looking reads no guest memory and makes the host allocate none, neither for
 * pages nor for page tables.
 *
 * Return: the probe, or NULL if this host cannot tell.
 */
const PageSamplerProbe *dirty_rate_probe(void);

#endif
