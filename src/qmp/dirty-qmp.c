/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's dirty rate commands: builds the requests and reads the replies, and does no I/O.
 */
#include "dirty-qmp.h"

#include <string.h>

#include "dirty-i18n.h"
#include "dirty-json.h"
#include "dirty-rate-info.h"

#define CALC_DIRTY_RATE "calc-dirty-rate"
#define QUERY_DIRTY_RATE "query-dirty-rate"
#define CANCEL_DIRTY_RATE "cancel-dirty-rate"

#define CALC_TIME_UNIT "calc-time-unit"

/*
 * What not every QEMU has: commands by their name in a CommandNotFound error, arguments by their
 * name in the text of a GenericError. Neither error says what would be needed, so this table does.
 */
static const struct {
    const char *name;
    const char *needs;
} needs[] = {
    {CALC_DIRTY_RATE, N_("QEMU 5.2 or later")},
    {QUERY_DIRTY_RATE, N_("QEMU 5.2 or later")},
    {CANCEL_DIRTY_RATE, N_("QEMU with the libvirt-dirty patch")},
    {"sample-pages", N_("QEMU 6.1 or later")},
    {"mode", N_("QEMU 6.2 or later")},
    {CALC_TIME_UNIT, N_("QEMU 8.2 or later; older versions take whole seconds only")},
};

static const char *
what_it_needs(const char *name)
{
    gsize i;

    for (i = 0; i < G_N_ELEMENTS(needs); i++) {
        if (g_str_equal(needs[i].name, name)) {
            return _(needs[i].needs);
        }
    }
    return _("a later QEMU");
}

/**
 * DirtyQmpError: an error reply
 * @class: QMP's error class
 * @desc: QEMU's text
 */
typedef struct {
    const char *class;
    const char *desc;
} DirtyQmpError;

static const char *
get_error_string(JsonObject *object, const char *member)
{
    JsonNode *node = json_object_get_member(object, member);

    if (!node || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING) {
        return NULL;
    }
    return json_node_get_string(node);
}

/* The texts point into @reply. */
static gboolean
get_error(JsonObject *reply, DirtyQmpError *qmp_error, GError **error)
{
    JsonNode *node = json_object_get_member(reply, "error");

    if (JSON_NODE_HOLDS_OBJECT(node)) {
        qmp_error->class = get_error_string(json_node_get_object(node), "class");
        qmp_error->desc = get_error_string(json_node_get_object(node), "desc");
        if (qmp_error->class && qmp_error->desc) {
            return TRUE;
        }
    }
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_BAD_REPLY,
                _("QEMU's reply is not valid: its member 'error' is not an object with the "
                  "strings 'class' and 'desc'"));
    return FALSE;
}

/* Return: which of our arguments QEMU does not know, NULL when the error is about something else */
static const char *
unexpected_argument(const DirtyQmpError *qmp_error)
{
    gsize i;

    for (i = 0; i < G_N_ELEMENTS(needs); i++) {
        g_autofree char *text = g_strdup_printf("Parameter '%s' is unexpected", needs[i].name);

        if (strstr(qmp_error->desc, text)) {
            return needs[i].name;
        }
    }
    return NULL;
}

/* Sets @error to what the error reply @qmp_error to @command means. */
static void
translate_error(const char *command, const DirtyQmpError *qmp_error, GError **error)
{
    g_autofree char *desc = dirty_json_quote(qmp_error->desc, -1);
    const char *argument;

    if (g_str_equal(qmp_error->class, "CommandNotFound")) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_UNSUPPORTED,
                    _("this QEMU does not know the command '%1$s': it needs %2$s"), command,
                    what_it_needs(command));
        return;
    }
    argument = unexpected_argument(qmp_error);
    if (argument) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_UNSUPPORTED,
                    _("this QEMU does not know the argument '%1$s' of '%2$s': it needs %3$s"),
                    argument, command, what_it_needs(argument));
        return;
    }
    /* QMP has no error class of its own for this; stock since 5.2 and ours share these words. */
    if (strstr(qmp_error->desc, "already being measured")) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_BUSY,
                    _("a dirty page rate measurement is already running in QEMU: wait until it "
                      "ends or cancel it"));
        return;
    }
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_MONITOR, _("QEMU refused '%1$s': %2$s"), command,
                desc);
}

/*
 * Takes the value out of @reply, the whole reply to @command.
 *
 * Return: the "return" object, owned by @reply; NULL with @error set
 */
static JsonObject *
get_return(JsonObject *reply, const char *command, GError **error)
{
    JsonNode *node = json_object_get_member(reply, "return");
    DirtyQmpError qmp_error;

    if (json_object_has_member(reply, "error")) {
        if (get_error(reply, &qmp_error, error)) {
            translate_error(command, &qmp_error, error);
        }
        return NULL;
    }
    if (!node || !JSON_NODE_HOLDS_OBJECT(node)) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_BAD_REPLY,
                    _("QEMU's reply to '%1$s' is not valid: its member 'return' is not an object"),
                    command);
        return NULL;
    }
    return json_node_get_object(node);
}

/*
 * Builds the request for @command.
 * @arguments: its arguments, taken over; NULL for none
 */
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

/*
 * Sends @command.
 * @arguments: its arguments, taken over; NULL for none
 *
 * Return: the whole reply, drop it with json_object_unref(); NULL with @error set
 */
static JsonObject *
send_command(const DirtyQmp *qmp, const char *command, JsonObject *arguments, GError **error)
{
    g_autofree char *request = build_request(command, arguments);
    g_autofree char *reply = qmp->send(request, qmp->opaque, error);

    if (!reply) {
        return NULL;
    }
    return dirty_json_parse_object(reply, error);
}

