/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of dirty page rate limits, under TCG.
 *
 * A host under load lets a guest write less than its limit, but never more,
 * so bounds from above are tight and those from below are not.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qobject/qjson.h"
#include "dirty-limit-guest.h"

/* Above this a rate is that of a vCPU nobody holds. */
#define FREE_MIBS 100

static void assert_held(QTestState *qts, int vcpu, int mibs)
{
    double rate = guest_rate(qts, vcpu, 1200);

    g_assert_cmpfloat(rate, <, mibs * 1.06);
    g_assert_cmpfloat(rate, >, mibs * 0.5);
}

/* What the user is told is what the vCPU does; from 1 s after the change. */
static void assert_reported(QTestState *qts, int vcpu, int mibs)
{
    QDict *entry = limit_entry(qts, vcpu);
    double rate = entry_double(entry, "rate");

    g_assert_cmpfloat(rate, <, mibs * 1.06);
    g_assert_cmpfloat(rate, >, mibs * 0.5);
    g_assert_cmpint(qdict_get_int(entry, "current-rate"), ==,
                    (int)(rate + 0.5));
    g_assert_cmpfloat(entry_double(entry, "resting-share"), >, 0.1);
    g_assert_cmpfloat(entry_double(entry, "resting-share"), <=, 1);
    g_assert_cmpstr(qdict_get_str(entry, "scope"), ==, "vcpu");
    qobject_unref(entry);
}

/* One is held, in steps; its neighbour is not. */
static void test_held(const void *accel)
{
    static const int steps[] = { 5, 2 };
    QTestState *qts = start_writers(accel);

    wake_vcpu(qts, 1);
    for (int i = 0; i < ARRAY_SIZE(steps); i++) {
        set_limit(qts, 0, steps[i]);
        assert_held(qts, 0, steps[i]);
    }
    g_usleep(G_USEC_PER_SEC);
    assert_reported(qts, 0, 2);
    assert_limit(qts, 1, 0);
    g_assert_cmpfloat(guest_rate(qts, 1, 500), >, FREE_MIBS);

    /* It answers while it rests. */
    g_free(qtest_hmp(qts, "info registers -a"));
    g_free(qtest_hmp(qts, "info vcpu_dirty_limit"));
    cancel_limit(qts, -1);
    assert_limit(qts, 0, 0);
    g_assert_cmpfloat(guest_rate(qts, 0, 500), >, FREE_MIBS);
    qtest_quit(qts);
}

/* Pages that are written again and again count once a second. */
static void test_hot_set(void)
{
    QTestState *qts = start_writers("tcg");
    QDict *entry;

    write_set(qts, 4 * PAGES_PER_MIB);
    set_limit(qts, 0, 20);
    /* It has to save up for them first. */
    g_usleep(3 * G_USEC_PER_SEC);
    entry = limit_entry(qts, 0);
    g_assert_cmpfloat(entry_double(entry, "rate"), <, 4.5);
    g_assert_cmpfloat(entry_double(entry, "resting-share"), ==, 0);
    qobject_unref(entry);
    g_assert_cmpfloat(guest_rate(qts, 0, 500), >, FREE_MIBS);
    qtest_quit(qts);
}

/* Whether a vCPU that rests runs soon after @command. */
static bool is_freed(QTestState *qts, const char *command, const char *args)
{
    set_limit(qts, 0, 1);
    g_usleep(300 * 1000);
    qtest_qmp_assert_success(qts, "{ 'execute': %s, 'arguments': %p }",
                             command, qobject_from_json(args, &error_abort));
    return guest_rate(qts, 0, 100) > FREE_MIBS;
}

/* A rest ends at once when its reason does. */
static void test_freed(void)
{
    static const struct {
        const char *command;
        const char *args;
    } steps[] = {
        { "cancel-vcpu-dirty-limit", "{}" },
        { "cancel-vcpu-dirty-limit", "{ 'cpu-index': 0 }" },
        { "set-vcpu-dirty-limit", "{ 'cpu-index': 0, 'dirty-rate': 0 }" },
        { "set-vcpu-dirty-limit", "{ 'dirty-rate': 1048576 }" },
    };
    QTestState *qts = start_writers("tcg");

    for (int i = 0; i < ARRAY_SIZE(steps); i++) {
        /* The host may let the guest wait for so long now and then. */
        int tries = 0;

        while (!is_freed(qts, steps[i].command, steps[i].args)) {
            g_assert_cmpint(++tries, <, 10);
        }
    }
    set_limit(qts, -1, 1);
    for (int i = 0; i < 3; i++) {
        qtest_qmp_assert_success(qts, "{ 'execute': 'system_reset' }");
        qtest_qmp_eventwait(qts, "RESET");
        g_usleep(50 * 1000);
    }
    g_assert_cmpfloat(guest_rate(qts, 0, 1000), <, 1.2);
    /* And it ends while it rests. */
    qtest_quit(qts);
}

