/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ways to find dirty pages: their names, and which of them a guest can
 * have.
 */
#ifndef DIRTY_MODE_H
#define DIRTY_MODE_H

#include <glib.h>

G_BEGIN_DECLS

/*
 * How dirty pages are found. The names are those of QEMU's
 * DirtyRateMeasureMode.
 */
typedef enum {
    DIRTY_MODE_PAGE_SAMPLING,
    DIRTY_MODE_DIRTY_BITMAP,
    DIRTY_MODE_DIRTY_RING,
    DIRTY_MODE_LAST,
    /*
     * Leaves the choice to dirty_mode_choose(). It stands behind the last mode
     * because it is a wish and not a way to measure: no measurement has it.
     */
    DIRTY_MODE_AUTO
} DirtyMode;

/* What DIRTY_MODE_AUTO is called in a request. */
#define DIRTY_MODE_AUTO_NAME "auto"

/**
 * DirtyModeFacts: what decides which modes a guest can have
 * @kvm: it runs under KVM and not under TCG
 * @ring: KVM logs its writes in dirty rings
 * @migrating: it is being migrated live, so that its writes are logged already
 * @patched: its QEMU has the libvirt-dirty patch
 */
typedef struct {
    gboolean kvm;
    gboolean ring;
    gboolean migrating;
    gboolean patched;
} DirtyModeFacts;

const char *dirty_mode_to_string(DirtyMode mode);
gboolean dirty_mode_from_string(const char *name, DirtyMode *mode,
                                GError **error);
const char *dirty_mode_request_to_string(DirtyMode mode);
gboolean dirty_mode_request_from_string(const char *name, DirtyMode *mode,
                                        GError **error);

gboolean dirty_mode_counts_exactly(DirtyMode mode);
DirtyMode dirty_mode_choose(const DirtyModeFacts *facts);
gboolean dirty_mode_check(DirtyMode mode, const DirtyModeFacts *facts,
                          GError **error);

G_END_DECLS

#endif
