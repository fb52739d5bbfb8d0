/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of dirty page rate limits with vCPUs that come and go.
 */
#include "qemu/osdep.h"
#include "dirty-limit-guest.h"

/* Registers of the machine's CPU hotplug device, as ACPI tables use them. */
#define HOTPLUG_SELECT 0xaf00
#define HOTPLUG_FLAGS 0xaf04
#define HOTPLUG_EJECT 0x08

#define PLUGGED 2

static void plug(QTestState *qts)
{
    qtest_qmp_device_add(qts, "qemu64-x86_64-cpu", "plugged",
                         "{ 'socket-id': %d, 'core-id': 0, 'thread-id': 0 }",
                         PLUGGED);
    wake_vcpu(qts, PLUGGED);
}

/* The guest lets it go at once. */
static void unplug(QTestState *qts)
{
    qtest_qmp_device_del_send(qts, "plugged");
    qtest_outl(qts, HOTPLUG_SELECT, PLUGGED);
    qtest_outb(qts, HOTPLUG_FLAGS, HOTPLUG_EJECT);
    qtest_qmp_eventwait(qts, "DEVICE_DELETED");
}

/* A limit belongs to the place of a vCPU, whoever is there. */
static void test_plug(void)
{
    QTestState *qts = start_writers("tcg");

    /* To the present kind of hotplug. */
    qtest_outl(qts, HOTPLUG_SELECT, 0);
    set_limit(qts, PLUGGED, 5);
    assert_limit(qts, PLUGGED, 5);
    plug(qts);
    g_assert_cmpfloat(guest_rate(qts, PLUGGED, 1000), <, 5.5);
    unplug(qts);
    assert_limit(qts, PLUGGED, 5);

    /* All are also those that are not there. */
    set_limit(qts, -1, 3);
    for (int i = 0; i < MAX_VCPUS; i++) {
        assert_limit(qts, i, 3);
    }
    plug(qts);
    /* At first it may use up the burst that its place has earned meanwhile. */
    g_assert_cmpfloat(guest_rate(qts, PLUGGED, 1000), <, 2 * 3.3);
    g_assert_cmpfloat(guest_rate(qts, PLUGGED, 1000), <, 3.3);

    /* None of them is left behind. */
    cancel_limit(qts, 0);
    unplug(qts);
    cancel_limit(qts, PLUGGED);
    assert_limit(qts, 0, 0);
    assert_limit(qts, 1, 3);
    cancel_limit(qts, -1);
    for (int i = 0; i < MAX_VCPUS; i++) {
        assert_limit(qts, i, 0);
    }
    qtest_quit(qts);
}

void add_limit_plug_tests(void)
{
    qtest_add_func("/dirty-limit/plug", test_plug);
}
