/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dirty page rate limit that a migration sets to make itself converge.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qapi/error.h"
#include "migration/misc.h"
#include "system/dirty-limit.h"
#include "system/kvm.h"
#include "dirty-core/dirty-limit-range.h"
#include "dirty-limit.h"
#include "migration.h"
#include "options.h"
#include "trace.h"

static int migration_changed(NotifierWithReturn *notifier, MigrationEvent *e,
                             Error **errp)
{
    if (e->type != MIG_EVENT_PRECOPY_SETUP) {
        migration_dirty_limit_end();
    }
    return 0;
}

static void watch_migration(void)
{
    static NotifierWithReturn notifiers[MIG_MODE__MAX];
    static bool watching;

    if (!watching) {
        for (int mode = 0; mode < MIG_MODE__MAX; mode++) {
            migration_add_notifier_mode(&notifiers[mode], migration_changed,
                                        mode);
        }
        watching = true;
    }
}

void migration_dirty_limit_begin(void)
{
    uint64_t mibs = migrate_get_current()->parameters.vcpu_dirty_limit;
    Error *err = NULL;

    watch_migration();
    if (dirty_limit_set_migration(MIN(mibs, DIRTY_LIMIT_MAX_MIBS), &err)) {
        trace_migration_dirty_limit_guest(mibs);
    } else {
        warn_report_err(err);
    }
}

void migration_dirty_limit_end(void)
{
    /* Nothing can fail where nobody becomes limited. */
    dirty_limit_set_migration(0, &error_abort);
}

void migration_dirty_limit_info(MigrationInfo *info)
{
    if (!dirty_limit_migration()) {
        return;
    }
    info->has_dirty_limit_throttle_time_per_round = true;
    info->dirty_limit_throttle_time_per_round =
        dirty_limit_longest_rest() / SCALE_US;
    if (kvm_dirty_ring_enabled()) {
        uint64_t rate = dirty_limit_mean_rate();

        info->has_dirty_limit_ring_full_time = true;
        info->dirty_limit_ring_full_time =
            rate ? kvm_dirty_ring_size() * G_USEC_PER_SEC / rate : 0;
    }
}
