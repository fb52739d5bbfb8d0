/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the page sampler on memory of this process.
 */
#include "page-sampler.h"

#include <math.h>
#include <string.h>

#define PAGE 4096
#define PAGES_PER_GIB (((guint64)1 << 30) / PAGE)

/* A density at which every page is drawn. */
#define EVERY_PAGE PAGES_PER_GIB

typedef struct {
    guint8 *memory;
    PageSamplerRegion region;
} Memory;

static Memory
memory_new(gsize n_pages)
{
    Memory memory = {g_malloc0(n_pages * PAGE), {NULL, n_pages, PAGE}};

    memory.region.address = memory.memory;
    return memory;
}

/* Each call gives a page a content it never had. */
static void
write_page(Memory *memory, gsize page)
{
    static guint64 counter;

    counter++;
    memcpy(memory->memory + page * PAGE + 1000, &counter, sizeof(counter));
}

static PageSampler *
sampler_for(const Memory *memory, guint64 density, guint64 seed)
{
    GError *error = NULL;
    PageSampler *sampler = page_sampler_new(&memory->region, 1, density, seed, &error);

    g_assert_no_error(error);
    page_sampler_scan(sampler, 0);
    return sampler;
}

static void
test_none_and_every_page(void)
{
    Memory memory = memory_new(1000);
    g_autoptr(PageSampler) sampler = sampler_for(&memory, EVERY_PAGE, 1);

    page_sampler_scan(sampler, 0);
    g_assert_cmpuint(page_sampler_counts(sampler).n_total, ==, 1000);
    g_assert_cmpuint(page_sampler_counts(sampler).n_sampled, ==, 1000);
    g_assert_cmpuint(page_sampler_counts(sampler).n_zero, ==, 1000);
    g_assert_cmpuint(page_sampler_counts(sampler).n_dirty, ==, 0);

    for (gsize i = 0; i < 1000; i++) {
        write_page(&memory, i);
    }
    page_sampler_scan(sampler, 0);
    g_assert_cmpuint(page_sampler_counts(sampler).n_dirty, ==, 1000);
    g_assert_cmpuint(page_sampler_counts(sampler).n_zero, ==, 1000);
    g_free(memory.memory);
}

/* Where zero pages lie is told over all regions, whatever becomes of them later. */
static void
test_zero_parts(void)
{
    Memory low = memory_new(40);
    Memory high = memory_new(120);
    PageSamplerRegion regions[] = {low.region, high.region};
    g_autoptr(PageSampler) sampler = page_sampler_new(regions, 2, EVERY_PAGE, 1, NULL);
    PageSamplerCounts counts;
    guint64 sum = 0;

    for (gsize i = 0; i < 40; i++) {
        write_page(&low, i);
    }
    write_page(&high, 0);
    write_page(&high, 119);
    page_sampler_scan(sampler, 1);
    page_sampler_scan(sampler, 0);
    write_page(&high, 60);
    page_sampler_scan(sampler, 1);

    counts = page_sampler_counts(sampler);
    g_assert_cmpuint(counts.n_zero, ==, 118);
    /* Parts: 40 pages, 30, 22, 17, 12... */
    g_assert_cmpuint(counts.zero_parts[0], ==, 0);
    g_assert_cmpuint(counts.zero_parts[1], ==, 29);
    g_assert_cmpuint(counts.zero_parts[2], ==, 22);
    g_assert_cmpuint(counts.zero_parts[3], ==, 17);
    g_assert_cmpuint(counts.zero_parts[4], ==, 12);
    for (gsize i = 0; i < DIRTY_ZERO_PARTS; i++) {
        sum += counts.zero_parts[i];
    }
    g_assert_cmpuint(sum, ==, 118);
    g_free(low.memory);
    g_free(high.memory);
}

