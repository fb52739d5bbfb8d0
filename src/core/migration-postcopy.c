/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How often a guest waits for its pages after a switch to post-copy.
 */
#include "migration-postcopy.h"

#include <math.h>

#define MS_PER_S 1000.0

/*
 * A page asked for comes behind what already waits for the link, bytes: in the
 * lab 226 pages came one after the other in 1540 ms at 60 MB/s, 160 in 2225 ms
 * at 36 MB/s.
 */
#define QUEUE_BYTES 450e3
/* Asking for it, finding it and waking the vCPU, ms. */
#define FAULT_MS 0.2

/* Steps in which the time until all pages have come is gone through. */
#define STEPS 32

/* How fast a curve grows at a time, pages/ms. */
static double
growth(const MigrationCurve *curve, double ms)
{
    double step = MAX(ms * 0.1, curve->ms[1]);

    return (migration_curve_pages(curve, ms + step) -
            migration_curve_pages(curve, ms)) /
           step;
}

/*
 * Of the pages that the guest touches next, the share that have not come: of
 * pages written as often as that, so many were dirtied since they were last
 * sent. Where every page is as hot as the other that is the share of pages
 * dirty; hot pages are nearly always among them.
 */
static double
share_missing(const MigrationSweep *sweep, const MigrationCurve *curve)
{
    double fresh = growth(curve, 0);
    double share = 0;

    if (fresh <= 0) {
        return 0;
    }
    for (guint i = 0; i < sweep->n; i++) {
        const MigrationZone *zone =
            &sweep->zones[(sweep->first + i) % MIGRATION_SWEEP_ZONES];
        double hot = zone->kind == MIGRATION_ZONE_DIRTY
                         ? 1 - MIN(growth(curve, zone->age) / fresh, 1)
                         : 1;

        share += zone->share * hot;
    }
    return MIN(share, 1);
}

/**
 * migration_postcopy_faults: how often the guest waits for a page
 * @settings: how the migration is run
 * @sweep: what is left to send at the switch, just after a sync
 * @curve: the guest's dirty curve
 * @duration: how long it takes until all pages have come, ms
 *
 * The guest goes on where it was: it touches pages as it would dirty them after
 * a clean start. Each of those that have not come costs one vCPU a round trip,
 * and fewer of them are missing the more have come.
 *
 * Return: times, an estimate; pages only read are not known.
 */
double
migration_postcopy_faults(const MigrationSettings *settings,
                          const MigrationSweep *sweep,
                          const MigrationCurve *curve, double duration)
{
    double missing = share_missing(sweep, curve);
    double wait = settings->latency + FAULT_MS +
                  QUEUE_BYTES / (settings->bandwidth / MS_PER_S);
    double step = duration / STEPS;
    double own = 0;
    double faults = 0;

    for (int i = 0; i < STEPS; i++) {
        double left = missing * (1 - (i + 0.5) / STEPS);
        double rate = growth(curve, own) * left;
        double run = step / (1 + rate * wait / settings->n_vcpus);

        faults += rate * run;
        own += run;
    }
    return faults;
}
