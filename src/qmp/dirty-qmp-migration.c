/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks QEMU what decides how the guest would be migrated: builds the requests and reads the
 * replies, and does no I/O.
 */
#include "dirty-qmp-migration.h"

#include "dirty-i18n.h"
#include "dirty-json-members.h"
#include "dirty-qmp-command.h"
#include "dirty-qmp-error.h"

#define PERCENT 0.01

/* One row for each number of QEMU's MigrationParameters that is one of MigrationSettings. */
typedef struct {
    const char *member;
    gsize offset;
    double unit; /* of QEMU's number in that of the setting */
    gint64 min;
    gint64 max;
} ParameterRow;

#define ROW(member, setting, unit, min, max)                                                       \
 {                                                                                                 \
  member, G_STRUCT_OFFSET(MigrationSettings, setting), unit, min, max                              \
 }

static const ParameterRow parameters[] = {
    ROW("downtime-limit", downtime_limit, 1, 0, G_MAXINT64),
    ROW("max-bandwidth", max_bandwidth, 1, 0, G_MAXINT64),
    ROW("avail-switchover-bandwidth", switchover_bandwidth, 1, 0, G_MAXINT64),
    ROW("cpu-throttle-initial", throttle_initial, PERCENT, 1, 99),
    ROW("cpu-throttle-increment", throttle_increment, PERCENT, 1, 99),
    ROW("max-cpu-throttle", throttle_max, PERCENT, 1, 99),
    ROW("throttle-trigger-threshold", throttle_trigger, PERCENT, 1, 100),
    ROW("vcpu-dirty-limit", vcpu_dirty_limit, 1, 1, G_MAXINT64),
};

static gboolean
take_parameter(const DirtyJsonMembers *from, const ParameterRow *row, MigrationSettings *settings,
               GError **error)
{
    gint64 value;

    /* All of them are optional. */
    if (!dirty_json_has(from, row->member)) {
        return TRUE;
    }
    if (!dirty_json_get_integer(from, row->member, row->min, &value, error)) {
        return FALSE;
    }
    if (value > row->max) {
        return dirty_json_member_fail(from, row->member, error, _("%1$lld is more than %2$lld"),
                                      (long long)value, (long long)row->max);
    }
    G_STRUCT_MEMBER(double, settings, row->offset) = value * row->unit;
    return TRUE;
}

static gboolean
take_tailslow(const DirtyJsonMembers *from, MigrationSettings *settings, GError **error)
{
    static const char member[] = "cpu-throttle-tailslow";
    JsonNode *node = json_object_get_member(from->object, member);

    if (!node) {
        return TRUE;
    }
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_BOOLEAN) {
        return dirty_json_member_fail(from, member, error, _("not true or false"));
    }
    settings->tailslow = json_node_get_boolean(node);
    return TRUE;
}

static gboolean
take_channels(const DirtyJsonMembers *from, MigrationSettings *settings, GError **error)
{
    static const char member[] = "multifd-channels";
    gint64 channels;

    if (!dirty_json_has(from, member)) {
        return TRUE;
    }
    if (!dirty_json_get_integer(from, member, 1, &channels, error)) {
        return FALSE;
    }
    if (channels > MIGRATION_CHANNELS_MAX) {
        return dirty_json_member_fail(from, member, error, _("%1$lld is more than %2$lld"),
                                      (long long)channels, (long long)MIGRATION_CHANNELS_MAX);
    }
    settings->channels = channels;
    return TRUE;
}

/* Whoever sets QEMU's highest value means none. */
static void
forget_unlimited(double *bandwidth)
{
    if (*bandwidth > MIGRATION_BANDWIDTH_MAX) {
        *bandwidth = 0;
    }
}

/**
 * dirty_qmp_query_migrate_parameters: ask how the guest would be migrated now
 * @qmp: the way to QEMU
 * @settings: what QEMU tells is set, the rest stays. @channels is that of a parallel migration and
 *   @vcpu_dirty_limit that of one with such a limit, whether or not the next is to be one
 * @error: where to put why it could not be asked
 *
 * Return: TRUE, or FALSE with DIRTY_ERROR_UNSUPPORTED, DIRTY_ERROR_MONITOR, DIRTY_ERROR_BAD_REPLY
 * or
 *   @qmp's error, and @settings in part set
 */
gboolean
dirty_qmp_query_migrate_parameters(const DirtyQmp *qmp, MigrationSettings *settings, GError **error)
{
    g_autoptr(JsonObject) reply =
        dirty_qmp_send_command(qmp, DIRTY_QMP_MIGRATE_PARAMETERS, NULL, error);
    DirtyJsonMembers from = {NULL, ""};

    if (!reply ||
        !(from.object = dirty_qmp_get_return(reply, DIRTY_QMP_MIGRATE_PARAMETERS, error))) {
        return FALSE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(parameters); i++) {
        if (!take_parameter(&from, &parameters[i], settings, error)) {
            return FALSE;
        }
    }
    forget_unlimited(&settings->max_bandwidth);
    forget_unlimited(&settings->switchover_bandwidth);
    return take_tailslow(&from, settings, error) && take_channels(&from, settings, error);
}

/**
 * dirty_qmp_query_memory_size: ask how much memory the guest has
 * @qmp: the way to QEMU
 * @bytes: where to put it: what it was started with and what is plugged, without what belongs to
 *   devices and firmware
 * @error: where to put why it could not be asked
 *
 * Return: TRUE, or FALSE with DIRTY_ERROR_UNSUPPORTED, DIRTY_ERROR_MONITOR, DIRTY_ERROR_BAD_REPLY
 * or
 *   @qmp's error
 */
gboolean
dirty_qmp_query_memory_size(const DirtyQmp *qmp, guint64 *bytes, GError **error)
{
    static const char plugged_member[] = "plugged-memory";
    g_autoptr(JsonObject) reply = dirty_qmp_send_command(qmp, DIRTY_QMP_MEMORY_SIZE, NULL, error);
    DirtyJsonMembers from = {NULL, ""};
    guint64 base;
    guint64 plugged = 0;

    if (!reply || !(from.object = dirty_qmp_get_return(reply, DIRTY_QMP_MEMORY_SIZE, error)) ||
        !dirty_json_get_count(&from, "base-memory", &base, error)) {
        return FALSE;
    }
    /* QEMU leaves it out where memory cannot be plugged. */
    if (dirty_json_has(&from, plugged_member) &&
        !dirty_json_get_count(&from, plugged_member, &plugged, error)) {
        return FALSE;
    }
    *bytes = base + plugged;
    return TRUE;
}
