/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The page sampler's scans: look which pages are there, and hash those.
 */
#include "page-sampler-priv.h"

#include <string.h>

/*
 * One call costs as much as looking at this many pages of a longer stretch:
 * mincore() on Linux takes 0.43 us and 2.2 ns a page.  So two sampled pages
 * that lie no further apart are looked at in one call.
 */
#define WINDOW_GAP 192

/* Pages of a look of which more is found out than that they are in memory. */
#define SPOT_CHECKS 8

/* Sampled pages, and what was found of the stretch from @first on that holds
 * them. */
typedef struct {
    Sample **samples;
    gsize n;
    guint64 first;
    unsigned char *present;
} Window;

static gboolean
window_has(const Window *window, gsize i)
{
    return window->present[window->samples[i]->page - window->first] & 1;
}

/* A page that is in memory, but was not found to be mapped so far. */
static gboolean
window_is_new(const Window *window, gsize i)
{
    return window_has(window, i) && !window->samples[i]->mapped;
}

/*
 * Whether the pages in memory are mapped.  Those that are not come in long
 * stretches: files that were written before, or read ahead.  So some of the new
 * ones speak for all.  Where they are wrong, reading takes a page table.
 */
static gboolean
window_is_mapped(const Window *window, const PageSamplerRegion *region)
{
    gsize n_new = 0;
    gsize at = 0;

    for (gsize i = 0; i < window->n; i++) {
        n_new += window_is_new(window, i);
    }
    for (gsize i = 0; i < window->n; i++) {
        if (!window_is_new(window, i)) {
            continue;
        }
        /* Of n_new, this takes as many as SPOT_CHECKS, evenly. */
        if ((at + 1) * SPOT_CHECKS / n_new > at * SPOT_CHECKS / n_new &&
            region->probe->look_closer(region->opaque, window->samples[i]->page,
                                       TRUE) != PAGE_PRESENT) {
            return FALSE;
        }
        at++;
    }
    return TRUE;
}

/*
 * Takes pages of @parts from @samples on that lie close enough to each other to
 * be looked at together.
 *
 * Return: how many of the @n samples were passed; 1 at least.
 */
static gsize
window_take(Window *window, Sample *samples, gsize n, guint parts)
{
    guint64 last = 0;
    gsize i;

    window->n = 0;
    for (i = 0; i < n; i++) {
        if (!(parts >> samples[i].part & 1)) {
            continue;
        }
        if (!window->n) {
            window->first = samples[i].page;
        } else if (samples[i].page - last > WINDOW_GAP ||
                   samples[i].page - window->first >= WINDOW_PAGES) {
            break;
        }
        last = samples[i].page;
        window->samples[window->n++] = &samples[i];
    }
    return i;
}

static void
window_look(Window *window, const PageSamplerRegion *region)
{
    gsize n_pages = window->samples[window->n - 1]->page - window->first + 1;

    if (region->probe) {
        region->probe->look(region->opaque, window->first, n_pages,
                            window->present);
    } else {
        memset(window->present, 1, n_pages);
    }
    if (!region->probe || window_is_mapped(window, region)) {
        for (gsize i = 0; i < window->n; i++) {
            window->samples[i]->mapped |= window_has(window, i);
        }
    }
}

/* The page after one, if it is worth being fetched ahead. */
static const void *
window_next(const Window *window, const PageSamplerRegion *region, gsize i)
{
    if (i + 1 < window->n && window->samples[i + 1]->mapped &&
        window_has(window, i + 1)) {
        return region_page(region, window->samples[i + 1]->page);
    }
    return NULL;
}

/* What there is to learn from a page's content, or from its absence: whether
 * it has changed.  Content that was never seen before is what later content is
 * compared with. */
static gboolean
sample_changed(PageSampler *sampler, Sample *sample, guint64 digest)
{
    if (sample->seen) {
        return digest != sample->digest;
    }
    sample->seen = TRUE;
    sample->digest = digest;
    sampler->counts.n_unseen--;
    sampler->counts.n_zero += digest == sampler->zero_digest;
    return FALSE;
}

