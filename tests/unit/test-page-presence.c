/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of how the page sampler treats pages that are not in memory, or not always.
 */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif

#include "page-sampler.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096
#define PAGES_PER_GIB (((guint64)1 << 30) / PAGE)

/* A density at which every page is drawn. */
#define EVERY_PAGE PAGES_PER_GIB

/* Pages of a guest, and what a fake probe says of each. Reading an absent one ends the test: its
 * memory is protected. */
#define N_PAGES 64

/* Where in a page its content is. */
#define CONTENT_AT 2048

typedef struct {
    guint8 *memory;
    PagePresence presence[N_PAGES];
    guint64 content[N_PAGES];
    gboolean cannot_read;
    guint n_looks;
    guint n_closer_looks;
    gsize longest_look;
} Fake;

static void
fake_look(void *opaque, guint64 first, gsize n_pages, unsigned char *present)
{
    Fake *fake = opaque;

    g_assert_cmpuint(first + n_pages, <=, N_PAGES);
    fake->n_looks++;
    fake->longest_look = MAX(fake->longest_look, n_pages);
    for (gsize i = 0; i < n_pages; i++) {
        /* Only the lowest bit counts, as with mincore(). */
        present[i] = fake->presence[first + i] <= PAGE_UNMAPPED ? 0xff : 0xfe;
    }
}

static PagePresence
fake_look_closer(void *opaque, guint64 page, gboolean present)
{
    Fake *fake = opaque;

    g_assert_cmpint(present, ==, fake->presence[page] <= PAGE_UNMAPPED);
    fake->n_closer_looks++;
    return fake->presence[page];
}

static gboolean
fake_read(void *opaque, guint64 page, void *buffer)
{
    Fake *fake = opaque;

    g_assert_cmpint(fake->presence[page], ==, PAGE_UNMAPPED);
    if (fake->cannot_read) {
        return FALSE;
    }
    memset(buffer, 0, PAGE);
    memcpy((guint8 *)buffer + CONTENT_AT, &fake->content[page], sizeof(fake->content[page]));
    return TRUE;
}

static const PageSamplerProbe fake_probe = {fake_look, fake_look_closer, fake_read};

static void
set_presence(Fake *fake, gsize page, PagePresence presence)
{
    fake->presence[page] = presence;
    g_assert_cmpint(mprotect(fake->memory + page * PAGE, PAGE,
                             presence == PAGE_PRESENT ? PROT_READ | PROT_WRITE : PROT_NONE),
                    ==, 0);
}

/* Gives a page a content: 0 is a page of zeros. Works on absent ones too. */
static void
set_content(Fake *fake, gsize page, guint64 content)
{
    PagePresence presence = fake->presence[page];

    set_presence(fake, page, PAGE_PRESENT);
    memcpy(fake->memory + page * PAGE + CONTENT_AT, &content, sizeof(content));
    fake->content[page] = content;
    set_presence(fake, page, presence);
}

