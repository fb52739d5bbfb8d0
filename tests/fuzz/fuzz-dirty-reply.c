/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: feeds any bytes as QEMU's reply to the dirty rate and dirty limit commands.
 */
#include <math.h>

#include "dirty-curve.h"
#include "dirty-qmp-limit.h"
#include "fuzz-target.h"

static char *
send_input(const char *request G_GNUC_UNUSED, void *opaque, GError **error G_GNUC_UNUSED)
{
    return g_strdup(opaque);
}

static void
require_error(const GError *error)
{
    REQUIRE(error);
    REQUIRE(error->domain == DIRTY_ERROR);
    REQUIRE(error->code != DIRTY_ERROR_INVALID);
    REQUIRE(error->message[0]);
    REQUIRE(g_utf8_validate(error->message, -1, NULL));
}

/* What passed the parser must be safe to compute with. */
static void
require_usable(const DirtyMeasurement *m)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DirtyCurve) curve = NULL;
    DirtyEstimate rate;
    DirtyEstimate zero;

    REQUIRE(dirty_measurement_check(m, &error));
    REQUIRE(m->has_rate == (m->status == DIRTY_STATUS_MEASURED));
    if (!m->has_counts) {
        return;
    }
    curve = dirty_curve_new(m, &error);
    REQUIRE(curve);
    REQUIRE(isfinite(dirty_curve_eval(curve, 1)));
    rate = dirty_curve_rate(curve, m->periods[m->n_periods - 1]);
    REQUIRE(isfinite(rate.low) && isfinite(rate.high));
    REQUIRE(rate.low <= rate.value && rate.value <= rate.high);
    zero = dirty_curve_zero_pages(curve);
    REQUIRE(isfinite(zero.low) && isfinite(zero.high));
    REQUIRE(zero.low <= zero.value && zero.value <= zero.high);
    for (gsize i = 0; i < m->n_vcpus; i++) {
        REQUIRE(isfinite(dirty_vcpu_rate(m, i)));
    }
}

static void
try_parse(const char *reply)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DirtyMeasurement) m = dirty_qmp_parse_dirty_rate(reply, &error);

    if (m) {
        REQUIRE(!error);
        require_usable(m);
    } else {
        require_error(error);
    }
}

static void
try_commands(char *reply)
{
    const DirtyQmp qmp = {send_input, reply};
    const DirtyMeasurementRequest request = {.calc_time = DIRTY_CALC_TIME_DEFAULT_MS};
    g_autoptr(GError) calc_error = NULL;
    g_autoptr(GError) query_error = NULL;
    g_autoptr(GError) cancel_error = NULL;
    g_autoptr(GError) patched_error = NULL;
    gboolean patched;
    g_autoptr(DirtyMeasurement) m = dirty_qmp_query_dirty_rate(&qmp, &query_error);

    if (!m) {
        require_error(query_error);
    }
    if (!dirty_qmp_calc_dirty_rate(&qmp, &request, &calc_error)) {
        require_error(calc_error);
    }
    if (!dirty_qmp_query_patched(&qmp, &patched, &patched_error)) {
        require_error(patched_error);
    }
    if (!dirty_qmp_cancel_dirty_rate(&qmp, &cancel_error)) {
        require_error(cancel_error);
    }
}

static void
try_limits(char *reply)
{
    const DirtyQmp qmp = {send_input, reply};
    g_autoptr(GError) set_error = NULL;
    g_autoptr(GError) query_error = NULL;
    g_autoptr(GArray) limits = dirty_qmp_query_vcpu_dirty_limit(&qmp, &query_error);

    if (!dirty_qmp_set_vcpu_dirty_limit(&qmp, 0, 1, &set_error)) {
        require_error(set_error);
    }
    if (!limits) {
        require_error(query_error);
        return;
    }
    REQUIRE(!query_error);
    for (guint i = 0; i < limits->len; i++) {
        const DirtyVcpuLimit *limit = &g_array_index(limits, DirtyVcpuLimit, i);

        REQUIRE(i == 0 || limit[-1].vcpu < limit->vcpu);
        REQUIRE(limit->vcpu <= G_MAXINT32);
        REQUIRE(isfinite(limit->rate) && limit->rate >= 0);
        REQUIRE(limit->resting_share >= 0 && limit->resting_share <= 1);
        REQUIRE(dirty_scope_to_string(limit->scope));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A NUL in the input ends the reply, as it would end the monitor's text. */
    g_autofree char *reply = g_strndup((const char *)data, size);

    try_parse(reply);
    try_commands(reply);
    try_limits(reply);
    return 0;
}
