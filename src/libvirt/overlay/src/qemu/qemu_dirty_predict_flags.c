/*
 * qemu_dirty_predict_flags.c: which ways to migrate can be predicted
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "qemu_dirty_predict_flags.h"
#include "virerror.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/* A migration that cannot be predicted, or that there cannot be. */
typedef struct _qemuDirtyPredictRefusal qemuDirtyPredictRefusal;
struct _qemuDirtyPredictRefusal {
    unsigned int flags; /* refused if all of these are given */
    unsigned int unless; /* but not if one of these is given too */
    virErrorNumber code;
    const char *message;
};

static const qemuDirtyPredictRefusal qemuDirtyPredictRefusals[] = {
    { VIR_MIGRATE_NON_SHARED_DISK, 0, VIR_ERR_ARGUMENT_UNSUPPORTED,
      N_("a migration that copies disks (VIR_MIGRATE_NON_SHARED_DISK) cannot be predicted: how fast they are written to is not measured") },
    { VIR_MIGRATE_NON_SHARED_INC, 0, VIR_ERR_ARGUMENT_UNSUPPORTED,
      N_("a migration that copies disks (VIR_MIGRATE_NON_SHARED_INC) cannot be predicted: how fast they are written to is not measured") },
    { VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES, 0, VIR_ERR_ARGUMENT_UNSUPPORTED,
      N_("a migration that copies disks (VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES) cannot be predicted: how fast they are written to is not measured") },
    { VIR_MIGRATE_OFFLINE, 0, VIR_ERR_ARGUMENT_UNSUPPORTED,
      N_("an offline migration (VIR_MIGRATE_OFFLINE) sends no memory: there is nothing to predict") },
    { VIR_MIGRATE_POSTCOPY_RESUME, 0, VIR_ERR_ARGUMENT_UNSUPPORTED,
      N_("a migration that is resumed (VIR_MIGRATE_POSTCOPY_RESUME) cannot be predicted: only one that is to begin") },
    { VIR_MIGRATE_RDMA_PIN_ALL, 0, VIR_ERR_ARGUMENT_UNSUPPORTED,
      N_("a migration by RDMA (VIR_MIGRATE_RDMA_PIN_ALL) cannot be predicted: only one by TCP") },
    { VIR_MIGRATE_POSTCOPY | VIR_MIGRATE_TUNNELLED, 0, VIR_ERR_INVALID_ARG,
      N_("VIR_MIGRATE_POSTCOPY and VIR_MIGRATE_TUNNELLED exclude each other: leave out either") },
    { VIR_MIGRATE_POSTCOPY | VIR_MIGRATE_PARALLEL, 0, VIR_ERR_INVALID_ARG,
      N_("VIR_MIGRATE_POSTCOPY and VIR_MIGRATE_PARALLEL exclude each other: leave out either") },
    { VIR_MIGRATE_PARALLEL | VIR_MIGRATE_TUNNELLED, 0, VIR_ERR_INVALID_ARG,
      N_("VIR_MIGRATE_PARALLEL and VIR_MIGRATE_TUNNELLED exclude each other: leave out either") },
    { VIR_MIGRATE_ZEROCOPY, VIR_MIGRATE_PARALLEL, VIR_ERR_INVALID_ARG,
      N_("VIR_MIGRATE_ZEROCOPY needs VIR_MIGRATE_PARALLEL") },
    { VIR_MIGRATE_ZEROCOPY | VIR_MIGRATE_COMPRESSED, 0, VIR_ERR_INVALID_ARG,
      N_("VIR_MIGRATE_ZEROCOPY and VIR_MIGRATE_COMPRESSED exclude each other: leave out either") },
    { VIR_MIGRATE_ZEROCOPY | VIR_MIGRATE_TLS, 0, VIR_ERR_INVALID_ARG,
      N_("VIR_MIGRATE_ZEROCOPY and VIR_MIGRATE_TLS exclude each other: leave out either") },
    { VIR_MIGRATE_COMPRESSED, VIR_MIGRATE_PARALLEL, VIR_ERR_ARGUMENT_UNSUPPORTED,
      N_("compression can be predicted only of a parallel migration, by zlib or zstd: add VIR_MIGRATE_PARALLEL or leave out VIR_MIGRATE_COMPRESSED") },
};


/**
 * qemuDirtyPredictCheckFlags:
 * @flags: bitwise-OR of virDomainMigrateFlags
 *
 * Returns 0 if a migration with these flags can be predicted, or -1 with an
 * error reported.
 */
int
qemuDirtyPredictCheckFlags(unsigned int flags)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(qemuDirtyPredictRefusals); i++) {
        const qemuDirtyPredictRefusal *refusal = &qemuDirtyPredictRefusals[i];

        if ((flags & refusal->flags) == refusal->flags &&
            !(flags & refusal->unless)) {
            virReportError(refusal->code, "%s", _(refusal->message));
            return -1;
        }
    }

    return 0;
}
