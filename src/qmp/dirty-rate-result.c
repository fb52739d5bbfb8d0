/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the members of DirtyRateInfo that only a finished measurement has.
 */
#include "dirty-rate-result.h"

#include <string.h>

#include "dirty-i18n.h"

/* Members that hold one count, and the field of DirtyMeasurement each goes to. */
typedef struct {
    const char *name;
    gsize offset;
} DirtyCountMember;

/*
 * What QEMU with the libvirt-dirty patch adds to a finished measurement. QEMU gives all of them,
 * periods and n-dirty-pages included, or none.
 */
static const DirtyCountMember count_members[] = {
    {"page-size", G_STRUCT_OFFSET(DirtyMeasurement, page_size)},
    {"n-total-pages", G_STRUCT_OFFSET(DirtyMeasurement, n_total)},
    {"n-sampled-pages", G_STRUCT_OFFSET(DirtyMeasurement, n_sampled)},
    {"n-zero-pages", G_STRUCT_OFFSET(DirtyMeasurement, n_zero)},
};

#define MEMBER_RATE "rate"
#define MEMBER_RATE_LOW "rate-low"
#define MEMBER_RATE_HIGH "rate-high"
#define MEMBER_PERIODS "periods"
#define MEMBER_N_DIRTY "n-dirty-pages"
#define MEMBER_ZERO_PARTS "zero-pages-by-part"
#define MEMBER_VCPUS "vcpu-dirty-rate"
#define MEMBER_COMPRESSION "compression"
#define MEMBER_METHOD "method"

static gboolean
parse_rate(const DirtyJsonMembers *info, DirtyMeasurement *m, GError **error)
{
    gint64 whole;

    if (!dirty_json_get_integer(info, "dirty-rate", 0, &whole, error)) {
        return FALSE;
    }
    m->rate = whole;
    m->has_rate = TRUE;
    if (!dirty_json_has(info, MEMBER_RATE)) {
        return TRUE;
    }
    if (!dirty_json_get_number(info, MEMBER_RATE, &m->rate, error)) {
        return FALSE;
    }
    if (!dirty_json_has(info, MEMBER_RATE_LOW) && !dirty_json_has(info, MEMBER_RATE_HIGH)) {
        return TRUE;
    }
    m->has_rate_bounds = dirty_json_get_number(info, MEMBER_RATE_LOW, &m->rate_low, error) &&
                         dirty_json_get_number(info, MEMBER_RATE_HIGH, &m->rate_high, error);
    return m->has_rate_bounds;
}

/* Takes n-dirty-pages, which must be as long as periods. */
static gboolean
parse_n_dirty(const DirtyJsonMembers *from, const DirtyMeasurement *m, guint64 **n_dirty,
              GError **error)
{
    gsize len;

    /* No count is negative here, so the signed numbers are the unsigned ones. */
    *n_dirty =
        (guint64 *)dirty_json_get_integers(from, MEMBER_N_DIRTY, DIRTY_PERIODS_MAX, &len, error);
    if (!*n_dirty) {
        return FALSE;
    }
    if (len != m->n_periods) {
        return dirty_json_member_fail(from, MEMBER_N_DIRTY, error,
                                      _("%1$zu elements, but '%2$s' has %3$zu"), len,
                                      MEMBER_PERIODS, m->n_periods);
    }
    return TRUE;
}

/* Takes where the zero pages lie, which was not told from the beginning. */
static gboolean
parse_zero_parts(const DirtyJsonMembers *info, DirtyMeasurement *m, GError **error)
{
    g_autofree gint64 *parts = NULL;
    gsize len;

    if (!dirty_json_has(info, MEMBER_ZERO_PARTS)) {
        return TRUE;
    }
    parts = dirty_json_get_integers(info, MEMBER_ZERO_PARTS, DIRTY_ZERO_PARTS, &len, error);
    if (!parts) {
        return FALSE;
    }
    if (len != DIRTY_ZERO_PARTS) {
        return dirty_json_member_fail(info, MEMBER_ZERO_PARTS, error,
                                      _("%1$zu elements, but there are %2$d parts"), len,
                                      DIRTY_ZERO_PARTS);
    }
    for (gsize i = 0; i < len; i++) {
        m->zero_parts[i] = parts[i];
    }
    m->has_zero_parts = TRUE;
    return TRUE;
}

static gboolean
has_any_count(const DirtyJsonMembers *info)
{
    gsize i;

    for (i = 0; i < G_N_ELEMENTS(count_members); i++) {
        if (dirty_json_has(info, count_members[i].name)) {
            return TRUE;
        }
    }
    return dirty_json_has(info, MEMBER_PERIODS) || dirty_json_has(info, MEMBER_N_DIRTY);
}

