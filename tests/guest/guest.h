/* What the parts of the test guest share; README.md says what the guest does. */
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DIRTY_GUEST_H
#define DIRTY_GUEST_H

/* Where the vCPUs' first code is copied to: below 1 MiB, clear of the loader's data at 0x9000. */
#define AP_TRAMPOLINE 0x8000
#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE 4096ull
#define PAGES_PER_MIB 256u
#define MIB (1024ull * 1024)

/* xAPIC numbers have 8 bits, and 255 is the broadcast address. */
#define MAX_CPUS 255u
/* How often a vCPU that has nothing to do looks up, µs. */
#define WAIT_TICK_US 10000
/* Names: pattern_names in options.c, in this order. */
enum pattern { PATTERN_UNIFORM, PATTERN_HOTCOLD, PATTERN_SEQ, PATTERN_IDLE, PATTERN_LAST };

/* "rate=max": write without pause. */
#define RATE_MAX UINT32_MAX
#define RATE_SHARED UINT64_MAX

/* The command line, after parsing. */
struct options {
    uint64_t fill_mib;   /* memory to fill besides the working set, MiB */
    uint64_t fill_words; /* 8-byte words of each page that get content at the start: 1..512 */
    uint64_t ws_mib;     /* working set, MiB */
    uint64_t start_mib;  /* lowest guest-physical address of the working set, MiB */
    uint64_t high_mib;   /* memory from 4 GiB on, also if the loader's map lacks it, MiB */
    uint64_t rate;       /* page writes per second, all writers together; RATE_MAX: no pause */
    uint64_t rate0;      /* the same of vCPU 0 alone; RATE_SHARED: it has its share of rate */
    uint64_t read_rate;  /* page reads per second, all readers together; RATE_MAX: no pause */
    uint64_t writers;    /* vCPUs that write */
    uint64_t readers;    /* vCPUs that only read */
    uint64_t hot;        /* hotcold: size of the hot part, percent of the working set */
    uint64_t hot_share;  /* hotcold: percent of the writes that go there */
    uint64_t seed;
    uint64_t check;      /* 1: compare the memory with what was written, with each report */
    uint64_t parts;      /* 1: each writer works on a part of the working set of its own */
    uint64_t report_ms;  /* time between two reports */
    uint64_t reporter;   /* the vCPU that reports */
    enum pattern pattern;
};

/* Guest memory in pages, numbered without the hole below 4 GiB: page i lies at address
 * base + i * 4096, from page low_pages on hole bytes higher. */
struct ram {
    uint64_t base;
    uint64_t low_pages;
    uint64_t pages;
    uint64_t hole;
};

/* A run of pages in struct ram's numbering. */
struct region {
    uint64_t first;
    uint64_t pages;
};

/* What a vCPU does and has done. Two cache lines each and no more, so that all the guest's own
 * bookkeeping dirties few pages. The host may read the first two words: README.md. */
struct cpu {
    uint64_t done;     /* pages written, or read by a reader */
    uint64_t distinct; /* of the writes: first ones to their page in a report period */
    uint64_t random;
    uint64_t dropped;  /* pages not written since the writer was too late */
    uint64_t next;     /* PATTERN_SEQ: page to write next */
    uint64_t first;    /* the part of memory this vCPU works on, struct ram's numbering */
    uint64_t pages;
    uint64_t lap;      /* PATTERN_SEQ: different pages written in the report period lap_epoch */
    uint64_t last;     /* when it last wrote or read, in ticks of the clock; 0: never */
    uint64_t gap;      /* longest time between two of its writes or reads since the last report */
    uint32_t lap_epoch;
    uint32_t apic_id;
    uint32_t rate;     /* pages per second, RATE_MAX: no pause; 0: this vCPU sleeps */
    uint32_t watch;    /* this many pages are to be done in small batches */
} __attribute__((aligned(128)));

_Static_assert(sizeof(struct cpu) == 128, "a vCPU's record fills two cache lines");

/* main.c */
extern struct options options;
extern struct ram ram;
extern struct region working_set, fill;
/* Report period in progress, from 1; 0 marks pages from before the start. */
extern volatile uint32_t epoch;
/* When the work began, in ticks of the clock; 0: not yet. */
extern volatile uint64_t start_time;

/* print.c */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void stop(void);
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* options.c */
extern const char *const pattern_names[PATTERN_LAST];
void options_parse(struct options *options, char *command_line);

/* memory.c */
char *memory_init(uint32_t multiboot_info);
void *memory_take(uint64_t bytes);
void memory_layout(void);
uint64_t memory_address(uint64_t page);

/* clock.c */
extern uint64_t clock_hz;
void clock_calibrate(void);

/* cpu.c */
extern uint32_t cpu_count;
extern struct cpu *cpus;
void cpu_init(void);
void cpu_tick(uint32_t us);
void cpu_wait_tick(void);
void cpu_wait_ms(uint32_t ms);
void cpu_start_others(void);

/* check.c */
extern volatile bool check_hold;           /* writers stand by */
extern uint64_t check_changes[MAX_CPUS];   /* of the weighted sum, by each vCPU's writes */
void check_open(void);
void check_stand_by(void);
bool check_memory(void);

/* report.c */
void report(uint64_t now);

/* work.c */
extern volatile uint64_t longest_wait; /* in ticks of the clock */
_Noreturn void work_run(struct cpu *cpu);

static inline uint64_t
clock_now(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | (uint64_t) high << 32;
}

/* Return: what a word of a page counts for in the sum of all; odd, so that each bit does. */
static inline uint64_t
check_weight(uint64_t page, uint64_t word)
{
    return 2 * (page * (PAGE_SIZE / sizeof(word)) + word) + 1;
}

static inline void
out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void
out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t
in8(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

#endif /* !__ASSEMBLER__ */
#endif /* DIRTY_GUEST_H */
