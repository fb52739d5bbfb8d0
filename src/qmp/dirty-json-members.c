/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Takes typed members out of an untrusted reply of QEMU, and names the one that is wrong.
 */
#include "dirty-json-members.h"

#include "dirty-i18n.h"
#include "dirty-json.h"
#include "dirty-measurement.h"

static void
set_error(GError **error, const char *path, const char *member, const char *what)
{
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_BAD_REPLY,
                _("invalid member '%1$s%2$s' in QEMU's reply: %3$s"), path, member, what);
}

/**
 * dirty_json_member_fail: say that a member is wrong
 * @from: the object it is in
 * @member: its name
 * @error: set to DIRTY_ERROR_BAD_REPLY
 * @format: what is wrong with it, as in printf()
 *
 * Return: FALSE.
 */
gboolean
dirty_json_member_fail(const DirtyJsonMembers *from, const char *member, GError **error,
                       const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    set_error(error, from->path, member, what);
    return FALSE;
}

/**
 * dirty_json_member_unknown_name: say that a member has a name that means nothing
 * @from: the object it is in
 * @member: the member's name
 * @name: its value, of any content
 * @error: set to DIRTY_ERROR_BAD_REPLY
 *
 * Return: FALSE.
 */
gboolean
dirty_json_member_unknown_name(const DirtyJsonMembers *from, const char *member, const char *name,
                               GError **error)
{
    g_autofree char *quoted = dirty_json_quote(name, -1);

    return dirty_json_member_fail(from, member, error, _("unknown name '%1$s'"), quoted);
}

/**
 * dirty_json_has: whether an object has a member
 * @from: the object
 * @member: the member's name
 *
 * Return: TRUE if it has, of whatever type.
 */
gboolean
dirty_json_has(const DirtyJsonMembers *from, const char *member)
{
    return json_object_has_member(from->object, member);
}

static JsonNode *
get_node(const DirtyJsonMembers *from, const char *member, GError **error)
{
    JsonNode *node = json_object_get_member(from->object, member);

    if (!node) {
        dirty_json_member_fail(from, member, error, _("missing"));
    }
    return node;
}

static gboolean
holds(JsonNode *node, GType type)
{
    return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == type;
}

static gboolean
read_integer(const DirtyJsonMembers *from, JsonNode *node, const char *member, gint64 min,
             gint64 *value, GError **error)
{
    if (!holds(node, G_TYPE_INT64)) {
        return dirty_json_member_fail(from, member, error, _("not an integer"));
    }
    *value = json_node_get_int(node);
    if (*value < min) {
        return dirty_json_member_fail(from, member, error, _("%1$lld is less than %2$lld"),
                                      (long long)*value, (long long)min);
    }
    return TRUE;
}

/**
 * dirty_json_get_integer: take an integer
 * @from: the object it is in
 * @member: its name
 * @min: the least that makes sense
 * @value: where to put it
 * @error: set to DIRTY_ERROR_BAD_REPLY where it is missing or wrong
 *
 * Return: TRUE if it is there.
 */
gboolean
dirty_json_get_integer(const DirtyJsonMembers *from, const char *member, gint64 min, gint64 *value,
                       GError **error)
{
    JsonNode *node = get_node(from, member, error);

    return node && read_integer(from, node, member, min, value, error);
}

/**
 * dirty_json_get_count: take an integer of at least 0
 * @from: the object it is in
 * @member: its name
 * @value: where to put it
 * @error: set to DIRTY_ERROR_BAD_REPLY where it is missing or wrong
 *
 * Return: TRUE if it is there.
 */
gboolean
dirty_json_get_count(const DirtyJsonMembers *from, const char *member, guint64 *value,
                     GError **error)
{
    gint64 number;

    if (!dirty_json_get_integer(from, member, 0, &number, error)) {
        return FALSE;
    }
    *value = number;
    return TRUE;
}

/**
 * dirty_json_get_number: take a number, written with a fraction or without
 * @from: the object it is in
 * @member: its name
 * @value: where to put it; infinite where the text has more than a double can hold
 * @error: set to DIRTY_ERROR_BAD_REPLY where it is missing or no number
 *
 * Return: TRUE if it is there.
 */
