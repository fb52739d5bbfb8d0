/*
 * virsh-dirty-options.h: options that say how dirty pages are measured
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "virsh.h"
#include "virtypedparam.h"

char **
virshDirtyModeCompleter(vshControl *ctl,
                        const vshCmd *cmd,
                        unsigned int flags);

char **
virshDirtyListComplete(vshControl *ctl,
                       const vshCmd *cmd,
                       const char *option,
                       const char **values);

bool
virshDirtyReportInvalid(vshControl *ctl,
                        GError *err);

bool
virshDirtyOptMeasure(vshControl *ctl,
                     const vshCmd *cmd,
                     virTypedParamList *params,
                     unsigned int *calcTime);
