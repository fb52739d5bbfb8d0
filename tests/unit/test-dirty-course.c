/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of readings that look at parts of a sample, against readings that look at all of it.
 */
#include "dirty-course.h"

#include <math.h>
#include <string.h>

/* Small pages, so that a guest is cheap. */
#define PAGE 64
#define N_PAGES 16384
#define N_SAMPLED 4096
#define DENSITY ((guint64)N_SAMPLED * (((guint64)1 << 30) / ((guint64)N_PAGES * PAGE)))

#define CALC_TIME 60000
#define RUNS 100

/* When each page of a guest is first written, ms; G_MAXINT64: never. */
typedef gint64 (*WrittenAt)(GRand *rand);

static gint64
never(GRand *rand)
{
    (void)rand;
    return G_MAXINT64;
}

/* A fifth of memory, each page of it written three times a second. */
static gint64
hot_fifth(GRand *rand)
{
    return g_rand_double(rand) < 0.2 ? -300 * log(g_rand_double_range(rand, 1e-9, 1)) : G_MAXINT64;
}

static gint64
half_of_it(GRand *rand)
{
    return g_rand_double(rand) < 0.5 ? -1000 * log(g_rand_double_range(rand, 1e-9, 1)) : G_MAXINT64;
}

/* One page in 200 all in the first moment. */
static gint64
few_at_once(GRand *rand)
{
    return g_rand_double(rand) < 0.005 ? 10 : G_MAXINT64;
}

static gint64
few_one_by_one(GRand *rand)
{
    return g_rand_double(rand) < 0.005 ? g_rand_int_range(rand, 0, CALC_TIME) : G_MAXINT64;
}

static gint64
most_of_it(GRand *rand)
{
    return -5000 * log(g_rand_double_range(rand, 1e-9, 1));
}

typedef struct {
    guint8 *memory;
    gint64 written_at[N_PAGES];
} Guest;

static void
guest_run_until(Guest *guest, gint64 ms)
{
    for (gsize i = 0; i < N_PAGES; i++) {
        if (guest->written_at[i] <= ms) {
            guest->memory[i * PAGE] = 1;
        }
    }
}

static PageSampler *
sampler_of(const Guest *guest, guint64 seed)
{
    const PageSamplerRegion region = {
        .address = guest->memory, .n_pages = N_PAGES, .page_size = PAGE};
    PageSampler *sampler = page_sampler_new(&region, 1, DENSITY, seed, NULL);

    g_assert_cmpuint(page_sampler_counts(sampler).n_sampled, ==, N_SAMPLED);
    page_sampler_scan(sampler, 0);
    return sampler;
}

/* How many pages a scan of these parts has to hash. */
static double
cost(const PageSampler *sampler, guint parts)
{
    double pages = 0;

    for (guint i = 0; i < PAGE_SAMPLER_PARTS; i++) {
        if (parts >> i & 1) {
            pages += N_SAMPLED / PAGE_SAMPLER_PARTS - page_sampler_part_dirty(sampler, i);
        }
    }
    return pages;
}

static double
take_reading(DirtyCourse *course, PageSampler *sampler, gint64 ms, gboolean is_last)
{
    guint parts = dirty_course_first_parts(course, is_last);
    double pages = cost(sampler, parts);
    guint more;

    page_sampler_scan_parts(sampler, 0, parts);
    more = dirty_course_further_parts(course, parts, sampler);
    g_assert_cmpuint(parts & more, ==, 0);
    pages += cost(sampler, more);
    page_sampler_scan_parts(sampler, 0, more);
    dirty_course_note(course, ms, parts | more, sampler);
    return pages;
}

/* What looking at parts makes of the counts, and what it saves. */
typedef struct {
    gsize n;
    double difference[DIRTY_PERIODS_MAX]; /* of the counts, summed up over runs */
    double square[DIRTY_PERIODS_MAX];     /* of that, likewise */
    double dirty[DIRTY_PERIODS_MAX];      /* the right count, likewise */
    double pages;                         /* hashed */
} Comparison;

static void
compare_once(Comparison *c, WrittenAt written_at, guint32 seed)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    g_autofree Guest *guest = g_new0(Guest, 1);
    g_autofree guint8 *memory = g_malloc0(N_PAGES * PAGE);
    g_autoptr(PageSampler) all = NULL;
    g_autoptr(PageSampler) parts = NULL;
    DirtyCourse course = {0};
    gint64 periods[DIRTY_PERIODS_MAX];
    guint64 right[DIRTY_PERIODS_MAX];

    guest->memory = memory;
    for (gsize i = 0; i < N_PAGES; i++) {
        guest->written_at[i] = written_at(rand);
    }
    all = sampler_of(guest, seed);
    parts = sampler_of(guest, seed);
    c->n = dirty_periods(CALC_TIME, periods);
    c->pages += N_SAMPLED;
    for (gsize i = 0; i < c->n; i++) {
        guest_run_until(guest, periods[i]);
        page_sampler_scan(all, 0);
        right[i] = page_sampler_counts(all).n_dirty;
        c->pages += take_reading(&course, parts, periods[i], i + 1 == c->n);
    }
    g_assert_cmpuint(course.n, ==, c->n);
    for (gsize i = 0; i < c->n; i++) {
        double difference = (double)dirty_course_dirty(&course, i) - right[i];

        g_assert_cmpuint(dirty_course_dirty(&course, i), >=,
                         i ? dirty_course_dirty(&course, i - 1) : 0);
        c->difference[i] += difference;
        c->square[i] += difference * difference;
        c->dirty[i] += right[i];
    }
    g_assert_cmpuint(dirty_course_dirty(&course, c->n - 1), ==, right[c->n - 1]);
}

