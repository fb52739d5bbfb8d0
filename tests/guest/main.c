/* The test guest's course: set up, fill memory, announce READY, then work. */
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

#define VERSION 1
/* Mixed into each vCPU's seed: 2^64 divided by the golden ratio, so that seeds lie far apart. */
#define SEED_STEP 0x9e3779b97f4a7c15ull
/* Words between two writes to the exit port, see work.c. */
#define EXIT_WORDS 32
#define EXIT_PORT 0x80

struct options options;
struct ram ram;
struct region working_set, fill;
volatile uint32_t epoch;
volatile uint64_t start_time;

static uint64_t
mix(uint64_t value)
{
    value += SEED_STEP;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
    value = (value ^ value >> 27) * 0x94d049bb133111ebull;
    value ^= value >> 31;
    return value ? value : SEED_STEP; /* xorshift must not start at 0 */
}

/* Gives the first words of each page content: not zero, and different in each page. */
static void
fill_region(const char *name, const struct region *region)
{
    uint64_t random = mix(options.seed), last = clock_now();

    for (uint64_t page = 0; page < region->pages; page++) {
        uint64_t *words = (uint64_t *) memory_address(region->first + page);

        words[0] = page + 1;
        for (uint64_t i = 1; i < options.fill_words; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            words[i] = random;
            if (i % EXIT_WORDS == 0) {
                out8(EXIT_PORT, 0);
            }
        }
        if (page % EXIT_WORDS == 0) {
            out8(EXIT_PORT, 0);
            if (clock_now() - last > clock_hz) {
                last = clock_now();
                print("FILL region=%s done=%lu of=%lu\n", name, page, region->pages);
            }
        }
    }
}

/* Divides @rate among @count vCPUs from number @first on. */
static void
assign(uint64_t first, uint64_t count, uint64_t rate)
{
    const bool parts = first == 0 && options.parts;

    for (uint64_t i = 0; i < count; i++) {
        struct cpu *cpu = &cpus[first + i];

        cpu->random = mix(options.seed * MAX_CPUS + first + i);
        cpu->rate = rate == RATE_MAX ? RATE_MAX : (uint32_t) (rate / count + (i < rate % count));
        cpu->first = working_set.first;
        cpu->pages = working_set.pages;
        if (parts) {
            cpu->first += working_set.pages * i / count;
            cpu->pages = working_set.pages * (i + 1) / count - working_set.pages * i / count;
        }
    }
}

static void
print_region(const char *name, const struct region *region)
{
    uint64_t end = region->first + region->pages;
    uint64_t low = 0;

    print(" %s=", name);
    if (region->first < ram.low_pages) {
        low = (end < ram.low_pages ? end : ram.low_pages) - region->first;
        print("0x%lx:%lu", memory_address(region->first), low);
    }
    if (low < region->pages || region->first >= ram.low_pages) {
        print("%s0x%lx:%lu", low ? "," : "", memory_address(region->first + low),
              region->pages - low);
    }
}

static void
print_rate(const char *name, uint64_t rate)
{
    if (rate == RATE_MAX) {
        print(" %s=max", name);
    } else {
        print(" %s=%lu", name, rate);
    }
}

static void
announce(void)
{
    print("READY version=%u vcpus=%u writers=%lu readers=%lu pattern=%s", VERSION, cpu_count,
          options.writers, options.readers, pattern_names[options.pattern]);
    print_rate("rate", options.rate);
    print_rate("readrate", options.read_rate);
    print_region("ws", &working_set);
    print_region("fill", &fill);
    print(" hot=%lu hotshare=%lu seed=%lu check=%lu parts=%lu report=%lu reporter=%lu", options.hot,
          options.hot_share, options.seed, options.check, options.parts, options.report_ms,
          options.reporter);
    print(" records=0x%lx:%lu clock_khz=%lu\n", (uint64_t) cpus, sizeof(*cpus), clock_hz / 1000);
}

/**
 * guest_main:
 * @multiboot_info: address of the loader's information
 *
 * Where boot.S goes on in C, on the first vCPU.
 */
_Noreturn void
guest_main(uint32_t multiboot_info)
{
    char *command_line;

    cpu_init();
    command_line = memory_init(multiboot_info);
    options_parse(&options, command_line);
    clock_calibrate();
    cpu_start_others();
    memory_layout();

    print("BOOT version=%u vcpus=%u free_mib=%lu\n", VERSION, cpu_count,
          ram.pages / PAGES_PER_MIB);
    fill_region("ws", &working_set);
    fill_region("fill", &fill);
    if (options.check) {
        check_open();
    }
    assign(0, options.writers, options.rate);
    if (options.rate0 != RATE_SHARED && options.writers) {
        cpus[0].rate = (uint32_t) options.rate0;
    }
    assign(options.writers, options.readers, options.read_rate);
    announce();
    epoch = 1;
    start_time = clock_now();
    work_run(&cpus[0]);
}