static void
fake_init(Fake *fake)
{
    memset(fake, 0, sizeof(*fake));
    fake->memory =
        mmap(NULL, N_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(fake->memory != MAP_FAILED);
    for (gsize i = 0; i < N_PAGES; i++) {
        set_content(fake, i, i + 1);
    }
}

static PageSampler *
sampler_of(Fake *fake, gsize n_pages, guint64 density)
{
    const PageSamplerRegion region = {fake->memory, n_pages, PAGE, &fake_probe, fake};
    GError *error = NULL;
    PageSampler *sampler = page_sampler_new(&region, 1, density, 1, &error);

    g_assert_no_error(error);
    return sampler;
}

/* A page's state at a scan, and what is known after the scan. */
typedef struct {
    PagePresence presence;
    guint64 content;
    guint n_zero, n_dirty, n_unseen;
} Step;

#define N_STEPS 4
#define P PAGE_PRESENT
#define U PAGE_UNMAPPED
#define H PAGE_HOLE
#define A PAGE_AWAY

/* Every state after every other that can follow it (a mapped page does not become unmapped but by
 * going away); the content of an absent page must not be seen. */
static const struct {
    const char *name;
    Step steps[N_STEPS];
} courses[] = {
    {"present, stays", {{P, 5, 0, 0, 0}, {P, 5, 0, 0, 0}, {P, 5, 0, 0, 0}, {P, 5, 0, 0, 0}}},
    {"present, written", {{P, 5, 0, 0, 0}, {P, 6, 0, 1, 0}, {P, 5, 0, 1, 0}, {P, 6, 0, 1, 0}}},
    {"present, given back, returns as it was",
     {{P, 5, 0, 0, 0}, {H, 9, 0, 0, 0}, {P, 5, 0, 0, 0}, {H, 9, 0, 0, 0}}},
    {"present, given back, returns written",
     {{P, 5, 0, 0, 0}, {H, 9, 0, 0, 0}, {P, 6, 0, 1, 0}, {H, 9, 0, 1, 0}}},
    {"present, given back, returns as zeros",
     {{P, 5, 0, 0, 0}, {H, 9, 0, 0, 0}, {P, 0, 0, 1, 0}, {P, 5, 0, 1, 0}}},
    {"present, put away, returns as it was",
     {{P, 5, 0, 0, 0}, {A, 6, 0, 0, 0}, {A, 6, 0, 0, 0}, {P, 5, 0, 0, 0}}},
    {"present, put away, returns written",
     {{P, 5, 0, 0, 0}, {A, 6, 0, 0, 0}, {P, 6, 0, 1, 0}, {A, 7, 0, 1, 0}}},
    {"present and zero, written",
     {{P, 0, 1, 0, 0}, {P, 5, 1, 1, 0}, {H, 5, 1, 1, 0}, {P, 0, 1, 1, 0}}},
    {"hole, stays", {{H, 9, 1, 0, 0}, {H, 9, 1, 0, 0}, {H, 8, 1, 0, 0}, {H, 8, 1, 0, 0}}},
    {"hole, read by the guest",
     {{H, 9, 1, 0, 0}, {P, 0, 1, 0, 0}, {P, 0, 1, 0, 0}, {H, 9, 1, 0, 0}}},
    {"hole, written", {{H, 9, 1, 0, 0}, {P, 7, 1, 1, 0}, {P, 7, 1, 1, 0}, {H, 9, 1, 1, 0}}},
    {"hole, written and put away",
     {{H, 9, 1, 0, 0}, {A, 7, 1, 0, 0}, {P, 7, 1, 1, 0}, {A, 7, 1, 1, 0}}},
    {"unmapped, mapped, written",
     {{U, 5, 0, 0, 0}, {P, 5, 0, 0, 0}, {P, 5, 0, 0, 0}, {P, 6, 0, 1, 0}}},
    {"mapped, put away, comes unmapped",
     {{P, 5, 0, 0, 0}, {A, 9, 0, 0, 0}, {U, 5, 0, 0, 0}, {U, 6, 0, 1, 0}}},
    {"unmapped, written", {{U, 5, 0, 0, 0}, {U, 6, 0, 1, 0}, {U, 5, 0, 1, 0}, {H, 9, 0, 1, 0}}},
    {"unmapped and zero, written by a guest that maps it",
     {{U, 0, 1, 0, 0}, {U, 0, 1, 0, 0}, {P, 6, 1, 1, 0}, {U, 6, 1, 1, 0}}},
    {"away, comes unmapped, is written",
     {{A, 9, 0, 0, 1}, {U, 5, 0, 0, 0}, {A, 9, 0, 0, 0}, {U, 6, 0, 1, 0}}},
    {"away, stays", {{A, 9, 0, 0, 1}, {A, 9, 0, 0, 1}, {A, 8, 0, 0, 1}, {A, 8, 0, 0, 1}}},
    {"away, comes, is written",
     {{A, 9, 0, 0, 1}, {P, 5, 0, 0, 0}, {P, 5, 0, 0, 0}, {P, 6, 0, 1, 0}}},
    {"away, comes as zeros, is written",
     {{A, 9, 0, 0, 1}, {P, 0, 1, 0, 0}, {P, 0, 1, 0, 0}, {P, 6, 1, 1, 0}}},
    {"away, given back, written",
     {{A, 9, 0, 0, 1}, {H, 9, 1, 0, 0}, {H, 9, 1, 0, 0}, {P, 6, 1, 1, 0}}},
};

#undef P
#undef U
#undef H
#undef A

static void
check_course(gconstpointer data)
{
    const Step *steps = data;
    g_autoptr(PageSampler) sampler = NULL;
    Fake fake;

    fake_init(&fake);
    sampler = sampler_of(&fake, 1, EVERY_PAGE);
    g_assert_cmpuint(page_sampler_counts(sampler).n_unseen, ==, 1);
    for (gsize i = 0; i < N_STEPS; i++) {
        PageSamplerCounts counts;

        set_content(&fake, 0, steps[i].content);
        set_presence(&fake, 0, steps[i].presence);
        page_sampler_scan(sampler, 0);
        counts = page_sampler_counts(sampler);
        g_test_message("step %zu", i);
        g_assert_cmpuint(counts.n_zero, ==, steps[i].n_zero);
        g_assert_cmpuint(counts.n_dirty, ==, steps[i].n_dirty);
        g_assert_cmpuint(counts.n_unseen, ==, steps[i].n_unseen);
        g_assert_cmpuint(counts.n_sampled, ==, 1);
    }
    munmap(fake.memory, N_PAGES * PAGE);
}

/* Absent pages between present ones, in one look. */
static void
test_mixed(void)
{
    g_autoptr(PageSampler) sampler = NULL;
    Fake fake;

    fake_init(&fake);
    for (gsize i = 0; i < N_PAGES; i++) {
        set_presence(&fake, i, i % 4);
    }
    sampler = sampler_of(&fake, N_PAGES, EVERY_PAGE);
    page_sampler_scan(sampler, 0);
    g_assert_cmpuint(fake.n_looks, ==, 1);
    g_assert_cmpuint(fake.longest_look, ==, N_PAGES);
    g_assert_cmpuint(page_sampler_counts(sampler).n_zero, ==, 16);
    g_assert_cmpuint(page_sampler_counts(sampler).n_unseen, ==, 16);
    for (gsize i = 0; i < N_PAGES; i++) {
        set_content(&fake, i, 1000 + i);
    }
    page_sampler_scan(sampler, 0);
    g_assert_cmpuint(page_sampler_counts(sampler).n_dirty, ==, 32);
    munmap(fake.memory, N_PAGES * PAGE);
}

/* A page that was read is mapped: only others take a closer look, and of those in memory some
 * speak for all. */
static void
test_closer_looks(void)
{
    g_autoptr(PageSampler) sampler = NULL;
    Fake fake;

    fake_init(&fake);
    set_presence(&fake, 0, PAGE_HOLE);
    set_presence(&fake, 1, PAGE_AWAY);
    sampler = sampler_of(&fake, N_PAGES, EVERY_PAGE);
    page_sampler_scan(sampler, 0);
    g_assert_cmpuint(fake.n_closer_looks, ==, 2 + 8);
    page_sampler_scan(sampler, 0);
    g_assert_cmpuint(fake.n_closer_looks, ==, 2 + 8 + 2);
    /* Gone and come back: it has to be looked at again, and may be unmapped now. */
    set_presence(&fake, 2, PAGE_AWAY);
    page_sampler_scan(sampler, 0);
    g_assert_cmpuint(fake.n_closer_looks, ==, 2 + 8 + 2 + 3);
    set_presence(&fake, 2, PAGE_UNMAPPED);
    page_sampler_scan(sampler, 0);
    g_assert_cmpuint(page_sampler_counts(sampler).n_dirty, ==, 0);

    /* What cannot be read is left alone. */
    fake.cannot_read = TRUE;
    set_content(&fake, 2, 1000);
    page_sampler_scan(sampler, 0);
    g_assert_cmpuint(page_sampler_counts(sampler).n_dirty, ==, 0);
    munmap(fake.memory, N_PAGES * PAGE);
}

/* A stretch that is not mapped is found between mapped ones, wherever it begins and ends. */
static void
test_unmapped_stretch(void)
{
    for (gsize start = 0; start <= N_PAGES - 8; start++) {
        g_autoptr(PageSampler) sampler = NULL;
        Fake fake;

        fake_init(&fake);
        for (gsize i = start; i < start + 8; i++) {
            set_presence(&fake, i, PAGE_UNMAPPED);
        }
        sampler = sampler_of(&fake, N_PAGES, EVERY_PAGE);
        page_sampler_scan(sampler, 0);
        set_content(&fake, start, 1000);
        page_sampler_scan(sampler, 0);
        g_assert_cmpuint(page_sampler_counts(sampler).n_dirty, ==, 1);
        g_assert_cmpuint(page_sampler_counts(sampler).n_unseen, ==, 0);
        munmap(fake.memory, N_PAGES * PAGE);
    }
}

/* What a probe is asked, for pages at the given distances. */
typedef struct {
    guint64 pages;
    guint n_looks;
    gsize longest_look;
} Looks;

static void
count_look(void *opaque, guint64 first, gsize n_pages, unsigned char *present)
{
    Looks *looks = opaque;

    g_assert_cmpuint(first + n_pages, <=, looks->pages);
    looks->n_looks++;
    looks->longest_look = MAX(looks->longest_look, n_pages);
    memset(present, 0, n_pages);
}

static PagePresence
always_hole(void *opaque, guint64 page, gboolean present)
{
    (void)opaque;
    (void)page;
    (void)present;
    return PAGE_HOLE;
}

static void
test_windows(void)
{
    static const PageSamplerProbe probe = {count_look, always_hole, NULL};
    const struct {
        guint64 pages, density;
        guint min_looks, max_looks;
        gsize longest;
    } cases[] = {
        /* A page in 16: looked at in stretches as long as a look may be. */
        {PAGES_PER_GIB, 16384, 64, 66, 4096},
        /* A page in 512: two are seldom within 192 pages. */
        {PAGES_PER_GIB, 512, 400, 512, 512},
        {1, 16384, 1, 1, 1},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Looks looks = {cases[i].pages, 0, 0};
        /* No such memory: nothing may be read. */
        const PageSamplerRegion region = {(void *)PAGE, cases[i].pages, PAGE, &probe, &looks};
        g_autoptr(PageSampler) sampler = page_sampler_new(&region, 1, cases[i].density, 7, NULL);

        page_sampler_scan(sampler, 0);
        g_assert_cmpuint(looks.n_looks, >=, cases[i].min_looks);
        g_assert_cmpuint(looks.n_looks, <=, cases[i].max_looks);
        g_assert_cmpuint(looks.longest_look, <=, cases[i].longest);
        g_assert_cmpuint(page_sampler_counts(sampler).n_zero, ==,
                         page_sampler_counts(sampler).n_sampled);
    }
}

/* The kernel's word on a memfd. */
typedef struct {
    guint8 *memory;
    int fd;
} Memfd;

static void
memfd_look(void *opaque, guint64 first, gsize n_pages, unsigned char *present)
{
    const Memfd *memfd = opaque;

    g_assert_cmpint(mincore(memfd->memory + first * PAGE, n_pages * PAGE, present), ==, 0);
}

static PagePresence
memfd_look_closer(void *opaque, guint64 page, gboolean present)
{
    const Memfd *memfd = opaque;
    off_t at = page * PAGE;

    if (present) {
        return PAGE_PRESENT;
    }
    return lseek(memfd->fd, at, SEEK_DATA) == at ? PAGE_AWAY : PAGE_HOLE;
}

static guint64
memfd_kib(const Memfd *memfd)
{
    struct stat info;

    g_assert_cmpint(fstat(memfd->fd, &info), ==, 0);
    return info.st_blocks / 2;
}

static guint64
page_tables_kib(void)
{
    g_autofree char *status = NULL;
    const char *line;

    g_assert_true(g_file_get_contents("/proc/self/status", &status, NULL, NULL));
    line = strstr(status, "VmPTE:");
    g_assert_nonnull(line);
    return g_ascii_strtoull(line + strlen("VmPTE:"), NULL, 10);
}

/* A sparse gigabyte, a sixteenth of it written: it stays as it is, and counts come out right. */
static void
test_memfd_does_not_grow(void)
{
    static const PageSamplerProbe probe = {memfd_look, memfd_look_closer, NULL};
    const gsize bytes = (gsize)1 << 30;
    Memfd memfd = {NULL, memfd_create("guest", 0)};
    g_autoptr(PageSampler) sampler = NULL;
    PageSamplerRegion region;
    guint64 kib;
    guint64 tables;

    g_assert_cmpint(memfd.fd, >=, 0);
    g_assert_cmpint(ftruncate(memfd.fd, bytes), ==, 0);
    memfd.memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memfd.fd, 0);
    g_assert_true(memfd.memory != MAP_FAILED);
    for (gsize at = bytes / 2; at < bytes / 2 + bytes / 16; at += PAGE) {
        memcpy(memfd.memory + at, &at, sizeof(at));
    }
    kib = memfd_kib(&memfd);
    tables = page_tables_kib();

    region = (PageSamplerRegion){memfd.memory, bytes / PAGE, PAGE, &probe, &memfd};
    sampler = page_sampler_new(&region, 1, 16384, 3, NULL);
    page_sampler_scan(sampler, 0);
    g_assert_cmpuint(page_sampler_counts(sampler).n_zero, ==, 15 * 1024);
    g_assert_cmpuint(page_sampler_counts(sampler).n_unseen, ==, 0);
    g_assert_cmpuint(memfd_kib(&memfd), ==, kib);
    /* The sample itself takes 256 KiB, whose tables are one page. */
    g_assert_cmpuint(page_tables_kib(), <=, tables + 8);

    /* A quarter of it is written again, as much is given back, and as much is new. */
    for (gsize at = bytes / 2; at < bytes / 2 + bytes / 64; at += PAGE) {
        memcpy(memfd.memory + at + 8, &at, sizeof(at));
    }
    g_assert_cmpint(madvise(memfd.memory + bytes / 2 + bytes / 64, bytes / 64, MADV_REMOVE), ==, 0);
    for (gsize at = 0; at < bytes / 64; at += PAGE) {
        memfd.memory[at] = 1;
    }
    kib = memfd_kib(&memfd);
    page_sampler_scan(sampler, 0);
    g_assert_cmpuint(page_sampler_counts(sampler).n_dirty, ==, 2 * 256);
    g_assert_cmpuint(memfd_kib(&memfd), ==, kib);
    munmap(memfd.memory, bytes);
    close(memfd.fd);
}

