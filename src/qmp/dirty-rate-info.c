/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns QEMU's DirtyRateInfo object into a measurement, and names the member where it cannot.
 */
#include "dirty-rate-info.h"

#include "dirty-i18n.h"
#include "dirty-json.h"

/* QEMU's TimeUnit: the name of each unit and how many ms it has. */
static const struct {
    const char *name;
    gint64 ms;
} time_units[] = {
    {"second", 1000},
    {"millisecond", 1},
};

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

/*
 * Most vCPUs taken: far beyond what any machine type allows, and few enough to hold in memory.
 */
#define DIRTY_RATE_INFO_VCPUS_MAX 65536

#define MEMBER_PERIODS "periods"
#define MEMBER_N_DIRTY "n-dirty-pages"

static gboolean G_GNUC_PRINTF(3, 4)
    member_fail(GError **error, const char *member, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_BAD_REPLY,
                _("invalid member '%1$s' in QEMU's dirty rate reply: %2$s"), member, what);
    return FALSE;
}

static JsonNode *
get_member(JsonObject *object, const char *member, GError **error)
{
    JsonNode *node = json_object_get_member(object, member);

    if (!node) {
        member_fail(error, member, _("missing"));
    }
    return node;
}

/*
 * Reads an integer of at least @min from @node. @member is what an error calls it, which for an
 * array's element is more than the member's name.
 */
static gboolean
read_integer(JsonNode *node, const char *member, gint64 min, gint64 *value, GError **error)
{
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_INT64) {
        return member_fail(error, member, _("not an integer"));
    }
    *value = json_node_get_int(node);
    if (*value < min) {
        return member_fail(error, member, _("%1$lld is less than %2$lld"), (long long)*value,
                           (long long)min);
    }
    return TRUE;
}

static gboolean
get_integer(JsonObject *object, const char *member, gint64 min, gint64 *value, GError **error)
{
    JsonNode *node = get_member(object, member, error);

    return node && read_integer(node, member, min, value, error);
}

static const char *
get_string(JsonObject *object, const char *member, GError **error)
{
    JsonNode *node = get_member(object, member, error);

    if (!node) {
        return NULL;
    }
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING) {
        member_fail(error, member, _("not a string"));
        return NULL;
    }
    return json_node_get_string(node);
}

/* Return: the array, of at most @max elements, owned by @object; NULL with @error set */
static JsonArray *
get_array(JsonObject *object, const char *member, guint max, GError **error)
{
    JsonNode *node = get_member(object, member, error);
    JsonArray *array;

    if (!node) {
        return NULL;
    }
    if (!JSON_NODE_HOLDS_ARRAY(node)) {
        member_fail(error, member, _("not an array"));
        return NULL;
    }
    array = json_node_get_array(node);
    if (json_array_get_length(array) > max) {
        member_fail(error, member, _("%1$u elements are more than %2$u"),
                    json_array_get_length(array), max);
        return NULL;
    }
    return array;
}

static gboolean
unknown_name(const char *member, const char *name, GError **error)
{
    g_autofree char *quoted = dirty_json_quote(name, -1);

    return member_fail(error, member, _("unknown name '%1$s'"), quoted);
}

static gboolean
parse_status(JsonObject *info, DirtyMeasurement *measurement, GError **error)
{
    const char *name = get_string(info, "status", error);

    if (!name) {
        return FALSE;
    }
    if (!dirty_status_from_string(name, &measurement->status)) {
        return unknown_name("status", name, error);
    }
    return TRUE;
}

static gboolean
parse_mode(JsonObject *info, DirtyMeasurement *measurement, GError **error)
{
    const char *name;

    /* QEMU before 6.2 knew only one mode and did not name it. */
    measurement->mode = DIRTY_MODE_PAGE_SAMPLING;
    if (!json_object_has_member(info, "mode")) {
        return TRUE;
    }
    name = get_string(info, "mode", error);
    if (!name) {
        return FALSE;
    }
    if (!dirty_mode_from_string(name, &measurement->mode, NULL)) {
        return unknown_name("mode", name, error);
    }
    return TRUE;
}

