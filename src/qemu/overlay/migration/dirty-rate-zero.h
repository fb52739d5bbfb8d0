/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: how many pages hold only zero bytes.
 */
#ifndef QEMU_MIGRATION_DIRTY_RATE_ZERO_H
#define QEMU_MIGRATION_DIRTY_RATE_ZERO_H

#include "qapi/qapi-types-migration.h"
#include "dirty-core/page-sampler.h"

/**
 * dirty_rate_zero_pages: estimate the zero pages of the guest
 * @n_total: number of target pages of the guest, above 0
 *
 * Looks at dirty_zero_samples() of them, which takes some ms, and reads none
 * that is not in memory.
 *
 * Called in the main thread with the BQL held.
 *
 * Return: counts of which only @n_zero, at most @n_total, and @zero_parts say
 * something.
 */
PageSamplerCounts dirty_rate_zero_pages(uint64_t n_total);

/**
 * dirty_rate_zero_report: tell of zero pages
 * @counts: where the zero pages of what was watched are in
 * @info: the report to complete
 */
void dirty_rate_zero_report(const PageSamplerCounts *counts,
                            DirtyRateInfo *info);

#endif