static void
test_dirty_stays_dirty(void)
{
    Memory memory = memory_new(8);
    g_autoptr(PageSampler) sampler = sampler_for(&memory, EVERY_PAGE, 1);
    guint8 before[PAGE];

    memcpy(before, memory.memory + 3 * PAGE, PAGE);
    write_page(&memory, 3);
    page_sampler_scan(sampler, 0);
    g_assert_cmpuint(page_sampler_counts(sampler).n_dirty, ==, 1);

    /* The old content comes back, and another page changes: the first is not forgotten. */
    memcpy(memory.memory + 3 * PAGE, before, PAGE);
    write_page(&memory, 7);
    page_sampler_scan(sampler, 0);
    g_assert_cmpuint(page_sampler_counts(sampler).n_dirty, ==, 2);
    page_sampler_scan(sampler, 0);
    g_assert_cmpuint(page_sampler_counts(sampler).n_dirty, ==, 2);
    g_free(memory.memory);
}

static void
test_zero_pages(void)
{
    Memory memory = memory_new(64);
    g_autoptr(PageSampler) sampler = NULL;

    for (gsize i = 0; i < 64; i += 2) {
        /* One byte, in the last place of the page, is enough to be no zero page. */
        memory.memory[i * PAGE + PAGE - 1] = 1;
    }
    sampler = sampler_for(&memory, EVERY_PAGE, 1);
    g_assert_cmpuint(page_sampler_counts(sampler).n_zero, ==, 32);
    g_free(memory.memory);
}

/* Which pages a sampler drew: write every page in turn and see whether it notices. */
static GArray *
drawn_pages(Memory *memory, PageSampler *sampler)
{
    GArray *drawn = g_array_new(FALSE, FALSE, sizeof(gsize));

    for (gsize i = 0; i < memory->region.n_pages; i++) {
        guint64 before = page_sampler_counts(sampler).n_dirty;

        write_page(memory, i);
        page_sampler_scan(sampler, 0);
        if (page_sampler_counts(sampler).n_dirty > before) {
            g_array_append_val(drawn, i);
        }
    }
    return drawn;
}

static void
test_one_page_per_stratum(void)
{
    Memory memory = memory_new(1024);
    g_autoptr(PageSampler) sampler = sampler_for(&memory, PAGES_PER_GIB / 16, 42);
    g_autoptr(PageSampler) same = sampler_for(&memory, PAGES_PER_GIB / 16, 42);
    g_autoptr(PageSampler) other = sampler_for(&memory, PAGES_PER_GIB / 16, 43);
    g_autoptr(GArray) drawn = drawn_pages(&memory, sampler);
    g_autoptr(GArray) drawn_same = NULL;
    g_autoptr(GArray) drawn_other = NULL;

    g_clear_pointer(&same, page_sampler_free);
    g_clear_pointer(&other, page_sampler_free);
    same = sampler_for(&memory, PAGES_PER_GIB / 16, 42);
    drawn_same = drawn_pages(&memory, same);
    other = sampler_for(&memory, PAGES_PER_GIB / 16, 43);
    drawn_other = drawn_pages(&memory, other);

    g_assert_cmpuint(drawn->len, ==, 64);
    for (guint i = 0; i < drawn->len; i++) {
        g_assert_cmpuint(g_array_index(drawn, gsize, i) / 16, ==, i);
    }
    g_assert_cmpmem(drawn->data, 64 * sizeof(gsize), drawn_same->data, 64 * sizeof(gsize));
    g_assert_cmpint(memcmp(drawn->data, drawn_other->data, 64 * sizeof(gsize)), !=, 0);
    g_free(memory.memory);
}

static void
test_strata_of_uneven_length(void)
{
    Memory memory = memory_new(103);
    g_autoptr(PageSampler) sampler = sampler_for(&memory, PAGES_PER_GIB / 10, 5);
    g_autoptr(GArray) drawn = drawn_pages(&memory, sampler);

    g_assert_cmpuint(drawn->len, ==, 10);
    for (guint i = 0; i < drawn->len; i++) {
        gsize page = g_array_index(drawn, gsize, i);

        g_assert_cmpuint(page, >=, i * 103 / 10);
        g_assert_cmpuint(page, <, (i + 1) * 103 / 10);
    }
    g_free(memory.memory);
}

