/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a dirty page rate limit can be: its range, its unit, whom it can hold.
 */
#ifndef DIRTY_LIMIT_RANGE_H
#define DIRTY_LIMIT_RANGE_H

#include <glib.h>

G_BEGIN_DECLS

/* Lowest limit, MiB/s; 0 in a request ends a limit. */
#define DIRTY_LIMIT_MIN_MIBS 1
/* Highest limit, MiB/s: 1 TiB/s, more than any vCPU can dirty. */
#define DIRTY_LIMIT_MAX_MIBS (G_GUINT64_CONSTANT(1024) * 1024)

/*
 * Whom a limit holds: one vCPU by its own writes, or the whole guest by all
 * vCPUs' writes, where the host cannot tell them apart. The names are those of
 * QEMU's DirtyLimitScope.
 */
typedef enum {
    DIRTY_SCOPE_VCPU,
    DIRTY_SCOPE_GUEST,
    DIRTY_SCOPE_LAST
} DirtyScope;

gboolean dirty_limit_check(guint64 mibs, GError **error);
guint64 dirty_limit_pages_per_s(guint64 mibs, guint64 page_size);

const char *dirty_scope_to_string(DirtyScope scope);
gboolean dirty_scope_from_string(const char *name, DirtyScope *scope);

G_END_DECLS

#endif
