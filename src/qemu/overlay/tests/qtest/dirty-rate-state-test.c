/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of dirty page rate measurement: what happens to it and around it.
 */
#include "qemu/osdep.h"
#include "dirty-rate-util.h"

/* Those that can be had without an accelerator. */
static const char *const modes[] = { "page-sampling", "dirty-bitmap" };

static void stop(QTestState *qts)
{
    qtest_qmp_assert_success(qts, "{ 'execute': 'stop' }");
}

static void cont(QTestState *qts)
{
    qtest_qmp_assert_success(qts, "{ 'execute': 'cont' }");
}

static void test_busy(void)
{
    QTestState *qts = start_bare();

    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        QDict *info;

        calc(qts, modes[i], 700);
        assert_refused(qts, "{ 'calc-time': 60 }", "already being measured");
        assert_refused(qts, "{ 'calc-time': 60, 'mode': 'dirty-bitmap' }",
                       "already being measured");

        /* The first one goes on undisturbed. */
        info = wait_measured(qts);
        assert_consistent(info, modes[i], 700);
        g_assert_cmpint(qdict_get_int(info, "calc-time"), <, 60000);
        qobject_unref(info);
    }
    qtest_quit(qts);
}

static void test_cancel(void)
{
    QTestState *qts = start_bare();

    /* Nothing to cancel is no error, before, after and twice. */
    cancel(qts);
    assert_status(qts, "unstarted");

    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        int64_t begin = g_get_monotonic_time();

        calc(qts, modes[i], 60000);
        assert_status(qts, "measuring");
        cancel(qts);
        assert_status(qts, "unstarted");
        cancel(qts);
        assert_status(qts, "unstarted");
        g_assert_cmpint(g_get_monotonic_time() - begin, <, PATIENCE_US);
    }
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        qobject_unref(measure(qts, modes[i], 100));
        /* A finished one stays. */
        cancel(qts);
        assert_status(qts, "measured");
    }
    qtest_quit(qts);
}

/* A measurement that still runs does not keep QEMU from ending. */
static void test_quit(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        int64_t begin = g_get_monotonic_time();
        QTestState *qts = start_bare();

        calc(qts, modes[i], 60000);
        qtest_qmp_assert_success(qts, "{ 'execute': 'quit' }");
        qtest_wait_qemu(qts);
        qtest_quit(qts);
        g_assert_cmpint(g_get_monotonic_time() - begin, <, PATIENCE_US);
    }
}

/* One after another, finished or not, in changing modes. */
static void test_many(void)
{
    QTestState *qts = start_bare();

    for (int i = 0; i < 100; i++) {
        calc(qts, modes[i / 2 % 2], 60000);
        if (i % 2) {
            g_usleep(i * 50);
        }
        cancel(qts);
    }
    for (int i = 0; i < 10; i++) {
        qobject_unref(measure(qts, modes[i % 2], 50));
    }
    qtest_quit(qts);
}

/* Time in which the guest does not run does not count. */
static void test_pause(void)
{
    QTestState *qts = start_bare();

    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        int64_t begin = g_get_monotonic_time();
        QDict *info;
        int64_t took;

        calc(qts, modes[i], 2000);
        g_usleep(FIRST_SCAN_US);
        stop(qts);
        g_usleep(G_USEC_PER_SEC / 2);
        cont(qts);
        info = wait_measured(qts);
        took = g_get_monotonic_time() - begin;
        assert_consistent(info, modes[i], 2000);
        g_assert_cmpint(took, >=, 2500 * 1000);
        g_assert_cmpint(qdict_get_int(info, "calc-time") * 1000, <=,
                        took - G_USEC_PER_SEC / 2);
        qobject_unref(info);
    }
    qtest_quit(qts);
}

/* A guest that stays paused does not keep a measurement from ending. */
static void test_pause_for_good(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        QTestState *qts = start_bare();
        int64_t begin = g_get_monotonic_time();
        QDict *info;

        calc(qts, modes[i], 3000);
        g_usleep(FIRST_SCAN_US);
        stop(qts);
        info = wait_measured(qts);
        g_assert_cmpint(g_get_monotonic_time() - begin, >=, 3000 * 1000);
        assert_consistent(info, modes[i], 1);
        g_assert_cmpint(qdict_get_int(info, "calc-time"), <, 3000);
        qobject_unref(info);

        /* What was stopped meanwhile is measured by the host's time. */
        qobject_unref(measure(qts, modes[i], 200));
        cont(qts);
        qobject_unref(measure(qts, modes[i], 200));
        qtest_quit(qts);
    }
}

