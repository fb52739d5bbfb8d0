/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a migration still has to send, and when it last sent what.
 */
#ifndef MIGRATION_SWEEP_H
#define MIGRATION_SWEEP_H

#include "migration-curve.h"

G_BEGIN_DECLS

/* Most zones kept apart; beyond them the oldest neighbours become one. */
#define MIGRATION_SWEEP_ZONES 32

/**
 * MigrationZone: a part of memory whose pages were last sent together
 * @share: share of all memory, 0..1
 * @age: how long the guest has run since the sync before which they were sent,
 *   ms of its own time, up to the last sync; INFINITY: never sent
 * @pages: pages in it that are still to be sent
 */
typedef struct {
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
 * @sent: share of memory sent since the last sync
 * @first_pages: pages that each whole memory of zones never sent still has
 *
 * QEMU sends dirty pages in the order of their addresses, round and round, and
 * at each sync learns of pages dirtied since (migration/ram.c, find_dirty_block
 * and migration_bitmap_sync). It does not begin anew after a sync: what was
 * left over is sent next, and a page of it that got dirty once more still is
 * one page. So of two places in memory, what counts is for how long the guest
 * has been able to dirty pages there since they were last sent; the curve of
 * dirty pages tells how many it then has, on the assumption that it looks the
 * same everywhere.
 */
typedef struct {
    guint first;
    guint n;
    MigrationZone zones[MIGRATION_SWEEP_ZONES];
    double pages;
    double sent;
    double first_pages;
} MigrationSweep;

/**
 * MigrationSent: pages that were sent
 * @first: of those never sent before, zero pages among them
 * @dirty: of those that had been sent and got dirty
 */
typedef struct {
    double first;
    double dirty;
} MigrationSent;

void migration_sweep_init(MigrationSweep *sweep, double first_pages);
MigrationSent migration_sweep_send(MigrationSweep *sweep, double pages);
double migration_sweep_sync(MigrationSweep *sweep, const MigrationCurve *curve,
                            double elapsed, guint n_parts);

G_END_DECLS

#endif
