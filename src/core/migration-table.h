/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of predicted times: a row for each bandwidth, a column for each
 * downtime limit.
 */
#ifndef MIGRATION_TABLE_H
#define MIGRATION_TABLE_H

#include "migration-model.h"

G_BEGIN_DECLS

/**
 * MigrationTable: what a table shows
 * @bandwidths: the labels of the rows, NULL-terminated
 * @downtimes: the labels of the columns, NULL-terminated
 * @cells: a prediction for each bandwidth and each downtime limit, row by row
 * @bounds: show the bounds of the times as well
 */
typedef struct {
    const char *const *bandwidths;
    const char *const *downtimes;
    const MigrationPrediction *cells;
    gboolean bounds;
} MigrationTable;

char *migration_table_format(const MigrationTable *table);
char *migration_time_format(double ms);
gboolean migration_prediction_is_sure(const MigrationPrediction *prediction);

G_END_DECLS

#endif
