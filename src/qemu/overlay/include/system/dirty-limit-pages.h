/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: which pages were counted in the present window.
 *
 * A window begins every second, and nothing may stand still while the pages
 * of a large guest are cleared for it.  So half of each word of the bitmap
 * holds the number of the window that the bits in its other half belong to:
 * bits of a window that is over count as cleared.
 */
#ifndef SYSTEM_DIRTY_LIMIT_PAGES_H
#define SYSTEM_DIRTY_LIMIT_PAGES_H

#include "qemu/atomic.h"
#include "qemu/bitops.h"
#include "qemu/rcu.h"
#include "exec/cpu-common.h"
#include "exec/target_page.h"

#define DIRTY_LIMIT_PAGES_PER_WORD (BITS_PER_LONG / 2)

/**
 * DirtyLimitPages: the bitmap
 * @n_words: how many words it has
 * @words: in their lower halves a bit for each target page, set: counted
 */
typedef struct DirtyLimitPages {
    struct rcu_head rcu;
    uint64_t n_words;
    unsigned long words[];
} DirtyLimitPages;

/* NULL while nobody is limited.  Followed under the RCU read lock only. */
extern DirtyLimitPages *dirty_limit_pages;

/* The number of the present window. */
extern unsigned long dirty_limit_window;

/**
 * dirty_limit_pages_now: a word of the bitmap as it is in the present window
 * @word: the word
 */
static inline unsigned long dirty_limit_pages_now(unsigned long word)
{
    unsigned long now = qatomic_read(&dirty_limit_window) <<
                        DIRTY_LIMIT_PAGES_PER_WORD;
    unsigned long half = (1UL << DIRTY_LIMIT_PAGES_PER_WORD) - 1;

    return (word & ~half) == now ? word : now;
}

/**
 * dirty_limit_window_marked: whether a page was counted in this window
 * @addr: an address in the page; pages nobody knows were counted
 *
 * From any thread, under the RCU read lock: TCG asks whenever it makes an
 * entry of its TLB, so that a call would be felt.
 */
static inline bool dirty_limit_window_marked(ram_addr_t addr)
{
    const DirtyLimitPages *pages = qatomic_rcu_read(&dirty_limit_pages);
    uint64_t page = addr >> TARGET_PAGE_BITS;
    uint64_t i = page / DIRTY_LIMIT_PAGES_PER_WORD;

    return !pages || i >= pages->n_words ||
           dirty_limit_pages_now(qatomic_read(&pages->words[i])) >>
           page % DIRTY_LIMIT_PAGES_PER_WORD & 1;
}

/**
 * dirty_limit_window_mark: a page was dirtied
 * @addr: an address in the page
 *
 * From any thread.
 *
 * Return: whether nobody said so before in this window, so that it must be
 * charged.
 */
bool dirty_limit_window_mark(ram_addr_t addr);

/**
 * dirty_limit_window_mark_bitmap: pages were dirtied
 * @bitmap: little-endian, a bit for each page of the host; set: dirtied
 * @start: the first page
 * @pages: number of pages of the host
 *
 * From any thread.
 *
 * Return: how many target pages must be charged, as above.
 */
uint64_t dirty_limit_window_mark_bitmap(const unsigned long *bitmap,
                                        ram_addr_t start, uint64_t pages);

#endif
