/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of dirty page rate measurement that counts every page.  The test
 * writes as a device does, so it knows the count to the page.
 */
#include "qemu/osdep.h"
#include "dirty-rate-util.h"

#define MODE "dirty-bitmap"

/* PIIX4's registers for CPU hotplug, docs/specs/acpi_cpu_hotplug.rst */
#define CPU_HOTPLUG_SELECTOR 0xaf00
#define CPU_HOTPLUG_CONTROL 0xaf04
#define CPU_HOTPLUG_EJECT (1 << 3)

/* i440FX: what memory below 1 MiB is */
#define PCI_CONFIG_ADDRESS 0xcf8
#define PCI_CONFIG_DATA 0xcfc
#define PCI_ENABLE 0x80000000u
#define PAM_FIRST 0x59
#define PAM_LAST 0x5f
#define PAM_RAM 0x33
#define PAM_ROM 0x00

static void test_exact(void)
{
    QTestState *qts = start_bare();
    QDict *info;

    calc(qts, MODE, 3000);
    /* Half of the memory, a part of that again; then two pages by 4 bytes. */
    qtest_memset(qts, 0, 0x11, RAM_SIZE / 2);
    qtest_memset(qts, RAM_SIZE / 4, 0x22, RAM_SIZE / 4);
    qtest_writel(qts, RAM_SIZE - PAGE_SIZE - 2, 0x12345678);
    info = wait_measured(qts);
    assert_consistent(info, MODE, 3000);
    g_assert_cmpint(qdict_get_int(info, "n-total-pages") * PAGE_SIZE, ==,
                    RAM_SIZE);
    g_assert_cmpuint(last_dirty(info), ==, RAM_SIZE / 2 / PAGE_SIZE + 2);
    /* Nobody of whom it could be said which vCPU wrote. */
    g_assert_false(qdict_haskey(info, "vcpu-dirty-rate"));
    qobject_unref(info);

    /* Pages that were dirty before do not count, and those that are do. */
    info = measure(qts, MODE, 50);
    g_assert_cmpuint(last_dirty(info), ==, 0);
    qobject_unref(info);

    calc(qts, MODE, 3000);
    qtest_memset(qts, 0, 0x11, RAM_SIZE / 4);
    info = wait_measured(qts);
    assert_consistent(info, MODE, 3000);
    g_assert_cmpuint(last_dirty(info), ==, RAM_SIZE / 4 / PAGE_SIZE);
    qobject_unref(info);
    qtest_quit(qts);
}

static void test_curve(void)
{
    QTestState *qts = start_bare();
    QList *periods, *n_dirty;
    QDict *info;

    calc(qts, MODE, 4000);
    qtest_memset(qts, 0, 0x11, 100 * PAGE_SIZE);
    g_usleep(2 * G_USEC_PER_SEC);
    qtest_memset(qts, 50 * PAGE_SIZE, 0x22, 100 * PAGE_SIZE);
    info = wait_measured(qts);
    assert_consistent(info, MODE, 4000);
    periods = qdict_get_qlist(info, "periods");
    n_dirty = qdict_get_qlist(info, "n-dirty-pages");
    for (size_t i = 0; i < qlist_size(periods); i++) {
        if (list_at(periods, i) < 2000) {
            g_assert_cmpuint(list_at(n_dirty, i), <=, 100);
        }
    }
    g_assert_cmpuint(list_last(n_dirty), ==, 150);
    qobject_unref(info);
    qtest_quit(qts);
}

static void test_zero_pages(void)
{
    QTestState *qts = start_bare();
    int64_t n_total = RAM_SIZE / PAGE_SIZE;
    QDict *info;

    info = measure(qts, MODE, 50);
    g_assert_cmpint(qdict_get_int(info, "n-zero-pages"), ==, n_total);
    qobject_unref(info);

    /* One page of 32 strata is looked at in each. */
    qtest_memset(qts, 0, 0xa5, RAM_SIZE / 2);
    info = measure(qts, MODE, 50);
    g_assert_cmpint(qdict_get_int(info, "n-zero-pages"), >=, n_total * 7 / 16);
    g_assert_cmpint(qdict_get_int(info, "n-zero-pages"), <=, n_total * 9 / 16);
    qobject_unref(info);
    qtest_quit(qts);
}

