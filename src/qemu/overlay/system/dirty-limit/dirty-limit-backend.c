/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: which accelerator counts pages, and whether one can.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "system/cpu-timers.h"
#include "system/dirty-limit.h"
#include "system/replay.h"
#include "dirty-limit-state.h"

static GSList *backends;

void dirty_limit_register_backend(const DirtyLimitBackend *backend)
{
    backends = g_slist_prepend(backends, (gpointer)backend);
}

const DirtyLimitBackend *dirty_limit_find_backend(Error **errp)
{
    if (icount_enabled() || replay_mode != REPLAY_MODE_NONE) {
        error_setg(errp, "dirty page rate limits do not work with -icount, "
                   "where time is what the guest executes");
        return NULL;
    }
    for (GSList *b = backends; b; b = b->next) {
        const DirtyLimitBackend *backend = b->data;

        if (backend->usable()) {
            return backend;
        }
    }
    error_setg(errp, "dirty page rate limits need accelerator KVM or TCG");
    return NULL;
}

bool dirty_limit_supported(Error **errp)
{
    return dirty_limit_find_backend(errp);
}