gboolean
dirty_json_get_number(const DirtyJsonMembers *from, const char *member, double *value,
                      GError **error)
{
    JsonNode *node = get_node(from, member, error);

    if (!node) {
        return FALSE;
    }
    if (!holds(node, G_TYPE_INT64) && !holds(node, G_TYPE_DOUBLE)) {
        return dirty_json_member_fail(from, member, error, _("not a number"));
    }
    *value = json_node_get_double(node);
    return TRUE;
}

/**
 * dirty_json_get_string: take a string
 * @from: the object it is in
 * @member: its name
 * @error: set to DIRTY_ERROR_BAD_REPLY where it is missing or no string
 *
 * Return: the string, owned by the object; NULL with @error set
 */
const char *
dirty_json_get_string(const DirtyJsonMembers *from, const char *member, GError **error)
{
    JsonNode *node = get_node(from, member, error);

    if (!node) {
        return NULL;
    }
    if (!holds(node, G_TYPE_STRING)) {
        dirty_json_member_fail(from, member, error, _("not a string"));
        return NULL;
    }
    return json_node_get_string(node);
}

/**
 * dirty_json_get_array: take an array
 * @from: the object it is in
 * @member: its name
 * @max: most elements that make sense
 * @error: set to DIRTY_ERROR_BAD_REPLY where it is missing, no array or too long
 *
 * Return: the array, owned by the object; NULL with @error set
 */
JsonArray *
dirty_json_get_array(const DirtyJsonMembers *from, const char *member, guint max, GError **error)
{
    JsonNode *node = get_node(from, member, error);
    JsonArray *array;

    if (!node) {
        return NULL;
    }
    if (!JSON_NODE_HOLDS_ARRAY(node)) {
        dirty_json_member_fail(from, member, error, _("not an array"));
        return NULL;
    }
    array = json_node_get_array(node);
    if (json_array_get_length(array) > max) {
        dirty_json_member_fail(from, member, error, _("%1$u elements are more than %2$u"),
                               json_array_get_length(array), max);
        return NULL;
    }
    return array;
}

/**
 * dirty_json_get_element: take an object out of an array
 * @from: the object that the array is in
 * @array: the array
 * @member: its name
 * @i: the object's place
 * @element: where to put the object
 * @path: where to put the path of its members, to be freed after @element's last use
 * @error: set to DIRTY_ERROR_BAD_REPLY where there is no object at that place
 *
 * Return: TRUE if there is one.
 */
gboolean
dirty_json_get_element(const DirtyJsonMembers *from, JsonArray *array, const char *member, guint i,
                       DirtyJsonMembers *element, char **path, GError **error)
{
    JsonNode *node = json_array_get_element(array, i);

    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        g_autofree char *name = g_strdup_printf("%s[%u]", member, i);

        return dirty_json_member_fail(from, name, error, _("not an object"));
    }
    *path = g_strdup_printf("%s%s[%u].", from->path, member, i);
    *element = (DirtyJsonMembers){json_node_get_object(node), *path};
    return TRUE;
}

/**
 * dirty_json_get_integers: take an array of integers of at least 0
 * @from: the object it is in
 * @member: its name
 * @max: most elements that make sense
 * @n_values: where to put how many there are
 * @error: set to DIRTY_ERROR_BAD_REPLY where it or an element is wrong
 *
 * Return: the integers, free with g_free(), not NULL for none; NULL with @error set
 */
gint64 *
dirty_json_get_integers(const DirtyJsonMembers *from, const char *member, guint max,
                        gsize *n_values, GError **error)
{
    JsonArray *array = dirty_json_get_array(from, member, max, error);
    g_autofree gint64 *values = NULL;
    guint len;
    guint i;

    if (!array) {
        return NULL;
    }
    len = json_array_get_length(array);
    values = g_new0(gint64, MAX(len, 1));
    for (i = 0; i < len; i++) {
        g_autofree char *element = g_strdup_printf("%s[%u]", member, i);

        if (!read_integer(from, json_array_get_element(array, i), element, 0, &values[i], error)) {
            return NULL;
        }
    }
    *n_values = len;
    return g_steal_pointer(&values);
}
