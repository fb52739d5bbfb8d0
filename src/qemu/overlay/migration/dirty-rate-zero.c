/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: how many pages hold only zero bytes.
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "exec/target_page.h"
#include "dirty-rate-memory.h"
#include "dirty-rate-zero.h"

/* How many samples per GiB make as many as dirty_zero_samples() asks for. */
static uint64_t density(uint64_t n_total)
{
    uint64_t n_samples = dirty_zero_samples(n_total);
    double gib = (double)n_total * qemu_target_page_size() / GiB;

    return MAX(n_samples / gib, 1);
}

/* Of @n_total pages as many as @n of @n_known. */
static uint64_t scaled(uint64_t n, uint64_t n_known, uint64_t n_total)
{
    return MIN((double)n / n_known * n_total, n_total);
}

/* The sums are scaled, so that rounding leaves the parts a whole. */
static void scale_counts(PageSamplerCounts *counts, uint64_t n_total)
{
    uint64_t n_known = counts->n_sampled - counts->n_unseen;
    uint64_t sum = 0;

    counts->n_zero = 0;
    for (size_t i = 0; i < DIRTY_ZERO_PARTS && n_known; i++) {
        sum += counts->zero_parts[i];
        counts->zero_parts[i] = scaled(sum, n_known, n_total) - counts->n_zero;
        counts->n_zero += counts->zero_parts[i];
    }
}

PageSamplerCounts dirty_rate_zero_pages(uint64_t n_total)
{
    g_autoptr(DirtyRateMemory) memory = dirty_rate_memory_new();
    g_autoptr(PageSampler) sampler =
        dirty_rate_memory_sampler(memory, density(n_total), NULL);
    PageSamplerCounts counts = {0};
    size_t n;

    if (!sampler) {
        return counts;
    }
    dirty_rate_memory_chunks(memory, &n);
    /* Memory stays as it is, since the BQL is held. */
    for (size_t i = 0; i < n; i++) {
        page_sampler_scan(sampler, i);
    }
    counts = page_sampler_counts(sampler);
    scale_counts(&counts, n_total);
    return counts;
}

void dirty_rate_zero_report(const PageSamplerCounts *counts,
                            DirtyRateInfo *info)
{
    uint64List **tail = &info->zero_pages_by_part;

    info->has_n_zero_pages = true;
    info->n_zero_pages = counts->n_zero;
    info->has_zero_pages_by_part = true;
    for (size_t i = 0; i < DIRTY_ZERO_PARTS; i++) {
        QAPI_LIST_APPEND(tail, counts->zero_parts[i]);
    }
}
