/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The page sampler's scans: look which pages are there, and hash those.
 */
#include "page-sampler-priv.h"

#include <string.h>

#ifdef HAVE_XXH_X86DISPATCH
# include <xxh_x86dispatch.h>
#else
# include <xxhash.h>
#endif

/*
 * One call costs as much as looking at this many pages of a longer stretch:
 * mincore() on Linux takes 0.43 us and 2.2 ns a page.  So two sampled pages
 * that lie no further apart are looked at in one call.
 */
#define WINDOW_GAP 192

/* Pages of one look: bounds its time, and what it keeps on the stack. */
#define WINDOW_PAGES 4096

/*
 * How much of the next page is asked for ahead: enough to keep memory busy
 * while a digest is finished and the next begun.  The rest of the page the CPU
 * foresees by itself; asking for all of it stalls the hash (Sapphire Rapids:
 * 0.51 us a cold page without, 0.43 with this much, 0.48 with all of it).
 */
#define PREFETCH_SIZE 512
#define CACHE_LINE 64

/* Sampled pages @n of them from @samples on, and what was found of the stretch
 * from @first on that holds them. */
typedef struct {
    Sample *samples;
    gsize n;
    guint64 first;
    unsigned char present[WINDOW_PAGES];
} Window;

#ifdef HAVE_XXH_X86DISPATCH
/*
 * The library leaves the upper halves of vector registers in use.  Narrow
 * vector instructions, of which compilers make copies of structures, then wait
 * for the digest before them, and pages are no longer fetched while one is
 * hashed: 0.66 us a cold page instead of 0.44 on Sapphire Rapids.
 */
__attribute__((target("avx"))) static void
clear_upper_halves(void)
{
    __builtin_ia32_vzeroupper();
}
#endif

guint64
page_digest(const void *page, gsize page_size)
{
    guint64 digest = XXH3_64bits(page, page_size);

#ifdef HAVE_XXH_X86DISPATCH
    if (__builtin_cpu_supports("avx")) {
        clear_upper_halves();
    }
#endif
    return digest;
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
}

static gboolean
window_has(const Window *window, gsize i)
{
    return window->present[window->samples[i].page - window->first] & 1;
}

static void
prefetch_page(const char *page, gsize page_size)
{
    for (gsize i = 0; i < MIN(page_size, PREFETCH_SIZE); i += CACHE_LINE) {
        __builtin_prefetch(page + i, 0, 2);
    }
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
            Sample *sample, gboolean present)
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
                              page_digest(content, region->page_size));
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

/*
 * Scans a window's pages.  Those that are still clean go to clean[0] and on,
 * which may be where they come from; the others are added to @dirty.
 *
 * Return: how many are still clean.
 */
static gsize
scan_window(PageSampler *sampler, const PageSamplerRegion *region,
            const Window *window, Sample *clean, GArray *dirty)
{
    gsize n_clean = 0;

    for (gsize i = 0; i < window->n; i++) {
        Sample sample = window->samples[i];

        /* The next page comes from memory while this one is hashed. */
        if (i + 1 < window->n && window->samples[i + 1].mapped &&
            window_has(window, i + 1)) {
            prefetch_page(region_page(region, window->samples[i + 1].page),
                          region->page_size);
        }
        if (scan_sample(sampler, region, &sample, window_has(window, i))) {
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
 * A region that has gone away must not be scanned again; what is known of it
 * stays.
 */
void
page_sampler_scan(PageSampler *sampler, gsize region)
{
    RegionSample *part;
    g_autoptr(GArray) dirty = NULL;
    Window window;
    gsize n_clean = 0;

    g_return_if_fail(region < sampler->n_regions);

    part = &sampler->regions[region];
    dirty = g_array_new(FALSE, FALSE, sizeof(Sample));
    for (gsize i = 0; i < part->n_clean; i += window.n) {
        window_look(&window, &part->region, part->samples + i,
                    part->n_clean - i);
        n_clean += scan_window(sampler, &part->region, &window,
                               part->samples + n_clean, dirty);
    }
    if (dirty->len) {
        memcpy(part->samples + n_clean, dirty->data,
               dirty->len * sizeof(Sample));
    }
    part->n_clean = n_clean;
    sampler->counts.n_dirty += dirty->len;
}
