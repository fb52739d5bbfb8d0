/*
 * virsh-dirty-predict-cells.h: takes predictions out of a daemon's answer
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "virsh-dirty-call.h"

#include "migration-model.h"

/* A prediction, and what it is for. */
typedef struct _virshDirtyPredictCell virshDirtyPredictCell;
struct _virshDirtyPredictCell {
    double bandwidth; /* MiB/s */
    double downtimeLimit; /* ms, INFINITY for any */
    MigrationPrediction prediction;
};

typedef struct _virshDirtyPredictCells virshDirtyPredictCells;
struct _virshDirtyPredictCells {
    size_t n;
    virshDirtyPredictCell *cells;
};

void
virshDirtyPredictCellsFree(virshDirtyPredictCells *cells);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virshDirtyPredictCells, virshDirtyPredictCellsFree);

virshDirtyPredictCells *
virshDirtyPredictCellsRead(vshControl *ctl,
                           virshDirtyCall *call,
                           size_t n);
