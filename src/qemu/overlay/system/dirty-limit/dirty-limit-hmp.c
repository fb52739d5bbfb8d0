/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: the commands of the human monitor.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-migration.h"
#include "qobject/qdict.h"
#include "monitor/hmp.h"
#include "monitor/monitor.h"

static void confirm(Monitor *mon, Error *err)
{
    if (!hmp_handle_error(mon, err)) {
        monitor_printf(mon, "See 'info vcpu_dirty_limit' for the limits of "
                       "all virtual CPUs\n");
    }
}

void hmp_set_vcpu_dirty_limit(Monitor *mon, const QDict *qdict)
{
    Error *err = NULL;

    qmp_set_vcpu_dirty_limit(true, qdict_get_try_int(qdict, "cpu_index", -1),
                             qdict_get_int(qdict, "dirty_rate"), &err);
    confirm(mon, err);
}

void hmp_cancel_vcpu_dirty_limit(Monitor *mon, const QDict *qdict)
{
    Error *err = NULL;

    qmp_cancel_vcpu_dirty_limit(true,
                                qdict_get_try_int(qdict, "cpu_index", -1),
                                &err);
    confirm(mon, err);
}

void hmp_info_vcpu_dirty_limit(Monitor *mon, const QDict *qdict)
{
    g_autoptr(DirtyLimitInfoList) list =
        qmp_query_vcpu_dirty_limit(&error_abort);

    if (!list) {
        monitor_printf(mon, "Dirty page limit not enabled!\n");
        return;
    }
    monitor_printf(mon, "Scope: %s\n",
                   DirtyLimitScope_str(list->value->scope));
    for (DirtyLimitInfoList *i = list; i; i = i->next) {
        monitor_printf(mon, "vcpu[%" PRIi64 "], limit rate %" PRIu64
                       " (MB/s), current rate %.2f (MB/s), "
                       "resting %.1f %%\n",
                       i->value->cpu_index, i->value->limit_rate,
                       i->value->rate, i->value->resting_share * 100);
    }
}
