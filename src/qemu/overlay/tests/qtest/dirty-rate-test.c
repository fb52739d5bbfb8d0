/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of dirty page rate measurement: requests that are refused, and the
 * human monitor.
 */
#include "qemu/osdep.h"
#include "dirty-rate-util.h"

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
        { "{ 'calc-time': 1, 'compression': true, 'mode': 'dirty-bitmap' }",
          "compress" },
        { "{ 'calc-time': 1, 'mode': 'dirty-ring' }", "dirty-ring-size" },
        { "{ 'calc-time': 1, 'mode': 'guess' }", "guess" },
        { "{ 'calc-time': 1, 'mode': 'auto' }", "auto" },
        { "{ 'calc-time': 'long' }", "calc-time" },
        { "{ 'calc-time': 1, 'calc-time-unit': 'hour' }", "hour" },
        { "{ 'calc-time': 1, 'compression': 1 }", "compression" },
        { "{}", "calc-time" },
    };
    QTestState *qts = start_bare();

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_refused(qts, bad[i].arguments, bad[i].says);
    }
    assert_status(qts, "unstarted");
    qobject_unref(measure(qts, "page-sampling", 50));
    qtest_quit(qts);
}

static void test_no_memory(void)
{
    QTestState *qts = qtest_init("-nodefaults -machine none");

    assert_refused(qts, "{ 'calc-time': 1 }", "memory");
    assert_refused(qts, "{ 'calc-time': 1, 'mode': 'dirty-bitmap' }",
                   "memory");
    assert_status(qts, "unstarted");
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

#define NUMBER "\\d+\\.\\d+"

static void test_hmp(void)
{
    static const char *const lines[] = {
        "^Status: measured\\s*$",
        "^Start Time: [1-9]\\d* \\(sec\\)\\s*$",
        "^Sample Pages: 16384 \\(per GB\\)\\s*$",
        "^Period: [1-9]\\d*\\.\\d* \\(sec\\)\\s*$",
        "^Mode: page-sampling\\s*$",
        "^Dirty rate: " NUMBER " \\(MB/s\\), 95 % bounds: " NUMBER " to "
            NUMBER "\\s*$",
        "^Page size: [1-9]\\d* \\(bytes\\)\\s*$",
        "^Total pages: [1-9]\\d*\\s*$",
        "^Sampled pages: [1-9]\\d*\\s*$",
        "^Zero pages: [1-9]\\d* \\(of sampled\\)\\s*$",
        "^ *period \\(ms\\)  dirty pages \\(of sampled\\)\\s*$",
        "^ *1\\d\\d\\d  0\\s*$",
        "^Compression with zlib: ratio " NUMBER ", " NUMBER " \\(MiB/s of CPU "
            "time\\), tried on [1-9]\\d* pages\\s*$",
    };
    QTestState *qts = start_bare();

    assert_hmp_says(qts, "info dirty_rate", "^Status: unstarted\\s*$");
    assert_hmp_says(qts, "info dirty_rate", "^Dirty rate: \\(not ready\\)");
    assert_hmp_says(qts, "calc_dirty_rate 61", "^Error: .*61000 ms");
    assert_hmp_says(qts, "calc_dirty_rate 1 127", "^Error: .*127 pages");
    assert_hmp_says(qts, "calc_dirty_rate -r -b 1", "^Error: ");
    assert_hmp_says(qts, "calc_dirty_rate -b -c 1", "^Error: .*compress");

    assert_hmp_says(qts, "calc_dirty_rate 60", "info dirty_rate");
    assert_hmp_says(qts, "info dirty_rate", "^Status: measuring\\s*$");
    assert_hmp_says(qts, "cancel_dirty_rate", "^$");
    assert_hmp_says(qts, "info dirty_rate", "^Status: unstarted\\s*$");

    qtest_memset(qts, 0, 0x11, RAM_SIZE / 2);
    assert_hmp_says(qts, "calc_dirty_rate -c 1 16384", "info dirty_rate");
    qobject_unref(wait_measured(qts));
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        assert_hmp_says(qts, "info dirty_rate", lines[i]);
    }

    assert_hmp_says(qts, "calc_dirty_rate -b 3", "info dirty_rate");
    qtest_memset(qts, 0, 0x11, 10 * PAGE_SIZE);
    qobject_unref(wait_measured(qts));
    assert_hmp_says(qts, "info dirty_rate", "^ *3\\d\\d\\d  10\\s*$");
    qtest_quit(qts);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dirty-rate/bad-arguments", test_bad_arguments);
    qtest_add_func("/dirty-rate/no-memory", test_no_memory);
    qtest_add_func("/dirty-rate/hmp", test_hmp);
    add_sample_tests();
    add_log_tests();
    add_tcg_tests();
    add_state_tests();
    return g_test_run();
}
