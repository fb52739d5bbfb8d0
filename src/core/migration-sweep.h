/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a migration still has to send, and when it last sent what.
 */
#ifndef MIGRATION_SWEEP_H
#define MIGRATION_SWEEP_H

#include "migration-curve.h"

G_BEGIN_DECLS

/*
 * Most zones kept apart: those sent before, beyond which the newest neighbours
 * become one, and the parts of the first pass.
 */
#define MIGRATION_SWEEP_ZONES 16
#define MIGRATION_SWEEP_PARTS DIRTY_ZERO_PARTS
#define MIGRATION_SWEEP_RING (MIGRATION_SWEEP_ZONES + MIGRATION_SWEEP_PARTS)

/*
 * What is still to be sent of a zone:
 * @MIGRATION_ZONE_FIRST: all pages, for the first time
 * @MIGRATION_ZONE_DIRTY: what got dirty since they were sent
 */
typedef enum { MIGRATION_ZONE_FIRST, MIGRATION_ZONE_DIRTY } MigrationZoneKind;

/**
 * MigrationZone: a part of memory whose pages were last sent together
 * @kind: what is still to be sent of it
 * @zero: share of its pages that are zero, 0..1; 0 but for
 *   MIGRATION_ZONE_FIRST
 * @share: share of the memory that the guest writes to, 0..1
 * @age: how long the guest has run since the sync before which they were sent,
 *   ms of its own time, up to the last sync
 * @pages: pages in it that are still to be sent
 */
typedef struct {
    MigrationZoneKind kind;
    double zero;
    double share;
    double age;
    double pages;
} MigrationZone;

/**
 * MigrationSent: pages that are sent
 * @normal: with content
 * @zero: of zeros
 */
typedef struct {
    double normal;
    double zero;
} MigrationSent;

/**
 * MigrationSweep: the round that QEMU goes through the bitmap of dirty pages
 * @first: the zone that it is in
 * @n: zones, in the order in which it comes to them
 * @zones: a ring of them
 * @pages: pages that are still to be sent
 * @zero: those of them that are zero
 * @n_first: zones that are sent for the first time; they come before the others
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
    guint n_first;
    MigrationZone zones[MIGRATION_SWEEP_RING];
    double pages;
    double zero;
    double sent;
} MigrationSweep;

void migration_sweep_init(MigrationSweep *sweep, const MigrationSent *parts,
                          guint n);
double migration_sweep_zero(const MigrationSweep *sweep);
double migration_sweep_next(const MigrationSweep *sweep);
MigrationSent migration_sweep_left(const MigrationSweep *sweep);
MigrationSent migration_sweep_send(MigrationSweep *sweep, double pages);
double migration_sweep_sync(MigrationSweep *sweep, const MigrationCurve *curve,
                            double elapsed, double n_chunks, guint max_parts);
void migration_sweep_age(MigrationSweep *sweep, const MigrationCurve *from,
                         const MigrationCurve *to);

G_END_DECLS

#endif
