/*
 * qemu_dirty_predict_guest.h: what of a guest decides how its migration goes
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "domain_conf.h"
#include "qemu_dirty_predict_params.h"

/* What a prediction needs to know of a guest besides its measurement. */
typedef struct _qemuDirtyPredictGuest qemuDirtyPredictGuest;
struct _qemuDirtyPredictGuest {
    MigrationSettings settings; /* as asked for, but for the lists */
    guint64 memory; /* bytes */
    guint64 freeMemory; /* bytes that free page hints would tell of */
    GPtrArray *shorter; /* further measurements, each of less time; none if
                           QEMU tells a curve by one */
    GPtrArray *notes; /* sentences for who asks, translated */
};

int
qemuDirtyPredictAskGuest(virDomainObj *vm,
                         qemuDirtyPredictRequest *request,
                         qemuDirtyPredictGuest *guest);

int
qemuDirtyPredictAskMemory(virDomainObj *vm,
                          qemuDirtyPredictGuest *guest);

void
qemuDirtyPredictGuestClear(qemuDirtyPredictGuest *guest);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(qemuDirtyPredictGuest, qemuDirtyPredictGuestClear);
