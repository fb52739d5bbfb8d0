/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of dirty page rate measurement by page sampling, with a machine whose
 * only memory is its RAM and whose only writer is the test.
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "qobject/qnum.h"

#define RAM_SIZE (64 * MiB)
/* As dense as it gets: one page in 16 with pages of 4 KiB. */
#define SAMPLE_PAGES 16384

/* How long to wait for anything that should be there at once, or soon. */
#define PATIENCE_US (30 * G_USEC_PER_SEC)
#define POLL_US (20 * 1000)

/*
 * From the start of a measurement until every sampled page has surely been
 * hashed once: the scan takes some ms, the rest is for a machine under load.
 */
#define FIRST_SCAN_US G_USEC_PER_SEC

/* The CPU runs nothing; qtest writes memory as it sees it. */
static QTestState *start(void)
{
    return qtest_initf("-nodefaults -machine none -cpu max,apic-id=0 -m %d",
                       (int)(RAM_SIZE / MiB));
}

static void calc(QTestState *qts, int64_t ms)
{
    qtest_qmp_assert_success(qts,
        "{ 'execute': 'calc-dirty-rate', 'arguments': { 'calc-time': %" PRId64
        ", 'calc-time-unit': 'millisecond', 'sample-pages': %d } }",
        ms, SAMPLE_PAGES);
}

static QDict *query(QTestState *qts)
{
    return qtest_qmp_assert_success_ref(qts,
        "{ 'execute': 'query-dirty-rate',"
        "  'arguments': { 'calc-time-unit': 'millisecond' } }");
}

static void cancel(QTestState *qts)
{
    qtest_qmp_assert_success(qts, "{ 'execute': 'cancel-dirty-rate' }");
}

static bool has_status(const QDict *info, const char *status)
{
    return g_str_equal(qdict_get_str(info, "status"), status);
}

static void assert_status(QTestState *qts, const char *status)
{
    QDict *info = query(qts);

    g_assert_cmpstr(qdict_get_str(info, "status"), ==, status);
    qobject_unref(info);
}

static QDict *wait_measured(QTestState *qts)
{
    for (int64_t waited = 0; waited < PATIENCE_US; waited += POLL_US) {
        QDict *info = query(qts);

        if (has_status(info, "measured")) {
            return info;
        }
        g_assert_cmpstr(qdict_get_str(info, "status"), ==, "measuring");
        g_assert_false(qdict_haskey(info, "dirty-rate"));
        g_assert_false(qdict_haskey(info, "periods"));
        qobject_unref(info);
        g_usleep(POLL_US);
    }
    g_assert_not_reached();
}

static uint64_t list_at(const QList *list, size_t index)
{
    const QListEntry *entry = qlist_first(list);

    while (index--) {
        entry = qlist_next(entry);
    }
    return qnum_get_uint(qobject_to(QNum, qlist_entry_obj(entry)));
}

static uint64_t list_last(const QList *list)
{
    return list_at(list, qlist_size(list) - 1);
}

