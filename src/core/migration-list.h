/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists of bandwidths and downtime limits as people write them.
 */
#ifndef MIGRATION_LIST_H
#define MIGRATION_LIST_H

#include <glib.h>

G_BEGIN_DECLS

/* Most entries of a list: a table of more is read by nobody. */
#define MIGRATION_LIST_MAX 1024

/* Most that QEMU takes as downtime limit, ms. */
#define MIGRATION_DOWNTIME_MAX_MS 2000000

/* How a downtime limit is written that lets any downtime pass. */
#define MIGRATION_DOWNTIME_UNLIMITED "unlimited"

/**
 * MigrationList: a list, read
 * @n: number of entries, at least 1
 * @values: bandwidths in bytes/s of payload, or downtime limits in ms, of which
 *   INFINITY lets any pass
 * @labels: each as a person reads it, with its unit; NULL-terminated
 */
typedef struct {
    gsize n;
    double *values;
    char **labels;
} MigrationList;

MigrationList *migration_bandwidths_parse(const char *text, GError **error);
MigrationList *migration_downtimes_parse(const char *text, GError **error);
void migration_list_free(MigrationList *list);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigrationList, migration_list_free)

G_END_DECLS

#endif