/* A guest, and which share of hashing all sampled pages at each reading is enough for it. */
static const struct {
    const char *name;
    WrittenAt written_at;
    double share;
} guests[] = {
    {"idle", never, 0.21},
    {"hot-fifth", hot_fifth, 0.44},
    {"half-of-it", half_of_it, 0.47},
    {"few-at-once", few_at_once, 0.25},
    {"few-one-by-one", few_one_by_one, 0.38},
    {"most-of-it", most_of_it, 0.46},
};

static void
test_guest(gconstpointer data)
{
    gsize g = GPOINTER_TO_SIZE(data);
    Comparison c = {0};

    for (guint32 seed = 1; seed <= RUNS; seed++) {
        compare_once(&c, guests[g].written_at, seed);
    }
    g_test_message("share of hashing all %.3f", c.pages / RUNS / N_SAMPLED / (c.n + 1));
    g_assert_cmpfloat(c.pages / RUNS / N_SAMPLED / (c.n + 1), <=, guests[g].share);
    for (gsize i = 0; i < c.n; i++) {
        g_test_message("reading %zu: %.1f dirty, %+.2f by parts, RMS %.2f", i, c.dirty[i] / RUNS,
                       c.difference[i] / RUNS, sqrt(c.square[i] / RUNS));
        /* However many are dirty: a few pages, where the draw makes counts differ by dozens. */
        g_assert_cmpfloat(fabs(c.difference[i] / RUNS), <=, 2);
        g_assert_cmpfloat(sqrt(c.square[i] / RUNS), <=, 4);
    }
}

/* Which parts are looked at, and where pages found late are put. */
static void
test_course(void)
{
    g_autofree Guest *guest = g_new0(Guest, 1);
    g_autofree guint8 *memory = g_malloc0(N_PAGES * PAGE);
    g_autoptr(PageSampler) sampler = NULL;
    DirtyCourse course = {0};

    guest->memory = memory;
    sampler = sampler_of(guest, 1);
    for (guint i = 0; i < 12; i++) {
        guint parts = dirty_course_first_parts(&course, FALSE);

        g_assert_cmpuint(parts, ==, 1u << i % 8);
        page_sampler_scan_parts(sampler, 0, parts);
        g_assert_cmpuint(dirty_course_further_parts(&course, parts, sampler), ==, 0);
        dirty_course_note(&course, 100 * (i + 1), parts, sampler);
        g_assert_cmpuint(course.n, ==, i + 1);
    }
    /* All is written and then looked at. Part 4 was looked at at 500 ms, 5 to 7 thereafter, the
     * others again up to 1200 ms. */
    memset(memory, 1, N_PAGES * PAGE);
    g_assert_cmpuint(dirty_course_first_parts(&course, TRUE), ==, 0xff);
    page_sampler_scan_parts(sampler, 0, 0xff);
    dirty_course_note(&course, 2000, 0xff, sampler);
    g_assert_cmpuint(dirty_course_dirty(&course, 12), ==, N_SAMPLED);
    g_assert_cmpuint(dirty_course_dirty(&course, 4), ==, 0);
    g_assert_cmpuint(dirty_course_dirty(&course, 5), ==, (guint64)(512. * 100 / 1500 + 0.5));
    /* A second reading at the same time adds to the first. */
    dirty_course_note(&course, 2000, 0xff, sampler);
    g_assert_cmpuint(course.n, ==, 13);
    g_assert_cmpuint(dirty_course_dirty(&course, 12), ==, N_SAMPLED);
}

/* A change in the part looked at first lets the reading look at all. */
static void
test_change_is_followed(void)
{
    g_autofree Guest *guest = g_new0(Guest, 1);
    g_autofree guint8 *memory = g_malloc0(N_PAGES * PAGE);
    g_autoptr(PageSampler) sampler = NULL;
    DirtyCourse course = {0};

    guest->memory = memory;
    sampler = sampler_of(guest, 1);
    memset(memory, 1, N_PAGES * PAGE);
    page_sampler_scan_parts(sampler, 0, 1);
    g_assert_cmpuint(page_sampler_counts(sampler).n_dirty, ==, N_SAMPLED / 8);
    g_assert_cmpuint(page_sampler_part_dirty(sampler, 0), ==, N_SAMPLED / 8);
    g_assert_cmpuint(page_sampler_part_dirty(sampler, 1), ==, 0);
    g_assert_cmpuint(dirty_course_further_parts(&course, 1, sampler), ==, 0xfe);
    page_sampler_scan_parts(sampler, 0, 0xfe);
    dirty_course_note(&course, 125, 0xff, sampler);
    g_assert_cmpuint(dirty_course_dirty(&course, 0), ==, N_SAMPLED);
    /* What is known does not count as a change again. */
    g_assert_cmpuint(dirty_course_further_parts(&course, 2, sampler), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dirty-course/parts", test_course);
    g_test_add_func("/dirty-course/change-is-followed", test_change_is_followed);
    for (gsize i = 0; i < G_N_ELEMENTS(guests); i++) {
        g_autofree char *path = g_strconcat("/dirty-course/", guests[i].name, NULL);

        g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_guest);
    }
    return g_test_run();
}
