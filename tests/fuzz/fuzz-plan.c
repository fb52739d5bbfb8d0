/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: feeds any bytes as saved measurements to the prediction and the plan.
 *
 * What passes the reader is consistent but can still be a guest that nobody has seen: the
 * prediction must come to an end with it, and with numbers.
 */
#include <math.h>

#include "dirty-measurement-memory.h"
#include "dirty-saved.h"
#include "migration-plan.h"
#include "fuzz-target.h"

/* Measurements of one input that are predicted from; more of them find nothing new. */
#define MEASUREMENTS_MAX 4

/* What a guest of stock QEMU is said to have, bytes. */
#define STOCK_MEMORY ((guint64)512 * 1024 * 1024)

/* Migrations of different kinds, and far apart. */
static const struct {
    double bandwidth;
    double downtime;
    MigrationThrottle throttle;
    gboolean postcopy;
    guint channels;
    MigrationLog log;
} cases[] = {
    {1e8, 300, MIGRATION_THROTTLE_NONE, FALSE, 0, MIGRATION_LOG_LAZY},
    {MIGRATION_BANDWIDTH_MIN, 1, MIGRATION_THROTTLE_AUTO_CONVERGE, FALSE, 0, MIGRATION_LOG_TCG},
    {5e9, INFINITY, MIGRATION_THROTTLE_DIRTY_LIMIT, FALSE, 0, MIGRATION_LOG_RING},
    {1e8, 50, MIGRATION_THROTTLE_NONE, TRUE, 0, MIGRATION_LOG_BITMAP},
    {MIGRATION_BANDWIDTH_MAX, 1, MIGRATION_THROTTLE_NONE, FALSE, 8, MIGRATION_LOG_TCG},
};

static void
require_estimate(const DirtyEstimate *estimate, gboolean finite)
{
    REQUIRE(!isnan(estimate->value) && !isnan(estimate->low) && !isnan(estimate->high));
    REQUIRE(estimate->value >= 0);
    REQUIRE(estimate->low <= estimate->value && estimate->value <= estimate->high);
    if (finite) {
        REQUIRE(isfinite(estimate->value));
    }
}

static void
require_prediction(const MigrationPrediction *p)
{
    const gboolean converges = p->verdict == MIGRATION_CONVERGES;

    REQUIRE((guint)p->verdict < MIGRATION_VERDICT_LAST);
    REQUIRE(p->certainty >= 0 && p->certainty <= 1);
    REQUIRE(isfinite(p->total_time.value) == converges);
    require_estimate(&p->total_time, converges);
    require_estimate(&p->downtime, converges);
    require_estimate(&p->passes, TRUE);
    require_estimate(&p->bytes, TRUE);
    require_estimate(&p->throttle, TRUE);
    REQUIRE(p->throttle.value <= 1);
    REQUIRE(p->switch_time >= 0 && p->postcopy_time >= 0 && p->postcopy_faults >= 0);
}

static void
require_plan(const MigrationModel *model, const MigrationSettings *settings)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MigrationPlan) plan = migration_plan_new(model, settings, &error);

    REQUIRE(plan);
    REQUIRE(!error);
    require_prediction(&plan->asked);
    REQUIRE(plan->recommendation[0]);
    REQUIRE(g_utf8_validate(plan->recommendation, -1, NULL));
    for (gsize i = 0; i < MIGRATION_PLAN_LAST; i++) {
        REQUIRE(isfinite(plan->ways[i].value) && isfinite(plan->ways[i].sure));
        REQUIRE(plan->ways[i].value >= 0 && plan->ways[i].sure >= 0);
    }
}

static void
try_measurement(DirtyMeasurement *m)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MigrationModel) model = NULL;

    if (!m->has_counts && dirty_measurement_add_memory(m, STOCK_MEMORY, NULL)) {
        REQUIRE(dirty_measurement_check(m, &error));
    }
    model = migration_model_new(m, &error);
    if (!model) {
        REQUIRE(error && error->message[0]);
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        MigrationSettings settings;
        MigrationPrediction prediction;

        migration_settings_init(&settings);
        settings.bandwidth = cases[i].bandwidth;
        settings.downtime_limit = cases[i].downtime;
        settings.throttle = cases[i].throttle;
        settings.limit_from_start = cases[i].throttle == MIGRATION_THROTTLE_DIRTY_LIMIT;
        settings.postcopy = cases[i].postcopy;
        settings.channels = cases[i].channels;
        settings.log = cases[i].log;
        settings.n_vcpus = MAX(m->n_vcpus, 1);
        REQUIRE(migration_model_predict(model, &settings, TRUE, &prediction, &error));
        require_prediction(&prediction);
        require_plan(model, &settings);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    DirtySaved saved;

    dirty_saved_init(&saved, (const char *)data, size);
    while (saved.n_read < MEASUREMENTS_MAX) {
        g_autoptr(DirtyMeasurement) measurement = NULL;

        if (!dirty_saved_next(&saved, &measurement, &error)) {
            REQUIRE(error && error->message[0]);
            REQUIRE(g_utf8_validate(error->message, -1, NULL));
            break;
        }
        if (!measurement) {
            break;
        }
        try_measurement(measurement);
    }
    return 0;
}
