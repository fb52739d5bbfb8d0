/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stands in for a guest whose every write is known: fills, reads and dirties memory on command.
 *
 * usage: bench-memory FILE MIB    (FILE "-": anonymous memory)
 * One command a line on standard input, one line of answer:
 *   fill MIB             gives each of the first pages content of its own
 *   read N               reads N evenly spread pages, one load a cache line: CPU time, ns
 *   evict MIB            reads other memory, so that nothing of this one is left in the caches
 *   begin                forgets which pages were written
 *   write FIRST PAGES N  N writes to random pages of a range: pages written since begin
 *   walk FIRST PAGES     writes each page of a range (past the end: from the start): the same
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define MIB ((size_t)1 << 20)
#define CACHE_LINE 64
#define WORDS (PAGE / sizeof(uint64_t))
#define LINE_MAX_CHARS 128

static uint8_t *memory;
static uint64_t n_pages;
/* One byte a page: whether it was written since begin. */
static uint8_t *written;
static uint64_t n_written;
static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint64_t
next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static uint64_t
random_below(uint64_t bound)
{
    return (uint64_t)((unsigned __int128)next_random() * bound >> 64);
}

static uint64_t
cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t
fill(uint64_t mib)
{
    uint64_t *words = (uint64_t *)memory;

    for (uint64_t i = 0; i < mib * MIB / sizeof(*words); i++) {
        words[i] = next_random();
    }
    return mib * MIB / PAGE;
}

static void
read_page(const uint8_t *page)
{
    for (size_t i = 0; i < PAGE; i += CACHE_LINE) {
        (void)*(const volatile uint64_t *)(page + i);
    }
}

/* A random page of each of as many equal parts of the memory, in address order: what a sampler
 * cannot do without. */
static uint64_t
read_pages(uint64_t n)
{
    uint64_t start = cpu_ns();

    for (uint64_t i = 0; i < n; i++) {
        uint64_t first = i * n_pages / n;

        read_page(memory + (first + random_below((i + 1) * n_pages / n - first)) * PAGE);
    }
    return cpu_ns() - start;
}

static uint64_t
evict(uint64_t mib)
{
    static uint8_t *other;
    static uint64_t have;

    if (mib > have) {
        free(other);
        other = malloc(mib * MIB);
        if (!other) {
            fprintf(stderr, "bench-memory: no %llu MiB of memory\n", (unsigned long long)mib);
            exit(1);
        }
        memset(other, 1, mib * MIB);
        have = mib;
    }
    for (uint64_t page = 0; page < mib * MIB / PAGE; page++) {
        read_page(other + page * PAGE);
    }
    return mib;
}

/* Adds to a word of the page: the page never gets a content back that it had before. */
static void
write_page(uint64_t page)
{
    uint64_t *words = (uint64_t *)(memory + page * PAGE);

    words[next_random() % WORDS]++;
    n_written += !written[page];
    written[page] = 1;
}

static uint64_t
write_pages(uint64_t first, uint64_t pages, uint64_t n)
{
    while (n--) {
        write_page((first + random_below(pages)) % n_pages);
    }
    return n_written;
}

static uint64_t
walk_pages(uint64_t first, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++) {
        write_page((first + i) % n_pages);
    }
    return n_written;
}

static bool
answer(const char *line)
{
    unsigned long long a = 0, b = 0, c = 0;
    uint64_t result;

    if (sscanf(line, "fill %llu", &a) == 1 && a <= n_pages * PAGE / MIB) {
        result = fill(a);
    } else if (sscanf(line, "read %llu", &a) == 1 && a > 0 && a <= n_pages) {
        result = read_pages(a);
    } else if (sscanf(line, "evict %llu", &a) == 1) {
        result = evict(a);
    } else if (sscanf(line, "write %llu %llu %llu", &a, &b, &c) == 3 && b > 0) {
        result = write_pages(a, b, c);
    } else if (sscanf(line, "walk %llu %llu", &a, &b) == 2 && b > 0) {
        result = walk_pages(a, b);
    } else if (!strcmp(line, "begin\n")) {
        memset(written, 0, n_pages);
        result = n_written = 0;
    } else {
        return false;
    }
    printf("%llu\n", (unsigned long long)result);
    fflush(stdout);
    return true;
}

static uint8_t *
map(const char *path, size_t bytes)
{
    void *mapped;
    int fd;

    if (!strcmp(path, "-")) {
        mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        /* As QEMU does with its guests' memory. */
        madvise(mapped, bytes, MADV_HUGEPAGE);
        return mapped;
    }
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return MAP_FAILED;
    }
    mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return mapped;
}

int
main(int argc, char **argv)
{
    size_t bytes = argc == 3 ? strtoull(argv[2], NULL, 10) * MIB : 0;
    char line[LINE_MAX_CHARS];

    if (!bytes) {
        fprintf(stderr, "usage: bench-memory FILE MIB\n");
        return 2;
    }
    n_pages = bytes / PAGE;
    memory = map(argv[1], bytes);
    written = calloc(n_pages, 1);
    if (memory == MAP_FAILED || !written) {
        fprintf(stderr, "bench-memory: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    while (fgets(line, sizeof(line), stdin)) {
        if (!answer(line)) {
            fprintf(stderr, "bench-memory: no such command: %s", line);
            return 2;
        }
    }
    return 0;
}