/* What holds for every measurement, whatever the guest did. */
static void assert_consistent(const QDict *info, int64_t asked_ms)
{
    QList *periods = qdict_get_qlist(info, "periods");
    QList *n_dirty = qdict_get_qlist(info, "n-dirty-pages");
    int64_t page_size = qdict_get_int(info, "page-size");
    int64_t n_total = qdict_get_int(info, "n-total-pages");
    int64_t n_sampled = qdict_get_int(info, "n-sampled-pages");
    uint64_t last_period = 0;
    uint64_t last_dirty = 0;

    g_assert_cmpstr(qdict_get_str(info, "status"), ==, "measured");
    g_assert_cmpstr(qdict_get_str(info, "mode"), ==, "page-sampling");
    g_assert_cmpstr(qdict_get_str(info, "calc-time-unit"), ==, "millisecond");
    g_assert_cmpint(qdict_get_int(info, "sample-pages"), ==, SAMPLE_PAGES);
    g_assert_cmpint(qdict_get_int(info, "start-time"), >, 0);
    g_assert_cmpint(qdict_get_int(info, "dirty-rate"), >=, 0);

    g_assert_cmpint(n_total * page_size, ==, RAM_SIZE);
    g_assert_cmpint(n_sampled, ==, MIN(n_total,
                                       RAM_SIZE / MiB * SAMPLE_PAGES / KiB));
    g_assert_cmpint(qdict_get_int(info, "n-zero-pages"), <=, n_sampled);

    g_assert_nonnull(periods);
    g_assert_nonnull(n_dirty);
    g_assert_cmpuint(qlist_size(periods), >, 0);
    g_assert_cmpuint(qlist_size(periods), ==, qlist_size(n_dirty));
    for (size_t i = 0; i < qlist_size(periods); i++) {
        g_assert_cmpuint(list_at(periods, i), >, last_period);
        g_assert_cmpuint(list_at(n_dirty, i), >=, last_dirty);
        g_assert_cmpuint(list_at(n_dirty, i), <=, n_sampled);
        last_period = list_at(periods, i);
        last_dirty = list_at(n_dirty, i);
    }
    g_assert_cmpuint(last_period, >=, asked_ms);
    g_assert_cmpuint(qdict_get_int(info, "calc-time"), ==, last_period);

    /* The rate is that of the last reading. */
    g_assert_cmpint(qdict_get_int(info, "dirty-rate"), ==,
                    (int64_t)((double)last_dirty / n_sampled * n_total *
                              page_size / MiB * 1000 / last_period));
}

/* Samples are drawn evenly, so a share is met to within a stratum. */
static void assert_share(int64_t hits, int64_t n_sampled, double share)
{
    g_assert_cmpint(hits, >=, n_sampled * share - 1);
    g_assert_cmpint(hits, <=, n_sampled * share + 1);
}

static void test_idle(void)
{
    QTestState *qts = start();
    QDict *info;

    assert_status(qts, "unstarted");

    calc(qts, 600);
    info = wait_measured(qts);
    assert_consistent(info, 600);
    g_assert_cmpint(qdict_get_int(info, "dirty-rate"), ==, 0);
    g_assert_cmpint(qdict_get_int(info, "n-zero-pages"), ==,
                    qdict_get_int(info, "n-sampled-pages"));
    /* The last one is always taken, the others unless the host stalls. */
    g_assert_cmpuint(qlist_size(qdict_get_qlist(info, "periods")), <=, 5);
    qobject_unref(info);

    /* By default times are in seconds, as they were before there was a unit. */
    qtest_qmp_assert_success(qts, "{ 'execute': 'calc-dirty-rate',"
                             "  'arguments': { 'calc-time': 1 } }");
    qobject_unref(wait_measured(qts));
    info = qtest_qmp_assert_success_ref(qts,
                                        "{ 'execute': 'query-dirty-rate' }");
    g_assert_cmpstr(qdict_get_str(info, "calc-time-unit"), ==, "second");
    g_assert_cmpint(qdict_get_int(info, "calc-time"), >=, 1);
    g_assert_cmpint(qdict_get_int(info, "sample-pages"), ==, 512);
    g_assert_cmpint(qdict_get_int(info, "n-sampled-pages"), ==,
                    RAM_SIZE / MiB * 512 / KiB);
    qobject_unref(info);

    qtest_quit(qts);
}

static void test_zero_pages(void)
{
    QTestState *qts = start();
    QDict *info;

    qtest_memset(qts, 0, 0xa5, RAM_SIZE / 2);
    calc(qts, 50);
    info = wait_measured(qts);
    assert_consistent(info, 50);
    assert_share(qdict_get_int(info, "n-zero-pages"),
                 qdict_get_int(info, "n-sampled-pages"), 0.5);
    g_assert_cmpuint(list_last(qdict_get_qlist(info, "n-dirty-pages")), ==, 0);
    qobject_unref(info);

    qtest_quit(qts);
}

