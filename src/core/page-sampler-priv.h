/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the page sampler share with each other.
 */
#ifndef PAGE_SAMPLER_PRIV_H
#define PAGE_SAMPLER_PRIV_H

#include "page-digest.h"
#include "page-sampler.h"

typedef unsigned __int128 uint128;

/* Pages that are looked for in one call at most: bounds its time. */
#define WINDOW_PAGES 4096

/*
 * Sample: a page that was drawn
 * @page: its number within its region
 * @seen: whether @digest is known
 * @mapped: whether it was read at its address before: then it is mapped as long
 * as it is in memory
 * @digest: of its first content
 */
typedef struct {
    guint64 page : 62;
    guint64 seen : 1;
    guint64 mapped : 1;
    guint64 digest;
} Sample;

/*
 * RegionSample: a region's part of the sample.  Pages seen dirty are not looked
 * at again: the clean ones stand in front, still in the order of their
 * addresses, so that a scan runs through memory in one direction and costs less
 * the more is known.
 *
 * @first: pages in the regions before it
 */
typedef struct {
    PageSamplerRegion region;
    guint64 first;
    Sample *samples;
    gsize n_samples;
    gsize n_clean;
} RegionSample;

struct PageSampler {
    gsize page_size;
    guint64 zero_digest;
    void *buffer;           /* of a page */
    unsigned char *present; /* of WINDOW_PAGES pages */
    PageSamplerCounts counts;
    Sample *samples;
    gsize n_regions;
    RegionSample *regions;
};

static inline const void *
region_page(const PageSamplerRegion *region, guint64 page)
{
    return (const char *)region->address + page * region->page_size;
}

PagePresence page_presence(const PageSamplerRegion *region, Sample *sample,
                           gboolean present);

#endif