/* A pause earns nothing. */
static void test_pause(void)
{
    QTestState *qts = start_writers("tcg");
    QDict *entry;

    set_limit(qts, 0, 5);
    g_usleep(1200 * 1000);
    qtest_qmp_assert_success(qts, "{ 'execute': 'stop' }");
    g_assert_cmpfloat(guest_rate(qts, 0, 1500), ==, 0);
    entry = limit_entry(qts, 0);
    g_assert_cmpfloat(entry_double(entry, "rate"), ==, 0);
    g_assert_cmpfloat(entry_double(entry, "resting-share"), ==, 0);
    qobject_unref(entry);
    qtest_qmp_assert_success(qts, "{ 'execute': 'cont' }");
    assert_held(qts, 0, 5);

    /* A limit that is set meanwhile holds from the start. */
    qtest_qmp_assert_success(qts, "{ 'execute': 'stop' }");
    cancel_limit(qts, 0);
    set_limit(qts, 0, 2);
    qtest_qmp_assert_success(qts, "{ 'execute': 'cont' }");
    assert_held(qts, 0, 2);
    qtest_quit(qts);
}

/* A measurement and a limit do not disturb each other. */
static void test_measured(void)
{
    QTestState *qts = start_writers("tcg");
    uint64_t held, others;
    QDict *info;

    wake_vcpu(qts, 1);
    set_limit(qts, 0, 5);
    info = measure(qts, "dirty-bitmap", 1000);
    held = last_dirty(vcpu_entry(info, 0));
    others = last_dirty(vcpu_entry(info, 1));
    /* The counter is a page, too. */
    g_assert_cmpuint(others, ==, 16 * PAGES_PER_MIB + 1);
    g_assert_cmpfloat(held * 1000.0 / qdict_get_int(info, "calc-time"), <,
                      5 * PAGES_PER_MIB * 1.06);
    g_assert_cmpuint(held, >, 5 * PAGES_PER_MIB / 2);
    qobject_unref(info);
    qtest_quit(qts);
}

static void assert_limit_refused(QTestState *qts, const char *args,
                                 const char *words)
{
    QDict *error = qtest_qmp_assert_failure_ref(qts,
        "{ 'execute': 'set-vcpu-dirty-limit', 'arguments': %p }",
        qobject_from_json(args, &error_abort));

    if (!strstr(qdict_get_str(error, "desc"), words)) {
        g_test_message("%s: %s", args, qdict_get_str(error, "desc"));
        g_test_fail();
    }
    qobject_unref(error);
    assert_limit(qts, 0, 7);
    assert_limit(qts, 1, 0);
}

static void test_refused(void)
{
    QTestState *qts = start_writers("tcg");

    set_limit(qts, 0, 7);
    assert_limit_refused(qts, "{ 'dirty-rate': -1 }", "1048576");
    assert_limit_refused(qts, "{ 'dirty-rate': 9223372036854775808 }",
                         "9223372036854775808");
    assert_limit_refused(qts, "{ 'dirty-rate': 1048577 }", "1048577");
    assert_limit_refused(qts, "{ 'dirty-rate': 1, 'cpu-index': 4 }",
                         "from 0 to 3");
    assert_limit_refused(qts, "{ 'dirty-rate': 1, 'cpu-index': -2 }", "-2");
    assert_limit_refused(qts, "{ 'dirty-rate': 0, 'cpu-index': 4294967296 }",
                         "4294967296");
    g_free(qtest_hmp(qts, "set_vcpu_dirty_limit -1"));
    assert_limit(qts, 0, 7);
    qtest_quit(qts);

    /* Time of the guest's own is no measure of a rate. */
    qts = qtest_init("-accel tcg -icount shift=5 -nodefaults -machine pc");
    qtest_qmp_assert_failure_ref(qts, "{ 'execute': 'set-vcpu-dirty-limit',"
                                 "  'arguments': { 'dirty-rate': 1 } }");
    qtest_quit(qts);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!qtest_has_accel("tcg") || !qtest_has_machine("pc")) {
        g_test_skip("needs accelerator TCG and machine 'pc'");
        return 0;
    }
    qtest_add_data_func("/dirty-limit/held", "tcg", test_held);
    qtest_add_data_func("/dirty-limit/held-one-thread", "tcg,thread=single",
                        test_held);
    qtest_add_func("/dirty-limit/hot-set", test_hot_set);
    qtest_add_func("/dirty-limit/freed", test_freed);
    qtest_add_func("/dirty-limit/pause", test_pause);
    qtest_add_func("/dirty-limit/measured", test_measured);
    qtest_add_func("/dirty-limit/refused", test_refused);
    add_limit_plug_tests();
    add_limit_migration_tests();
    return g_test_run();
}
