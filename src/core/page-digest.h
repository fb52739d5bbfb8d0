/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Digests of pages, at nearly the speed of memory.
 */
#ifndef PAGE_DIGEST_H
#define PAGE_DIGEST_H

#include <glib.h>

G_BEGIN_DECLS

void page_announce(const void *page);
guint64 page_digest(const void *page, gsize page_size, const void *next);

G_END_DECLS

#endif
