/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The page sampler: finds out which of a sample of a guest's pages change.
 */
#ifndef PAGE_SAMPLER_H
#define PAGE_SAMPLER_H

#include "dirty-measurement.h"

G_BEGIN_DECLS

/**
 * PagePresence: what reading a page would do
 * @PAGE_PRESENT: it is in memory and mapped; reading it brings nothing in
 * @PAGE_UNMAPPED: it is in memory, but not mapped here: reading it at its
 * address would take a page table, and may make the host read ahead
 * @PAGE_HOLE: it was never touched, or was given back: it reads as zeros, and
 * reading it could make the host keep a page for it
 * @PAGE_AWAY: it has content, but not in memory (swapped out, or file data that
 * was not read yet): reading it would bring it in
 */
typedef enum { PAGE_PRESENT, PAGE_UNMAPPED, PAGE_HOLE, PAGE_AWAY } PagePresence;

/**
 * PageSamplerProbe: how to look for pages without touching them
 * @look: sets present[i] to an odd number if page first + i of the region is in
 * memory, to an even one if not, for i below @n_pages; cheap for long stretches
 * @look_closer: says of one page, of which @look found whether it is @present,
 * what reading it would do; asked for absent pages, and for some or all of the
 * others until they have been read
 * @read: copies a page that is PAGE_UNMAPPED; FALSE if it cannot; NULL if
 * @look_closer knows no such pages
 *
 * The first two must not read the pages themselves.
 */
typedef struct {
    void (*look)(void *opaque, guint64 first, gsize n_pages,
                 unsigned char *present);
    PagePresence (*look_closer)(void *opaque, guint64 page, gboolean present);
    gboolean (*read)(void *opaque, guint64 page, void *buffer);
} PageSamplerProbe;

/**
 * PageSamplerRegion: a stretch of guest memory as this process sees it
 * @address: its first byte; readable for @n_pages * @page_size bytes during
 * every scan of it
 * @n_pages: pages in it; 0 is allowed
 * @page_size: bytes of a page, a power of two, 64 at least; the same for all
 * regions of a sampler
 * @probe: how to look for its pages; NULL if all of them are always present
 * @opaque: handed to @probe
 */
typedef struct {
    const void *address;
    guint64 n_pages;
    gsize page_size;
    const PageSamplerProbe *probe;
    void *opaque;
} PageSamplerRegion;

/**
 * PageSamplerCounts: what the scans found so far
 * @n_total: pages in all regions
 * @n_sampled: pages drawn
 * @n_zero: of @n_sampled, those that held only zero bytes when they were first
 * seen, holes among them
 * @zero_parts: how many of @n_zero lie in each part of the regions laid end to
 * end (dirty_zero_part())
 * @n_dirty: of @n_sampled, those whose content was seen to have changed since
 * @n_unseen: of @n_sampled, those of which no content is known yet, because
 * they were away at every scan
 */
typedef struct {
    guint64 n_total;
    guint64 n_sampled;
    guint64 n_zero;
    guint64 zero_parts[DIRTY_ZERO_PARTS];
    guint64 n_dirty;
    guint64 n_unseen;
} PageSamplerCounts;

/**
 * PageSamplerPick: a sampled page
 * @region: its region's place in what page_sampler_new() was given
 * @page: its number within the region
 */
typedef struct {
    gsize region;
    guint64 page;
} PageSamplerPick;

typedef struct PageSampler PageSampler;

PageSampler *page_sampler_new(const PageSamplerRegion *regions, gsize n_regions,
                              guint64 pages_per_gib, guint64 seed,
                              GError **error);
void page_sampler_free(PageSampler *sampler);

void page_sampler_scan(PageSampler *sampler, gsize region);
PageSamplerCounts page_sampler_counts(const PageSampler *sampler);
gsize page_sampler_region_samples(const PageSampler *sampler, gsize region);

gsize page_sampler_pick(const PageSampler *sampler, PageSamplerPick *picks,
                        gsize n_picks);
gboolean page_sampler_copy(const PageSampler *sampler,
                           const PageSamplerPick *pick, void *page);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PageSampler, page_sampler_free)

G_END_DECLS

#endif