static gboolean
parse_counts(const DirtyJsonMembers *info, DirtyMeasurement *m, GError **error)
{
    gsize i;

    if (!has_any_count(info)) {
        return TRUE;
    }
    for (i = 0; i < G_N_ELEMENTS(count_members); i++) {
        guint64 *count = (guint64 *)G_STRUCT_MEMBER_P(m, count_members[i].offset);

        if (!dirty_json_get_count(info, count_members[i].name, count, error)) {
            return FALSE;
        }
    }
    m->periods =
        dirty_json_get_integers(info, MEMBER_PERIODS, DIRTY_PERIODS_MAX, &m->n_periods, error);
    m->has_counts = m->periods && parse_n_dirty(info, m, &m->n_dirty, error) &&
                    parse_zero_parts(info, m, error);
    return m->has_counts;
}

static gboolean
parse_vcpu(const DirtyJsonMembers *from, const DirtyMeasurement *m, DirtyVcpuRate *vcpu,
           GError **error)
{
    gint64 rate;

    if (!dirty_json_get_integer(from, "id", 0, &vcpu->id, error) ||
        !dirty_json_get_integer(from, "dirty-rate", 0, &rate, error)) {
        return FALSE;
    }
    vcpu->rate = rate;
    return !dirty_json_has(from, MEMBER_N_DIRTY) || parse_n_dirty(from, m, &vcpu->n_dirty, error);
}

static gboolean
parse_vcpus(const DirtyJsonMembers *info, DirtyMeasurement *m, GError **error)
{
    JsonArray *array;
    guint i;

    if (!dirty_json_has(info, MEMBER_VCPUS)) {
        return TRUE;
    }
    array = dirty_json_get_array(info, MEMBER_VCPUS, DIRTY_JSON_VCPUS_MAX, error);
    if (!array) {
        return FALSE;
    }
    m->n_vcpus = json_array_get_length(array);
    m->vcpus = g_new0(DirtyVcpuRate, m->n_vcpus);
    for (i = 0; i < m->n_vcpus; i++) {
        g_autofree char *path = NULL;
        DirtyJsonMembers element;

        if (!dirty_json_get_element(info, array, MEMBER_VCPUS, i, &element, &path, error) ||
            !parse_vcpu(&element, m, &m->vcpus[i], error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
parse_compression(const DirtyJsonMembers *from, DirtyCompression *compression, GError **error)
{
    const char *method = dirty_json_get_string(from, MEMBER_METHOD, error);

    if (!method) {
        return FALSE;
    }
    if (strlen(method) >= sizeof(compression->method)) {
        return dirty_json_member_unknown_name(from, MEMBER_METHOD, method, error);
    }
    memcpy(compression->method, method, strlen(method));
    return dirty_json_get_count(from, "n-pages", &compression->n_pages, error) &&
           dirty_json_get_number(from, "ratio", &compression->ratio, error) &&
           dirty_json_get_number(from, "speed", &compression->speed, error);
}

static gboolean
parse_compressions(const DirtyJsonMembers *info, DirtyMeasurement *m, GError **error)
{
    JsonArray *array;
    guint i;

    if (!dirty_json_has(info, MEMBER_COMPRESSION)) {
        return TRUE;
    }
    array = dirty_json_get_array(info, MEMBER_COMPRESSION, DIRTY_COMPRESSIONS_MAX, error);
    if (!array) {
        return FALSE;
    }
    m->n_compressions = json_array_get_length(array);
    m->compressions = g_new0(DirtyCompression, m->n_compressions);
    for (i = 0; i < m->n_compressions; i++) {
        g_autofree char *path = NULL;
        DirtyJsonMembers element;

        if (!dirty_json_get_element(info, array, MEMBER_COMPRESSION, i, &element, &path, error) ||
            !parse_compression(&element, &m->compressions[i], error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/**
 * dirty_rate_result_parse: read what a finished measurement gave
 * @info: QEMU's DirtyRateInfo
 * @measurement: the measurement to complete; dirty_measurement_check() has still to see it
 * @error: where to put which member is wrong and how
 *
 * Return: TRUE, or FALSE with DIRTY_ERROR_BAD_REPLY.
 */
gboolean
dirty_rate_result_parse(const DirtyJsonMembers *info, DirtyMeasurement *measurement, GError **error)
{
    /* The vCPUs' readings are checked against the periods, so these come first. */
    return parse_rate(info, measurement, error) && parse_counts(info, measurement, error) &&
           parse_vcpus(info, measurement, error) && parse_compressions(info, measurement, error);
}
