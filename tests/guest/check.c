/* The guest's books of its memory: whether it still holds what was written, migrated or not. */
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

/* The content is summed up once, each word times a number of its own, and each vCPU adds what its
 * writes change. The sums lie in other pages than what they are about: a page that comes with the
 * content it had before its last write, or in another page's place, is at odds with them. */
static uint64_t sum_at_start;

volatile bool check_hold;
uint64_t check_changes[MAX_CPUS];

static volatile uint32_t standing_by;

static uint64_t
sum_of(const struct region *region)
{
    uint64_t sum = 0;

    for (uint64_t page = region->first; page < region->first + region->pages; page++) {
        const volatile uint64_t *words = (uint64_t *) memory_address(page);

        for (uint64_t i = 0; i < options.fill_words; i++) {
            sum += words[i] * check_weight(page, i);
        }
    }
    return sum;
}

/**
 * check_open:
 *
 * Takes the content as it is for right; nobody may write yet.
 */
void
check_open(void)
{
    sum_at_start = sum_of(&working_set) + sum_of(&fill);
}

/**
 * check_stand_by:
 *
 * For writers that see check_hold: waits until the check is done.
 */
void
check_stand_by(void)
{
    __atomic_fetch_add(&standing_by, 1, __ATOMIC_SEQ_CST);
    while (check_hold) {
        cpu_wait_tick();
    }
    __atomic_fetch_sub(&standing_by, 1, __ATOMIC_SEQ_CST);
}

/**
 * check_memory:
 *
 * Called by the vCPU that reports; all others that write stand by meanwhile.
 *
 * Return: whether working set and fill hold what was written to them.
 */
bool
check_memory(void)
{
    uint64_t expected = sum_at_start, found;
    uint32_t others = 0;

    for (uint64_t i = 0; i < options.writers; i++) {
        others += cpus[i].rate != 0 && i != options.reporter;
    }
    check_hold = true;
    while (standing_by < others) {
        cpu_wait_tick();
    }
    for (uint64_t i = 0; i < options.writers; i++) {
        expected += check_changes[i];
    }
    found = sum_of(&working_set) + sum_of(&fill);
    check_hold = false;
    while (standing_by) {
        cpu_wait_tick();
    }
    return found == expected;
}