/* Sends @command and takes any object for success. */
static gboolean
run_command(const DirtyQmp *qmp, const char *command, JsonObject *arguments, GError **error)
{
    g_autoptr(JsonObject) reply = send_command(qmp, command, arguments, error);

    return reply && get_return(reply, command, error);
}

/* Leaves out whatever is QEMU's default, so that each QEMU gets what it knows. */
static JsonObject *
calc_arguments(const DirtyMeasurementRequest *request)
{
    JsonObject *arguments = json_object_new();

    if (request->calc_time % 1000 == 0) {
        json_object_set_int_member(arguments, "calc-time", request->calc_time / 1000);
    } else {
        json_object_set_int_member(arguments, "calc-time", request->calc_time);
        json_object_set_string_member(arguments, CALC_TIME_UNIT, "millisecond");
    }
    if (request->sample_pages) {
        json_object_set_int_member(arguments, "sample-pages", request->sample_pages);
    }
    if (request->mode != DIRTY_MODE_PAGE_SAMPLING) {
        json_object_set_string_member(arguments, "mode", dirty_mode_to_string(request->mode));
    }
    return arguments;
}

/**
 * dirty_qmp_calc_dirty_rate: start a measurement
 * @qmp: the way to QEMU
 * @request: what to measure
 * @error: where to put why it did not start
 *
 * Return: TRUE when QEMU has started it. FALSE with DIRTY_ERROR_INVALID when @request is not valid,
 *   DIRTY_ERROR_BUSY when one is running, DIRTY_ERROR_UNSUPPORTED when this QEMU is too old for it,
 *   DIRTY_ERROR_MONITOR with QEMU's reason when it refused, DIRTY_ERROR_BAD_REPLY, or @qmp's error
 */
gboolean
dirty_qmp_calc_dirty_rate(const DirtyQmp *qmp, const DirtyMeasurementRequest *request,
                          GError **error)
{
    if (!dirty_measurement_request_check(request, error)) {
        return FALSE;
    }
    return run_command(qmp, CALC_DIRTY_RATE, calc_arguments(request), error);
}

/**
 * dirty_qmp_query_dirty_rate: read how the last measurement goes or what it gave
 * @qmp: the way to QEMU
 * @error: where to put why it could not be read
 *
 * Asks in milliseconds. QEMU before 8.2 refuses that; it is asked again without a unit then, and
 * its calc-time is in whole seconds.
 *
 * Return: the measurement, also one not started or not finished; free with
 *   dirty_measurement_free(). NULL with DIRTY_ERROR_UNSUPPORTED, DIRTY_ERROR_MONITOR,
 *   DIRTY_ERROR_BAD_REPLY, or @qmp's error
 */
DirtyMeasurement *
dirty_qmp_query_dirty_rate(const DirtyQmp *qmp, GError **error)
{
    JsonObject *arguments = json_object_new();
    g_autoptr(JsonObject) reply = NULL;
    g_autoptr(GError) unsupported = NULL;
    JsonObject *info;

    json_object_set_string_member(arguments, CALC_TIME_UNIT, "millisecond");
    reply = send_command(qmp, QUERY_DIRTY_RATE, arguments, error);
    if (!reply) {
        return NULL;
    }
    info = get_return(reply, QUERY_DIRTY_RATE, &unsupported);
    if (!info && g_error_matches(unsupported, DIRTY_ERROR, DIRTY_ERROR_UNSUPPORTED)) {
        g_clear_pointer(&reply, json_object_unref);
        reply = send_command(qmp, QUERY_DIRTY_RATE, NULL, error);
        if (!reply) {
            return NULL;
        }
        info = get_return(reply, QUERY_DIRTY_RATE, error);
    } else if (!info) {
        g_propagate_error(error, g_steal_pointer(&unsupported));
    }
    return info ? dirty_rate_info_parse(info, error) : NULL;
}

/**
 * dirty_qmp_cancel_dirty_rate: end a running measurement without a result
 * @qmp: the way to QEMU
 * @error: where to put why it was not ended
 *
 * Return: TRUE when none is running any more, also when none was. FALSE with
 *   DIRTY_ERROR_UNSUPPORTED when QEMU lacks our patch (the measurement then runs to its end),
 *   DIRTY_ERROR_MONITOR, DIRTY_ERROR_BAD_REPLY, or @qmp's error
 */
gboolean
dirty_qmp_cancel_dirty_rate(const DirtyQmp *qmp, GError **error)
{
    return run_command(qmp, CANCEL_DIRTY_RATE, NULL, error);
}

/**
 * dirty_qmp_parse_dirty_rate: read a reply of query-dirty-rate, also a saved one
 * @reply: JSON text, of any content: the whole reply or the DirtyRateInfo object in it; not NULL
 * @error: where to put what is wrong with it
 *
 * Return: the measurement, free with dirty_measurement_free(); NULL with DIRTY_ERROR_BAD_REPLY, or
 *   with what an error reply means as in dirty_qmp_query_dirty_rate()
 */
DirtyMeasurement *
dirty_qmp_parse_dirty_rate(const char *reply, GError **error)
{
    g_autoptr(JsonObject) object = dirty_json_parse_object(reply, error);
    JsonObject *info = object;

    if (!object) {
        return NULL;
    }
    if (json_object_has_member(object, "return") || json_object_has_member(object, "error")) {
        info = get_return(object, QUERY_DIRTY_RATE, error);
    }
    return info ? dirty_rate_info_parse(info, error) : NULL;
}
