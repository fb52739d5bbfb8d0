/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the subcommands of virt-dirty share.
 */
#ifndef VIRT_DIRTY_H
#define VIRT_DIRTY_H

#include <glib.h>

G_BEGIN_DECLS

/* Exit statuses: what was asked for is there; it could not be had; it was asked wrongly. */
#define VIRT_DIRTY_DONE 0
#define VIRT_DIRTY_FAILED 1
#define VIRT_DIRTY_MISUSED 2

/**
 * VirtDirtyCommand: a subcommand
 * @name: its name
 * @arguments: what stands behind its options, for its help
 * @summary: what it does, to be translated
 * @options: its options, the last without a name
 * @values: for an option the values it can have, for completion, drop them with g_strfreev(); NULL
 *   where it can have any
 * @run: does it with what stands behind the options; returns an exit status
 */
typedef struct {
    const char *name;
    const char *arguments;
    const char *summary;
    const GOptionEntry *options;
    char **(*values)(const char *option);
    int (*run)(char **arguments);
} VirtDirtyCommand;

extern const VirtDirtyCommand virt_dirty_predict;

const VirtDirtyCommand *const *virt_dirty_commands(void);
int virt_dirty_complete(char **words);

int virt_dirty_fail(int status, const GError *error);

G_END_DECLS

#endif
