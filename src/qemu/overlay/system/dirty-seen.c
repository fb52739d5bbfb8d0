/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which pages of the guest were written since somebody began to look.
 */
#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "qemu/main-loop.h"
#include "qemu/memalign.h"
#include "qemu/rcu.h"
#include "qemu/stats64.h"
#include "exec/cputlb.h"
#include "exec/ramblock.h"
#include "exec/target_page.h"
#include "hw/boards.h"
#include "hw/core/cpu.h"
#include "system/dirty-seen.h"
#include "system/tcg.h"

/* Each vCPU counts in a cache line of its own. */
#define COUNTER_ALIGN 64

typedef struct Counter {
    Stat64 pages;
} QEMU_ALIGNED(COUNTER_ALIGN) Counter;

struct DirtySeen {
    struct rcu_head rcu;

    /*
     * A bit for each target page from ram_addr_t 0 on.  It is set if the page
     * was counted, and from the start if it is not to be counted.
     */
    unsigned long *skip;
    uint64_t n_words;
    uint64_t n_watched;

    /* One for each vCPU, by cpu_index, and a last one for all others. */
    unsigned int n_vcpus;
    Counter *counters;
};

DirtySeen *dirty_seen;

static void block_removed(RAMBlockNotifier *notifier, void *host, size_t size,
                          size_t max_size);

static RAMBlockNotifier block_notifier = {
    .ram_block_removed = block_removed,
};

/* Sets bits of a word.  Returns how many of them were not set before. */
static unsigned int skip_word(DirtySeen *seen, uint64_t word,
                              unsigned long mask)
{
    mask &= ~qatomic_read(&seen->skip[word]);
    if (!mask) {
        return 0;
    }
    return ctpopl(mask & ~qatomic_fetch_or(&seen->skip[word], mask));
}

/* The same for pages @first up to, not including, @end. */
static uint64_t skip_pages(DirtySeen *seen, uint64_t first, uint64_t end)
{
    uint64_t n = 0;

    end = MIN(end, seen->n_words * BITS_PER_LONG);
    while (first < end) {
        uint64_t word = BIT_WORD(first);
        unsigned long mask = BITMAP_FIRST_WORD_MASK(first);

        if (word == BIT_WORD(end - 1)) {
            mask &= BITMAP_LAST_WORD_MASK(end);
        }
        n += skip_word(seen, word, mask);
        first = (word + 1) * BITS_PER_LONG;
    }
    return n;
}

static uint64_t skip_range(DirtySeen *seen, ram_addr_t start,
                           ram_addr_t length)
{
    return length ? skip_pages(seen, start >> TARGET_PAGE_BITS,
                               ((start + length - 1) >> TARGET_PAGE_BITS) + 1)
                  : 0;
}

static void count(DirtySeen *seen, const CPUState *cpu, uint64_t n)
{
    unsigned int index = seen->n_vcpus;

    if (!n) {
        return;
    }
    if (cpu && cpu->cpu_index >= 0 && cpu->cpu_index < seen->n_vcpus) {
        index = cpu->cpu_index;
    }
    stat64_add(&seen->counters[index].pages, n);
}

void dirty_seen_mark_slow(CPUState *cpu, ram_addr_t start, ram_addr_t length)
{
    DirtySeen *seen;

    RCU_READ_LOCK_GUARD();
    seen = qatomic_rcu_read(&dirty_seen);
    if (seen) {
        count(seen, cpu, skip_range(seen, start, length));
    }
}

/* The words of the bitmap are those of ours: memory of a word at a time. */
static uint64_t skip_words(DirtySeen *seen, const unsigned long *bitmap,
                           uint64_t word, uint64_t n_words)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i < n_words && word + i < seen->n_words; i++) {
        if (bitmap[i]) {
            n += skip_word(seen, word + i, leul_to_cpu(bitmap[i]));
        }
    }
    return n;
}

static uint64_t skip_bits(DirtySeen *seen, const unsigned long *bitmap,
                          ram_addr_t start, uint64_t n_words)
{
    size_t page_size = qemu_real_host_page_size();
    uint64_t n = 0;

    for (uint64_t i = 0; i < n_words; i++) {
        unsigned long bits = leul_to_cpu(bitmap[i]);

        for (; bits; bits &= bits - 1) {
            uint64_t page = i * BITS_PER_LONG + ctzl(bits);

            n += skip_range(seen, start + page * page_size, page_size);
        }
    }
    return n;
}

void dirty_seen_mark_bitmap_slow(const unsigned long *bitmap, ram_addr_t start,
                                 uint64_t pages)
{
    uint64_t page = start >> TARGET_PAGE_BITS;
    DirtySeen *seen;

    RCU_READ_LOCK_GUARD();
    seen = qatomic_rcu_read(&dirty_seen);
    if (!seen) {
        return;
    }
    if (page % BITS_PER_LONG == 0 &&
        qemu_real_host_page_size() == TARGET_PAGE_SIZE) {
        count(seen, NULL, skip_words(seen, bitmap, BIT_WORD(page),
                                     BITS_TO_LONGS(pages)));
    } else {
        count(seen, NULL, skip_bits(seen, bitmap, start,
                                    BITS_TO_LONGS(pages)));
    }
}