static void unplug_by_reset(QTestState *qts, const char *id)
{
    /* There is no guest to agree to the unplug; a reset completes it. */
    qtest_qmp_assert_success(qts, "{ 'execute': 'device_del',"
                             "  'arguments': { 'id': %s } }", id);
    qtest_qmp_assert_success(qts, "{ 'execute': 'system_reset' }");
    qtest_qmp_eventwait(qts, "DEVICE_DELETED");
}

/*
 * Memory that goes meanwhile is left alone, and what takes its place is not
 * taken for it: new memory begins all dirty.
 */
static void test_block_replaced(const void *data)
{
    const char *mode = data;
    uint64_t n_vram = 64 * MiB / PAGE_SIZE;
    QTestState *qts;
    QDict *info;

    if (!qtest_has_machine("pc") || !qtest_has_device("secondary-vga")) {
        g_test_skip("needs machine 'pc' and device 'secondary-vga'");
        return;
    }
    qts = start_pc("");
    qtest_qmp_device_add(qts, "secondary-vga", "gone", "{ 'vgamem_mb': 64 }");

    calc(qts, mode, 4000);
    g_usleep(FIRST_SCAN_US);
    unplug_by_reset(qts, "gone");
    qtest_qmp_device_add(qts, "secondary-vga", "new", "{ 'vgamem_mb': 64 }");
    qtest_memset(qts, RAM_SIZE / 4, 0x11, RAM_SIZE / 2);

    info = wait_measured(qts);
    assert_consistent(info, mode, 4000);
    g_assert_cmpint(qdict_get_int(info, "n-total-pages") * PAGE_SIZE, >,
                    2 * RAM_SIZE);
    if (g_str_equal(mode, MODE)) {
        /* The reset writes some pages too. */
        g_assert_cmpint(last_dirty(info), >=, RAM_SIZE / 2 / PAGE_SIZE);
        g_assert_cmpint(last_dirty(info), <,
                        RAM_SIZE / 2 / PAGE_SIZE + n_vram / 2);
    } else {
        g_assert_cmpint(last_dirty(info), >=,
                        RAM_SIZE / 2 / MiB * SAMPLE_PAGES / KiB - 1);
    }
    qobject_unref(info);
    qtest_quit(qts);
}

/* Memory that comes meanwhile is no part of the measurement. */
static void test_block_appears(const void *data)
{
    const char *mode = data;
    uint64_t base = 4 * GiB;
    uint64_t n_total;
    QTestState *qts;
    QDict *info;

    if (!qtest_has_machine("pc") || !qtest_has_device("pc-dimm")) {
        g_test_skip("needs machine 'pc' and device 'pc-dimm'");
        return;
    }
    qts = qtest_init("-nodefaults -machine pc -m 64M,slots=2,maxmem=1G "
                     "-object memory-backend-ram,id=more,size=64M");
    info = measure(qts, mode, 50);
    n_total = qdict_get_int(info, "n-total-pages");
    qobject_unref(info);

    calc(qts, mode, 4000);
    g_usleep(FIRST_SCAN_US);
    qtest_qmp_device_add(qts, "pc-dimm", "dimm", "{ 'memdev': 'more' }");
    qtest_memset(qts, base, 0x11, RAM_SIZE);
    g_assert_cmpuint(qtest_readb(qts, base + RAM_SIZE - 1), ==, 0x11);
    qtest_memset(qts, RAM_SIZE / 2, 0x11, RAM_SIZE / 4);
    info = wait_measured(qts);
    assert_consistent(info, mode, 4000);
    g_assert_cmpint(qdict_get_int(info, "n-total-pages"), ==, n_total);
    if (g_str_equal(mode, MODE)) {
        g_assert_cmpint(last_dirty(info), ==, RAM_SIZE / 4 / PAGE_SIZE);
    }
    qobject_unref(info);

    info = measure(qts, mode, 50);
    g_assert_cmpint(qdict_get_int(info, "n-total-pages"), ==,
                    n_total + RAM_SIZE / PAGE_SIZE);
    qobject_unref(info);
    qtest_quit(qts);
}

