/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: how many pages hold only zero bytes.
 */
#ifndef QEMU_MIGRATION_DIRTY_RATE_ZERO_H
#define QEMU_MIGRATION_DIRTY_RATE_ZERO_H

/**
 * dirty_rate_zero_pages: estimate the zero pages of the guest
 * @n_total: number of target pages of the guest, above 0
 *
 * Looks at dirty_zero_samples() of them, which takes some ms, and reads none
 * that is not in memory.
 *
 * Called in the main thread with the BQL held.
 *
 * Return: the number of zero pages, at most @n_total.
 */
uint64_t dirty_rate_zero_pages(uint64_t n_total);

#endif
