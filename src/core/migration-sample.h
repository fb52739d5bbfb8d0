/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Other migrations that fit a measurement: what the bounds of a prediction come
 * from.
 */
#ifndef MIGRATION_SAMPLE_H
#define MIGRATION_SAMPLE_H

#include "migration-curve.h"

G_BEGIN_DECLS

/* How many of them; their range then holds the truth in 90 %. */
#define MIGRATION_SAMPLES 20

/**
 * MigrationChance: what nobody can know of a migration
 * @seed: start of its random numbers; 0: all goes as it goes on average
 * @link: its bandwidth by that of the settings
 * @window: how fast QEMU's windows are by the link, before their own chance
 * @work: how long compressing takes by what it usually does
 * @squeeze: bytes of a compressed page by what was measured
 * @backlog: what a throttled vCPU makes up for by what it usually does
 * @writers: where it is not known which vCPU dirties how much, share of them
 *   that do at all, alike, 0..1
 * @has_parts: whether it is known where in memory zero pages lie
 * @normal: share of the pages with content that lies in each part
 * @zero: share of the zero pages likewise
 * @zero_last: where it is not known, whether zero pages come last
 * @hopes: whether luck may end what nearly ends
 */
typedef struct {
    guint32 seed;
    double link;
    double window;
    double work;
    double squeeze;
    double backlog;
    double writers;
    gboolean has_parts;
    double normal[DIRTY_ZERO_PARTS];
    double zero[DIRTY_ZERO_PARTS];
    gboolean zero_last;
    gboolean hopes;
} MigrationChance;

/**
 * MigrationSample: one migration that fits a measurement
 * @curve: its dirty curve
 * @zero_share: share of its pages that are zero
 * @chance: what else may be different
 */
typedef struct {
    MigrationCurve curve;
    double zero_share;
    MigrationChance chance;
} MigrationSample;

void migration_sample_best(MigrationSample *sample,
                           const DirtyMeasurement *measurement);
void migration_sample_cautious(MigrationSample *sample,
                               const DirtyMeasurement *measurement);
void migration_sample_draw(MigrationSample *sample,
                           const DirtyMeasurement *measurement, guint which);

double migration_random(guint32 *state);
double migration_random_normal(guint32 *state);

G_END_DECLS

#endif
