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
/* First word of a page: report period, vCPU, that vCPU's count of writes. It differs with each
 * write, and shows whether the page was written before in this period. */
#define EPOCH_SHIFT 40
#define CPU_SHIFT 32

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

/* There is one copy of this for each pattern, so that the loop holds that pattern only, for uniform
 * writes, the most used, one without the hole, and all of them again with books kept. */
static inline __attribute__((always_inline)) void
write_pages(struct cpu *cpu, uint32_t pages, enum pattern pattern, uint64_t hole, bool check)
{
    const uint64_t base = memory_address(cpu->first), all = cpu->pages;
    const uint64_t below_hole = ram.low_pages - cpu->first;
    const uint64_t hot_pages = all * options.hot / 100;
    const uint64_t hot_limit = (options.hot_share << 32) / 100;
    uint64_t random = cpu->random, next = cpu->next, done = cpu->done, distinct = cpu->distinct;
    uint64_t change = 0;

    while (pages) {
        uint32_t batch = pages < EXIT_PAGES ? pages : EXIT_PAGES;
        const uint64_t oldest = (uint64_t) epoch << EPOCH_SHIFT;
        uint64_t value = oldest | (uint64_t) (cpu - cpus) << CPU_SHIFT | (uint32_t) done;

        pages -= batch;
        done += batch;
        do {
            volatile uint64_t *word;
            uint64_t page;

            if (pattern == PATTERN_SEQ) {
                page = next;
                next = next + 1 == all ? 0 : next + 1;
            } else {
                random = next_random(random);
                if (pattern == PATTERN_UNIFORM) {
                    page = pick(random, all);
                } else if ((uint32_t) random < hot_limit) {
                    page = pick(random, hot_pages);
                } else {
                    page = hot_pages + pick(random, all - hot_pages);
                }
            }
            word = (uint64_t *) (base + page * PAGE_SIZE);
            if (hole && page >= below_hole) {
                word += hole / sizeof(*word);
            }
            if (check) {
                uint64_t old = __atomic_exchange_n(word, value, __ATOMIC_RELAXED);

                distinct += old < oldest;
                change += (value++ - old) * check_weight(cpu->first + page, 0);
                continue;
            }
            /* Not atomic, which would cost much where KVM emulates: a page that two vCPUs write
             * within nanoseconds may count twice as distinct. */
            distinct += *word < oldest;
            *word = value++;
        } while (--batch);
        out8(EXIT_PORT, 0);
    }
    cpu->random = random;
    cpu->next = next;
    cpu->distinct = distinct;
    cpu->done = done;
    if (check) {
        check_changes[cpu - cpus] += change;
    }
}

static inline __attribute__((always_inline)) void
write_in_pattern(struct cpu *cpu, uint32_t pages, bool check)
{
    bool split = cpu->first < ram.low_pages && cpu->first + cpu->pages > ram.low_pages;

    switch (options.pattern) {
    case PATTERN_HOTCOLD:
        write_pages(cpu, pages, PATTERN_HOTCOLD, split ? ram.hole : 0, check);
        break;
    case PATTERN_SEQ:
        write_pages(cpu, pages, PATTERN_SEQ, split ? ram.hole : 0, check);
        break;
    default:
        if (split) {
            write_pages(cpu, pages, PATTERN_UNIFORM, ram.hole, check);
        } else {
            write_pages(cpu, pages, PATTERN_UNIFORM, 0, check);
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
    uint64_t random = cpu->random;

    cpu->done += pages;
    for (; pages; pages--) {
        random = next_random(random);
        (void) *(volatile uint64_t *) memory_address(cpu->first + pick(random, cpu->pages));
    }
    cpu->random = random;
}

/* The longest any vCPU had nothing of what was due done, since main.c set it to 0; shared without a
 * lock, as losing a maximum now and then does no harm. */
volatile uint64_t longest_wait;

/* Return: how many pages are due, given the time since the last call. */
static uint32_t
pages_due(struct cpu *cpu, uint64_t elapsed, uint64_t *credit)
{
    const uint64_t limit = clock_hz / 1000 * CATCH_UP_MS;
    uint64_t pages;

    if (elapsed > longest_wait) {
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
 * @report: called at least every tick with the time, or NULL
 *
 * Works for ever.
 */
_Noreturn void
work_run(struct cpu *cpu, void (*report)(uint64_t now))
{
    const bool reads = (uint64_t) (cpu - cpus) >= options.writers;
    uint64_t last = start_time, credit = 0;

    if (!cpu->rate && !report) {
        stop();
    }
    cpu_tick(cpu->rate ? BUSY_TICK_US : WAIT_TICK_US);
    for (;;) {
        uint32_t pages = UNPACED_PAGES;
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
        if (report) {
            /* What was due until then is done or given up, so a report and its time agree. */
            report(now);
        }
        if (cpu->rate != RATE_MAX) {
            cpu_wait_tick();
        }
    }
}