static void test_dirty_pages(void)
{
    QTestState *qts = start();
    QList *n_dirty;
    QDict *info;
    int64_t n_sampled;

    /* A quarter is dirtied, then half of that again and a quarter more. */
    calc(qts, 4000);
    g_usleep(FIRST_SCAN_US);
    qtest_memset(qts, 0, 0x11, RAM_SIZE / 4);
    g_usleep(G_USEC_PER_SEC / 2);
    qtest_memset(qts, RAM_SIZE / 8, 0x22, RAM_SIZE * 3 / 8);

    info = wait_measured(qts);
    assert_consistent(info, 4000);
    n_sampled = qdict_get_int(info, "n-sampled-pages");
    n_dirty = qdict_get_qlist(info, "n-dirty-pages");
    g_assert_cmpint(qdict_get_int(info, "n-zero-pages"), ==, n_sampled);
    assert_share(list_last(n_dirty), n_sampled, 0.5);
    g_assert_cmpuint(list_at(n_dirty, 0), <=, n_sampled / 4 + 1);
    qobject_unref(info);

    /* Writing what a page already holds does not change it. */
    calc(qts, 2000);
    g_usleep(FIRST_SCAN_US);
    qtest_memset(qts, 0, 0x11, RAM_SIZE / 8);
    info = wait_measured(qts);
    assert_consistent(info, 2000);
    g_assert_cmpuint(list_last(qdict_get_qlist(info, "n-dirty-pages")), ==, 0);
    qobject_unref(info);

    qtest_quit(qts);
}

static void test_bad_arguments(void)
{
    static const struct {
        const char *arguments;
        const char *says;
    } bad[] = {
        { "{ 'calc-time': 0 }", "0 ms" },
        { "{ 'calc-time': -1 }", "-1000 ms" },
        { "{ 'calc-time': 61 }", "61000 ms" },
        { "{ 'calc-time': 9223372036854775807 }", "out of range" },
        { "{ 'calc-time': -9223372036854775807 }", "out of range" },
        /* 1 s if it wrapped around */
        { "{ 'calc-time': 2305843009213693953 }", "out of range" },
        { "{ 'calc-time': 49, 'calc-time-unit': 'millisecond' }", "49 ms" },
        { "{ 'calc-time': 60001, 'calc-time-unit': 'millisecond' }",
          "60001 ms" },
        { "{ 'calc-time': 1, 'sample-pages': -1 }", "-1 pages" },
        { "{ 'calc-time': 1, 'sample-pages': 0 }", "0 pages" },
        { "{ 'calc-time': 1, 'sample-pages': 127 }", "127 pages" },
        { "{ 'calc-time': 1, 'sample-pages': 16385 }", "16385 pages" },
        { "{ 'calc-time': 1, 'sample-pages': 512, 'mode': 'dirty-bitmap' }",
          "dirty-bitmap" },
        { "{ 'calc-time': 1, 'mode': 'dirty-ring' }", "dirty-ring-size" },
        { "{ 'calc-time': 1, 'mode': 'guess' }", "guess" },
        { "{ 'calc-time': 'long' }", "calc-time" },
        { "{ 'calc-time': 1, 'calc-time-unit': 'hour' }", "hour" },
        { "{}", "calc-time" },
    };
    QTestState *qts = start();

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        QObject *arguments = qobject_from_json(bad[i].arguments, &error_abort);
        QDict *error = qtest_qmp_assert_failure_ref(qts,
            "{ 'execute': 'calc-dirty-rate', 'arguments': %p }", arguments);
        const char *desc = qdict_get_str(error, "desc");

        if (!strstr(desc, bad[i].says)) {
            g_test_message("%s: %s", bad[i].arguments, desc);
            g_test_fail();
        }
        qobject_unref(error);
    }

    assert_status(qts, "unstarted");
    calc(qts, 50);
    qobject_unref(wait_measured(qts));
    qtest_quit(qts);
}

static void test_no_memory(void)
{
    QTestState *qts = qtest_init("-nodefaults -machine none");
    QDict *error = qtest_qmp_assert_failure_ref(qts,
        "{ 'execute': 'calc-dirty-rate', 'arguments': { 'calc-time': 1 } }");

    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), "memory"));
    qobject_unref(error);
    assert_status(qts, "unstarted");
    qtest_quit(qts);
}

