/*
 * virsh-domain-dirty-predict.h: virsh command that predicts a migration
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "virsh.h"

extern const vshCmdInfo info_migrate_predict;
extern const vshCmdOptDef opts_migrate_predict[];

bool
cmdMigratePredict(vshControl *ctl,
                  const vshCmd *cmd);
