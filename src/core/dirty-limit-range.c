/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a dirty page rate limit can be: its range, its unit, whom it can hold.
 */
#include "dirty-limit-range.h"

#include "dirty-i18n.h"
#include "dirty-measurement.h"

#define MIB (G_GUINT64_CONSTANT(1024) * 1024)

/* The names QMP, the API and virsh use. */
static const char *const scope_names[] = {
    [DIRTY_SCOPE_VCPU] = "vcpu",
    [DIRTY_SCOPE_GUEST] = "guest",
};
G_STATIC_ASSERT(G_N_ELEMENTS(scope_names) == DIRTY_SCOPE_LAST);

/**
 * dirty_limit_check: whether a limit can be asked for
 * @mibs: the limit, MiB/s
 * @error: set to DIRTY_ERROR_INVALID where it cannot
 *
 * Return: TRUE for 0, which ends a limit, and for
 *   DIRTY_LIMIT_MIN_MIBS..DIRTY_LIMIT_MAX_MIBS
 */
gboolean
dirty_limit_check(guint64 mibs, GError **error)
{
    if (mibs <= DIRTY_LIMIT_MAX_MIBS) {
        return TRUE;
    }
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                _("dirty page rate limit %1$llu MiB/s is out of range: use "
                  "%2$llu to %3$llu, or 0 for no limit"),
                (unsigned long long)mibs,
                (unsigned long long)DIRTY_LIMIT_MIN_MIBS,
                (unsigned long long)DIRTY_LIMIT_MAX_MIBS);
    return FALSE;
}

/**
 * dirty_limit_pages_per_s: a limit in pages
 * @mibs: the limit, MiB/s, at most DIRTY_LIMIT_MAX_MIBS
 * @page_size: bytes of one page, a power of two, at most 1 MiB
 *
 * Return: the limit, pages/s
 */
guint64
dirty_limit_pages_per_s(guint64 mibs, guint64 page_size)
{
    return mibs * (MIB / page_size);
}

/**
 * dirty_scope_to_string: the name of a scope
 * @scope: a scope below DIRTY_SCOPE_LAST
 *
 * Return: its name as in QMP, static
 */
const char *
dirty_scope_to_string(DirtyScope scope)
{
    g_return_val_if_fail((guint)scope < DIRTY_SCOPE_LAST, NULL);
    return scope_names[scope];
}

/**
 * dirty_scope_from_string: the scope of a name
 * @name: a scope's name as in QMP, or NULL
 * @scope: where to put it
 *
 * Return: whether there is one
 */
gboolean
dirty_scope_from_string(const char *name, DirtyScope *scope)
{
    for (gsize i = 0; i < DIRTY_SCOPE_LAST; i++) {
        if (g_strcmp0(scope_names[i], name) == 0) {
            *scope = (DirtyScope)i;
            return TRUE;
        }
    }
    return FALSE;
}
