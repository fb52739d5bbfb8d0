/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A prediction in words: how a migration goes, or why it does not end.
 */
#ifndef MIGRATION_EXPLAIN_H
#define MIGRATION_EXPLAIN_H

#include "migration-model.h"

G_BEGIN_DECLS

char *migration_explain(const MigrationPrediction *prediction, double bandwidth,
                        double downtime_limit);

G_END_DECLS

#endif
