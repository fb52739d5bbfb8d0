/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: which pages were counted in the present window.
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bitmap.h"
#include "qemu/main-loop.h"
#include "exec/ramblock.h"
#include "system/dirty-limit-pages.h"
#include "dirty-limit-window.h"

#define PAGES_PER_WORD DIRTY_LIMIT_PAGES_PER_WORD
#define PAGES_MASK ((1UL << PAGES_PER_WORD) - 1)

DirtyLimitPages *dirty_limit_pages;

/*
 * It goes on where the last limit left off: a map that a vCPU still uses
 * must not look as if it were of a later window.  On hosts with 32 bits the
 * numbers come again after 18 hours; then a page not dirtied in between is
 * missed once.
 */
unsigned long dirty_limit_window;

/* Marks pages of a word.  Returns how many were not marked before. */
static unsigned int mark(unsigned long *word, unsigned long bits)
{
    unsigned long old = qatomic_read(word);

    for (;;) {
        unsigned long fresh = dirty_limit_pages_now(old);
        unsigned long before;

        if ((fresh & bits) == bits) {
            return 0;
        }
        before = qatomic_cmpxchg(word, old, fresh | bits);
        if (before == old) {
            return ctpopl(bits & ~fresh);
        }
        old = before;
    }
}

static uint64_t page_of(ram_addr_t addr)
{
    return addr >> qemu_target_page_bits();
}

static unsigned long bit_of(uint64_t page)
{
    return 1UL << (page % PAGES_PER_WORD);
}

/* Returns the word a page is in, NULL for a page that is not in the map. */
static unsigned long *word_of(DirtyLimitPages *m, uint64_t page)
{
    return m && page / PAGES_PER_WORD < m->n_words ?
           &m->words[page / PAGES_PER_WORD] : NULL;
}

bool dirty_limit_window_mark(ram_addr_t addr)
{
    uint64_t page = page_of(addr);
    unsigned long *word;

    RCU_READ_LOCK_GUARD();
    word = word_of(qatomic_rcu_read(&dirty_limit_pages), page);
    return word && mark(word, bit_of(page));
}

/* The words of the map are halves of those of the bitmap. */
static uint64_t mark_halves(DirtyLimitPages *m, const unsigned long *bitmap,
                            uint64_t page, uint64_t pages)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i < pages; i += PAGES_PER_WORD) {
        unsigned long bits = leul_to_cpu(bitmap[BIT_WORD(i)]) >>
                             (i % BITS_PER_LONG) & PAGES_MASK;
        unsigned long *word = bits ? word_of(m, page + i) : NULL;

        n += word ? mark(word, bits) : 0;
    }
    return n;
}

static uint64_t mark_each(DirtyLimitPages *m, const unsigned long *bitmap,
                          ram_addr_t start, uint64_t pages)
{
    size_t host_size = qemu_real_host_page_size();
    uint64_t n = 0;

    for (uint64_t i = 0; i < pages * host_size; i += qemu_target_page_size()) {
        uint64_t bit = i / host_size;
        uint64_t page = page_of(start + i);
        unsigned long *word = word_of(m, page);

        if (word && leul_to_cpu(bitmap[BIT_WORD(bit)]) & BIT_MASK(bit)) {
            n += mark(word, bit_of(page));
        }
    }
    return n;
}

uint64_t dirty_limit_window_mark_bitmap(const unsigned long *bitmap,
                                        ram_addr_t start, uint64_t pages)
{
    DirtyLimitPages *m;

    RCU_READ_LOCK_GUARD();
    m = qatomic_rcu_read(&dirty_limit_pages);
    if (page_of(start) % PAGES_PER_WORD == 0 &&
        qemu_real_host_page_size() == qemu_target_page_size()) {
        return mark_halves(m, bitmap, page_of(start), pages);
    }
    return mark_each(m, bitmap, start, pages);
}

/* How many words the pages of all RAM blocks take. */
static uint64_t words_needed(void)
{
    ram_addr_t end = 0;
    RAMBlock *block;

    RCU_READ_LOCK_GUARD();
    RAMBLOCK_FOREACH(block) {
        end = MAX(end, block->offset + block->max_length);
    }
    return DIV_ROUND_UP(page_of(end), PAGES_PER_WORD);
}

/* A map in which no page is marked. */
static DirtyLimitPages *map_new(uint64_t n_words)
{
    DirtyLimitPages *m = g_malloc0(sizeof(*m) + n_words * sizeof(m->words[0]));

    m->n_words = n_words;
    return m;
}

static void map_replace(DirtyLimitPages *m)
{
    DirtyLimitPages *old = dirty_limit_pages;

    qatomic_rcu_set(&dirty_limit_pages, m);
    if (old) {
        g_free_rcu(old, rcu);
    }
}

/*
 * Pages that were counted in this window may be counted once more: that is
 * less than what it would take to copy the map while vCPUs mark it.
 */
static void block_added(RAMBlockNotifier *notifier, void *host, size_t size,
                        size_t max_size)
{
    uint64_t n_words = words_needed();

    if (n_words > dirty_limit_pages->n_words) {
        map_replace(map_new(n_words));
    }
}

static RAMBlockNotifier block_notifier = {
    .ram_block_added = block_added,
};

void dirty_limit_window_open(void)
{
    assert(bql_locked() && !dirty_limit_pages);
    if (!dirty_limit_window) {
        /* A guest shall not foresee what is drawn by this number. */
        qatomic_set(&dirty_limit_window, g_random_int());
    }
    dirty_limit_window_next();
    map_replace(map_new(words_needed()));
    ram_block_notifier_add(&block_notifier);
}

void dirty_limit_window_next(void)
{
    qatomic_set(&dirty_limit_window, dirty_limit_window + 1);
}

void dirty_limit_window_close(void)
{
    assert(bql_locked());
    ram_block_notifier_remove(&block_notifier);
    map_replace(NULL);
}
