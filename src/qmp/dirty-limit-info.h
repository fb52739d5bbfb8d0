/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns QEMU's array of DirtyLimitInfo objects into limits.
 */
#ifndef DIRTY_LIMIT_INFO_H
#define DIRTY_LIMIT_INFO_H

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

GArray *dirty_limit_infos_parse(JsonObject *reply, GError **error);

G_END_DECLS

#endif
