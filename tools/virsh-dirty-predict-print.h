/*
 * virsh-dirty-predict-print.h: shows predictions of a migration
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "virsh-dirty-call.h"
#include "virsh-dirty-predict-options.h"

/* What is shown beside the table and the recommendation. */
typedef struct _virshDirtyPredictShow virshDirtyPredictShow;
struct _virshDirtyPredictShow {
    bool bounds; /* those of the table's times */
    bool explain; /* what was measured and assumed, and each cell in words */
};

bool
virshDirtyPredictPrint(vshControl *ctl,
                       virshDirtyCall *call,
                       const virshDirtyPredictOptions *options,
                       const virshDirtyPredictShow *show);
