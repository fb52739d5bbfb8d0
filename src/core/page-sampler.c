/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The page sampler: draws a sample of a guest's pages, and keeps it.
 */
#include "page-sampler-priv.h"

#include "dirty-i18n.h"

#define BYTES_PER_GIB ((guint64)1 << 30)

/*
 * No host has larger pages; a bound also keeps the zero page below small enough
 * to allocate.
 */
#define SAMPLER_PAGE_SIZE_MAX ((gsize)1 << 30)

static gboolean
count_pages(const PageSamplerRegion *regions, gsize n_regions, guint64 *n_pages,
            GError **error)
{
    gsize page_size = n_regions ? regions[0].page_size : 0;
    guint64 bytes;

    *n_pages = 0;
    for (gsize i = 0; i < n_regions; i++) {
        if (regions[i].page_size != page_size || page_size < 64 ||
            page_size > SAMPLER_PAGE_SIZE_MAX ||
            (page_size & (page_size - 1)) != 0) {
            g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                        _("page size %1$zu of memory region %2$zu is not the "
                          "one power of two from "
                          "64 to 2^30 that all share"),
                        regions[i].page_size, i);
            return FALSE;
        }
        if (!g_uint64_checked_add(n_pages, *n_pages, regions[i].n_pages) ||
            !g_uint64_checked_mul(&bytes, *n_pages, page_size)) {
            g_set_error(
                error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                _("memory regions hold more pages than can be addressed"));
            return FALSE;
        }
    }
    if (*n_pages == 0) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_NO_MEMORY,
                    _("there is no guest memory to measure"));
        return FALSE;
    }
    return TRUE;
}

/* At least one page, so that no guest is too small to be measured. */
static guint64
count_samples(guint64 n_pages, gsize page_size, guint64 pages_per_gib)
{
    uint128 wanted =
        (uint128)n_pages * page_size * pages_per_gib / BYTES_PER_GIB;

    return (guint64)CLAMP(wanted, 1, n_pages);
}

/* splitmix64: a few instructions a number, where GRand takes as long as hashing
 * a tenth of a page. */
static guint64
random_next(guint64 *state)
{
    guint64 bits = *state += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);

    bits = (bits ^ bits >> 30) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
    return bits ^ bits >> 31;
}

static guint64
random_below(guint64 *state, guint64 bound)
{
    /* Scaling errs by at most bound / 2^64 of a page's chance: nothing at any
     * memory size. */
    return (guint64)((uint128)random_next(state) * bound >> 64);
}

/*
 * The regions laid end to end are cut into n_sampled strata of equal length,
 * give or take a page, and one page of each is drawn. Pages written together
 * lie together, so this spreads the estimate less than independent draws do,
 * and never more.
 */
static void
draw_samples(PageSampler *sampler, const PageSamplerRegion *regions,
             guint64 seed)
{
    guint64 n_sampled = sampler->counts.n_sampled;
    guint64 length = sampler->counts.n_total / n_sampled;
    guint64 rest = sampler->counts.n_total % n_sampled;
    guint64 over = 0; /* n_sampled times what is owed to the next stratum */
    guint64 first = 0;
    guint64 region_start = 0;
    gsize region = 0;

    sampler->regions[0].samples = sampler->samples;
    for (guint64 i = 0; i < n_sampled; i++) {
        gboolean longer = over + rest >= n_sampled;
        guint64 page = first + random_below(&seed, length + longer);

        over += rest - (longer ? n_sampled : 0);
        first += length + longer;
        while (page - region_start >= regions[region].n_pages) {
            region_start += regions[region].n_pages;
            region++;
            sampler->regions[region].samples = &sampler->samples[i];
        }
        sampler->samples[i].page = page - region_start;
        sampler->samples[i].seen = FALSE;
        sampler->samples[i].mapped = FALSE;
        sampler->regions[region].n_samples++;
    }
}

/**
 * page_sampler_new: draws the pages to watch; reads none of them yet
 * @regions: the guest's memory
 * @n_regions: entries in @regions
 * @pages_per_gib: pages to draw per GiB; at least one page and at most every
 * page is drawn
 * @seed: what the draw depends on; the same regions, density and seed give the
 * same pages
 * @error: set to DIRTY_ERROR_NO_MEMORY if the regions hold no page or the
 * sample does not fit into this process, to DIRTY_ERROR_INVALID if a page size
 * or a count is impossible
 *
 * Return: a sampler, or NULL with @error set; page_sampler_free() it.
 */
PageSampler *
page_sampler_new(const PageSamplerRegion *regions, gsize n_regions,
                 guint64 pages_per_gib, guint64 seed, GError **error)
{
    g_autoptr(PageSampler) sampler = NULL;
    guint64 n_total;

    if (!count_pages(regions, n_regions, &n_total, error)) {
        return NULL;
    }

    sampler = g_new0(PageSampler, 1);
    sampler->page_size = regions[0].page_size;
    sampler->buffer = g_malloc0(sampler->page_size);
    sampler->present = g_malloc(WINDOW_PAGES);
    sampler->zero_digest =
        page_digest(sampler->buffer, sampler->page_size, NULL);
    sampler->counts.n_total = n_total;
    sampler->counts.n_sampled =
        count_samples(n_total, sampler->page_size, pages_per_gib);
    sampler->n_regions = n_regions;
    sampler->regions = g_new0(RegionSample, n_regions);
    n_total = 0;
    for (gsize i = 0; i < n_regions; i++) {
        sampler->regions[i].region = regions[i];
        sampler->regions[i].first = n_total;
        n_total += regions[i].n_pages;
    }
    sampler->samples = g_try_new(Sample, sampler->counts.n_sampled);
    if (!sampler->samples) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_NO_MEMORY,
                    _("no memory for a sample of %1$llu pages: ask for fewer "
                      "pages per GiB"),
                    (unsigned long long)sampler->counts.n_sampled);
        return NULL;
    }

    draw_samples(sampler, regions, seed);
    for (gsize i = 0; i < n_regions; i++) {
        sampler->regions[i].n_clean = sampler->regions[i].n_samples;
    }
    sampler->counts.n_unseen = sampler->counts.n_sampled;
    return g_steal_pointer(&sampler);
}

/**
 * page_sampler_free: gives back a sampler
 * @sampler: a sampler, or NULL
 */
void
page_sampler_free(PageSampler *sampler)
{
    if (!sampler) {
        return;
    }
    g_free(sampler->present);
    g_free(sampler->buffer);
    g_free(sampler->samples);
    g_free(sampler->regions);
    g_free(sampler);
}

/**
 * page_sampler_counts: what the scans found so far
 * @sampler: a sampler
 *
 * Return: the counts, over all regions.
 */
PageSamplerCounts
page_sampler_counts(const PageSampler *sampler)
{
    return sampler->counts;
}

/**
 * page_sampler_region_samples: how many pages of a region were drawn
 * @sampler: a sampler
 * @region: the region's place in what page_sampler_new() was given
 *
 * Return: pages; 0 means that scanning the region does nothing.
 */
gsize
page_sampler_region_samples(const PageSampler *sampler, gsize region)
{
    g_return_val_if_fail(region < sampler->n_regions, 0);
    return sampler->regions[region].n_samples;
}
