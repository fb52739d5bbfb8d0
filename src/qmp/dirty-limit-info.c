/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns QEMU's array of DirtyLimitInfo objects into limits, and names the member where it cannot.
 */
#include "dirty-limit-info.h"

#include <math.h>

#include "dirty-i18n.h"
#include "dirty-json-members.h"
#include "dirty-qmp-limit.h"

#define MEMBER_INFOS "return"
#define MEMBER_VCPU "cpu-index"
#define MEMBER_CURRENT_RATE "current-rate"
#define MEMBER_RATE "rate"
#define MEMBER_RESTING_SHARE "resting-share"
#define MEMBER_SCOPE "scope"

/* Takes a number from 0 to @max. */
static gboolean
get_number(const DirtyJsonMembers *info, const char *member, double max, double *value,
           GError **error)
{
    if (!dirty_json_get_number(info, member, value, error)) {
        return FALSE;
    }
    if (!isfinite(*value) || *value < 0 || *value > max) {
        return dirty_json_member_fail(info, member, error, _("%1$g is not in the range 0 to %2$g"),
                                      *value, max);
    }
    return TRUE;
}

static gboolean
parse_vcpu(const DirtyJsonMembers *info, DirtyVcpuLimit *limit, GError **error)
{
    gint64 vcpu;

    if (!dirty_json_get_integer(info, MEMBER_VCPU, 0, &vcpu, error)) {
        return FALSE;
    }
    if (vcpu > G_MAXINT32) {
        return dirty_json_member_fail(info, MEMBER_VCPU, error, _("%1$lld is more than %2$d"),
                                      (long long)vcpu, G_MAXINT32);
    }
    limit->vcpu = vcpu;
    return TRUE;
}

/* QEMU without the libvirt-dirty patch gives whole MiB/s only. */
static gboolean
parse_rate(const DirtyJsonMembers *info, DirtyVcpuLimit *limit, GError **error)
{
    guint64 whole;

    if (!dirty_json_get_count(info, MEMBER_CURRENT_RATE, &whole, error)) {
        return FALSE;
    }
    limit->rate = whole;
    return !dirty_json_has(info, MEMBER_RATE) ||
           get_number(info, MEMBER_RATE, G_MAXDOUBLE, &limit->rate, error);
}

static gboolean
parse_resting_share(const DirtyJsonMembers *info, DirtyVcpuLimit *limit, GError **error)
{
    limit->has_resting_share = dirty_json_has(info, MEMBER_RESTING_SHARE);
    return !limit->has_resting_share ||
           get_number(info, MEMBER_RESTING_SHARE, 1, &limit->resting_share, error);
}

static gboolean
parse_scope(const DirtyJsonMembers *info, DirtyVcpuLimit *limit, GError **error)
{
    const char *name;

    /* QEMU without the libvirt-dirty patch knows no other. */
    limit->scope = DIRTY_SCOPE_VCPU;
    if (!dirty_json_has(info, MEMBER_SCOPE)) {
        return TRUE;
    }
    name = dirty_json_get_string(info, MEMBER_SCOPE, error);
    if (!name) {
        return FALSE;
    }
    return dirty_scope_from_string(name, &limit->scope) ||
           dirty_json_member_unknown_name(info, MEMBER_SCOPE, name, error);
}

static gboolean
parse_info(const DirtyJsonMembers *info, DirtyVcpuLimit *limit, GError **error)
{
    return parse_vcpu(info, limit, error) &&
           dirty_json_get_count(info, "limit-rate", &limit->limit, error) &&
           parse_rate(info, limit, error) && parse_resting_share(info, limit, error) &&
           parse_scope(info, limit, error);
}

static int
compare_vcpus(gconstpointer a, gconstpointer b)
{
    guint left = ((const DirtyVcpuLimit *)a)->vcpu;
    guint right = ((const DirtyVcpuLimit *)b)->vcpu;

    return (left > right) - (left < right);
}

/* @limits: rising by vCPU */
static gboolean
check_unique(const DirtyJsonMembers *from, GArray *limits, GError **error)
{
    guint i;

    for (i = 1; i < limits->len; i++) {
        guint vcpu = g_array_index(limits, DirtyVcpuLimit, i).vcpu;

        if (vcpu == g_array_index(limits, DirtyVcpuLimit, i - 1).vcpu) {
            return dirty_json_member_fail(from, MEMBER_INFOS, error, _("vCPU %1$u is there twice"),
                                          vcpu);
        }
    }
    return TRUE;
}

/**
 * dirty_limit_infos_parse: read a reply of query-vcpu-dirty-limit, of stock QEMU or of ours
 * @reply: the whole reply, without an error in it
 * @error: where to put which member is wrong and how
 *
 * Return: a DirtyVcpuLimit for each element, rising by vCPU, drop it with g_array_unref(); NULL
 *   with DIRTY_ERROR_BAD_REPLY
 */
GArray *
dirty_limit_infos_parse(JsonObject *reply, GError **error)
{
    g_autoptr(GArray) limits = g_array_new(FALSE, TRUE, sizeof(DirtyVcpuLimit));
    const DirtyJsonMembers from = {reply, ""};
    JsonArray *infos = dirty_json_get_array(&from, MEMBER_INFOS, DIRTY_JSON_VCPUS_MAX, error);
    guint i;

    if (!infos) {
        return NULL;
    }
    g_array_set_size(limits, json_array_get_length(infos));
    for (i = 0; i < limits->len; i++) {
        g_autofree char *path = NULL;
        DirtyJsonMembers info;

        if (!dirty_json_get_element(&from, infos, MEMBER_INFOS, i, &info, &path, error) ||
            !parse_info(&info, &g_array_index(limits, DirtyVcpuLimit, i), error)) {
            return NULL;
        }
    }
    g_array_sort(limits, compare_vcpus);
    return check_unique(&from, limits, error) ? g_steal_pointer(&limits) : NULL;
}
