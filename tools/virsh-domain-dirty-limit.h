/*
 * virsh-domain-dirty-limit.h: virsh command about limits of dirty page rates
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "virsh.h"

extern const vshCmdInfo info_domdirtylimit;
extern const vshCmdOptDef opts_domdirtylimit[];

bool
cmdDomDirtyLimit(vshControl *ctl,
                 const vshCmd *cmd);
