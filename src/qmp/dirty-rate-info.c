/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns QEMU's DirtyRateInfo object into a measurement, and names the member where it cannot.
 */
#include "dirty-rate-info.h"

#include "dirty-i18n.h"
#include "dirty-json-members.h"
#include "dirty-rate-result.h"

#define MEMBER_STATUS "status"
#define MEMBER_MODE "mode"
#define MEMBER_CALC_TIME "calc-time"
#define MEMBER_CALC_TIME_UNIT "calc-time-unit"
#define MEMBER_SAMPLE_PAGES "sample-pages"

/* QEMU's TimeUnit: the name of each unit and how many ms it has. */
static const struct {
    const char *name;
    gint64 ms;
} time_units[] = {
    {"second", 1000},
    {"millisecond", 1},
};

static gboolean
parse_status(const DirtyJsonMembers *info, DirtyMeasurement *measurement, GError **error)
{
    const char *name = dirty_json_get_string(info, MEMBER_STATUS, error);

    if (!name) {
        return FALSE;
    }
    if (!dirty_status_from_string(name, &measurement->status)) {
        return dirty_json_member_unknown_name(info, MEMBER_STATUS, name, error);
    }
    return TRUE;
}

static gboolean
parse_mode(const DirtyJsonMembers *info, DirtyMeasurement *measurement, GError **error)
{
    const char *name;

    /* QEMU before 6.2 knew only one mode and did not name it. */
    measurement->mode = DIRTY_MODE_PAGE_SAMPLING;
    if (!dirty_json_has(info, MEMBER_MODE)) {
        return TRUE;
    }
    name = dirty_json_get_string(info, MEMBER_MODE, error);
    if (!name) {
        return FALSE;
    }
    if (!dirty_mode_from_string(name, &measurement->mode, NULL)) {
        return dirty_json_member_unknown_name(info, MEMBER_MODE, name, error);
    }
    return TRUE;
}

/* Return: ms in one unit of calc-time; 0 with @error set */
static gint64
parse_time_unit(const DirtyJsonMembers *info, GError **error)
{
    const char *name;
    gsize i;

    /* QEMU before 8.2 counted in seconds and did not say so. */
    if (!dirty_json_has(info, MEMBER_CALC_TIME_UNIT)) {
        return 1000;
    }
    name = dirty_json_get_string(info, MEMBER_CALC_TIME_UNIT, error);
    if (!name) {
        return 0;
    }
    for (i = 0; i < G_N_ELEMENTS(time_units); i++) {
        if (g_str_equal(time_units[i].name, name)) {
            return time_units[i].ms;
        }
    }
    dirty_json_member_unknown_name(info, MEMBER_CALC_TIME_UNIT, name, error);
    return 0;
}

static gboolean
parse_times(const DirtyJsonMembers *info, DirtyMeasurement *measurement, GError **error)
{
    gint64 unit_ms = parse_time_unit(info, error);
    gint64 calc_time;

    if (unit_ms == 0 ||
        !dirty_json_get_integer(info, "start-time", 0, &measurement->start_time, error) ||
        !dirty_json_get_integer(info, MEMBER_CALC_TIME, 0, &calc_time, error)) {
        return FALSE;
    }
    if (calc_time > G_MAXINT64 / unit_ms) {
        return dirty_json_member_fail(info, MEMBER_CALC_TIME, error, _("%1$lld is too long a time"),
                                      (long long)calc_time);
    }
    measurement->calc_time = calc_time * unit_ms;
    /* QEMU before 8.2, which names no unit, counts it from the start of the host. */
    if (!dirty_json_has(info, MEMBER_CALC_TIME_UNIT)) {
        measurement->start_time = 0;
    }
    return TRUE;
}

static gboolean
parse_sample_pages(const DirtyJsonMembers *info, DirtyMeasurement *measurement, GError **error)
{
    guint64 value;

    /* QEMU before 6.1 does not tell. */
    if (!dirty_json_has(info, MEMBER_SAMPLE_PAGES)) {
        return TRUE;
    }
    if (!dirty_json_get_count(info, MEMBER_SAMPLE_PAGES, &value, error)) {
        return FALSE;
    }
    /* While another mode measures, QEMU still shows the number it would have sampled. */
    if (measurement->mode == DIRTY_MODE_PAGE_SAMPLING) {
        measurement->sample_pages = value;
    }
    return TRUE;
}

/**
 * dirty_rate_info_parse: read QEMU's DirtyRateInfo, of stock QEMU 5.2 and later or of ours
 * @object: the object
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
dirty_rate_info_parse(JsonObject *object, GError **error)
{
    g_autoptr(DirtyMeasurement) measurement = dirty_measurement_new();
    DirtyJsonMembers info = {object, ""};

    if (!parse_status(&info, measurement, error) || !parse_mode(&info, measurement, error) ||
        !parse_times(&info, measurement, error) || !parse_sample_pages(&info, measurement, error)) {
        return NULL;
    }
    if (measurement->status == DIRTY_STATUS_MEASURED &&
        !dirty_rate_result_parse(&info, measurement, error)) {
        return NULL;
    }
    if (!dirty_measurement_check(measurement, error)) {
        return NULL;
    }
    return g_steal_pointer(&measurement);
}
