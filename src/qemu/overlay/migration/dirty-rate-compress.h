/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: what compression would make of pages.
 */
#ifndef QEMU_MIGRATION_DIRTY_RATE_COMPRESS_H
#define QEMU_MIGRATION_DIRTY_RATE_COMPRESS_H

#include "qapi/qapi-types-migration.h"

/*
 * Pages worth trying: 8 packets of multifd.  Their ratio tells that of all
 * pages well enough, and both methods together take some 0.1 s of CPU.
 */
#define DIRTY_RATE_COMPRESS_PAGES 1024

/**
 * dirty_rate_compress: try each method of multifd on some pages
 * @pages: the pages' content, which does not change meanwhile
 * @n_pages: how many
 * @page_size: bytes of each
 * @stop: whether to give up; may be set by another thread
 *
 * Return: what came out of each method that could be tried, or NULL if there
 * are no pages, or it was told to stop.
 */
DirtyRateCompressionList *dirty_rate_compress(const uint8_t *pages,
                                              size_t n_pages, size_t page_size,
                                              const bool *stop);

#endif
