/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's dirty rate commands: builds the requests and reads the replies, and does no I/O.
 */
#include "dirty-qmp.h"

#include "dirty-json.h"
#include "dirty-qmp-command.h"
#include "dirty-qmp-error.h"
#include "dirty-rate-info.h"

#define QUERY_COMMANDS "query-commands"

/* Leaves out whatever is QEMU's default, so that each QEMU gets what it knows. */
static JsonObject *
calc_arguments(const DirtyMeasurementRequest *request)
{
    JsonObject *arguments = json_object_new();

    if (request->calc_time % 1000 == 0) {
        json_object_set_int_member(arguments, "calc-time", request->calc_time / 1000);
    } else {
        json_object_set_int_member(arguments, "calc-time", request->calc_time);
        json_object_set_string_member(arguments, DIRTY_QMP_CALC_TIME_UNIT, "millisecond");
    }
    if (request->sample_pages) {
        json_object_set_int_member(arguments, DIRTY_QMP_SAMPLE_PAGES, request->sample_pages);
    }
    if (request->mode != DIRTY_MODE_PAGE_SAMPLING) {
        json_object_set_string_member(arguments, DIRTY_QMP_MODE,
                                      dirty_mode_to_string(request->mode));
    }
    if (request->compression) {
        json_object_set_boolean_member(arguments, DIRTY_QMP_COMPRESSION, TRUE);
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
    return dirty_qmp_run_command(qmp, DIRTY_QMP_CALC, calc_arguments(request), error);
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

    json_object_set_string_member(arguments, DIRTY_QMP_CALC_TIME_UNIT, "millisecond");
    reply = dirty_qmp_send_command(qmp, DIRTY_QMP_QUERY, arguments, error);
    if (!reply) {
        return NULL;
    }
    info = dirty_qmp_get_return(reply, DIRTY_QMP_QUERY, &unsupported);
    if (!info && g_error_matches(unsupported, DIRTY_ERROR, DIRTY_ERROR_UNSUPPORTED)) {
        g_clear_pointer(&reply, json_object_unref);
        reply = dirty_qmp_send_command(qmp, DIRTY_QMP_QUERY, NULL, error);
        if (!reply) {
            return NULL;
        }
        info = dirty_qmp_get_return(reply, DIRTY_QMP_QUERY, error);
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
    return dirty_qmp_run_command(qmp, DIRTY_QMP_CANCEL, NULL, error);
}

static gboolean
names_command(JsonNode *entry, const char *command)
{
    JsonNode *name = JSON_NODE_HOLDS_OBJECT(entry)
                         ? json_object_get_member(json_node_get_object(entry), "name")
                         : NULL;

    return name && JSON_NODE_HOLDS_VALUE(name) &&
           g_strcmp0(json_node_get_string(name), command) == 0;
}

/**
 * dirty_qmp_query_patched: ask whether QEMU has the libvirt-dirty patch
 * @qmp: the way to QEMU
 * @patched: where to put the answer
 * @error: where to put why it could not be asked
 *
 * The patch is known by the command it adds, as a client cannot see what else it has changed.
 *
 * Return: TRUE if @patched is known; FALSE with DIRTY_ERROR_MONITOR, DIRTY_ERROR_BAD_REPLY, or
 *   @qmp's error
 */
gboolean
dirty_qmp_query_patched(const DirtyQmp *qmp, gboolean *patched, GError **error)
{
    g_autoptr(JsonObject) reply = dirty_qmp_send_command(qmp, QUERY_COMMANDS, NULL, error);
    JsonArray *commands = reply ? dirty_qmp_get_return_array(reply, QUERY_COMMANDS, error) : NULL;
    guint i;

    if (!commands) {
        return FALSE;
    }
    *patched = FALSE;
    for (i = 0; i < json_array_get_length(commands) && !*patched; i++) {
        *patched = names_command(json_array_get_element(commands, i), DIRTY_QMP_CANCEL);
    }
    return TRUE;
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
        info = dirty_qmp_get_return(object, DIRTY_QMP_QUERY, error);
    }
    return info ? dirty_rate_info_parse(info, error) : NULL;
}
