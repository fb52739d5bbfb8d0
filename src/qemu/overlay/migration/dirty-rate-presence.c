/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: which pages the host has in memory.
 *
 * What must not be read differs by where memory comes from:
 *
 *                   never touched           away              unmapped
 *   anonymous       neither page nor swap   swap entry        -
 *   memfd, tmpfs    hole of the file        data, swapped     data in memory
 *   file on a disk  hole of the file        data              (left alone)
 *   hugetlbfs       read as zeros           -                 not mapped
 *
 * mincore() tells which pages are in memory, for hugetlbfs which are mapped.
 * Why a page is not there, and whether one that is there is mapped, is asked
 * page by page, of the file and of this process's page map.
 *
 * A file's pages that others wrote, or that were read ahead, are in memory but
 * not mapped here.  Mapping them to read them would take page tables, and makes
 * disks read on; tmpfs and hugetlbfs can be read without that.
 */
#include "qemu/osdep.h"
#include "exec/memory.h"
#include "exec/target_page.h"
#include "dirty-rate-presence.h"

#ifdef CONFIG_LINUX
#include <sys/sysinfo.h>
#include <sys/vfs.h>

#ifndef HUGETLBFS_MAGIC
#define HUGETLBFS_MAGIC 0x958458f6
#endif
#ifndef TMPFS_MAGIC
#define TMPFS_MAGIC 0x01021994
#endif

/* Pages of which it is worth asking the file first: that takes 0.2 us. */
#define HOLE_CHECK_PAGES 64

/* Of an entry of /proc/self/pagemap: the page is swapped out, or mapped. */
#define PAGEMAP_SWAPPED (1ULL << 62)
#define PAGEMAP_PRESENT (1ULL << 63)

/* A page's entry in the page map; @unknown if that cannot be read. */
static uint64_t pagemap_entry(const DirtyRatePages *pages, uint64_t at,
                              uint64_t unknown)
{
    uint64_t number = (uintptr_t)(pages->address + at) /
                      qemu_real_host_page_size();
    uint64_t entry;
    ssize_t n = pread(pages->host->pagemap, &entry, sizeof(entry),
                      number * sizeof(entry));

    return n == sizeof(entry) ? entry : unknown;
}

static bool is_swapped(const DirtyRatePages *pages, uint64_t at)
{
    /* What cannot be known may be: a page that is away is left alone. */
    return pages->host->has_swapped &&
           (pagemap_entry(pages, at, PAGEMAP_SWAPPED) & PAGEMAP_SWAPPED);
}

static bool is_mapped(const DirtyRatePages *pages, uint64_t at)
{
    return pagemap_entry(pages, at, PAGEMAP_PRESENT) & PAGEMAP_PRESENT;
}

/* Whether the file has no data for a page. */
static bool is_hole(DirtyRatePages *pages, uint64_t at)
{
    uint64_t data;

    if (at >= pages->hole_start && at < pages->hole_end) {
        return true;
    }
    data = lseek(pages->fd, pages->offset + at, SEEK_DATA);
    if (data == (off_t)-1) {
        if (errno != ENXIO) {
            return false;
        }
        data = pages->offset + pages->length;
    }
    /* The hole goes on to there: what follows need not be asked for. */
    pages->hole_start = at;
    pages->hole_end = data - pages->offset;
    return at < pages->hole_end;
}

static PagePresence pages_absent(DirtyRatePages *pages, uint64_t at)
{
    if (pages->kind == DIRTY_RATE_PAGES_HUGE) {
        return PAGE_UNMAPPED;
    }
    /* A page of a private mapping may have been written, then swapped out. */
    if (!pages->shared && is_swapped(pages, at)) {
        return PAGE_AWAY;
    }
    if (pages->kind == DIRTY_RATE_PAGES_ANONYMOUS) {
        return PAGE_HOLE;
    }
    return is_hole(pages, at) ? PAGE_HOLE : PAGE_AWAY;
}

static PagePresence pages_look_closer(void *opaque, uint64_t page,
                                      gboolean present)
{
    DirtyRatePages *pages = opaque;
    uint64_t at = page * qemu_target_page_size();

    if (!present) {
        return pages_absent(pages, at);
    }
    if (pages->kind == DIRTY_RATE_PAGES_HUGE ||
        (pages->kind == DIRTY_RATE_PAGES_ANONYMOUS &&
         !pages->host->has_swapped) || is_mapped(pages, at)) {
        return PAGE_PRESENT;
    }
    /* The host is about to swap out what is in memory but not mapped. */
    if (pages->kind == DIRTY_RATE_PAGES_ANONYMOUS) {
        return PAGE_AWAY;
    }
    if (pages->kind == DIRTY_RATE_PAGES_TMPFS && !pages->host->has_swapped) {
        return PAGE_UNMAPPED;
    }
    return is_hole(pages, at) ? PAGE_HOLE : PAGE_AWAY;
}