static void test_busy(void)
{
    QTestState *qts = start();
    QDict *error, *info;

    calc(qts, 700);
    error = qtest_qmp_assert_failure_ref(qts,
        "{ 'execute': 'calc-dirty-rate', 'arguments': { 'calc-time': 60 } }");
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"),
                            "already being measured"));
    qobject_unref(error);

    /* The first one goes on undisturbed. */
    info = wait_measured(qts);
    assert_consistent(info, 700);
    g_assert_cmpint(qdict_get_int(info, "calc-time"), <, 60000);
    qobject_unref(info);
    qtest_quit(qts);
}

static void test_cancel(void)
{
    static const char *const modes[] = { "page-sampling", "dirty-bitmap" };
    QTestState *qts = start();
    QDict *info;

    /* Nothing to cancel is no error, before, after and twice. */
    cancel(qts);
    assert_status(qts, "unstarted");

    for (int i = 0; i < ARRAY_SIZE(modes); i++) {
        int64_t begin = g_get_monotonic_time();

        qtest_qmp_assert_success(qts, "{ 'execute': 'calc-dirty-rate',"
            "  'arguments': { 'calc-time': 60, 'mode': %s } }", modes[i]);
        assert_status(qts, "measuring");
        cancel(qts);
        assert_status(qts, "unstarted");
        cancel(qts);
        assert_status(qts, "unstarted");
        g_assert_cmpint(g_get_monotonic_time() - begin, <, PATIENCE_US);
    }

    calc(qts, 100);
    info = wait_measured(qts);
    assert_consistent(info, 100);
    qobject_unref(info);

    /* A finished one stays. */
    cancel(qts);
    assert_status(qts, "measured");
    qtest_quit(qts);
}

/* A measurement that still runs does not keep QEMU from ending. */
static void test_quit(void)
{
    static const char *const modes[] = { "page-sampling", "dirty-bitmap" };

    for (int i = 0; i < ARRAY_SIZE(modes); i++) {
        int64_t begin = g_get_monotonic_time();
        QTestState *qts = start();

        qtest_qmp_assert_success(qts, "{ 'execute': 'calc-dirty-rate',"
            "  'arguments': { 'calc-time': 60, 'mode': %s } }", modes[i]);
        qtest_qmp_assert_success(qts, "{ 'execute': 'quit' }");
        qtest_wait_qemu(qts);
        qtest_quit(qts);
        g_assert_cmpint(g_get_monotonic_time() - begin, <, PATIENCE_US);
    }
}

/* Memory that goes away meanwhile is left alone; the rest is still measured. */
static void test_unplug(void)
{
    QTestState *qts;
    QDict *info;

    if (!qtest_has_machine("pc") || !qtest_has_device("secondary-vga")) {
        g_test_skip("needs machine 'pc' and device 'secondary-vga'");
        return;
    }
    qts = qtest_initf("-nodefaults -machine pc -m %d", (int)(RAM_SIZE / MiB));
    qtest_qmp_device_add(qts, "secondary-vga", "gone", "{ 'vgamem_mb': 64 }");

    calc(qts, 3000);
    g_usleep(FIRST_SCAN_US);
    /* There is no guest to agree to the unplug; a reset completes it. */
    qtest_qmp_assert_success(qts, "{ 'execute': 'device_del',"
                             "  'arguments': { 'id': 'gone' } }");
    qtest_qmp_assert_success(qts, "{ 'execute': 'system_reset' }");
    qtest_qmp_eventwait(qts, "DEVICE_DELETED");
    qtest_memset(qts, RAM_SIZE / 4, 0x11, RAM_SIZE / 2);

    info = wait_measured(qts);
    g_assert_cmpint(qdict_get_int(info, "n-total-pages") *
                    qdict_get_int(info, "page-size"), >, 2 * RAM_SIZE);
    g_assert_cmpint(list_last(qdict_get_qlist(info, "n-dirty-pages")), >=,
                    RAM_SIZE / 2 / MiB * SAMPLE_PAGES / KiB - 1);
    qobject_unref(info);
    qtest_quit(qts);
}

