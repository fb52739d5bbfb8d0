/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sends one QMP command and takes what it returned out of the reply.
 */
#include "dirty-qmp-command.h"

#include "dirty-i18n.h"
#include "dirty-json.h"
#include "dirty-qmp-error.h"

/*
 * Return: the value of "return" in @reply, the whole reply to @command, owned by it; NULL with
 *   @error set where there is none of type @type, which is called @type_name
 */
static JsonNode *
get_return_node(JsonObject *reply, const char *command, JsonNodeType type, const char *type_name,
                GError **error)
{
    JsonNode *node;

    if (json_object_has_member(reply, "error")) {
        dirty_qmp_error_translate(reply, command, error);
        return NULL;
    }
    node = json_object_get_member(reply, "return");
    if (!node || json_node_get_node_type(node) != type) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_BAD_REPLY,
                    /* TRANSLATORS: %2$s is JSON's word 'object' or 'array' */
                    _("QEMU's reply to '%1$s' is not valid: its member 'return' is not an %2$s"),
                    command, type_name);
        return NULL;
    }
    return node;
}

/**
 * dirty_qmp_get_return: take what a command returned out of its reply
 * @reply: the whole reply
 * @command: the command it is the reply to
 * @error: set to what dirty_qmp_error_translate() makes of an error reply, or to
 *   DIRTY_ERROR_BAD_REPLY
 *
 * Return: the object, owned by @reply; NULL with @error set
 */
JsonObject *
dirty_qmp_get_return(JsonObject *reply, const char *command, GError **error)
{
    JsonNode *node = get_return_node(reply, command, JSON_NODE_OBJECT, "object", error);

    return node ? json_node_get_object(node) : NULL;
}

/**
 * dirty_qmp_get_return_array: take the array that a command returned out of its reply
 * @reply: the whole reply
 * @command: the command it is the reply to
 * @error: as in dirty_qmp_get_return()
 *
 * Return: the array, owned by @reply; NULL with @error set
 */
JsonArray *
dirty_qmp_get_return_array(JsonObject *reply, const char *command, GError **error)
{
    JsonNode *node = get_return_node(reply, command, JSON_NODE_ARRAY, "array", error);

    return node ? json_node_get_array(node) : NULL;
}

/* @arguments is taken over; NULL for none */
static char *
build_request(const char *command, JsonObject *arguments)
{
    g_autoptr(JsonObject) request = json_object_new();
    g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);

    json_object_set_string_member(request, "execute", command);
    if (arguments) {
        json_object_set_object_member(request, "arguments", arguments);
    }
    json_node_set_object(root, request);
    return json_to_string(root, FALSE);
}

/**
 * dirty_qmp_send_command: send a command and wait for its reply
 * @qmp: the way to QEMU
 * @command: the command
 * @arguments: its arguments, taken over; NULL for none
 * @error: set to @qmp's error, or to DIRTY_ERROR_BAD_REPLY
 *
 * Return: the whole reply, drop it with json_object_unref(); NULL with @error set
 */
JsonObject *
dirty_qmp_send_command(const DirtyQmp *qmp, const char *command, JsonObject *arguments,
                       GError **error)
{
    g_autofree char *request = build_request(command, arguments);
    g_autofree char *reply = qmp->send(request, qmp->opaque, error);

    if (!reply) {
        return NULL;
    }
    return dirty_json_parse_object(reply, error);
}

/**
 * dirty_qmp_run_command: send a command that has nothing to tell
 * @qmp: the way to QEMU
 * @command: the command
 * @arguments: its arguments, taken over; NULL for none
 * @error: as in dirty_qmp_send_command() and dirty_qmp_get_return()
 *
 * Return: TRUE when QEMU has done it
 */
gboolean
dirty_qmp_run_command(const DirtyQmp *qmp, const char *command, JsonObject *arguments,
                      GError **error)
{
    g_autoptr(JsonObject) reply = dirty_qmp_send_command(qmp, command, arguments, error);

    return reply && dirty_qmp_get_return(reply, command, error);
}
