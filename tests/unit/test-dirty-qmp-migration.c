/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of what QEMU is asked about a migration to come: requests, replies, and bad ones.
 */
#include "bad-reply.h"
#include "dirty-qmp-migration.h"
#include "fake-qmp.h"

#define PARAMETERS "{\"execute\":\"query-migrate-parameters\"}"
#define MEMORY "{\"execute\":\"query-memory-size-summary\"}"

/* What QEMU 10.0 says of a guest that libvirt has migrated without a limit of bandwidth. */
static const char good[] =
    "{\"return\": {\"cpu-throttle-tailslow\": true, \"xbzrle-cache-size\": 67108864, "
    "\"cpu-throttle-initial\": 25, \"announce-max\": 550, \"direct-io\": false, "
    "\"avail-switchover-bandwidth\": 1048576, \"zero-page-detection\": \"multifd\", "
    "\"max-cpu-throttle\": 90, \"multifd-channels\": 4, \"vcpu-dirty-limit\": 3, "
    "\"max-bandwidth\": 134217728, \"throttle-trigger-threshold\": 40, "
    "\"multifd-compression\": \"none\", \"downtime-limit\": 450, \"mode\": \"normal\", "
    "\"cpu-throttle-increment\": 15}}";

static gboolean
query(const char *reply, MigrationSettings *settings, GError **error)
{
    const Exchange exchange = {PARAMETERS, reply};
    const Exchange *next = &exchange;
    const DirtyQmp qmp = {fake_send, &next};

    migration_settings_init(settings);
    return dirty_qmp_query_migrate_parameters(&qmp, settings, error);
}

static void
test_parameters(void)
{
    g_autoptr(GError) error = NULL;
    MigrationSettings settings;

    g_assert_true(query(good, &settings, &error));
    g_assert_no_error(error);
    g_assert_cmpfloat(settings.downtime_limit, ==, 450);
    g_assert_cmpfloat(settings.max_bandwidth, ==, 134217728);
    g_assert_cmpfloat(settings.switchover_bandwidth, ==, 1048576);
    g_assert_cmpfloat_with_epsilon(settings.throttle_initial, 0.25, 1e-9);
    g_assert_cmpfloat_with_epsilon(settings.throttle_increment, 0.15, 1e-9);
    g_assert_cmpfloat_with_epsilon(settings.throttle_max, 0.9, 1e-9);
    g_assert_cmpfloat_with_epsilon(settings.throttle_trigger, 0.4, 1e-9);
    g_assert_true(settings.tailslow);
    g_assert_cmpfloat(settings.vcpu_dirty_limit, ==, 3);
    g_assert_cmpuint(settings.channels, ==, 4);
}

/* An old QEMU tells little, and the rest is what it was. */
static void
test_few_parameters(void)
{
    MigrationSettings settings;
    MigrationSettings defaults;

    migration_settings_init(&defaults);
    g_assert_true(query("{\"return\": {\"downtime-limit\": 1}}", &settings, NULL));
    g_assert_cmpfloat(settings.downtime_limit, ==, 1);
    defaults.downtime_limit = 1;
    g_assert_cmpmem(&settings, sizeof(settings), &defaults, sizeof(defaults));
}

/* libvirt's word for no limit. */
static void
test_unlimited(void)
{
    MigrationSettings settings;

    g_assert_true(query("{\"return\": {\"max-bandwidth\": 9223372036853727232}}", &settings, NULL));
    g_assert_cmpfloat(settings.max_bandwidth, ==, 0);
}

static const BadCase bad_cases[] = {
    {"450", "-1", "'downtime-limit'"},
    {"450", "450.5", "'downtime-limit'"},
    {"450", "\"450\"", "'downtime-limit'"},
    {"134217728", "-134217728", "'max-bandwidth'"},
    {"134217728", "9223372036854775808", "'max-bandwidth'"},
    {"1048576", "null", "'avail-switchover-bandwidth'"},
    {"initial\": 25", "initial\": 0", "'cpu-throttle-initial'"},
    {"initial\": 25", "initial\": 100", "100 is more than 99"},
    {"increment\": 15", "increment\": []", "'cpu-throttle-increment'"},
    {"threshold\": 40", "threshold\": 101", "101 is more than 100"},
    {"90", "0", "'max-cpu-throttle'"},
    {"\"multifd-channels\": 4", "\"multifd-channels\": 0", "'multifd-channels'"},
    {"\"multifd-channels\": 4", "\"multifd-channels\": 256", "256 is more than 255"},
    {"limit\": 3,", "limit\": 0,", "'vcpu-dirty-limit'"},
    {"true", "1", "'cpu-throttle-tailslow'"},
    {"\"return\": {", "\"return\": [{", ""},
    {"\"return\"", "\"retour\"", "'return'"},
};

static void
test_bad(gconstpointer data)
{
    const BadCase *c = data;
    g_autofree char *reply = replace_first(good, c->from, c->to);
    g_autoptr(GError) error = NULL;
    MigrationSettings settings;

    g_assert_false(query(reply, &settings, &error));
    assert_error(error, DIRTY_ERROR_BAD_REPLY, c->text);
}

static gboolean
query_memory(const char *reply, guint64 *bytes, GError **error)
{
    const Exchange exchange = {MEMORY, reply};
    const Exchange *next = &exchange;
    const DirtyQmp qmp = {fake_send, &next};

    return dirty_qmp_query_memory_size(&qmp, bytes, error);
}

static void
test_memory(void)
{
    guint64 bytes;

    g_assert_true(query_memory("{\"return\": {\"base-memory\": 536870912, "
                               "\"plugged-memory\": 134217728}}",
                               &bytes, NULL));
    g_assert_cmpuint(bytes, ==, 671088640);
    g_assert_true(query_memory("{\"return\": {\"base-memory\": 536870912}}", &bytes, NULL));
    g_assert_cmpuint(bytes, ==, 536870912);
}

static void
test_bad_memory(void)
{
    static const struct {
        const char *reply;
        DirtyError code;
        const char *text;
    } cases[] = {
        {"{\"return\": {}}", DIRTY_ERROR_BAD_REPLY, "'base-memory'"},
        {"{\"return\": {\"base-memory\": -1}}", DIRTY_ERROR_BAD_REPLY, "'base-memory'"},
        {"{\"return\": {\"base-memory\": 1, \"plugged-memory\": -1}}", DIRTY_ERROR_BAD_REPLY,
         "'plugged-memory'"},
        {NOT_FOUND("query-memory-size-summary"), DIRTY_ERROR_UNSUPPORTED, "QEMU 2.11"},
        {NULL, DIRTY_ERROR_IO, "connection lost"},
    };
    guint64 bytes;

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(query_memory(cases[i].reply, &bytes, &error));
        assert_error(error, cases[i].code, cases[i].text);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration/parameters/all", test_parameters);
    g_test_add_func("/migration/parameters/few", test_few_parameters);
    g_test_add_func("/migration/parameters/unlimited", test_unlimited);
    for (gsize i = 0; i < G_N_ELEMENTS(bad_cases); i++) {
        g_autofree char *path = g_strdup_printf("/migration/parameters/bad/%zu", i);

        g_test_add_data_func(path, &bad_cases[i], test_bad);
    }
    g_test_add_func("/migration/memory/size", test_memory);
    g_test_add_func("/migration/memory/bad", test_bad_memory);
    return g_test_run();
}