/* Every page of a stratum is drawn about equally often: 16 pages, 3200 draws, 5 sigma. */
static void
test_every_page_has_its_chance(void)
{
    Memory memory = memory_new(16);
    guint times[16] = {0};

    for (guint64 seed = 0; seed < 3200; seed++) {
        g_autoptr(PageSampler) sampler = sampler_for(&memory, PAGES_PER_GIB / 16, seed);
        g_autoptr(GArray) drawn = drawn_pages(&memory, sampler);

        g_assert_cmpuint(drawn->len, ==, 1);
        times[g_array_index(drawn, gsize, 0)]++;
    }
    for (gsize i = 0; i < 16; i++) {
        g_assert_cmpuint(times[i], >, 200 - 69);
        g_assert_cmpuint(times[i], <, 200 + 69);
    }
    g_free(memory.memory);
}

static void
test_regions(void)
{
    Memory memory = memory_new(12);
    const PageSamplerRegion regions[] = {
        {memory.memory, 1, PAGE},
        {NULL, 0, PAGE},
        {memory.memory + 4 * PAGE, 1, PAGE},
        {memory.memory + 6 * PAGE, 6, PAGE},
        {NULL, 0, PAGE},
    };
    GError *error = NULL;
    g_autoptr(PageSampler) sampler = page_sampler_new(regions, 5, EVERY_PAGE, 1, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(page_sampler_counts(sampler).n_total, ==, 8);
    g_assert_cmpuint(page_sampler_region_samples(sampler, 0), ==, 1);
    g_assert_cmpuint(page_sampler_region_samples(sampler, 1), ==, 0);
    g_assert_cmpuint(page_sampler_region_samples(sampler, 2), ==, 1);
    g_assert_cmpuint(page_sampler_region_samples(sampler, 3), ==, 6);
    g_assert_cmpuint(page_sampler_region_samples(sampler, 4), ==, 0);

    for (gsize i = 0; i < 5; i++) {
        page_sampler_scan(sampler, i);
    }
    for (gsize i = 0; i < 12; i++) {
        write_page(&memory, i);
    }
    /* A region that is gone is left out; what is in the others is found. */
    page_sampler_scan(sampler, 0);
    page_sampler_scan(sampler, 3);
    g_assert_cmpuint(page_sampler_counts(sampler).n_dirty, ==, 7);
    g_free(memory.memory);
}

static void
test_one_page(void)
{
    Memory memory = memory_new(1);
    g_autoptr(PageSampler) sampler = sampler_for(&memory, 1, 9);

    g_assert_cmpuint(page_sampler_counts(sampler).n_sampled, ==, 1);
    write_page(&memory, 0);
    page_sampler_scan(sampler, 0);
    g_assert_cmpuint(page_sampler_counts(sampler).n_dirty, ==, 1);
    g_free(memory.memory);
}

static void
assert_refused(const PageSamplerRegion *regions, gsize n_regions, guint64 density, int code)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(page_sampler_new(regions, n_regions, density, 0, &error));
    g_assert_error(error, DIRTY_ERROR, code);
}

static void
test_refused(void)
{
    const PageSamplerRegion none = {NULL, 0, PAGE};
    const PageSamplerRegion odd = {NULL, 1, 4095};
    const PageSamplerRegion mixed[] = {{NULL, 1, PAGE}, {NULL, 1, 2 * PAGE}};
    const PageSamplerRegion endless[] = {{NULL, G_MAXUINT64, PAGE}, {NULL, 1, PAGE}};
    const PageSamplerRegion wide = {NULL, G_MAXUINT64 / PAGE, PAGE};

    assert_refused(NULL, 0, 512, DIRTY_ERROR_NO_MEMORY);
    assert_refused(&none, 1, 512, DIRTY_ERROR_NO_MEMORY);
    assert_refused(&odd, 1, 512, DIRTY_ERROR_INVALID);
    assert_refused(mixed, 2, 512, DIRTY_ERROR_INVALID);
    assert_refused(endless, 2, 512, DIRTY_ERROR_INVALID);
    /* All that 64 bits address, every page of it: more than can be kept, said in time. */
    assert_refused(&wide, 1, EVERY_PAGE, DIRTY_ERROR_NO_MEMORY);
}

