/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How often a guest waits for its pages after a switch to post-copy.
 */
#ifndef MIGRATION_POSTCOPY_H
#define MIGRATION_POSTCOPY_H

#include "migration-settings.h"
#include "migration-sweep.h"

G_BEGIN_DECLS

double migration_postcopy_faults(const MigrationSettings *settings,
                                 const MigrationSweep *sweep,
                                 const MigrationCurve *curve, double duration);

G_END_DECLS

#endif
