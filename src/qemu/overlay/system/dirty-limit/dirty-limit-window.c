/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: which pages were counted in the present window.
 *
 * A window begins every second, and nothing may stand still while the pages
 * of a large guest are cleared for it.  So half of each word of the bitmap
 * holds the number of the window that the bits in its other half belong to:
 * bits of a window that is over count as cleared.
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bitmap.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "exec/ramblock.h"
#include "exec/target_page.h"
#include "system/dirty-limit.h"
#include "dirty-limit-window.h"

#define PAGES_PER_WORD (BITS_PER_LONG / 2)
#define PAGES_MASK ((1UL << PAGES_PER_WORD) - 1)

typedef struct PageMap {
    struct rcu_head rcu;
    uint64_t n_words;
    unsigned long words[];
} PageMap;

/* NULL while nobody is limited. */
static PageMap *map;

/*
 * It goes on where the last limit left off: a map that a vCPU still uses
 * must not look as if it were of a later window.  On hosts with 32 bits the
 * numbers come again after 18 hours; then a page not dirtied in between is
 * missed once.
 */
static unsigned long window;

unsigned long dirty_limit_window(void)
{
    return qatomic_read(&window);
}

/* A word as it is in the present window. */
static unsigned long refresh(unsigned long word)
{
    unsigned long number = dirty_limit_window() << PAGES_PER_WORD;

    return (word & ~PAGES_MASK) == number ? word : number;
}

/* Marks pages of a word.  Returns how many were not marked before. */
static unsigned int mark(unsigned long *word, unsigned long bits)
{
    unsigned long old = qatomic_read(word);

    for (;;) {
        unsigned long fresh = refresh(old);
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
static unsigned long *word_of(PageMap *m, uint64_t page)
{
    return m && page / PAGES_PER_WORD < m->n_words ?
           &m->words[page / PAGES_PER_WORD] : NULL;
}

bool dirty_limit_window_marked(ram_addr_t addr)
{
    uint64_t page = page_of(addr);
    const unsigned long *word = word_of(qatomic_rcu_read(&map), page);

    return !word || refresh(qatomic_read(word)) & bit_of(page);
}

bool dirty_limit_window_mark(ram_addr_t addr)
{
    uint64_t page = page_of(addr);
    unsigned long *word;

    RCU_READ_LOCK_GUARD();
    word = word_of(qatomic_rcu_read(&map), page);
    return word && mark(word, bit_of(page));
}

/* The words of the map are halves of those of the bitmap. */
static uint64_t mark_halves(PageMap *m, const unsigned long *bitmap,
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

static uint64_t mark_each(PageMap *m, const unsigned long *bitmap,
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
    PageMap *m;

    RCU_READ_LOCK_GUARD();
    m = qatomic_rcu_read(&map);
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
static PageMap *map_new(uint64_t n_words)
{
    PageMap *m = g_malloc0(sizeof(*m) + n_words * sizeof(m->words[0]));

    m->n_words = n_words;
    return m;
}

static void map_replace(PageMap *m)
{
    PageMap *old = map;

    qatomic_rcu_set(&map, m);
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

    if (n_words > map->n_words) {
        map_replace(map_new(n_words));
    }
}

static RAMBlockNotifier block_notifier = {
    .ram_block_added = block_added,
};

void dirty_limit_window_open(void)
{
    assert(bql_locked() && !map);
    if (!window) {
        /* A guest shall not foresee what is drawn by this number. */
        qatomic_set(&window, g_random_int());
    }
    dirty_limit_window_next();
    map_replace(map_new(words_needed()));
    ram_block_notifier_add(&block_notifier);
}

void dirty_limit_window_next(void)
{
    qatomic_set(&window, window + 1);
}

void dirty_limit_window_close(void)
{
    assert(bql_locked());
    ram_block_notifier_remove(&block_notifier);
    map_replace(NULL);
}