/* Return: ms in one unit of calc-time; 0 with @error set */
static gint64
parse_time_unit(JsonObject *info, GError **error)
{
    const char *name;
    gsize i;

    /* QEMU before 8.2 counted in seconds and did not say so. */
    if (!json_object_has_member(info, "calc-time-unit")) {
        return 1000;
    }
    name = get_string(info, "calc-time-unit", error);
    if (!name) {
        return 0;
    }
    for (i = 0; i < G_N_ELEMENTS(time_units); i++) {
        if (g_str_equal(time_units[i].name, name)) {
            return time_units[i].ms;
        }
    }
    unknown_name("calc-time-unit", name, error);
    return 0;
}

static gboolean
parse_times(JsonObject *info, DirtyMeasurement *measurement, GError **error)
{
    gint64 unit_ms = parse_time_unit(info, error);
    gint64 calc_time;

    if (unit_ms == 0 || !get_integer(info, "start-time", 0, &measurement->start_time, error) ||
        !get_integer(info, "calc-time", 0, &calc_time, error)) {
        return FALSE;
    }
    if (calc_time > G_MAXINT64 / unit_ms) {
        return member_fail(error, "calc-time", _("%1$lld is too long a time"),
                           (long long)calc_time);
    }
    measurement->calc_time = calc_time * unit_ms;
    /* QEMU before 8.2, which names no unit, counts it from the start of the host. */
    if (!json_object_has_member(info, "calc-time-unit")) {
        measurement->start_time = 0;
    }
    return TRUE;
}

static gboolean
parse_sample_pages(JsonObject *info, DirtyMeasurement *measurement, GError **error)
{
    gint64 value;

    /* QEMU before 6.1 does not tell. */
    if (!json_object_has_member(info, "sample-pages")) {
        return TRUE;
    }
    if (!get_integer(info, "sample-pages", 0, &value, error)) {
        return FALSE;
    }
    /* While another mode measures, QEMU still shows the number it would have sampled. */
    if (measurement->mode == DIRTY_MODE_PAGE_SAMPLING) {
        measurement->sample_pages = value;
    }
    return TRUE;
}

static gboolean
parse_rate(JsonObject *info, DirtyMeasurement *measurement, GError **error)
{
    gint64 value;

    if (!get_integer(info, "dirty-rate", 0, &value, error)) {
        return FALSE;
    }
    measurement->rate = value;
    measurement->has_rate = TRUE;
    return TRUE;
}

static gboolean
parse_vcpu(JsonArray *array, guint i, DirtyVcpuRate *vcpu, GError **error)
{
    g_autofree char *whole = g_strdup_printf("vcpu-dirty-rate[%u]", i);
    g_autofree char *id_name = g_strdup_printf("%s.id", whole);
    g_autofree char *rate_name = g_strdup_printf("%s.dirty-rate", whole);
    JsonNode *node = json_array_get_element(array, i);
    JsonNode *id;
    JsonNode *rate;
    gint64 value;

    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        return member_fail(error, whole, _("not an object"));
    }
    id = json_object_get_member(json_node_get_object(node), "id");
    rate = json_object_get_member(json_node_get_object(node), "dirty-rate");
    if (!id || !rate) {
        return member_fail(error, id ? rate_name : id_name, _("missing"));
    }
    if (!read_integer(id, id_name, 0, &vcpu->id, error) ||
        !read_integer(rate, rate_name, 0, &value, error)) {
        return FALSE;
    }
    vcpu->rate = value;
    return TRUE;
}