bool dirty_seen_wants_slow(ram_addr_t addr)
{
    uint64_t page = addr >> TARGET_PAGE_BITS;
    DirtySeen *seen;

    RCU_READ_LOCK_GUARD();
    seen = qatomic_rcu_read(&dirty_seen);
    return seen && BIT_WORD(page) < seen->n_words &&
           !(qatomic_read(&seen->skip[BIT_WORD(page)]) & BIT_MASK(page));
}

/* Whoever takes the place of a block that goes was not there at the start. */
static void block_removed(RAMBlockNotifier *notifier, void *host, size_t size,
                          size_t max_size)
{
    ram_addr_t offset;
    RAMBlock *block;

    RCU_READ_LOCK_GUARD();
    block = qemu_ram_block_from_host(host, false, &offset);
    if (dirty_seen && block) {
        skip_range(dirty_seen, block->offset, block->max_length);
    }
}

DirtySeen *dirty_seen_new(void)
{
    DirtySeen *seen = g_new0(DirtySeen, 1);
    size_t size;
    ram_addr_t end = 0;
    RAMBlock *block;

    seen->n_vcpus = MACHINE(qdev_get_machine())->smp.max_cpus;
    size = sizeof(Counter) * (seen->n_vcpus + 1);
    seen->counters = qemu_memalign(COUNTER_ALIGN, size);
    memset(seen->counters, 0, size);

    RCU_READ_LOCK_GUARD();
    RAMBLOCK_FOREACH(block) {
        end = MAX(end, block->offset + block->used_length);
    }
    /* An empty bitmap cannot be filled. */
    seen->n_words = MAX(BITS_TO_LONGS(end >> TARGET_PAGE_BITS), 1);
    seen->skip = bitmap_new(seen->n_words * BITS_PER_LONG);
    bitmap_fill(seen->skip, seen->n_words * BITS_PER_LONG);
    return seen;
}

void dirty_seen_watch(DirtySeen *seen, ram_addr_t start, ram_addr_t length)
{
    uint64_t first = start >> TARGET_PAGE_BITS;
    uint64_t n = length >> TARGET_PAGE_BITS;

    assert(first + n <= seen->n_words * BITS_PER_LONG);
    bitmap_clear(seen->skip, first, n);
    seen->n_watched += n;
}

void dirty_seen_free(DirtySeen *seen)
{
    g_free(seen->skip);
    qemu_vfree(seen->counters);
    g_free(seen);
}

static void trap_writes(CPUState *cpu, run_on_cpu_data unused)
{
    assert(tcg_enabled());
    tlb_reset_dirty(cpu, 0, RAM_ADDR_MAX);
}

void dirty_seen_start(DirtySeen *seen)
{
    CPUState *cpu;

    assert(bql_locked() && !dirty_seen);
    ram_block_notifier_add(&block_notifier);
    qatomic_rcu_set(&dirty_seen, seen);

    if (!tcg_enabled()) {
        return;
    }
    /*
     * In the vCPU's own thread: there it is not just about to add a page that
     * it found to need no trap before we began.
     */
    CPU_FOREACH(cpu) {
        async_run_on_cpu(cpu, trap_writes, RUN_ON_CPU_NULL);
    }
}

void dirty_seen_stop(void)
{
    DirtySeen *seen = dirty_seen;

    assert(bql_locked() && seen);
    qatomic_rcu_set(&dirty_seen, NULL);
    ram_block_notifier_remove(&block_notifier);
    call_rcu(seen, dirty_seen_free, rcu);
}

uint64_t dirty_seen_n_watched(const DirtySeen *seen)
{
    return seen->n_watched;
}

unsigned int dirty_seen_n_vcpus(const DirtySeen *seen)
{
    return seen->n_vcpus;
}

uint64_t dirty_seen_by_vcpu(unsigned int index)
{
    return stat64_get(&dirty_seen->counters[index].pages);
}

uint64_t dirty_seen_by_others(void)
{
    return stat64_get(&dirty_seen->counters[dirty_seen->n_vcpus].pages);
}

/* The words of the bitmap that a stretch of memory has to do with. */
static unsigned long *words_of(ram_addr_t start, ram_addr_t length,
                               size_t *size)
{
    uint64_t first = MIN(BIT_WORD(start >> TARGET_PAGE_BITS),
                         dirty_seen->n_words);
    uint64_t end = MIN(BITS_TO_LONGS((start + length) >> TARGET_PAGE_BITS),
                       dirty_seen->n_words);

    *size = (end - first) * sizeof(unsigned long);
    return dirty_seen->skip + first;
}

unsigned long *dirty_seen_hold(ram_addr_t start, ram_addr_t length)
{
    size_t size;
    unsigned long *words = words_of(start, length, &size);
    unsigned long *held = g_memdup2(words, size);

    memset(words, 0xff, size);
    return held;
}

void dirty_seen_release(ram_addr_t start, ram_addr_t length,
                        unsigned long *held)
{
    size_t size;
    unsigned long *words = words_of(start, length, &size);

    if (size) {
        memcpy(words, held, size);
    }
    g_free(held);
}
