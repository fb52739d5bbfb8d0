/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ways to find dirty pages: their names, and which of them a guest can
 * have.
 */
#include "dirty-mode.h"

#include "dirty-i18n.h"
#include "dirty-measurement.h"

/*
 * The names QMP, the API and virsh use; tests compare them with QEMU's schema.
 */
static const char *const mode_names[] = {
    [DIRTY_MODE_PAGE_SAMPLING] = "page-sampling",
    [DIRTY_MODE_DIRTY_BITMAP] = "dirty-bitmap",
    [DIRTY_MODE_DIRTY_RING] = "dirty-ring",
};
G_STATIC_ASSERT(G_N_ELEMENTS(mode_names) == DIRTY_MODE_LAST);

/* Return: whether there is such a mode; @mode is set then */
static gboolean
find_mode(const char *name, DirtyMode *mode)
{
    for (gsize i = 0; i < DIRTY_MODE_LAST; i++) {
        if (g_strcmp0(mode_names[i], name) == 0) {
            *mode = (DirtyMode)i;
            return TRUE;
        }
    }
    return FALSE;
}

/**
 * dirty_mode_to_string: the name of a mode
 * @mode: a mode below DIRTY_MODE_LAST
 *
 * Return: its name as in QMP, static.
 */
const char *
dirty_mode_to_string(DirtyMode mode)
{
    g_return_val_if_fail((guint)mode < DIRTY_MODE_LAST, NULL);
    return mode_names[mode];
}

/**
 * dirty_mode_from_string: the mode of a name
 * @name: a mode's name as in QMP, or NULL
 * @mode: where to put it
 * @error: set to DIRTY_ERROR_INVALID where there is no such mode
 *
 * Return: TRUE if there is one.
 */
gboolean
dirty_mode_from_string(const char *name, DirtyMode *mode, GError **error)
{
    if (find_mode(name, mode)) {
        return TRUE;
    }
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                _("unknown mode '%1$s': use 'page-sampling', "
                  "'dirty-bitmap' or 'dirty-ring'"),
                name ? name : "");
    return FALSE;
}

/**
 * dirty_mode_request_to_string: the name of a mode that can be asked for
 * @mode: a mode below DIRTY_MODE_LAST, or DIRTY_MODE_AUTO
 *
 * Return: its name in a request, static.
 */
const char *
dirty_mode_request_to_string(DirtyMode mode)
{
    return mode == DIRTY_MODE_AUTO ? DIRTY_MODE_AUTO_NAME
                                   : dirty_mode_to_string(mode);
}

/**
 * dirty_mode_request_from_string: the mode that a name asks for
 * @name: a mode's name, "auto", or NULL
 * @mode: where to put it
 * @error: set to DIRTY_ERROR_INVALID where there is no such mode
 *
 * For what users ask for; a reply goes through dirty_mode_from_string(), as
 * nothing was ever measured by "auto".
 *
 * Return: TRUE if there is one.
 */
gboolean
dirty_mode_request_from_string(const char *name, DirtyMode *mode,
                               GError **error)
{
    if (find_mode(name, mode)) {
        return TRUE;
    }
    if (g_strcmp0(name, DIRTY_MODE_AUTO_NAME) == 0) {
        *mode = DIRTY_MODE_AUTO;
        return TRUE;
    }
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                _("unknown mode '%1$s': use 'auto', 'page-sampling', "
                  "'dirty-bitmap' or 'dirty-ring'"),
                name ? name : "");
    return FALSE;
}

/**
 * dirty_mode_counts_exactly: whether a mode counts all pages
 * @mode: a mode below DIRTY_MODE_LAST
 *
 * Return: FALSE if it looks at a sample of them.
 */
gboolean
dirty_mode_counts_exactly(DirtyMode mode)
{
    return mode != DIRTY_MODE_PAGE_SAMPLING;
}

/**
 * dirty_mode_choose: the mode that suits a guest best
 * @facts: the guest
 *
 * Counting exactly has a price that the guest pays: each page must be
 * write-protected, and the first write to each traps. Sampling only reads.
 * While a guest with dirty rings migrates, the price is being paid anyway:
 * then its rings tell for nothing what a sample can only estimate, and for
 * each vCPU.
 *
 * Without rings that does not hold: the dirty bitmap is cleared by whoever
 * reads it, so migration and measurement would take it from each other.
 *
 * Return: a mode that dirty_mode_check() allows.
 */
DirtyMode
dirty_mode_choose(const DirtyModeFacts *facts)
{
    if (facts->kvm && facts->ring && facts->migrating && facts->patched) {
        return DIRTY_MODE_DIRTY_RING;
    }
    return DIRTY_MODE_PAGE_SAMPLING;
}

/*
 * Why a guest cannot have a mode. The first row that matches counts; a fact
 * that does not matter is ANY.
 */
#define ANY -1
static const struct {
    DirtyMode mode;
    int kvm;
    int ring;
    int migrating;
    int patched;
    const char *reason;
} refusals[] = {
    {DIRTY_MODE_DIRTY_RING, FALSE, ANY, ANY, ANY,
     N_("mode 'dirty-ring' needs KVM, which this guest does not use: use mode "
        "'page-sampling'")},
    {DIRTY_MODE_DIRTY_RING, TRUE, FALSE, ANY, ANY,
     N_("mode 'dirty-ring' needs the KVM feature dirty-ring, which this guest "
        "does not have: use another mode or enable the feature")},
    /* Stock QEMU answers 0 then, and some versions crash. */
    {DIRTY_MODE_DIRTY_BITMAP, FALSE, ANY, ANY, FALSE,
     N_("mode 'dirty-bitmap' needs KVM or a QEMU with the libvirt-dirty patch, "
        "and this guest has neither: use mode 'page-sampling'")},
    {DIRTY_MODE_DIRTY_BITMAP, TRUE, TRUE, ANY, ANY,
     N_("mode 'dirty-bitmap' excludes the KVM feature dirty-ring, which this "
        "guest has: use mode 'dirty-ring' or 'page-sampling'")},
    {DIRTY_MODE_DIRTY_BITMAP, TRUE, FALSE, TRUE, ANY,
     N_("mode 'dirty-bitmap' would disturb the migration that is under way, as "
        "both would clear the same bitmap: use mode 'page-sampling'")},
};

static gboolean
matches(gboolean fact, int wanted)
{
    return wanted == ANY || !fact == !wanted;
}

/**
 * dirty_mode_check: whether a guest can be measured in a mode now
 * @mode: a mode below DIRTY_MODE_LAST
 * @facts: the guest
 * @error: set to DIRTY_ERROR_UNSUPPORTED with the reason where it cannot
 *
 * Return: TRUE if it can.
 */
gboolean
dirty_mode_check(DirtyMode mode, const DirtyModeFacts *facts, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++) {
        if (refusals[i].mode == mode && matches(facts->kvm, refusals[i].kvm) &&
            matches(facts->ring, refusals[i].ring) &&
            matches(facts->migrating, refusals[i].migrating) &&
            matches(facts->patched, refusals[i].patched)) {
            g_set_error_literal(error, DIRTY_ERROR, DIRTY_ERROR_UNSUPPORTED,
                                _(refusals[i].reason));
            return FALSE;
        }
    }
    return TRUE;
}
