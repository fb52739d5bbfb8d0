/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tells what QEMU's error replies mean, and which QEMU would not give them.
 */
#include "dirty-qmp-error.h"

#include <string.h>

#include "dirty-i18n.h"
#include "dirty-json.h"
#include "dirty-measurement.h"

#define NEEDS_PATCH N_("QEMU with the libvirt-dirty patch")

/*
 * What not every QEMU has: commands by their name in a CommandNotFound error, arguments by their
 * name in the text of a GenericError. Neither error says what would be needed, so this table does.
 */
static const struct {
    const char *name;
    const char *needs;
} needs[] = {
    {DIRTY_QMP_CALC, N_("QEMU 5.2 or later")},
    {DIRTY_QMP_QUERY, N_("QEMU 5.2 or later")},
    {DIRTY_QMP_CANCEL, NEEDS_PATCH},
    {DIRTY_QMP_SET_LIMIT, N_("QEMU 7.1 or later")},
    {DIRTY_QMP_CANCEL_LIMIT, N_("QEMU 7.1 or later")},
    {DIRTY_QMP_QUERY_LIMIT, N_("QEMU 7.1 or later")},
    {DIRTY_QMP_MIGRATE_PARAMETERS, N_("QEMU 2.4 or later")},
    {DIRTY_QMP_MEMORY_SIZE, N_("QEMU 2.11 or later")},
    {DIRTY_QMP_COMPRESSION, NEEDS_PATCH},
    {DIRTY_QMP_SAMPLE_PAGES, N_("QEMU 6.1 or later")},
    {DIRTY_QMP_MODE, N_("QEMU 6.2 or later")},
    {DIRTY_QMP_CALC_TIME_UNIT, N_("QEMU 8.2 or later; older versions take whole seconds only")},
};

/*
 * What QEMU says for want of an error class, and what it means. The first row whose words are in
 * its text counts; where there is no message of ours, QEMU's says it all.
 */
static const struct {
    const char *words;
    DirtyError code;
    const char *message;
} refusals[] = {
    {"already being measured", DIRTY_ERROR_BUSY,
     N_("a dirty page rate measurement is already running in QEMU: wait until it ends or cancel "
        "it")},
    {"dirty page rate limit while migration is running", DIRTY_ERROR_BUSY,
     N_("QEMU migrates the guest and holds its vCPUs to a dirty page rate limit of the migration: "
        "wait until it ends or cancel it")},
    {"requires KVM with accelerator property 'dirty-ring-size'", DIRTY_ERROR_UNSUPPORTED,
     N_("this QEMU can limit the dirty page rate of a guest only under KVM with the feature "
        "dirty-ring, which this guest does not have: enable it, or use QEMU with the libvirt-dirty "
        "patch")},
    {"one vCPU of several needs a dirty ring", DIRTY_ERROR_UNSUPPORTED, NULL},
    {"rate limits do not work with -icount", DIRTY_ERROR_UNSUPPORTED, NULL},
    {"rate limits need accelerator KVM or TCG", DIRTY_ERROR_UNSUPPORTED, NULL},
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

static void
refuse(const char *command, const DirtyQmpError *qmp_error, GError **error)
{
    g_autofree char *desc = dirty_json_quote(qmp_error->desc, -1);
    DirtyError code = DIRTY_ERROR_MONITOR;
    const char *message = NULL;
    gsize i;

    for (i = 0; i < G_N_ELEMENTS(refusals); i++) {
        if (strstr(qmp_error->desc, refusals[i].words)) {
            code = refusals[i].code;
            message = refusals[i].message;
            break;
        }
    }
    if (message) {
        g_set_error_literal(error, DIRTY_ERROR, code, _(message));
    } else {
        g_set_error(error, DIRTY_ERROR, code, _("QEMU refused '%1$s': %2$s"), command, desc);
    }
}

static void
translate(const char *command, const DirtyQmpError *qmp_error, GError **error)
{
    const char *argument = unexpected_argument(qmp_error);

    if (g_str_equal(qmp_error->class, "CommandNotFound")) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_UNSUPPORTED,
                    _("this QEMU does not know the command '%1$s': it needs %2$s"), command,
                    what_it_needs(command));
    } else if (argument) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_UNSUPPORTED,
                    _("this QEMU does not know the argument '%1$s' of '%2$s': it needs %3$s"),
                    argument, command, what_it_needs(argument));
    } else {
        refuse(command, qmp_error, error);
    }
}

/**
 * dirty_qmp_error_translate: what an error reply means
 * @reply: the whole reply, with a member "error" of any content
 * @command: the command it is the reply to
 * @error: set to DIRTY_ERROR_UNSUPPORTED where this QEMU lacks the command or an argument,
 *   DIRTY_ERROR_BUSY where something runs that excludes it, DIRTY_ERROR_MONITOR with its reason
 *   where it refuses, or DIRTY_ERROR_BAD_REPLY
 */
void
dirty_qmp_error_translate(JsonObject *reply, const char *command, GError **error)
{
    DirtyQmpError qmp_error;

    if (get_error(reply, &qmp_error, error)) {
        translate(command, &qmp_error, error);
    }
}
