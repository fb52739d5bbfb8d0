/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of dirty page rate measurement by page sampling, with a machine whose
 * only memory is its RAM and whose only writer is the test.
 */
#include "qemu/osdep.h"
#include "dirty-rate-util.h"

#define MODE "page-sampling"

/* Samples are drawn evenly, so a share is met to within a stratum. */
static void assert_share(int64_t hits, int64_t n_sampled, double share)
{
    g_assert_cmpint(hits, >=, n_sampled * share - 1);
    g_assert_cmpint(hits, <=, n_sampled * share + 1);
}

static void test_idle(void)
{
    QTestState *qts = start_bare();
    QDict *info;

    assert_status(qts, "unstarted");

    info = measure(qts, MODE, 600);
    g_assert_cmpint(qdict_get_int(info, "n-total-pages") * PAGE_SIZE, ==,
                    RAM_SIZE);
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
    QTestState *qts = start_bare();
    QDict *info;

    qtest_memset(qts, 0, 0xa5, RAM_SIZE / 2);
    info = measure(qts, MODE, 50);
    assert_share(qdict_get_int(info, "n-zero-pages"),
                 qdict_get_int(info, "n-sampled-pages"), 0.5);
    g_assert_cmpuint(last_dirty(info), ==, 0);
    qobject_unref(info);

    qtest_quit(qts);
}

static void test_dirty_pages(void)
{
    QTestState *qts = start_bare();
    QDict *info;
    int64_t n_sampled;

    /* A quarter is dirtied, then half of that again and a quarter more. */
    calc(qts, MODE, 4000);
    g_usleep(FIRST_SCAN_US);
    qtest_memset(qts, 0, 0x11, RAM_SIZE / 4);
    g_usleep(G_USEC_PER_SEC / 2);
    qtest_memset(qts, RAM_SIZE / 8, 0x22, RAM_SIZE * 3 / 8);

    info = wait_measured(qts);
    assert_consistent(info, MODE, 4000);
    n_sampled = qdict_get_int(info, "n-sampled-pages");
    g_assert_cmpint(qdict_get_int(info, "n-zero-pages"), ==, n_sampled);
    assert_share(last_dirty(info), n_sampled, 0.5);
    g_assert_cmpuint(list_at(qdict_get_qlist(info, "n-dirty-pages"), 0), <=,
                     n_sampled / 4 + 1);
    qobject_unref(info);

    /* Writing what a page already holds does not change it. */
    calc(qts, MODE, 2000);
    g_usleep(FIRST_SCAN_US);
    qtest_memset(qts, 0, 0x11, RAM_SIZE / 8);
    info = wait_measured(qts);
    assert_consistent(info, MODE, 2000);
    g_assert_cmpuint(last_dirty(info), ==, 0);
    qobject_unref(info);

    qtest_quit(qts);
}

void add_sample_tests(void)
{
    qtest_add_func("/dirty-rate/sample/idle", test_idle);
    qtest_add_func("/dirty-rate/sample/zero-pages", test_zero_pages);
    qtest_add_func("/dirty-rate/sample/dirty-pages", test_dirty_pages);
}
