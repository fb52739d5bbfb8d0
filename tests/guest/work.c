/* The guest's work: page writes and reads in a pattern, paced by the clock. */
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

/* Pages between two writes to this unused port. Where KVM emulates the guest, a dirty ring's entries
 * are taken only when the guest leaves the kernel, and the ring has 64 spare ones. */
#define EXIT_PORT 0x80
#define EXIT_PAGES 32
/* A vCPU that could not run for longer than this does not make up for the rest. */
#define CATCH_UP_MS 50
#define BUSY_TICK_US 1000
/* Pages in one go of a vCPU without a rate: short against the report period. */
#define UNPACED_PAGES 256
/* A batch that took longer than this a page met something that held it up. The next so many pages are
 * then done in batches this small: how long a vCPU stood still is known well, and costs nothing else. */
#define HELD_US 100
#define WATCH_PAGES 64
#define WATCH_BATCH 4
/* First word of a page: report period, vCPU, that vCPU's count of writes. It differs with each
 * write, and shows whether the page was written before in this period. */
#define EPOCH_SHIFT 40
#define CPU_SHIFT 32
#define PAGE_WORDS (PAGE_SIZE / sizeof(uint64_t))

/* A linear congruential generator, of which the high half is used: two instructions where an
 * xorshift takes nine. Where KVM emulates, each costs about a microsecond. */
static inline uint64_t
next_random(uint64_t random)
{
    return random * 6364136223846793005ull + 1442695040888963407ull;
}

/* Return: a number from 0 to @pages - 1. */
static inline uint64_t
pick(uint64_t random, uint64_t pages)
{
    return (random >> 32) * pages >> 32;
}

/* Books the time since @last, in which @pages pages were done.
 * Return: how many pages are to be watched, where there were @watch to go. */
static inline uint32_t
note_time(struct cpu *cpu, uint32_t pages, uint64_t *last, uint32_t watch)
{
    uint64_t now = clock_now(), took = *last ? now - *last : 0;

    *last = now;
    /* Only a new maximum is stored, as a store is a ring entry where KVM emulates. */
    if (took > __atomic_load_n(&cpu->gap, __ATOMIC_RELAXED)) {
        __atomic_store_n(&cpu->gap, took, __ATOMIC_RELAXED);
    }
    if (took > clock_hz / 1000000 * HELD_US * pages) {
        return WATCH_PAGES;
    }
    return watch > pages ? watch - pages : 0;
}

/* A writer at work: what changes from page to page, kept in registers. */
struct walk {
    uint64_t random, next, distinct, change;
};

/* Page after page of a part that is this vCPU's alone: which of them are new in this report period
 * follows from how many it has written, so a page costs little more than its store. */
static inline __attribute__((always_inline)) void
write_run(struct cpu *cpu, struct walk *walk, uint64_t base, uint32_t batch, uint64_t value)
{
    uint64_t fresh;

    if (cpu->lap_epoch != epoch) {
        cpu->lap_epoch = epoch;
        cpu->lap = 0;
    }
    fresh = cpu->pages - cpu->lap;
    fresh = fresh < batch ? fresh : batch;
    if (fresh) {
        cpu->lap += fresh;
        walk->distinct += fresh;
    }
    while (batch) {
        volatile uint64_t *word = (uint64_t *) (base + walk->next * PAGE_SIZE);
        uint64_t straight = cpu->pages - walk->next;
        uint64_t left = straight = straight < batch ? straight : batch;

        for (; left >= 4; left -= 4, value += 4, word += 4 * PAGE_WORDS) {
            word[0] = value;
            word[PAGE_WORDS] = value + 1;
            word[2 * PAGE_WORDS] = value + 2;
            word[3 * PAGE_WORDS] = value + 3;
        }
        for (; left; left--, word += PAGE_WORDS) {
            *word = value++;
        }
        batch -= (uint32_t) straight;
        walk->next += straight;
        if (walk->next == cpu->pages) {
            walk->next = 0;
        }
    }
}

/* There is one copy of this for each pattern, so that the loop holds that pattern only, for uniform
 * writes, the most used, one without the hole, and all of them again with books kept. */
static inline __attribute__((always_inline)) void
write_batch(struct cpu *cpu, struct walk *walk, uint64_t base, uint32_t batch, uint64_t value,
            enum pattern pattern, uint64_t hole, bool check)
{
    const uint64_t all = cpu->pages, below_hole = ram.low_pages - cpu->first;
    const uint64_t hot_pages = all * options.hot / 100;
    const uint64_t hot_limit = (options.hot_share << 32) / 100;
    const uint64_t oldest = value >> EPOCH_SHIFT << EPOCH_SHIFT;

    do {
        volatile uint64_t *word;
        uint64_t page;

        if (pattern == PATTERN_SEQ) {
            page = walk->next;
            walk->next = walk->next + 1 == all ? 0 : walk->next + 1;
        } else {
            walk->random = next_random(walk->random);
            if (pattern == PATTERN_UNIFORM) {
                page = pick(walk->random, all);
            } else if ((uint32_t) walk->random < hot_limit) {
                page = pick(walk->random, hot_pages);
            } else {
                page = hot_pages + pick(walk->random, all - hot_pages);
            }
        }
        word = (uint64_t *) (base + page * PAGE_SIZE);
        if (hole && page >= below_hole) {
            word += hole / sizeof(*word);
        }
        if (check) {
            uint64_t old = __atomic_exchange_n(word, value, __ATOMIC_RELAXED);

            walk->distinct += old < oldest;
            walk->change += (value++ - old) * check_weight(cpu->first + page, 0);
            continue;
        }
        /* Not atomic, which would cost much where KVM emulates: a page that two vCPUs write
         * within nanoseconds may count twice as distinct. */
        walk->distinct += *word < oldest;
        *word = value++;
    } while (--batch);
}

