/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of the dirty page rate limit that a migration sets for itself.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qobject/qjson.h"
#include "dirty-limit-guest.h"

#define USER_MIBS 8
#define MIGRATION_MIBS 2

#define POLL_US (20 * 1000)

/* Begins a migration that cannot end unless @downtime_ms lets it. */
static void migrate(QTestState *qts, int downtime_ms)
{
    qtest_qmp_assert_success(qts, "{ 'execute': 'migrate-set-parameters',"
        "  'arguments': { 'max-bandwidth': 8000000, 'downtime-limit': %d,"
        "                 'vcpu-dirty-limit': %d } }",
        downtime_ms, MIGRATION_MIBS);
    qtest_qmp_assert_success(qts, "{ 'execute': 'migrate', 'arguments':"
                             "  { 'uri': 'exec:cat >/dev/null' } }");
}

static QDict *query_migrate(QTestState *qts)
{
    return qtest_qmp_assert_success_ref(qts,
                                        "{ 'execute': 'query-migrate' }");
}

static void wait_status(QTestState *qts, const char *status)
{
    for (int64_t waited = 0; waited < PATIENCE_US; waited += POLL_US) {
        QDict *info = query_migrate(qts);
        bool reached = g_str_equal(qdict_get_str(info, "status"), status);

        qobject_unref(info);
        if (reached) {
            return;
        }
        g_usleep(POLL_US);
    }
    g_assert_not_reached();
}

/* Waits until migration holds the vCPUs. */
static void wait_throttled(QTestState *qts)
{
    for (int64_t waited = 0; waited < PATIENCE_US; waited += POLL_US) {
        QDict *info = query_migrate(qts);
        int64_t us = qdict_get_try_int(info,
            "dirty-limit-throttle-time-per-round", 0);

        g_assert_false(qdict_haskey(info, "dirty-limit-ring-full-time"));
        qobject_unref(info);
        if (us) {
            return;
        }
        g_usleep(POLL_US);
    }
    g_assert_not_reached();
}

static void assert_busy(QTestState *qts, const char *command,
                        const char *args)
{
    QDict *error = qtest_qmp_assert_failure_ref(qts,
        "{ 'execute': %s, 'arguments': %p }", command,
        qobject_from_json(args, &error_abort));

    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), "'dirty-limit'"));
    qobject_unref(error);
}

/* Only what the user wants is left. */
static void assert_users(QTestState *qts)
{
    QDict *info = query_migrate(qts);

    g_assert_false(qdict_haskey(info, "dirty-limit-throttle-time-per-round"));
    qobject_unref(info);
    assert_limit(qts, 0, USER_MIBS);
    assert_limit(qts, 1, 0);
    assert_limit(qts, MAX_VCPUS - 1, 0);
}

static void test_migration(void)
{
    QTestState *qts = start_writers("tcg");

    qtest_qmp_assert_success(qts, "{ 'execute': 'migrate-set-capabilities',"
        "  'arguments': { 'capabilities': ["
        "    { 'capability': 'dirty-limit', 'state': true } ] } }");
    set_limit(qts, 0, USER_MIBS);
    wake_vcpu(qts, 1);
    /* A pass takes more than the second in which migration looks once. */
    write_set(qts, 5 * PAGES_PER_MIB);

    migrate(qts, 1);
    wait_throttled(qts);
    for (int i = 0; i < MAX_VCPUS; i++) {
        assert_limit(qts, i, MIGRATION_MIBS);
    }
    assert_busy(qts, "set-vcpu-dirty-limit", "{ 'dirty-rate': 5 }");
    assert_busy(qts, "cancel-vcpu-dirty-limit", "{ 'cpu-index': 0 }");
    qtest_qmp_assert_success(qts, "{ 'execute': 'migrate_cancel' }");
    assert_users(qts);
    wait_status(qts, "cancelled");
    assert_users(qts);

    /* With less dirtied this one ends, and the guest goes on here. */
    migrate(qts, 1000);
    wait_status(qts, "completed");
    assert_users(qts);
    write_set(qts, 16 * PAGES_PER_MIB);
    qtest_qmp_assert_success(qts, "{ 'execute': 'cont' }");
    g_assert_cmpfloat(guest_rate(qts, 0, 1000), <, USER_MIBS * 1.1);
    g_assert_cmpfloat(guest_rate(qts, 1, 500), >, 100);
    qtest_quit(qts);
}

void add_limit_migration_tests(void)
{
    qtest_add_func("/dirty-limit/migration", test_migration);
}