/* What reading a page would do, given whether it is @present in memory. */
PagePresence
page_presence(const PageSamplerRegion *region, Sample *sample, gboolean present)
{
    PagePresence presence = PAGE_PRESENT;

    if (region->probe && !(present && sample->mapped)) {
        presence =
            region->probe->look_closer(region->opaque, sample->page, present);
    }
    sample->mapped = presence == PAGE_PRESENT;
    return presence;
}

static gboolean
scan_sample(PageSampler *sampler, const PageSamplerRegion *region,
            Sample *sample, gboolean present, const void *next)
{
    const void *content = region_page(region, sample->page);

    switch (page_presence(region, sample, present)) {
    case PAGE_UNMAPPED:
        if (!region->probe->read(region->opaque, sample->page,
                                 sampler->buffer)) {
            return FALSE;
        }
        content = sampler->buffer;
        /* fall through */
    case PAGE_PRESENT:
        return sample_changed(sampler, sample,
                              page_digest(content, region->page_size, next));
    case PAGE_HOLE:
        /* What is given back was not written: a seen page stays as it was. */
        if (!sample->seen) {
            sample_changed(sampler, sample, sampler->zero_digest);
        }
        return FALSE;
    case PAGE_AWAY:
        return FALSE;
    }
    g_return_val_if_reached(FALSE);
}

/* Scans a window's pages. Return: how many have changed. */
static gsize
scan_window(PageSampler *sampler, const PageSamplerRegion *region,
            const Window *window)
{
    gsize n_dirty = 0;

    for (gsize i = 0; i < window->n; i++) {
        Sample *sample = window->samples[i];

        if (scan_sample(sampler, region, sample, window_has(window, i),
                        window_next(window, region, i))) {
            sample->dirty = TRUE;
            sampler->part_dirty[sample->part]++;
            n_dirty++;
        }
    }
    return n_dirty;
}

/* Puts the @n_dirty pages that have changed behind the clean ones. */
static void
settle(RegionSample *region, gsize n_dirty)
{
    g_autofree Sample *dirty = g_new(Sample, n_dirty);
    gsize n_clean = 0;
    gsize n = 0;

    for (gsize i = 0; i < region->n_clean; i++) {
        if (region->samples[i].dirty) {
            dirty[n++] = region->samples[i];
        } else {
            region->samples[n_clean++] = region->samples[i];
        }
    }
    memcpy(region->samples + n_clean, dirty, n * sizeof(Sample));
    region->n_clean = n_clean;
}

/**
 * page_sampler_scan: looks at a region's sampled pages
 * @sampler: a sampler
 * @region: the region's place in what page_sampler_new() was given
 *
 * The first content that a scan sees of a page is kept as a digest; each later
 * scan finds the pages that changed since.  A hole counts as a page of zeros.
 * A page that is a hole or away at a later scan is not read and not taken for
 * changed: it was not written but given back, or put away.  If it comes back,
 * it is compared with its first content.
 *
 * A region that has gone away must not be scanned again; what is known of it
 * stays.
 */
void
page_sampler_scan(PageSampler *sampler, gsize region)
{
    page_sampler_scan_parts(sampler, region, PAGE_SAMPLER_ALL_PARTS);
}

/**
 * page_sampler_scan_parts: looks at some of a region's sampled pages
 * @sampler: a sampler
 * @region: the region's place in what page_sampler_new() was given
 * @parts: the parts to look at, bit i for part i; the others stay as they are
 */
void
page_sampler_scan_parts(PageSampler *sampler, gsize region, guint parts)
{
    Window window = {.samples = sampler->window, .present = sampler->present};
    RegionSample *sample;
    gsize n_dirty = 0;

    g_return_if_fail(region < sampler->n_regions);

    sample = &sampler->regions[region];
    for (gsize i = 0; i < sample->n_clean;) {
        i += window_take(&window, sample->samples + i, sample->n_clean - i,
                         parts);
        if (window.n) {
            window_look(&window, &sample->region);
            n_dirty += scan_window(sampler, &sample->region, &window);
        }
    }
    if (n_dirty) {
        settle(sample, n_dirty);
    }
    sampler->counts.n_dirty += n_dirty;
}
