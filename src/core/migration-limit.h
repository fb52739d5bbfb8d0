/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dirty curve of a guest whose vCPUs are held to a dirty page rate.
 */
#ifndef MIGRATION_LIMIT_H
#define MIGRATION_LIMIT_H

#include "migration-curve.h"

G_BEGIN_DECLS

/**
 * MigrationVcpus: what each vCPU dirtied
 * @n: vCPUs; 0 where it is not known
 * @curves: their curves; @n long
 */
typedef struct {
    guint n;
    MigrationCurve *curves;
} MigrationVcpus;

void migration_vcpus_init(MigrationVcpus *vcpus,
                          const DirtyMeasurement *measurement);
void migration_vcpus_clear(MigrationVcpus *vcpus);

double migration_curve_limit(MigrationCurve *curve, const MigrationVcpus *vcpus,
                             guint n_vcpus, double pages_per_s);

G_END_DECLS

#endif
