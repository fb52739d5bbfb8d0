/*
 * virsh-dirty-tables.h: shows the vectors of a dirty page rate measurement
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "virsh-dirty-call.h"

bool
virshDirtyPrintVcpus(vshControl *ctl,
                     virshDirtyCall *call);

bool
virshDirtyPrintCompression(vshControl *ctl,
                           virshDirtyCall *call,
                           bool wanted);

bool
virshDirtyPrintPeriods(vshControl *ctl,
                       virshDirtyCall *call);
