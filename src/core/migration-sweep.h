/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a migration still has to send, and when it last sent what.
 */
#ifndef MIGRATION_SWEEP_H
#define MIGRATION_SWEEP_H

#include "migration-curve.h"

G_BEGIN_DECLS

/* Most zones kept apart; beyond them the newest neighbours become one. */
#define MIGRATION_SWEEP_ZONES 16

/*
 * What is still to be sent of a zone:
 * @MIGRATION_ZONE_FIRST: all pages, for the first time; they have content
 * @MIGRATION_ZONE_ZERO: all pages, for the first time; they are zero
 * @MIGRATION_ZONE_DIRTY: what got dirty since they were sent
 */
typedef enum {
    MIGRATION_ZONE_FIRST,
    MIGRATION_ZONE_ZERO,
    MIGRATION_ZONE_DIRTY
} MigrationZoneKind;

/**
 * MigrationZone: a part of memory whose pages were last sent together
 * @kind: what is still to be sent of it
 * @share: share of the memory that the guest writes to, 0..1
 * @age: how long the guest has run since the sync before which they were sent,
 *   ms of its own time, up to the last sync
 * @pages: pages in it that are still to be sent
 */
typedef struct {
    MigrationZoneKind kind;
    double share;
    double age;
    double pages;
} MigrationZone;

/**
 * MigrationSweep: the round that QEMU goes through the bitmap of dirty pages
 * @first: the zone that it is in
 * @n: zones, in the order in which it comes to them
 * @zones: a ring of them
 * @pages: pages that are still to be sent
 * @zero: those of them that are zero
 * @sent: share of memory sent since the last sync
 *
 * QEMU sends dirty pages in the order of their addresses, round and round, and
 * at each sync learns of pages dirtied since (migration/ram.c, find_dirty_block
 * and migration_bitmap_sync). It does not begin anew after a sync: what was
 * left over is sent next, and a page of it that got dirty once more still is
 * one page. So of two places in memory, what counts is for how long the guest
 * has been able to dirty pages there since they were last sent; the curve of
 * dirty pages tells how many it then has, on the assumption that it looks the
 * same everywhere but in zero pages, which nobody writes to.
 */
typedef struct {
    guint first;
    guint n;
    MigrationZone zones[MIGRATION_SWEEP_ZONES];
    double pages;
    double zero;
    double sent;
} MigrationSweep;

/**
 * MigrationSent: pages that were sent
 * @normal: with content
 * @zero: of zeros
 */
typedef struct {
    double normal;
    double zero;
} MigrationSent;

void migration_sweep_init(MigrationSweep *sweep, MigrationSent first,
                          gboolean zero_last);
gboolean migration_sweep_at_zero(const MigrationSweep *sweep);
double migration_sweep_next(const MigrationSweep *sweep);
MigrationSent migration_sweep_left(const MigrationSweep *sweep);
MigrationSent migration_sweep_send(MigrationSweep *sweep, double pages);
double migration_sweep_sync(MigrationSweep *sweep, const MigrationCurve *curve,
                            double elapsed, double n_chunks, guint max_parts);
void migration_sweep_age(MigrationSweep *sweep, const MigrationCurve *from,
                         const MigrationCurve *to);

G_END_DECLS

#endif
