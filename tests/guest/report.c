/* The guest's reports: what each vCPU has done since the last one, on the serial port. */
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

/* Of a vCPU, at a report. */
struct account {
    uint64_t done, distinct;
};

static struct account accounts[2][MAX_CPUS], *reported = accounts[0], *snapshot = accounts[1];
/* Longest time without a page, µs. */
static uint64_t gaps[MAX_CPUS];

/* A list has an entry for each vCPU, separated by commas. */
static void
print_entry(uint32_t vcpu, uint64_t value)
{
    print("%s%lu", vcpu ? "," : "", value);
}

static bool
is_among(uint32_t vcpu, uint64_t from, uint64_t count)
{
    return vcpu >= from && vcpu < from + count;
}

/* Prints a list of the pages done by @count vCPUs from number @from on, 0 for all others. */
static void
print_done(const char *name, uint64_t from, uint64_t count, bool since_last)
{
    print(" %s=", name);
    for (uint32_t i = 0; i < cpu_count; i++) {
        uint64_t value = snapshot[i].done - (since_last ? reported[i].done : 0);

        print_entry(i, is_among(i, from, count) ? value : 0);
    }
}

static void
print_distinct(void)
{
    print(" distincts=");
    for (uint32_t i = 0; i < cpu_count; i++) {
        print_entry(i, snapshot[i].distinct - reported[i].distinct);
    }
}

static void
print_gaps(void)
{
    print(" gaps=");
    for (uint32_t i = 0; i < cpu_count; i++) {
        print_entry(i, gaps[i]);
    }
}

static uint64_t
sum(uint64_t from, uint64_t count, bool since_last)
{
    uint64_t total = 0;

    for (uint64_t i = from; i < from + count; i++) {
        total += snapshot[i].done - (since_last ? reported[i].done : 0);
    }
    return total;
}

/* Return: the longest time this vCPU did nothing since the last report, µs, one that lasts too. */
static uint64_t
take_gap(struct cpu *cpu)
{
    uint64_t gap = __atomic_exchange_n(&cpu->gap, 0, __ATOMIC_RELAXED);
    uint64_t last = __atomic_load_n(&cpu->last, __ATOMIC_RELAXED), now = clock_now();

    if (last && now > last && now - last > gap) {
        gap = now - last;
    }
    return gap / (clock_hz / 1000000);
}

static void
print_report(uint64_t number, uint64_t t, uint64_t dt, uint64_t distinct, uint64_t dropped)
{
    print("SEC n=%lu t=%lu dt=%lu wrote=%lu", number, t, dt, sum(0, options.writers, true));
    if (options.rate == RATE_MAX) {
        print(" asked=max");
    } else {
        print(" asked=%lu", options.rate * dt / 1000);
    }
    print(" dropped=%lu distinct=%lu read=%lu wrote_total=%lu read_total=%lu", dropped, distinct,
          sum(options.writers, options.readers, true), sum(0, options.writers, false),
          sum(options.writers, options.readers, false));
    print(" late=%lu", longest_wait / (clock_hz / 1000));
    longest_wait = 0;
    if (options.check) {
        print(" intact=%u", check_memory());
    }
    print_done("writes", 0, options.writers, true);
    print_done("reads", options.writers, options.readers, true);
    print_done("writes_total", 0, options.writers, false);
    print_done("reads_total", options.writers, options.readers, false);
    print_distinct();
    print_gaps();
    print("\n");
}

/**
 * report:
 * @now: the time
 *
 * Called by the vCPU that reports, all the time; prints when a report is due.
 */
void
report(uint64_t now)
{
    static uint64_t last, number, last_dropped;
    uint64_t distinct = 0, dropped = 0, ms = clock_hz / 1000;
    uint64_t t = (now - start_time) / ms;
    struct account *free = reported;

    if (t < (last / options.report_ms + 1) * options.report_ms) {
        return;
    }
    epoch++;
    for (uint32_t i = 0; i < cpu_count; i++) {
        snapshot[i] = (struct account){cpus[i].done, cpus[i].distinct};
        gaps[i] = take_gap(&cpus[i]);
        distinct += snapshot[i].distinct - reported[i].distinct;
        dropped += cpus[i].dropped;
    }
    print_report(++number, t, t - last, distinct, dropped - last_dropped);
    last = t;
    last_dropped = dropped;
    reported = snapshot;
    snapshot = free;
}