static void test_many(void)
{
    QTestState *qts = start();

    for (int i = 0; i < 100; i++) {
        calc(qts, 60000);
        if (i % 2) {
            g_usleep(i * 50);
        }
        cancel(qts);
    }
    for (int i = 0; i < 10; i++) {
        QDict *info;

        calc(qts, 50);
        info = wait_measured(qts);
        assert_consistent(info, 50);
        qobject_unref(info);
    }
    qtest_quit(qts);
}

static void assert_hmp_says(QTestState *qts, const char *command,
                            const char *pattern)
{
    g_autofree char *text = qtest_hmp(qts, "%s", command);

    if (!g_regex_match_simple(pattern, text, G_REGEX_MULTILINE, 0)) {
        g_test_message("'%s' does not match %s: %s", command, pattern, text);
        g_test_fail();
    }
}

static void test_hmp(void)
{
    static const char *const lines[] = {
        "^Status: measured\\s*$",
        "^Start Time: [1-9]\\d* \\(sec\\)\\s*$",
        "^Sample Pages: 16384 \\(per GB\\)\\s*$",
        "^Period: [1-9]\\d* \\(sec\\)\\s*$",
        "^Mode: page-sampling\\s*$",
        "^Dirty rate: \\d+ \\(MB/s\\)\\s*$",
        "^Page size: [1-9]\\d* \\(bytes\\)\\s*$",
        "^Total pages: [1-9]\\d*\\s*$",
        "^Sampled pages: [1-9]\\d*\\s*$",
        "^Zero pages: [1-9]\\d* \\(of sampled\\)\\s*$",
        "^ *period \\(ms\\)  dirty pages \\(of sampled\\)\\s*$",
        "^ *1\\d\\d\\d  0\\s*$",
    };
    QTestState *qts = start();

    assert_hmp_says(qts, "info dirty_rate", "^Status: unstarted\\s*$");
    assert_hmp_says(qts, "info dirty_rate", "^Dirty rate: \\(not ready\\)");
    assert_hmp_says(qts, "calc_dirty_rate 61", "^Error: .*61000 ms");
    assert_hmp_says(qts, "calc_dirty_rate 1 127", "^Error: .*127 pages");
    assert_hmp_says(qts, "calc_dirty_rate -r -b 1", "^Error: ");

    assert_hmp_says(qts, "calc_dirty_rate 60", "info dirty_rate");
    assert_hmp_says(qts, "info dirty_rate", "^Status: measuring\\s*$");
    assert_hmp_says(qts, "cancel_dirty_rate", "^$");
    assert_hmp_says(qts, "info dirty_rate", "^Status: unstarted\\s*$");

    assert_hmp_says(qts, "calc_dirty_rate 1 16384", "info dirty_rate");
    qobject_unref(wait_measured(qts));
    for (int i = 0; i < ARRAY_SIZE(lines); i++) {
        assert_hmp_says(qts, "info dirty_rate", lines[i]);
    }
    qtest_quit(qts);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dirty-rate/idle", test_idle);
    qtest_add_func("/dirty-rate/zero-pages", test_zero_pages);
    qtest_add_func("/dirty-rate/dirty-pages", test_dirty_pages);
    qtest_add_func("/dirty-rate/bad-arguments", test_bad_arguments);
    qtest_add_func("/dirty-rate/no-memory", test_no_memory);
    qtest_add_func("/dirty-rate/busy", test_busy);
    qtest_add_func("/dirty-rate/cancel", test_cancel);
    qtest_add_func("/dirty-rate/quit", test_quit);
    qtest_add_func("/dirty-rate/unplug", test_unplug);
    qtest_add_func("/dirty-rate/many", test_many);
    qtest_add_func("/dirty-rate/hmp", test_hmp);
    return g_test_run();
}
