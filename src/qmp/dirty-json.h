/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads JSON text that nobody vouches for.
 */
#ifndef DIRTY_JSON_H
#define DIRTY_JSON_H

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* Deepest nesting taken: a reply has 4 levels, and the parser below recurses once a level. */
#define DIRTY_JSON_DEPTH_MAX 32

/* Longest text taken, bytes: a reply for 4096 vCPUs is under 200 KiB, the monitor's limit 10 MiB.
 */
#define DIRTY_JSON_SIZE_MAX (16 * 1024 * 1024)

JsonObject *dirty_json_parse_object(const char *text, GError **error);
char *dirty_json_quote(const char *text, gssize len);

G_END_DECLS

#endif
