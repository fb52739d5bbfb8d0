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

/*
 * Sampled pages: @n of them from @samples on, and what was found of the stretch
 * from @first on that holds them
 */
typedef struct {
    Sample *samples;
    gsize n;
    guint64 first;
    unsigned char *present;
} Window;

static gboolean
window_has(const Window *window, gsize i)
{
    return window->present[window->samples[i].page - window->first] & 1;
}

/* A page that is in memory, but was not found to be mapped so far. */
static gboolean
window_is_new(const Window *window, gsize i)
{
    return window_has(window, i) && !window->samples[i].mapped;
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
            region->probe->look_closer(region->opaque, window->samples[i].page,
                                       TRUE) != PAGE_PRESENT) {
            return FALSE;
        }
        at++;
    }
    return TRUE;
}

/*
 * Looks for the sampled pages from @samples on that lie close enough to each
 * other to be looked at together; 1 <= window->n <= @n afterwards.
 */
static void
window_look(Window *window, const PageSamplerRegion *region, Sample *samples,
            gsize n)
{
    guint64 first = samples[0].page;
    gsize i = 1;

    while (i < n && samples[i].page - samples[i - 1].page <= WINDOW_GAP &&
           samples[i].page - first < WINDOW_PAGES) {
        i++;
    }
    window->samples = samples;
    window->n = i;
    window->first = first;
    if (region->probe) {
        region->probe->look(region->opaque, first,
                            samples[i - 1].page - first + 1, window->present);
    } else {
        memset(window->present, 1, samples[i - 1].page - first + 1);
    }
    if (!region->probe || window_is_mapped(window, region)) {
        for (i = 0; i < window->n; i++) {
            samples[i].mapped |= window_has(window, i);
        }
    }
}

/* A page, if it is worth being fetched ahead. */
static const void *
window_page(const Window *window, const PageSamplerRegion *region, gsize i)
{
    if (i < window->n && window->samples[i].mapped && window_has(window, i)) {
        return region_page(region, window->samples[i].page);
    }
    return NULL;
}

static void
count_zero(PageSamplerCounts *counts, guint64 page)
{
    counts->n_zero++;
    counts->zero_parts[dirty_zero_part(page, counts->n_total)]++;
}

/* What there is to learn from a page's content, or from its absence: whether
 * it has changed.  Content that was never seen before is what later content is
 * compared with. */
static gboolean
sample_changed(PageSampler *sampler, const RegionSample *part, Sample *sample,
               guint64 digest)
{
    if (sample->seen) {
        return digest != sample->digest;
    }
    sample->seen = TRUE;
    sample->digest = digest;
    sampler->counts.n_unseen--;
    if (digest == sampler->zero_digest) {
        count_zero(&sampler->counts, part->first + sample->page);
    }
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
scan_sample(PageSampler *sampler, const RegionSample *part, Sample *sample,
            gboolean present, const void *next)
{
    const PageSamplerRegion *region = &part->region;
    const void *content = region_page(region, sample->page);

    switch (page_presence(region, sample, present)) {
    case PAGE_UNMAPPED:
        if (!region->probe->read(region->opaque, sample->page,
                                 sampler->buffer)) {
            return FALSE;
        }
        content = sampler->buffer;
        G_GNUC_FALLTHROUGH;
    case PAGE_PRESENT:
        return sample_changed(sampler, part, sample,
                              page_digest(content, region->page_size, next));
    case PAGE_HOLE:
        /* What is given back was not written: a seen page stays as it was. */
        if (!sample->seen) {
            sample_changed(sampler, part, sample, sampler->zero_digest);
        }
        return FALSE;
    case PAGE_AWAY:
        return FALSE;
    }
    g_return_val_if_reached(FALSE);
}

/*
 * Scans a window's pages.  Those that are still clean go to clean[0] and on,
 * which may be where they come from; the others are added to @dirty.
 *
 * Return: how many are still clean.
 */
static gsize
scan_window(PageSampler *sampler, const RegionSample *part,
            const Window *window, Sample *clean, GArray *dirty)
{
    const PageSamplerRegion *region = &part->region;
    gsize n_clean = 0;

    for (gsize i = 0; i < window->n; i++) {
        Sample sample = window->samples[i];

        page_announce(window_page(window, region, i + 2));
        if (scan_sample(sampler, part, &sample, window_has(window, i),
                        window_page(window, region, i + 1))) {
            g_array_append_val(dirty, sample);
        } else {
            clean[n_clean++] = sample;
        }
    }
    return n_clean;
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
 * Nothing but reading a page tells that it is still clean, so clean pages are
 * what scans cost: 24 scans in 60 s (dirty_periods()) hash a fifth of what all
 * pages at each scan would be for a guest that writes as much as its memory in
 * a second, 84 % for one that works on a fifth of its memory, all but holes for
 * one that is idle.  Looking at some of the clean pages only would cost less
 * and leave a reading without what it was asked for: the pages seen dirty by
 * then.
 *
 * A region that has gone away must not be scanned again; what is known of it
 * stays.
 */
void
page_sampler_scan(PageSampler *sampler, gsize region)
{
    RegionSample *part;
    g_autoptr(GArray) dirty = NULL;
    Window window = {.present = sampler->present};
    gsize n_clean = 0;

    g_return_if_fail(region < sampler->n_regions);

    part = &sampler->regions[region];
    dirty = g_array_new(FALSE, FALSE, sizeof(Sample));
    for (gsize i = 0; i < part->n_clean; i += window.n) {
        window_look(&window, &part->region, part->samples + i,
                    part->n_clean - i);
        n_clean +=
            scan_window(sampler, part, &window, part->samples + n_clean, dirty);
    }
    if (dirty->len) {
        memcpy(part->samples + n_clean, dirty->data,
               dirty->len * sizeof(Sample));
    }
    part->n_clean = n_clean;
    sampler->counts.n_dirty += dirty->len;
}