static inline __attribute__((always_inline)) void
write_pages(struct cpu *cpu, uint32_t pages, enum pattern pattern, uint64_t hole, bool check,
            bool run)
{
    const uint64_t base = memory_address(cpu->first);
    struct walk walk = {cpu->random, cpu->next, cpu->distinct, 0};
    uint64_t done = cpu->done, last = cpu->last;
    uint32_t watch = cpu->watch;

    while (pages) {
        const uint32_t most = watch ? WATCH_BATCH : EXIT_PAGES, batch = pages < most ? pages : most;
        uint64_t value = (uint64_t) epoch << EPOCH_SHIFT | (uint64_t) (cpu - cpus) << CPU_SHIFT
                         | (uint32_t) done;

        if (run) {
            write_run(cpu, &walk, base, batch, value);
        } else {
            write_batch(cpu, &walk, base, batch, value, pattern, hole, check);
        }
        pages -= batch;
        done += batch;
        watch = note_time(cpu, batch, &last, watch);
        cpu->done = done;
        if (watch) {
            /* It may stand still any moment, for long: let the reports know all there is. */
            cpu->distinct = walk.distinct;
            cpu->last = last;
        }
        out8(EXIT_PORT, 0);
    }
    cpu->random = walk.random;
    cpu->next = walk.next;
    cpu->distinct = walk.distinct;
    cpu->last = last;
    if (cpu->watch != watch) {
        cpu->watch = watch;
    }
    if (check) {
        check_changes[cpu - cpus] += walk.change;
    }
}

static inline __attribute__((always_inline)) void
write_in_pattern(struct cpu *cpu, uint32_t pages, bool check)
{
    bool split = cpu->first < ram.low_pages && cpu->first + cpu->pages > ram.low_pages;

    switch (options.pattern) {
    case PATTERN_HOTCOLD:
        write_pages(cpu, pages, PATTERN_HOTCOLD, split ? ram.hole : 0, check, false);
        break;
    case PATTERN_SEQ:
        if (options.parts && !split && !check) {
            write_pages(cpu, pages, PATTERN_SEQ, 0, false, true);
        } else {
            write_pages(cpu, pages, PATTERN_SEQ, split ? ram.hole : 0, check, false);
        }
        break;
    default:
        if (split) {
            write_pages(cpu, pages, PATTERN_UNIFORM, ram.hole, check, false);
        } else {
            write_pages(cpu, pages, PATTERN_UNIFORM, 0, check, false);
        }
    }
}

static void
work_write(struct cpu *cpu, uint32_t pages)
{
    if (options.check) {
        write_in_pattern(cpu, pages, true);
    } else {
        write_in_pattern(cpu, pages, false);
    }
}

static void
work_read(struct cpu *cpu, uint32_t pages)
{
    uint64_t random = cpu->random, last = cpu->last;

    cpu->done += pages;
    while (pages) {
        uint32_t batch = pages < EXIT_PAGES ? pages : EXIT_PAGES;

        for (uint32_t i = 0; i < batch; i++) {
            random = next_random(random);
            (void) *(volatile uint64_t *) memory_address(cpu->first + pick(random, cpu->pages));
        }
        pages -= batch;
        note_time(cpu, batch, &last, 0);
    }
    cpu->random = random;
    cpu->last = last;
}

/* The longest any vCPU had nothing of what was due done, since report.c set it to 0; shared without
 * a lock, as losing a maximum now and then does no harm. */
volatile uint64_t longest_wait;

/* Return: how many pages are due, given the time since the last call. */
static uint32_t
pages_due(struct cpu *cpu, uint64_t elapsed, uint64_t *credit)
{
    const uint64_t limit = clock_hz / 1000 * CATCH_UP_MS;
    uint64_t pages;

    if (cpu->rate && elapsed > longest_wait) {
        longest_wait = elapsed;
    }
    if (elapsed > limit) {
        cpu->dropped += (elapsed - limit) / (clock_hz / 1000) * cpu->rate / 1000;
        elapsed = limit;
    }
    *credit += elapsed * cpu->rate;
    pages = *credit / clock_hz;
    *credit -= pages * clock_hz;
    return (uint32_t) pages;
}

/**
 * work_run:
 * @cpu: this vCPU's record
 *
 * Works for ever, and reports if that is this vCPU's to do.
 */
_Noreturn void
work_run(struct cpu *cpu)
{
    const bool reads = (uint64_t) (cpu - cpus) >= options.writers;
    const bool reports = (uint64_t) (cpu - cpus) == options.reporter;
    uint64_t last = start_time, credit = 0;

    if (!cpu->rate && !reports) {
        stop();
    }
    cpu_tick(cpu->rate || options.report_ms * 1000 < 10 * WAIT_TICK_US ? BUSY_TICK_US
                                                                       : WAIT_TICK_US);
    for (;;) {
        uint32_t pages = cpu->watch ? EXIT_PAGES : UNPACED_PAGES;
        uint64_t now;

        if (check_hold && !reads) {
            check_stand_by();
        }
        now = clock_now();

        if (cpu->rate != RATE_MAX) {
            pages = pages_due(cpu, now - last, &credit);
            last = now;
        }
        if (reads) {
            work_read(cpu, pages);
        } else {
            work_write(cpu, pages);
        }
        if (reports) {
            /* What was due until then is done or given up, so a report and its time agree. */
            report(now);
        }
        if (cpu->rate != RATE_MAX) {
            cpu_wait_tick();
        }
    }
}