/* Of a sample with known zero pages, holes, dirty and clean ones. */
static void
test_pick(void)
{
    g_autoptr(PageSampler) sampler = NULL;
    PageSamplerPick picks[N_PAGES];
    guint8 page[PAGE];
    Fake fake;
    gsize n;

    fake_init(&fake);
    for (gsize i = 0; i < 16; i++) {
        set_presence(&fake, i, PAGE_HOLE);
        set_content(&fake, 16 + i, 0);
        set_presence(&fake, 60 + i % 4, PAGE_AWAY);
    }
    sampler = sampler_of(&fake, N_PAGES, EVERY_PAGE);
    page_sampler_scan(sampler, 0);
    for (gsize i = 24; i < 40; i++) {
        set_content(&fake, i, 100 + i);
    }
    page_sampler_scan(sampler, 0);
    /* Zero: 0..23, away: 60..63; dirty: 24..39. */
    n = page_sampler_pick(sampler, picks, N_PAGES);
    g_assert_cmpuint(n, ==, 36);
    n = page_sampler_pick(sampler, picks, 9);
    g_assert_cmpuint(n, ==, 9);
    for (gsize i = 0, n_dirty = 0; i < n; i++) {
        g_assert_cmpuint(picks[i].region, ==, 0);
        g_assert_cmpuint(picks[i].page, >=, 24);
        g_assert_cmpuint(picks[i].page, <, 60);
        n_dirty += picks[i].page < 40;
        if (i == n - 1) {
            g_assert_cmpuint(n_dirty, ==, 4);
        }
        g_assert_true(page_sampler_copy(sampler, &picks[i], page));
        g_assert_cmpmem(page, PAGE, fake.memory + picks[i].page * PAGE, PAGE);
    }
    g_assert_cmpuint(page_sampler_pick(sampler, picks, 0), ==, 0);

    /* What became zero or went away meanwhile is not copied. */
    picks[0].page = 30;
    set_content(&fake, 30, 0);
    g_assert_false(page_sampler_copy(sampler, &picks[0], page));
    set_presence(&fake, 30, PAGE_UNMAPPED);
    set_content(&fake, 30, 77);
    g_assert_true(page_sampler_copy(sampler, &picks[0], page));
    g_assert_cmpuint(page[CONTENT_AT], ==, 77);
    set_presence(&fake, 30, PAGE_AWAY);
    g_assert_false(page_sampler_copy(sampler, &picks[0], page));
    munmap(fake.memory, N_PAGES * PAGE);
}