static void write_pam(QTestState *qts, uint8_t value)
{
    for (uint8_t reg = PAM_FIRST; reg <= PAM_LAST; reg++) {
        qtest_outl(qts, PCI_CONFIG_ADDRESS, PCI_ENABLE | (reg & ~3));
        qtest_outb(qts, PCI_CONFIG_DATA + (reg & 3), value);
    }
}

/*
 * Firmware maps low memory as RAM for a while, and with that all RAM is mapped
 * anew.  KVM's bitmap of it begins all dirty, but nobody has written to it.
 */
static void test_kvm_mapped_anew(void)
{
    QTestState *qts;
    QDict *info;

    if (!qtest_has_accel("kvm") || !qtest_has_machine("pc")) {
        g_test_skip("needs accelerator KVM and machine 'pc'");
        return;
    }
    qts = start_pc("-accel kvm -S");
    calc(qts, MODE, 3000);
    g_usleep(FIRST_SCAN_US);
    write_pam(qts, PAM_RAM);
    write_pam(qts, PAM_ROM);
    qtest_memset(qts, RAM_SIZE / 2, 0x11, 100 * PAGE_SIZE);
    info = wait_measured(qts);
    assert_consistent(info, MODE, 3000);
    g_assert_cmpuint(last_dirty(info), ==, 100);
    qobject_unref(info);
    qtest_quit(qts);
}

static void eject_vcpu(QTestState *qts, int index)
{
    qtest_outl(qts, CPU_HOTPLUG_SELECTOR, index);
    qtest_outb(qts, CPU_HOTPLUG_CONTROL, CPU_HOTPLUG_EJECT);
}

/* vCPUs that come and go do not disturb a measurement. */
static void test_vcpu_hotplug(const void *data)
{
    const char *mode = data;
    QTestState *qts;
    QDict *info;

    if (!qtest_has_machine("pc") ||
        !qtest_has_device("qemu64-x86_64-cpu")) {
        g_test_skip("needs machine 'pc' and device 'qemu64-x86_64-cpu'");
        return;
    }
    qts = start_pc("-cpu qemu64 -smp 1,sockets=3,maxcpus=3");
    /* Leaves the old interface, which cannot unplug. */
    qtest_outl(qts, CPU_HOTPLUG_SELECTOR, 0);
    calc(qts, mode, 4000);
    g_usleep(FIRST_SCAN_US);
    for (int i = 0; i < 5; i++) {
        qtest_qmp_device_add(qts, "qemu64-x86_64-cpu", "cpu2",
                             "{ 'socket-id': 2, 'core-id': 0,"
                             "  'thread-id': 0 }");
        qtest_qmp_assert_success(qts, "{ 'execute': 'device_del',"
                                 "  'arguments': { 'id': 'cpu2' } }");
        eject_vcpu(qts, 2);
        qtest_qmp_eventwait(qts, "DEVICE_DELETED");
    }
    qtest_memset(qts, RAM_SIZE / 4, 0x11, RAM_SIZE / 2);
    info = wait_measured(qts);
    assert_consistent(info, mode, 4000);
    if (g_str_equal(mode, MODE)) {
        g_assert_cmpint(last_dirty(info), ==, RAM_SIZE / 2 / PAGE_SIZE);
    }
    qobject_unref(info);
    qtest_quit(qts);
}

static void add_for_modes(const char *name, void (*test)(const void *))
{
    static const char *const modes[] = { "page-sampling", MODE };

    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        g_autofree char *path = g_strdup_printf("/dirty-rate/%s/%s", name,
                                                modes[i]);

        qtest_add_data_func(path, modes[i], test);
    }
}

void add_log_tests(void)
{
    qtest_add_func("/dirty-rate/log/exact", test_exact);
    qtest_add_func("/dirty-rate/log/curve", test_curve);
    qtest_add_func("/dirty-rate/log/zero-pages", test_zero_pages);
    qtest_add_func("/dirty-rate/log/kvm-mapped-anew", test_kvm_mapped_anew);
    add_for_modes("block-replaced", test_block_replaced);
    add_for_modes("block-appears", test_block_appears);
    add_for_modes("vcpu-hotplug", test_vcpu_hotplug);
}