static void test_stopped(void)
{
    QTestState *qts = start_bare();

    stop(qts);
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        QDict *info;

        calc(qts, modes[i], 4000);
        g_usleep(FIRST_SCAN_US);
        qtest_memset(qts, 0, 0x11 * (i + 1), RAM_SIZE / 2);
        info = wait_measured(qts);
        assert_consistent(info, modes[i], 4000);
        g_assert_cmpuint(last_dirty(info), >=,
                         qdict_get_int(info, "n-sampled-pages") / 2 - 1);
        qobject_unref(info);
    }
    qtest_quit(qts);
}

/* Snapshots taken and loaded half way. */
static void test_snapshot(void)
{
    g_autofree char *image = NULL;
    int fd = g_file_open_tmp("dirty-rate-XXXXXX", &image, NULL);
    QTestState *qts;

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    qts = start_pc("");
    qtest_qmp_assert_success(qts, "{ 'execute': 'blockdev-add', 'arguments':"
        "  { 'driver': 'file', 'node-name': 'file', 'filename': %s } }",
        image);
    qtest_qmp_assert_success(qts, "{ 'execute': 'blockdev-create',"
        "  'arguments': { 'job-id': 'create', 'options':"
        "  { 'driver': 'qcow2', 'file': 'file', 'size': 0 } } }");
    for (;;) {
        QDict *jobs = qtest_qmp(qts, "{ 'execute': 'query-jobs' }");
        QList *list = qdict_get_qlist(jobs, "return");
        QDict *job = qobject_to(QDict, qlist_peek(list));
        bool done = g_str_equal(qdict_get_str(job, "status"), "concluded");

        qobject_unref(jobs);
        if (done) {
            break;
        }
        g_usleep(1000);
    }
    qtest_qmp_assert_success(qts, "{ 'execute': 'job-dismiss',"
                             "  'arguments': { 'id': 'create' } }");
    qtest_qmp_assert_success(qts, "{ 'execute': 'blockdev-add', 'arguments':"
        "  { 'driver': 'qcow2', 'node-name': 'disk', 'file': 'file' } }");

    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        static const char *const commands[] = {
            "savevm one", "loadvm one", "delvm one"
        };
        QDict *info;

        calc(qts, modes[i], 1500);
        for (size_t j = 0; j < ARRAY_SIZE(commands); j++) {
            g_autofree char *said = qtest_hmp(qts, "%s", commands[j]);

            g_assert_cmpstr(said, ==, "");
            g_usleep(100 * 1000);
        }
        info = wait_measured(qts);
        assert_consistent(info, modes[i], 1500);
        /* Neither jumps the clock of the guest. */
        g_assert_cmpint(qdict_get_int(info, "calc-time"), <,
                        PATIENCE_US / 1000);
        qobject_unref(info);
        qobject_unref(measure(qts, modes[i], 100));
    }
    qtest_quit(qts);
    unlink(image);
}

/* Memory that has not come yet must not be looked at. */
static void test_incoming(void)
{
    QTestState *qts = start_pc("-incoming defer");

    assert_refused(qts, "{ 'calc-time': 1 }", "migration");
    assert_refused(qts, "{ 'calc-time': 1, 'mode': 'dirty-bitmap' }",
                   "migration");
    assert_status(qts, "unstarted");
    qtest_quit(qts);
}

void add_state_tests(void)
{
    qtest_add_func("/dirty-rate/state/busy", test_busy);
    qtest_add_func("/dirty-rate/state/cancel", test_cancel);
    qtest_add_func("/dirty-rate/state/quit", test_quit);
    qtest_add_func("/dirty-rate/state/many", test_many);
    qtest_add_func("/dirty-rate/state/pause", test_pause);
    qtest_add_func("/dirty-rate/state/pause-for-good", test_pause_for_good);
    qtest_add_func("/dirty-rate/state/stopped", test_stopped);
    if (qtest_has_machine("pc")) {
        qtest_add_func("/dirty-rate/state/snapshot", test_snapshot);
        qtest_add_func("/dirty-rate/state/incoming", test_incoming);
    }
}