/* Guests that have written a part of their memory. */
#define GUEST_PAGES 8192
#define GUEST_SAMPLED 512
#define GUEST_RUNS 400

/* Chooses which pages a guest writes. */
typedef void (*Pattern)(gboolean written[GUEST_PAGES], GRand *rand);

static void
uniform(gboolean written[GUEST_PAGES], GRand *rand)
{
    for (gsize i = 0; i < GUEST_PAGES; i++) {
        written[i] = g_rand_double(rand) < 0.25;
    }
}

static void
sequential(gboolean written[GUEST_PAGES], GRand *rand)
{
    gsize start = g_rand_int_range(rand, 0, GUEST_PAGES);

    for (gsize i = 0; i < GUEST_PAGES / 4; i++) {
        written[(start + i) % GUEST_PAGES] = TRUE;
    }
}

/* Eight hot regions at random places, 19 of 20 pages of them. */
static void
clustered(gboolean written[GUEST_PAGES], GRand *rand)
{
    for (gsize i = 0; i < 8; i++) {
        gsize start = g_rand_int_range(rand, 0, GUEST_PAGES - 256);

        for (gsize j = 0; j < 256; j++) {
            written[start + j] |= g_rand_double(rand) < 0.95;
        }
    }
}

/* Return: the share of all pages that was written. */
static double
write_pattern(Memory *memory, Pattern pattern, GRand *rand)
{
    gboolean written[GUEST_PAGES] = {FALSE};
    double n = 0;

    pattern(written, rand);
    for (gsize i = 0; i < GUEST_PAGES; i++) {
        if (written[i]) {
            write_page(memory, i);
            n++;
        }
    }
    return n / GUEST_PAGES;
}

/* The error of the count of dirty pages, beside that of as many independent draws. */
static double
error_of_draws(Pattern pattern)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    Memory memory = memory_new(GUEST_PAGES);
    double square = 0;
    double square_of_independent = 0;

    for (guint64 run = 0; run < GUEST_RUNS; run++) {
        g_autoptr(PageSampler) sampler =
            sampler_for(&memory, GUEST_SAMPLED * PAGES_PER_GIB / GUEST_PAGES, run);
        double share = write_pattern(&memory, pattern, rand);
        double found;

        page_sampler_scan(sampler, 0);
        found = (double)page_sampler_counts(sampler).n_dirty / GUEST_SAMPLED;
        square += (found - share) * (found - share);
        square_of_independent += share * (1 - share) / GUEST_SAMPLED;
    }
    g_free(memory.memory);
    return sqrt(square / square_of_independent);
}

/* Stock QEMU draws independently: strata must halve its error where pages that lie together are
 * written together, and not add to it elsewhere (400 runs tell to 3.5 %). */
static void
test_error(void)
{
    double of_uniform = error_of_draws(uniform);
    double of_sequential = error_of_draws(sequential);
    double of_clustered = error_of_draws(clustered);

    g_test_message("error beside independent draws: uniform %.2f, sequential %.2f, clustered %.2f",
                   of_uniform, of_sequential, of_clustered);
    g_assert_cmpfloat(of_uniform, <=, 1.1);
    g_assert_cmpfloat(of_sequential, <=, 0.5);
    g_assert_cmpfloat(of_clustered, <=, 0.5);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/page-sampler/none-and-every-page", test_none_and_every_page);
    g_test_add_func("/page-sampler/zero-parts", test_zero_parts);
    g_test_add_func("/page-sampler/dirty-stays-dirty", test_dirty_stays_dirty);
    g_test_add_func("/page-sampler/zero-pages", test_zero_pages);
    g_test_add_func("/page-sampler/one-page-per-stratum", test_one_page_per_stratum);
    g_test_add_func("/page-sampler/strata-of-uneven-length", test_strata_of_uneven_length);
    g_test_add_func("/page-sampler/every-page-has-its-chance", test_every_page_has_its_chance);
    g_test_add_func("/page-sampler/error", test_error);
    g_test_add_func("/page-sampler/regions", test_regions);
    g_test_add_func("/page-sampler/one-page", test_one_page);
    g_test_add_func("/page-sampler/refused", test_refused);
    return g_test_run();
}