static gboolean pages_read(void *opaque, uint64_t page, void *buffer)
{
    const DirtyRatePages *pages = opaque;
    size_t page_size = qemu_target_page_size();

    return pread(pages->fd, buffer, page_size,
                 pages->offset + page * page_size) == page_size;
}

/* mincore() where the target's pages are not as large as the host's. */
static void look_by_host_pages(uint8_t *address, size_t n_pages,
                               unsigned char *present)
{
    size_t host_size = qemu_real_host_page_size();
    size_t page_size = qemu_target_page_size();
    uint8_t *start = QEMU_ALIGN_PTR_DOWN(address, host_size);
    uint8_t *end = QEMU_ALIGN_PTR_UP(address + n_pages * page_size, host_size);
    g_autofree unsigned char *found = g_malloc((end - start) / host_size);

    if (mincore(start, end - start, found)) {
        memset(present, 1, n_pages);
        return;
    }
    for (size_t i = 0; i < n_pages; i++) {
        size_t first = (address + i * page_size - start) / host_size;
        size_t last = (address + (i + 1) * page_size - 1 - start) / host_size;

        present[i] = 1;
        for (size_t j = first; j <= last; j++) {
            present[i] &= found[j];
        }
    }
}

/*
 * Whether a whole stretch is a hole of its file.  mincore() looks for each page
 * of a hole, and takes 9 ns for it; the file knows at once where a hole ends.
 * What is mapped privately may have been written all the same.
 */
static bool stretch_is_hole(DirtyRatePages *pages, uint64_t at, size_t n_pages)
{
    uint64_t end = at + n_pages * qemu_target_page_size();

    if (!pages->shared || (pages->kind != DIRTY_RATE_PAGES_TMPFS &&
                           pages->kind != DIRTY_RATE_PAGES_FILE)) {
        return false;
    }
    /* For a short stretch, only what is known already is worth the time. */
    if (n_pages >= HOLE_CHECK_PAGES) {
        is_hole(pages, at);
    }
    return at >= pages->hole_start && end <= pages->hole_end;
}

static void pages_look(void *opaque, uint64_t first, size_t n_pages,
                       unsigned char *present)
{
    DirtyRatePages *pages = opaque;
    size_t page_size = qemu_target_page_size();
    uint8_t *address = pages->address + first * page_size;

    if (stretch_is_hole(pages, first * page_size, n_pages)) {
        memset(present, 0, n_pages);
        return;
    }
    if (page_size != qemu_real_host_page_size()) {
        look_by_host_pages(address, n_pages, present);
    } else if (mincore(address, n_pages * page_size, present)) {
        /* Not to be expected; better read than not measured. */
        memset(present, 1, n_pages);
    }
}

static DirtyRatePagesKind kind_of_file(int fd)
{
    struct statfs fs;

    if (fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC) {
        return DIRTY_RATE_PAGES_HUGE;
    }
    if (fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC) {
        return DIRTY_RATE_PAGES_TMPFS;
    }
    return DIRTY_RATE_PAGES_FILE;
}

static bool host_has_swapped(void)
{
    struct sysinfo info;

    return sysinfo(&info) || info.freeswap != info.totalswap;
}

const PageSamplerProbe *dirty_rate_probe(void)
{
    static const PageSamplerProbe probe = {
        .look = pages_look,
        .look_closer = pages_look_closer,
        .read = pages_read,
    };

    return &probe;
}
#else
static DirtyRatePagesKind kind_of_file(int fd)
{
    return DIRTY_RATE_PAGES_FILE;
}

static bool host_has_swapped(void)
{
    return false;
}

const PageSamplerProbe *dirty_rate_probe(void)
{
    return NULL;
}
#endif

void dirty_rate_host_init(DirtyRateHost *host)
{
    host->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    dirty_rate_host_renew(host);
}

void dirty_rate_host_destroy(DirtyRateHost *host)
{
    if (host->pagemap >= 0) {
        close(host->pagemap);
    }
}

void dirty_rate_host_renew(DirtyRateHost *host)
{
    host->has_swapped = host_has_swapped();
}

void dirty_rate_pages_init(DirtyRatePages *pages, const DirtyRateHost *host,
                           const RAMBlock *block, ram_addr_t start,
                           ram_addr_t length)
{
    *pages = (DirtyRatePages) {
        .host = host,
        .address = block->host + start,
        .fd = block->fd,
        .offset = block->fd_offset + start,
        .length = length,
        .kind = block->fd < 0 ? DIRTY_RATE_PAGES_ANONYMOUS :
                                kind_of_file(block->fd),
        .shared = block->flags & RAM_SHARED,
    };
}

void dirty_rate_pages_renew(DirtyRatePages *pages)
{
    pages->hole_start = 0;
    pages->hole_end = 0;
}
