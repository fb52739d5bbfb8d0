/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a migration still has to send, and when it last sent what.
 */
#include "migration-sweep.h"

#include <math.h>

static MigrationZone *
zone_at(MigrationSweep *sweep, guint i)
{
    return &sweep->zones[(sweep->first + i) % MIGRATION_SWEEP_ZONES];
}

/**
 * migration_sweep_init: the state before the first pass
 * @sweep: set to it
 * @first_pages: pages to send in the first pass
 */
void
migration_sweep_init(MigrationSweep *sweep, double first_pages)
{
    sweep->first = 0;
    sweep->n = 1;
    sweep->zones[0] = (MigrationZone){1, INFINITY, first_pages};
    sweep->pages = first_pages;
    sweep->sent = 0;
    sweep->first_pages = first_pages;
}

/* Two zones in one: together they keep their share and their mean age. */
static void
join_last(MigrationSweep *sweep)
{
    MigrationZone *to = zone_at(sweep, sweep->n - 2);
    const MigrationZone *from = zone_at(sweep, sweep->n - 1);
    double share = to->share + from->share;

    if (share > 0 && isfinite(to->age)) {
        to->age = (to->age * to->share + from->age * from->share) / share;
    }
    to->share = share;
    to->pages += from->pages;
    sweep->n--;
}

static void
add_last(MigrationSweep *sweep, double share, double age)
{
    if (share <= 0) {
        return;
    }
    if (sweep->n == MIGRATION_SWEEP_ZONES) {
        join_last(sweep);
    }
    sweep->n++;
    *zone_at(sweep, sweep->n - 1) = (MigrationZone){share, age, 0};
}

/**
 * migration_sweep_send: sends the next pages
 * @sweep: the state
 * @pages: how many; all that are left where these are fewer
 *
 * Return: what was sent.
 */
MigrationSent
migration_sweep_send(MigrationSweep *sweep, double pages)
{
    MigrationSent sent = {0, 0};

    while (sweep->n > 0 && pages >= 0) {
        MigrationZone *zone = zone_at(sweep, 0);
        double now = MIN(pages, zone->pages);
        double share =
            zone->pages > 0 ? zone->share * now / zone->pages : zone->share;

        if (zone->pages > 0 && now <= 0) {
            break;
        }
        *(isfinite(zone->age) ? &sent.dirty : &sent.first) += now;
        pages -= now;
        sweep->pages -= now;
        sweep->sent += share;
        zone->share -= share;
        zone->pages -= now;
        if (zone->pages > 0) {
            break;
        }
        sweep->sent += zone->share;
        sweep->first = (sweep->first + 1) % MIGRATION_SWEEP_ZONES;
        sweep->n--;
    }
    sweep->pages = sweep->n > 0 ? MAX(sweep->pages, 0) : 0;
    return sent;
}

static double
zone_pages(const MigrationSweep *sweep, const MigrationCurve *curve,
           const MigrationZone *zone)
{
    return zone->share * (isfinite(zone->age)
                              ? migration_curve_pages(curve, zone->age)
                              : sweep->first_pages);
}

/**
 * migration_sweep_sync: learns which pages got dirty
 * @sweep: the state
 * @curve: the guest's dirty curve
 * @elapsed: how long the guest has run since the last sync, ms of its own time
 * @n_parts: 1: the log of what was sent since then was cleared at that sync;
 *   more: in so many parts, one after the other, as they were sent
 *
 * Return: pages that got dirty and were not to be sent already.
 */
double
migration_sweep_sync(MigrationSweep *sweep, const MigrationCurve *curve,
                     double elapsed, guint n_parts)
{
    double before = sweep->pages;
    double sent = sweep->sent;

    for (guint i = 0; i < sweep->n; i++) {
        zone_at(sweep, i)->age += elapsed;
    }
    for (guint i = 0; i < n_parts; i++) {
        add_last(sweep, sent / n_parts, elapsed * (n_parts - i) / n_parts);
    }

    sweep->sent = 0;
    sweep->pages = 0;
    for (guint i = 0; i < sweep->n; i++) {
        MigrationZone *zone = zone_at(sweep, i);

        zone->pages = zone_pages(sweep, curve, zone);
        sweep->pages += zone->pages;
    }
    return MAX(sweep->pages - before, 0);
}
