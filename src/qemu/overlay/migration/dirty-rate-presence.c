/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: which pages the host has in memory.
 *
 * What must not be read differs by where memory comes from:
 *
 *                      never touched            not in memory now
 *   anonymous          no page, no swap entry   swap entry
 *   memfd, tmpfs       hole of the file         swapped out, data of the file
 *   file on a disk     hole of the file         data of the file
 *   hugetlbfs          no page                  (stays in memory)
 *
 * mincore() tells for all of them which pages are there.  Only for those that
 * are not, the file or the page map is asked why.
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

/* Of an entry of /proc/self/pagemap: the page is swapped out. */
#define PAGEMAP_SWAPPED (1ULL << 62)

static bool is_swapped(const DirtyRatePages *pages, uint64_t at)
{
    uint64_t number = (uintptr_t)(pages->address + at) /
                      qemu_real_host_page_size();
    uint64_t entry;

    if (!pages->host->has_swapped) {
        return false;
    }
    /* What cannot be known may be: a page that is away is left alone. */
    return pread(pages->host->pagemap, &entry, sizeof(entry),
                 number * sizeof(entry)) != sizeof(entry) ||
           (entry & PAGEMAP_SWAPPED);
}

/* Whether the file has no data for a page; @at as for is_swapped(). */
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

static PagePresence pages_absent(void *opaque, uint64_t page)
{
    DirtyRatePages *pages = opaque;
    uint64_t at = page * qemu_target_page_size();

    if (pages->huge) {
        return PAGE_HOLE;
    }
    if (pages->fd < 0) {
        return is_swapped(pages, at) ? PAGE_AWAY : PAGE_HOLE;
    }
    /* A page of a private mapping may have been written, then swapped out. */
    if (!pages->shared && is_swapped(pages, at)) {
        return PAGE_AWAY;
    }
    return is_hole(pages, at) ? PAGE_HOLE : PAGE_AWAY;
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

static void pages_present(void *opaque, uint64_t first, size_t n_pages,
                          unsigned char *present)
{
    const DirtyRatePages *pages = opaque;
    size_t page_size = qemu_target_page_size();
    uint8_t *address = pages->address + first * page_size;

    if (page_size != qemu_real_host_page_size()) {
        look_by_host_pages(address, n_pages, present);
    } else if (mincore(address, n_pages * page_size, present)) {
        /* Not to be expected; better read than not measured. */
        memset(present, 1, n_pages);
    }
}

static bool fd_is_huge(int fd)
{
    struct statfs fs;

    return fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC;
}

static bool host_has_swapped(void)
{
    struct sysinfo info;

    return sysinfo(&info) || info.freeswap != info.totalswap;
}

const PageSamplerProbe *dirty_rate_probe(void)
{
    static const PageSamplerProbe probe = { pages_present, pages_absent };

    return &probe;
}
#else
static bool fd_is_huge(int fd)
{
    return false;
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
        .huge = fd_is_huge(block->fd),
        .shared = block->flags & RAM_SHARED,
    };
}

void dirty_rate_pages_renew(DirtyRatePages *pages)
{
    pages->hole_start = 0;
    pages->hole_end = 0;
}
