/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's commands that limit the dirty page rate of vCPUs: builds the requests and reads the
 * replies, and does no I/O.
 *
 * Works with QEMU 7.1 and later, with our patch or without it.
 */
#ifndef DIRTY_QMP_LIMIT_H
#define DIRTY_QMP_LIMIT_H

#include "dirty-limit-range.h"
#include "dirty-qmp.h"

G_BEGIN_DECLS

/* In place of a vCPU's number: all vCPUs, also those plugged in later. */
#define DIRTY_VCPU_ALL (-1)

/**
 * DirtyVcpuLimit: one vCPU's limit and how it fares with it
 * @vcpu: the vCPU's number, at most G_MAXINT32; QEMU may list one not plugged in
 * @limit: the limit, MiB/s
 * @rate: the vCPU's dirty page rate lately, MiB/s; where @scope says that the whole guest is held,
 *   its part if all vCPUs dirtied alike; in whole MiB/s where QEMU lacks our patch
 * @has_resting_share: whether @resting_share is known; only QEMU with our patch tells
 * @resting_share: share of the time lately that it was held back, 0..1
 * @scope: whom the limit holds
 */
typedef struct {
    guint vcpu;
    guint64 limit;
    double rate;
    gboolean has_resting_share;
    double resting_share;
    DirtyScope scope;
} DirtyVcpuLimit;

gboolean dirty_qmp_set_vcpu_dirty_limit(const DirtyQmp *qmp, int vcpu, guint64 mibs,
                                        GError **error);
gboolean dirty_qmp_cancel_vcpu_dirty_limit(const DirtyQmp *qmp, int vcpu, GError **error);
GArray *dirty_qmp_query_vcpu_dirty_limit(const DirtyQmp *qmp, GError **error);

G_END_DECLS

#endif
