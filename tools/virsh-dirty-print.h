/*
 * virsh-dirty-print.h: shows a dirty page rate measurement
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "virsh-dirty-call.h"

/* What is shown beside the measurement itself. */
typedef struct _virshDirtyShow virshDirtyShow;
struct _virshDirtyShow {
    bool automatic; /* say that the mode was chosen and not asked for */
    bool periods; /* the readings */
    bool compression; /* say so if nothing was compressed */
};

bool
virshDirtyPrint(vshControl *ctl,
                virshDirtyCall *call,
                const virshDirtyShow *show);
