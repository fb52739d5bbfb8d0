/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks QEMU what decides how the guest would be migrated: builds the requests and reads the
 * replies, and does no I/O.
 */
#ifndef DIRTY_QMP_MIGRATION_H
#define DIRTY_QMP_MIGRATION_H

#include "dirty-qmp.h"
#include "migration-settings.h"

G_BEGIN_DECLS

gboolean dirty_qmp_query_migrate_parameters(const DirtyQmp *qmp, MigrationSettings *settings,
                                            GError **error);
gboolean dirty_qmp_query_memory_size(const DirtyQmp *qmp, guint64 *bytes, GError **error);

G_END_DECLS

#endif
