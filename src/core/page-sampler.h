/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The page sampler: finds out which of a sample of a guest's pages change.
 */
#ifndef PAGE_SAMPLER_H
#define PAGE_SAMPLER_H

#include "dirty-measurement.h"

G_BEGIN_DECLS

/**
 * PageSamplerRegion: a stretch of guest memory as this process sees it
 * @address: its first byte; readable for @n_pages * @page_size bytes during
 * every scan of it
 * @n_pages: pages in it; 0 is allowed
 * @page_size: bytes of a page, a power of two, 64 at least; the same for all
 * regions of a sampler
 */
typedef struct {
    const void *address;
    guint64 n_pages;
    gsize page_size;
} PageSamplerRegion;

/**
 * PageSamplerCounts: what the scans found so far
 * @n_total: pages in all regions
 * @n_sampled: pages drawn
 * @n_zero: of @n_sampled, those that held only zero bytes at the first scan
 * @n_dirty: of @n_sampled, those whose content was seen to have changed since
 */
typedef struct {
    guint64 n_total;
    guint64 n_sampled;
    guint64 n_zero;
    guint64 n_dirty;
} PageSamplerCounts;

typedef struct PageSampler PageSampler;

PageSampler *page_sampler_new(const PageSamplerRegion *regions, gsize n_regions,
                              guint64 pages_per_gib, guint64 seed,
                              GError **error);
void page_sampler_free(PageSampler *sampler);

void page_sampler_scan(PageSampler *sampler, gsize region);
PageSamplerCounts page_sampler_counts(const PageSampler *sampler);
gsize page_sampler_region_samples(const PageSampler *sampler, gsize region);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PageSampler, page_sampler_free)

G_END_DECLS

#endif
