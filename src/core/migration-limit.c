/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dirty curve of a guest whose vCPUs are held to a dirty page rate.
 */
#include "migration-limit.h"

#include <math.h>

#include "dirty-pacer.h"

#define MS_PER_S 1000.0

/* However low a limit is, a vCPU runs for this share of its time. */
#define SHARE_MIN 1e-4

static gboolean
has_vcpu_counts(const DirtyMeasurement *measurement)
{
    for (gsize i = 0; i < measurement->n_vcpus; i++) {
        if (!measurement->vcpus[i].n_dirty) {
            return FALSE;
        }
    }
    return measurement->n_vcpus > 0;
}

/**
 * migration_vcpus_init: what each vCPU dirtied
 * @vcpus: set to it; migration_vcpus_clear() it
 * @measurement: a measured measurement with counts that passed
 *   dirty_measurement_check()
 */
void
migration_vcpus_init(MigrationVcpus *vcpus, const DirtyMeasurement *measurement)
{
    *vcpus = (MigrationVcpus){0, NULL};
    if (!has_vcpu_counts(measurement)) {
        return;
    }
    vcpus->n = measurement->n_vcpus;
    vcpus->curves = g_new(MigrationCurve, vcpus->n);
    for (guint v = 0; v < vcpus->n; v++) {
        migration_curve_start(&vcpus->curves[v], measurement->n_total);
        for (gsize i = 0; i < measurement->n_periods; i++) {
            migration_curve_add(&vcpus->curves[v], measurement->periods[i],
                                measurement->vcpus[v].n_dirty[i]);
        }
        migration_curve_finish(&vcpus->curves[v], migration_outside_likely());
    }
}

/**
 * migration_vcpus_clear: gives back what it holds
 * @vcpus: what migration_vcpus_init() has set
 */
void
migration_vcpus_clear(MigrationVcpus *vcpus)
{
    g_clear_pointer(&vcpus->curves, g_free);
    vcpus->n = 0;
}

/*
 * The share of its time that a writer can run without dirtying more distinct
 * pages in a window than the limit allows (dirty-pacer.h).
 */
static double
share_within(const MigrationCurve *curve, double pages_per_s)
{
    double allowed = pages_per_s * DIRTY_LIMIT_WINDOW_MS / MS_PER_S;

    if (migration_curve_pages(curve, DIRTY_LIMIT_WINDOW_MS) <= allowed) {
        return 1;
    }
    return MAX(migration_curve_time(curve, allowed) / DIRTY_LIMIT_WINDOW_MS,
               SHARE_MIN);
}

/*
 * Takes from a curve what each vCPU no longer dirties of it.
 *
 * Return: the least share of its time that one of them can run
 */
static double
limit_each(MigrationCurve *curve, const MigrationVcpus *vcpus,
           double pages_per_s)
{
    double lost[DIRTY_PERIODS_MAX] = {0};
    double least = 1;
    MigrationCurve limited;

    for (guint v = 0; v < vcpus->n; v++) {
        const MigrationCurve *own = &vcpus->curves[v];
        double share = share_within(own, pages_per_s);

        for (guint i = 0; i < curve->n_readings; i++) {
            double ms = curve->ms[curve->first + i];

            lost[i] += migration_curve_pages(own, ms) -
                       migration_curve_pages(own, ms * share);
        }
        least = MIN(least, share);
    }
    migration_curve_start(&limited, curve->n_total);
    for (guint i = 0; i < curve->n_readings; i++) {
        double pages = MAX(curve->pages[curve->first + i] - lost[i], 0);

        if (i > 0) {
            pages = MAX(pages, limited.pages[limited.n - 1]);
        }
        migration_curve_add(&limited, curve->ms[curve->first + i], pages);
    }
    migration_curve_finish(&limited, migration_outside_likely());
    *curve = limited;
    return least;
}

/**
 * migration_curve_limit: holds a guest's vCPUs to a rate
 * @curve: the guest's curve; replaced by that of the guest held
 * @vcpus: what its vCPUs dirty of it
 * @n_vcpus: vCPUs that dirty memory, 1 or more
 * @pages_per_s: most that each of them is let dirty, pages/s
 *
 * A vCPU held to a rate does the same work in more time. Where nobody knows
 * which one dirties how much, all are taken to dirty alike: then the limit lets
 * the most through.
 *
 * Return: share of its time that the vCPU loses which loses most
 */
double
migration_curve_limit(MigrationCurve *curve, const MigrationVcpus *vcpus,
                      guint n_vcpus, double pages_per_s)
{
    double share;

    if (vcpus->n > 0) {
        return 1 - limit_each(curve, vcpus, pages_per_s);
    }
    share = share_within(curve, pages_per_s * n_vcpus);
    migration_curve_stretch(curve, 1 / share);
    return 1 - share;
}
