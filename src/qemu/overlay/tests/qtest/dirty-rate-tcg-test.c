/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of dirty page rate measurement with a vCPU that writes, under TCG.
 */
#include "qemu/osdep.h"
#include "dirty-rate-util.h"

#define MODE "dirty-bitmap"

/* The guest writes these pages round and round, as fast as it can. */
#define N_PAGES 64
#define FIRST_PAGE 0x20000
#define LAST_PAGE (FIRST_PAGE + (N_PAGES - 1) * PAGE_SIZE)

static const uint8_t program[] = {
    0xb8, 0x00, 0x20,               /*   mov ax, 0x2000 */
    0x8e, 0xc0,                     /* l:mov es, ax */
    0x26, 0xff, 0x06, 0x00, 0x00,   /*   inc word [es:0] */
    0x05, 0x00, 0x01,               /*   add ax, 0x100  ; a page */
    0x3d, 0x00, 0x60,               /*   cmp ax, 0x6000 ; N_PAGES of them */
    0x72, 0xf1,                     /*   jb l */
    0xeb, 0xec,                     /*   jmp to the first */
};

/* Two vCPUs, of which only the first does something. */
static QTestState *start_writer(const char *accel)
{
    g_autofree char *bios = write_bios(program, sizeof(program));
    QTestState *qts = qtest_initf("-accel %s -nodefaults -machine pc -smp 2 "
                                  "-m %d -bios %s",
                                  accel, (int)(RAM_SIZE / MiB), bios);

    /* Until it runs. */
    while (!qtest_readw(qts, LAST_PAGE)) {
        g_usleep(1000);
    }
    unlink(bios);
    return qts;
}

/*
 * Waits until the guest has surely written all its pages anew: a loaded host
 * may not let it run for a while.
 */
static void wait_round(QTestState *qts)
{
    for (int i = 0; i < 3; i++) {
        uint16_t before = qtest_readw(qts, LAST_PAGE);

        while (qtest_readw(qts, LAST_PAGE) == before) {
            g_usleep(1000);
        }
    }
}

static void assert_writer(const QDict *info)
{
    g_assert_cmpuint(last_dirty(info), ==, N_PAGES);
    g_assert_nonnull(vcpu_entry(info, 0));
    g_assert_cmpuint(last_dirty(vcpu_entry(info, 0)), ==, N_PAGES);
    g_assert_nonnull(vcpu_entry(info, 1));
    g_assert_cmpuint(last_dirty(vcpu_entry(info, 1)), ==, 0);
}

/* Measures for as long as the guest needs to write all its pages. */
static void measure_writer(QTestState *qts)
{
    for (int64_t ms = 60; ; ms *= 2) {
        QDict *info;
        bool in_time;

        g_assert_cmpint(ms, <=, 60000);
        calc(qts, MODE, ms);
        wait_round(qts);
        info = query(qts);
        in_time = g_str_equal(qdict_get_str(info, "status"), "measuring");
        qobject_unref(info);
        info = wait_measured(qts);
        assert_consistent(info, MODE, ms);
        if (in_time) {
            assert_writer(info);
        }
        qobject_unref(info);
        if (in_time) {
            return;
        }
    }
}

/*
 * Each measurement finds each page once, however often it is written: the
 * vCPU has to be made to trap anew each time.
 */
static void test_counts(const void *accel)
{
    QTestState *qts;
    QDict *info;

    if (!qtest_has_accel("tcg") || !qtest_has_machine("pc")) {
        g_test_skip("needs accelerator TCG and machine 'pc'");
        return;
    }
    qts = start_writer(accel);
    for (int i = 0; i < 5; i++) {
        measure_writer(qts);
    }
    /* One right after another that was cancelled. */
    for (int i = 0; i < 100; i++) {
        calc(qts, MODE, 60000);
        cancel(qts);
    }
    calc(qts, MODE, 2000);
    /* A device writes a page of the guest's, and one of its own. */
    qtest_memset(qts, FIRST_PAGE + 3 * PAGE_SIZE, 1, 1);
    qtest_memset(qts, RAM_SIZE / 2, 1, 1);
    info = wait_measured(qts);
    assert_consistent(info, MODE, 2000);
    g_assert_cmpuint(last_dirty(info), ==, N_PAGES + 1);
    qobject_unref(info);
    qtest_quit(qts);
}

/* It will not be through with that while the test runs. */
static void migrate_slowly(QTestState *qts)
{
    qtest_qmp_assert_success(qts, "{ 'execute': 'migrate-set-parameters',"
        "  'arguments': { 'max-bandwidth': 4096, 'downtime-limit': 1 } }");
    qtest_qmp_assert_success(qts, "{ 'execute': 'migrate', 'arguments':"
                             "  { 'uri': 'exec:cat >/dev/null' } }");
    for (;;) {
        QDict *info = qtest_qmp_assert_success_ref(qts,
            "{ 'execute': 'query-migrate' }");
        bool active = qdict_haskey(info, "status") &&
                      g_str_equal(qdict_get_str(info, "status"), "active");

        qobject_unref(info);
        if (active) {
            return;
        }
        g_usleep(1000);
    }
}

/* Migration's dirty log and the measurement do not take from each other. */
static void test_migrating(void)
{
    QTestState *qts;
    QDict *info;

    if (!qtest_has_accel("tcg") || !qtest_has_machine("pc")) {
        g_test_skip("needs accelerator TCG and machine 'pc'");
        return;
    }
    qts = start_writer("tcg");
    /* Zero pages would be sent in no time. */
    qtest_memset(qts, MiB, 0x11, RAM_SIZE - MiB);

    /* It begins half way... */
    calc(qts, MODE, 2000);
    migrate_slowly(qts);
    info = wait_measured(qts);
    assert_consistent(info, MODE, 2000);
    assert_writer(info);
    qobject_unref(info);

    /* ...is there all the time... */
    measure_writer(qts);
    info = measure(qts, "page-sampling", 200);
    qobject_unref(info);

    /* ...and ends half way. */
    calc(qts, MODE, 2000);
    qtest_qmp_assert_success(qts, "{ 'execute': 'migrate_cancel' }");
    info = wait_measured(qts);
    assert_consistent(info, MODE, 2000);
    assert_writer(info);
    qobject_unref(info);
    qtest_quit(qts);
}

/* A reset starts the guest anew, and its pages stay counted. */
static void test_reset(void)
{
    QTestState *qts;
    QDict *info;

    if (!qtest_has_accel("tcg") || !qtest_has_machine("pc")) {
        g_test_skip("needs accelerator TCG and machine 'pc'");
        return;
    }
    qts = start_writer("tcg");
    calc(qts, MODE, 2000);
    for (int i = 0; i < 5; i++) {
        g_usleep(50 * 1000);
        qtest_qmp_assert_success(qts, "{ 'execute': 'system_reset' }");
        qtest_qmp_eventwait(qts, "RESET");
    }
    info = wait_measured(qts);
    assert_consistent(info, MODE, 2000);
    g_assert_cmpuint(last_dirty(vcpu_entry(info, 0)), ==, N_PAGES);
    qobject_unref(info);
    qtest_quit(qts);
}

void add_tcg_tests(void)
{
    qtest_add_data_func("/dirty-rate/tcg/counts", "tcg", test_counts);
    qtest_add_data_func("/dirty-rate/tcg/counts-one-thread",
                        "tcg,thread=single", test_counts);
    qtest_add_func("/dirty-rate/tcg/migrating", test_migrating);
    qtest_add_func("/dirty-rate/tcg/reset", test_reset);
}
