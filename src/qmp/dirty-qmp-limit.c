/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's commands that limit the dirty page rate of vCPUs: builds the requests and reads the
 * replies, and does no I/O.
 */
#include "dirty-qmp-limit.h"

#include "dirty-i18n.h"
#include "dirty-limit-info.h"
#include "dirty-qmp-command.h"
#include "dirty-qmp-error.h"

static gboolean
check_vcpu(int vcpu, GError **error)
{
    if (vcpu >= DIRTY_VCPU_ALL) {
        return TRUE;
    }
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                _("there is no vCPU %1$d: use a number from 0, or %2$d for all vCPUs"), vcpu,
                DIRTY_VCPU_ALL);
    return FALSE;
}

/* Stock QEMU takes a left out index for all vCPUs, but not -1. */
static JsonObject *
vcpu_arguments(int vcpu)
{
    JsonObject *arguments = json_object_new();

    if (vcpu != DIRTY_VCPU_ALL) {
        json_object_set_int_member(arguments, "cpu-index", vcpu);
    }
    return arguments;
}

/**
 * dirty_qmp_set_vcpu_dirty_limit: hold a vCPU to a dirty page rate
 * @qmp: the way to QEMU
 * @vcpu: its number, or DIRTY_VCPU_ALL
 * @mibs: the limit, MiB/s, DIRTY_LIMIT_MIN_MIBS..DIRTY_LIMIT_MAX_MIBS; 0 ends it
 * @error: where to put why it is not held to it
 *
 * Return: TRUE when QEMU has taken the limit. FALSE with nothing changed and DIRTY_ERROR_INVALID
 *   when a value is out of its range, DIRTY_ERROR_UNSUPPORTED when this QEMU has no limits or has
 *   none for this guest, DIRTY_ERROR_BUSY while a migration limits the vCPUs itself,
 *   DIRTY_ERROR_MONITOR with QEMU's reason when it refused, DIRTY_ERROR_BAD_REPLY, or @qmp's error
 */
gboolean
dirty_qmp_set_vcpu_dirty_limit(const DirtyQmp *qmp, int vcpu, guint64 mibs, GError **error)
{
    JsonObject *arguments;

    if (!dirty_limit_check(mibs, error)) {
        return FALSE;
    }
    if (mibs == 0) {
        return dirty_qmp_cancel_vcpu_dirty_limit(qmp, vcpu, error);
    }
    if (!check_vcpu(vcpu, error)) {
        return FALSE;
    }
    arguments = vcpu_arguments(vcpu);
    json_object_set_int_member(arguments, "dirty-rate", (gint64)mibs);
    return dirty_qmp_run_command(qmp, DIRTY_QMP_SET_LIMIT, arguments, error);
}

/**
 * dirty_qmp_cancel_vcpu_dirty_limit: hold a vCPU no more
 * @qmp: the way to QEMU
 * @vcpu: its number, or DIRTY_VCPU_ALL
 * @error: where to put why it is held still
 *
 * Return: TRUE when it has no limit any more, also when it had none; FALSE with the errors of
 *   dirty_qmp_set_vcpu_dirty_limit()
 */
gboolean
dirty_qmp_cancel_vcpu_dirty_limit(const DirtyQmp *qmp, int vcpu, GError **error)
{
    return check_vcpu(vcpu, error) &&
           dirty_qmp_run_command(qmp, DIRTY_QMP_CANCEL_LIMIT, vcpu_arguments(vcpu), error);
}

/**
 * dirty_qmp_query_vcpu_dirty_limit: read which vCPUs are limited and how they fare
 * @qmp: the way to QEMU
 * @error: where to put why it could not be read
 *
 * Return: a DirtyVcpuLimit for each limited vCPU, rising by its number, empty for none; drop it
 *   with g_array_unref(). NULL with DIRTY_ERROR_UNSUPPORTED when this QEMU has no limits,
 *   DIRTY_ERROR_MONITOR, DIRTY_ERROR_BAD_REPLY, or @qmp's error
 */
GArray *
dirty_qmp_query_vcpu_dirty_limit(const DirtyQmp *qmp, GError **error)
{
    g_autoptr(JsonObject) reply = dirty_qmp_send_command(qmp, DIRTY_QMP_QUERY_LIMIT, NULL, error);

    if (!reply || !dirty_qmp_get_return_array(reply, DIRTY_QMP_QUERY_LIMIT, error)) {
        return NULL;
    }
    return dirty_limit_infos_parse(reply, error);
}
