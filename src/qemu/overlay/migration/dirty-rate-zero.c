/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: how many pages hold only zero bytes.
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "exec/target_page.h"
#include "dirty-core/page-sampler.h"
#include "dirty-rate-memory.h"
#include "dirty-rate-zero.h"

/* How many samples per GiB make as many as dirty_zero_samples() asks for. */
static uint64_t density(uint64_t n_total)
{
    uint64_t n_samples = dirty_zero_samples(n_total, qemu_target_page_size());
    double gib = (double)n_total * qemu_target_page_size() / GiB;

    return MAX(n_samples / gib, 1);
}

uint64_t dirty_rate_zero_pages(uint64_t n_total)
{
    g_autoptr(DirtyRateMemory) memory = dirty_rate_memory_new();
    g_autoptr(PageSampler) sampler =
        dirty_rate_memory_sampler(memory, density(n_total), NULL);
    PageSamplerCounts counts;
    uint64_t n_known;
    size_t n;

    if (!sampler) {
        return 0;
    }
    dirty_rate_memory_chunks(memory, &n);
    /* Memory stays as it is, since the BQL is held. */
    for (size_t i = 0; i < n; i++) {
        page_sampler_scan(sampler, i);
    }
    counts = page_sampler_counts(sampler);
    n_known = counts.n_sampled - counts.n_unseen;
    if (!n_known) {
        return 0;
    }
    return MIN((double)counts.n_zero / n_known * n_total, n_total);
}