static void
test_nothing_to_pick(void)
{
    g_autoptr(PageSampler) sampler = NULL;
    PageSamplerPick picks[N_PAGES];
    Fake fake;

    fake_init(&fake);
    for (gsize i = 0; i < N_PAGES; i++) {
        set_presence(&fake, i, PAGE_HOLE);
    }
    sampler = sampler_of(&fake, N_PAGES, EVERY_PAGE);
    page_sampler_scan(sampler, 0);
    g_assert_cmpuint(page_sampler_pick(sampler, picks, N_PAGES), ==, 0);
    munmap(fake.memory, N_PAGES * PAGE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(courses); i++) {
        g_autofree char *path = g_strconcat("/page-presence/", courses[i].name, NULL);

        g_test_add_data_func(path, courses[i].steps, check_course);
    }
    g_test_add_func("/page-presence/mixed", test_mixed);
    g_test_add_func("/page-presence/closer-looks", test_closer_looks);
    g_test_add_func("/page-presence/unmapped-stretch", test_unmapped_stretch);
    g_test_add_func("/page-presence/windows", test_windows);
    g_test_add_func("/page-presence/memfd-does-not-grow", test_memfd_does_not_grow);
    g_test_add_func("/page-presence/pick", test_pick);
    g_test_add_func("/page-presence/nothing-to-pick", test_nothing_to_pick);
    return g_test_run();
}
