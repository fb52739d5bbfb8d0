/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The page sampler's pages, a few of them, for those who want their content.
 */
#include "page-sampler-priv.h"

#include <string.h>

/* A clean page is known to be zero; a dirty one may be or not. */
static gboolean
may_have_content(const PageSampler *sampler, const RegionSample *region,
                 gsize i)
{
    const Sample *sample = &region->samples[i];

    return i >= region->n_clean ||
           (sample->seen && sample->digest != sampler->zero_digest);
}

static gsize
count_candidates(const PageSampler *sampler)
{
    gsize n = 0;

    for (gsize r = 0; r < sampler->n_regions; r++) {
        for (gsize i = 0; i < sampler->regions[r].n_samples; i++) {
            n += may_have_content(sampler, &sampler->regions[r], i);
        }
    }
    return n;
}

/**
 * page_sampler_pick: chooses sampled pages that are not known to be zero
 * @sampler: a sampler, after a scan
 * @picks: where to put them
 * @n_picks: how many at most
 *
 * They lie evenly spread over all such pages, clean and dirty ones.
 *
 * Return: how many were chosen; less than @n_picks only if there are no more.
 */
gsize
page_sampler_pick(const PageSampler *sampler, PageSamplerPick *picks,
                  gsize n_picks)
{
    gsize n = count_candidates(sampler);
    gsize wanted = MIN(n, n_picks);
    gsize picked = 0;
    gsize at = 0;

    for (gsize r = 0; r < sampler->n_regions; r++) {
        const RegionSample *region = &sampler->regions[r];

        for (gsize i = 0; i < region->n_samples && picked < wanted; i++) {
            if (!may_have_content(sampler, region, i)) {
                continue;
            }
            /* Over all n, this steps up exactly wanted times, evenly. */
            if ((uint128)(at + 1) * wanted / n > (uint128)at * wanted / n) {
                picks[picked].region = r;
                picks[picked].page = region->samples[i].page;
                picked++;
            }
            at++;
        }
    }
    return picked;
}

/**
 * page_sampler_copy: copies a sampled page, if there is something to copy
 * @sampler: a sampler
 * @pick: what page_sampler_pick() chose; its region must not have gone away
 * @page: where to put the page's bytes
 *
 * Return: FALSE if the page is not in memory or holds only zero bytes.
 */
gboolean
page_sampler_copy(const PageSampler *sampler, const PageSamplerPick *pick,
                  void *page)
{
    const PageSamplerRegion *region;
    unsigned char present = 1;
    Sample sample = {pick->page, FALSE, FALSE, 0};

    g_return_val_if_fail(pick->region < sampler->n_regions, FALSE);

    region = &sampler->regions[pick->region].region;
    if (region->probe) {
        region->probe->look(region->opaque, pick->page, 1, &present);
    }
    switch (page_presence(region, &sample, present & 1)) {
    case PAGE_PRESENT:
        memcpy(page, region_page(region, pick->page), region->page_size);
        break;
    case PAGE_UNMAPPED:
        if (!region->probe->read(region->opaque, pick->page, page)) {
            return FALSE;
        }
        break;
    case PAGE_HOLE:
    case PAGE_AWAY:
        return FALSE;
    }
    return page_digest(page, region->page_size, NULL) != sampler->zero_digest;
}
