/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a migration still has to send, and when it last sent what.
 */
#include "migration-sweep.h"

#include <math.h>

/* Parts are one where what part of them is zero differs by less, quicker. */
#define ZERO_ALIKE 0.01

static MigrationZone *
zone_at(MigrationSweep *sweep, guint i)
{
    return &sweep->zones[(sweep->first + i) % MIGRATION_SWEEP_RING];
}

static const MigrationZone *
first_zone(const MigrationSweep *sweep)
{
    return &sweep->zones[sweep->first];
}

static void
add_part(MigrationSweep *sweep, MigrationSent part, double normal)
{
    double pages = part.normal + part.zero;
    double share = part.normal > 0 ? part.normal / normal : 0;
    MigrationZone *last = sweep->n > 0 ? zone_at(sweep, sweep->n - 1) : NULL;

    if (pages <= 0) {
        return;
    }
    if (last && fabs(last->zero - part.zero / pages) < ZERO_ALIKE) {
        last->zero =
            (last->zero * last->pages + part.zero) / (last->pages + pages);
        last->share += share;
        last->pages += pages;
    } else {
        *zone_at(sweep, sweep->n++) = (MigrationZone){
            .kind = MIGRATION_ZONE_FIRST,
            .zero = part.zero / pages,
            .share = share,
            .pages = pages,
        };
    }
    sweep->pages += pages;
    sweep->zero += part.zero;
}

/**
 * migration_sweep_init: the state before the first pass
 * @sweep: set to it
 * @parts: what is sent in the first pass, in the order of its addresses; within
 *   a part pages with content and zero pages lie mixed
 * @n: how many parts, up to MIGRATION_SWEEP_PARTS
 */
void
migration_sweep_init(MigrationSweep *sweep, const MigrationSent *parts, guint n)
{
    double normal = 0;

    sweep->first = sweep->n = 0;
    sweep->pages = sweep->zero = sweep->sent = 0;
    for (guint i = 0; i < n; i++) {
        normal += parts[i].normal;
    }
    for (guint i = 0; i < n; i++) {
        add_part(sweep, parts[i], normal);
    }
    sweep->n_first = sweep->n;
}

/**
 * migration_sweep_zero: what comes next
 * @sweep: the state
 *
 * Return: share of it that is zero pages, 0..1.
 */
double
migration_sweep_zero(const MigrationSweep *sweep)
{
    return sweep->n_first > 0 ? first_zone(sweep)->zero : 0;
}

/**
 * migration_sweep_next: how much of a kind comes next
 * @sweep: the state
 *
 * Return: pages of the zone it is in, or next comes to.
 */
double
migration_sweep_next(const MigrationSweep *sweep)
{
    return sweep->n > 0 ? first_zone(sweep)->pages : 0;
}

/**
 * migration_sweep_left: what is still to be sent
 * @sweep: the state
 *
 * Return: pages.
 */
MigrationSent
migration_sweep_left(const MigrationSweep *sweep)
{
    return (MigrationSent){MAX(sweep->pages - sweep->zero, 0), sweep->zero};
}

/* Two zones in one: together they keep their share and their mean age. */
static void
join_last(MigrationSweep *sweep)
{
    MigrationZone *to = zone_at(sweep, sweep->n - 2);
    const MigrationZone *from = zone_at(sweep, sweep->n - 1);
    double share = to->share + from->share;

    if (share > 0) {
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
    if (sweep->n - sweep->n_first == MIGRATION_SWEEP_ZONES) {
        join_last(sweep);
    }
    sweep->n++;
    *zone_at(sweep, sweep->n - 1) = (MigrationZone){
        .kind = MIGRATION_ZONE_DIRTY,
        .share = share,
        .age = age,
    };
}

static void
drop_first(MigrationSweep *sweep)
{
    sweep->sent += first_zone(sweep)->share;
    if (sweep->n_first > 0 && --sweep->n_first == 0) {
        /* What sums of shares have left over. */
        sweep->zero = 0;
    }
    sweep->first = (sweep->first + 1) % MIGRATION_SWEEP_RING;
    sweep->n--;
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

    while (sweep->n > 0) {
        MigrationZone *zone = zone_at(sweep, 0);
        double now = MIN(pages, zone->pages);
        double share;

        sent.zero += now * zone->zero;
        sent.normal += now * (1 - zone->zero);
        sweep->zero -= now * zone->zero;
        sweep->pages -= now;
        pages -= now;
        if (now >= zone->pages) {
            drop_first(sweep);
            continue;
        }
        share = zone->share * now / zone->pages;
        sweep->sent += share;
        zone->share -= share;
        zone->pages -= now;
        break;
    }
    sweep->pages = sweep->n > 0 ? MAX(sweep->pages, 0) : 0;
    return sent;
}

/**
 * migration_sweep_sync: learns which pages got dirty
 * @sweep: the state
 * @curve: the guest's dirty curve
 * @elapsed: how long the guest has run since the last sync, ms of its own time
 * @n_chunks: in how many chunks the log of what was sent since then was
 * cleared, each as it was sent, 1 or more; 1: all of it at that sync
 * @max_parts: how many of them are told apart at most, 1 or more
 *
 * Return: pages that got dirty and were not to be sent already.
 */
double
migration_sweep_sync(MigrationSweep *sweep, const MigrationCurve *curve,
                     double elapsed, double n_chunks, guint max_parts)
{
    double before = sweep->pages;
    double sent = sweep->sent;
    guint n_parts = MIN(n_chunks, max_parts);
    /* By how much the chunks of a part are younger than its first, on average.
     */
    double lag = (1.0 / n_parts - 1 / n_chunks) / 2;

    for (guint i = 0; i < sweep->n; i++) {
        zone_at(sweep, i)->age += elapsed;
    }
    for (guint i = 0; i < n_parts; i++) {
        add_last(sweep, sent / n_parts,
                 elapsed * (1 - (double)i / n_parts - lag));
    }

    sweep->sent = 0;
    sweep->pages = 0;
    for (guint i = 0; i < sweep->n; i++) {
        MigrationZone *zone = zone_at(sweep, i);

        if (zone->kind == MIGRATION_ZONE_DIRTY) {
            zone->pages = zone->share * migration_curve_pages(curve, zone->age);
        }
        sweep->pages += zone->pages;
    }
    return MAX(sweep->pages - before, 0);
}

/**
 * migration_sweep_age: goes over to another curve
 * @sweep: the state just after a sync
 * @from: the curve so far
 * @to: the curve from now on, of the same guest held to a lower rate
 *
 * What is dirty stays so: each zone gets the age at which the new curve has as
 * many dirty pages.
 */
void
migration_sweep_age(MigrationSweep *sweep, const MigrationCurve *from,
                    const MigrationCurve *to)
{
    for (guint i = 0; i < sweep->n; i++) {
        MigrationZone *zone = zone_at(sweep, i);

        zone->age =
            migration_curve_time(to, migration_curve_pages(from, zone->age));
    }
}
