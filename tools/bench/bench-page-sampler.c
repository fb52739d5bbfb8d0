/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measures what a scan costs per sampled page, beside merely reading the same pages.
 */
#include "page-sampler.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE 4096
#define CACHE_LINE 64
#define DENSITY 16384
#define ROUNDS 10

static double
cpu_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

/* Pages as far apart as the sampler's, one load a cache line. */
static double
read_pages(const guint8 *memory, gsize n_pages, gsize stride)
{
    double start = cpu_us();
    volatile guint64 sum = 0;
    gsize n = 0;

    for (gsize page = 0; page < n_pages; page += stride, n++) {
        for (gsize i = 0; i < PAGE; i += CACHE_LINE) {
            sum += *(const guint64 *)(memory + page * PAGE + i);
        }
    }
    return (cpu_us() - start) / n;
}

static double
scan_pages(PageSampler *sampler)
{
    double start = cpu_us();

    page_sampler_scan(sampler, 0);
    return (cpu_us() - start) / page_sampler_counts(sampler).n_sampled;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static void
print_row(const char *what, double *values)
{
    qsort(values, ROUNDS, sizeof(*values), compare);
    printf("%-28s %6.3f  (%.3f to %.3f)\n", what, values[ROUNDS / 2], values[0],
           values[ROUNDS - 1]);
}

int
main(int argc, char **argv)
{
    gsize bytes = (gsize)(argc > 1 ? g_ascii_strtoull(argv[1], NULL, 10) : 3072) << 20;
    gsize n_pages = bytes / PAGE;
    guint8 *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    PageSamplerRegion region = {memory, n_pages, PAGE};
    g_autoptr(PageSampler) sampler = NULL;
    g_autoptr(GError) error = NULL;
    double reading[ROUNDS];
    double scanning[ROUNDS];

    if (memory == MAP_FAILED || bytes == 0) {
        fprintf(stderr, "bench-page-sampler: cannot map %zu MiB of memory\n", bytes >> 20);
        return 1;
    }
    for (gsize i = 0; i < bytes; i += sizeof(guint64)) {
        *(guint64 *)(memory + i) = i * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    }
    sampler = page_sampler_new(&region, 1, DENSITY, 1, &error);
    if (!sampler) {
        fprintf(stderr, "bench-page-sampler: %s\n", error->message);
        return 1;
    }
    scan_pages(sampler);
    for (int i = 0; i < ROUNDS; i++) {
        reading[i] = read_pages(memory, n_pages, (1 << 18) / DENSITY);
        scanning[i] = scan_pages(sampler);
    }
    printf("CPU us per sampled page, %zu MiB, %d pages per GiB, median of %d (range)\n",
           bytes >> 20, DENSITY, ROUNDS);
    print_row("one load per cache line", reading);
    print_row("scan", scanning);
    return 0;
}
