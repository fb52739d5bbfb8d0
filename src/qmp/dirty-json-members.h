/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Takes typed members out of an untrusted reply of QEMU, and names the one that is wrong.
 */
#ifndef DIRTY_JSON_MEMBERS_H
#define DIRTY_JSON_MEMBERS_H

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* Most vCPUs taken: far beyond what any machine type allows, and few enough to hold in memory. */
#define DIRTY_JSON_VCPUS_MAX 65536

/**
 * DirtyJsonMembers: an object to take members from
 * @object: the object
 * @path: what errors put before a member's name, such as "vcpu-dirty-rate[2]."; "" at the top
 */
typedef struct {
    JsonObject *object;
    const char *path;
} DirtyJsonMembers;

gboolean dirty_json_member_fail(const DirtyJsonMembers *from, const char *member, GError **error,
                                const char *format, ...) G_GNUC_PRINTF(4, 5);
gboolean dirty_json_member_unknown_name(const DirtyJsonMembers *from, const char *member,
                                        const char *name, GError **error);

gboolean dirty_json_has(const DirtyJsonMembers *from, const char *member);
gboolean dirty_json_get_integer(const DirtyJsonMembers *from, const char *member, gint64 min,
                                gint64 *value, GError **error);
gboolean dirty_json_get_count(const DirtyJsonMembers *from, const char *member, guint64 *value,
                              GError **error);
gboolean dirty_json_get_number(const DirtyJsonMembers *from, const char *member, double *value,
                               GError **error);
const char *dirty_json_get_string(const DirtyJsonMembers *from, const char *member, GError **error);
JsonArray *dirty_json_get_array(const DirtyJsonMembers *from, const char *member, guint max,
                                GError **error);
gboolean dirty_json_get_element(const DirtyJsonMembers *from, JsonArray *array, const char *member,
                                guint i, DirtyJsonMembers *element, char **path, GError **error);
gint64 *dirty_json_get_integers(const DirtyJsonMembers *from, const char *member, guint max,
                                gsize *n_values, GError **error);

G_END_DECLS

#endif
