/*
 * virsh-dirty-predict-options.h: what a migration shall be predicted for
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "virsh.h"
#include "virtypedparam.h"

#include "migration-list.h"

/* What is asked of virDomainMigratePredict(). */
typedef struct _virshDirtyPredictOptions virshDirtyPredictOptions;
struct _virshDirtyPredictOptions {
    virTypedParamList *params;
    unsigned int flags; /* of virDomainMigrateFlags */
    MigrationList *bandwidths; /* NULL: left to the daemon */
    MigrationList *downtimes; /* NULL: left to the daemon */
    unsigned int calcTime; /* ms */
};

void
virshDirtyPredictOptionsClear(virshDirtyPredictOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(virshDirtyPredictOptions, virshDirtyPredictOptionsClear);

bool
virshDirtyPredictOptionsRead(vshControl *ctl,
                             const vshCmd *cmd,
                             virshDirtyPredictOptions *options);
