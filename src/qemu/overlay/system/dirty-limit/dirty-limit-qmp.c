/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: the QMP commands.
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-migration.h"
#include "exec/target_page.h"
#include "migration/client-options.h"
#include "migration/misc.h"
#include "system/runstate.h"
#include "migration/dirty-core/dirty-limit-range.h"
#include "dirty-limit-state.h"

/* Absent is as DIRTY_LIMIT_ALL. */
static bool check_index(int64_t index, Error **errp)
{
    int n = dirty_limit_n_vcpus();

    if (index < DIRTY_LIMIT_ALL || index >= n) {
        error_setg(errp, "there is no vCPU %" PRIi64 ": 'cpu-index' must be "
                   "from 0 to %d, or -1 for all", index, n - 1);
        return false;
    }
    return true;
}

static bool check_rate(uint64_t mibs, Error **errp)
{
    g_autoptr(GError) err = NULL;

    if (mibs && !dirty_limit_check(mibs, &err)) {
        error_setg(errp, "%s", err->message);
        return false;
    }
    return true;
}

/* @what: 'set' or 'cancel' */
static bool check_migration(const char *what, Error **errp)
{
    if (migration_is_running() && migrate_dirty_limit()) {
        error_setg(errp, "can't %s dirty page rate limit while migration is "
                   "running with capability 'dirty-limit', which limits all "
                   "vCPUs: wait for its end or cancel it", what);
        return false;
    }
    return true;
}

void qmp_set_vcpu_dirty_limit(bool has_cpu_index, int64_t cpu_index,
                              uint64_t dirty_rate, Error **errp)
{
    if (!has_cpu_index) {
        cpu_index = DIRTY_LIMIT_ALL;
    }
    if (check_index(cpu_index, errp) && check_rate(dirty_rate, errp) &&
        check_migration(dirty_rate ? "set" : "cancel", errp)) {
        dirty_limit_set_user(cpu_index, dirty_rate, errp);
    }
}

void qmp_cancel_vcpu_dirty_limit(bool has_cpu_index, int64_t cpu_index,
                                 Error **errp)
{
    qmp_set_vcpu_dirty_limit(has_cpu_index, cpu_index, 0, errp);
}

static DirtyLimitInfo *info_of(int index)
{
    DirtyLimitUse use = dirty_limit_last_use(index);
    DirtyLimitInfo *info = g_new0(DirtyLimitInfo, 1);

    info->cpu_index = index;
    info->limit_rate = dirty_limit_mibs(index);
    info->scope = dirty_limit->backend->scope;
    /* A guest that is paused dirties nothing, whatever it did before. */
    if (use.length && runstate_is_running()) {
        info->rate = (double)use.pages * qemu_target_page_size() / MiB *
                     NANOSECONDS_PER_SECOND / use.length;
        info->resting_share = MIN((double)use.rested / use.length, 1);
    }
    info->current_rate = info->rate + 0.5;
    return info;
}

DirtyLimitInfoList *qmp_query_vcpu_dirty_limit(Error **errp)
{
    DirtyLimitInfoList *list = NULL;
    DirtyLimitInfoList **tail = &list;

    for (int i = 0; dirty_limit_active() && i < dirty_limit_n_vcpus(); i++) {
        if (dirty_limit_mibs(i)) {
            QAPI_LIST_APPEND(tail, info_of(i));
        }
    }
    return list;
}