static gboolean
parse_vcpus(JsonObject *info, DirtyMeasurement *measurement, GError **error)
{
    JsonArray *array;
    guint len;
    guint i;

    if (!json_object_has_member(info, "vcpu-dirty-rate")) {
        return TRUE;
    }
    array = get_array(info, "vcpu-dirty-rate", DIRTY_RATE_INFO_VCPUS_MAX, error);
    if (!array) {
        return FALSE;
    }
    len = json_array_get_length(array);
    measurement->vcpus = g_new0(DirtyVcpuRate, len);
    measurement->n_vcpus = len;
    for (i = 0; i < len; i++) {
        if (!parse_vcpu(array, i, &measurement->vcpus[i], error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
parse_count(JsonObject *info, const DirtyCountMember *member, DirtyMeasurement *measurement,
            GError **error)
{
    gint64 value;

    if (!get_integer(info, member->name, 0, &value, error)) {
        return FALSE;
    }
    *(guint64 *)G_STRUCT_MEMBER_P(measurement, member->offset) = value;
    return TRUE;
}

/* Return: the array's elements as integers of at least 0, free with g_free(); NULL with @error set
 */
static gint64 *
read_vector(JsonArray *array, const char *member, GError **error)
{
    guint len = json_array_get_length(array);
    g_autofree gint64 *values = g_new0(gint64, MAX(len, 1));
    guint i;

    for (i = 0; i < len; i++) {
        g_autofree char *element = g_strdup_printf("%s[%u]", member, i);

        if (!read_integer(json_array_get_element(array, i), element, 0, &values[i], error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&values);
}

static gboolean
parse_readings(JsonObject *info, DirtyMeasurement *measurement, GError **error)
{
    JsonArray *periods = get_array(info, MEMBER_PERIODS, DIRTY_PERIODS_MAX, error);
    JsonArray *n_dirty = periods ? get_array(info, MEMBER_N_DIRTY, DIRTY_PERIODS_MAX, error) : NULL;
    guint len;

    if (!n_dirty) {
        return FALSE;
    }
    len = json_array_get_length(periods);
    if (json_array_get_length(n_dirty) != len) {
        return member_fail(error, MEMBER_N_DIRTY, _("%1$u elements, but '%2$s' has %3$u"),
                           json_array_get_length(n_dirty), MEMBER_PERIODS, len);
    }

    measurement->periods = read_vector(periods, MEMBER_PERIODS, error);
    if (!measurement->periods) {
        return FALSE;
    }
    /* No count is negative here, so the signed numbers are the unsigned ones. */
    measurement->n_dirty = (guint64 *)read_vector(n_dirty, MEMBER_N_DIRTY, error);
    if (!measurement->n_dirty) {
        return FALSE;
    }
    measurement->n_periods = len;
    return TRUE;
}

static gboolean
has_any_count(JsonObject *info)
{
    gsize i;

    for (i = 0; i < G_N_ELEMENTS(count_members); i++) {
        if (json_object_has_member(info, count_members[i].name)) {
            return TRUE;
        }
    }
    return json_object_has_member(info, MEMBER_PERIODS) ||
           json_object_has_member(info, MEMBER_N_DIRTY);
}

static gboolean
parse_counts(JsonObject *info, DirtyMeasurement *measurement, GError **error)
{
    gsize i;

    if (!has_any_count(info)) {
        return TRUE;
    }
    for (i = 0; i < G_N_ELEMENTS(count_members); i++) {
        if (!parse_count(info, &count_members[i], measurement, error)) {
            return FALSE;
        }
    }
    measurement->has_counts = parse_readings(info, measurement, error);
    return measurement->has_counts;
}

/**
 * dirty_rate_info_parse: read QEMU's DirtyRateInfo, of stock QEMU 5.2 and later or of ours
 * @info: the object
 * @error: where to put which member is wrong and how
 *
 * Members that only a finished measurement has are not looked at before it is finished: QEMU 5.2
 * gives a rate of -1 then. Members this version does not know are passed over, as QMP asks of its
 * clients.
 *
 * Return: the measurement, consistent as dirty_measurement_check() asks; NULL with
 *   DIRTY_ERROR_BAD_REPLY
 */
DirtyMeasurement *
dirty_rate_info_parse(JsonObject *info, GError **error)
{
    g_autoptr(DirtyMeasurement) measurement = dirty_measurement_new();

    if (!parse_status(info, measurement, error) || !parse_mode(info, measurement, error) ||
        !parse_times(info, measurement, error) || !parse_sample_pages(info, measurement, error)) {
        return NULL;
    }
    if (measurement->status == DIRTY_STATUS_MEASURED &&
        (!parse_rate(info, measurement, error) || !parse_vcpus(info, measurement, error) ||
         !parse_counts(info, measurement, error))) {
        return NULL;
    }
    if (!dirty_measurement_check(measurement, error)) {
        return NULL;
    }
    return g_steal_pointer(&measurement);
}
