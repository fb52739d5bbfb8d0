/*
 * qemudirtylimittest.c: limits of vCPUs' dirty page rates in the QEMU driver
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "testutils.h"
#include "testutilsqemu.h"
#include "testutilsqemudirtylimit.h"
#include "virhash.h"

#define VIR_FROM_THIS VIR_FROM_NONE

#define TEST_LIVE VIR_DOMAIN_AFFECT_LIVE
#define TEST_CONFIG VIR_DOMAIN_AFFECT_CONFIG

#define TEST_OK "{\"return\":{}}"
#define TEST_NONE "{\"return\":[]}"
#define TEST_ERROR(text) \
    "{\"error\":{\"class\":\"GenericError\",\"desc\":\"" text "\"}}"
#define TEST_LIMIT(vcpu, limit) \
    "{\"cpu-index\":" #vcpu ",\"limit-rate\":" #limit ",\"current-rate\":7}"
#define TEST_LIMITS(...) "{\"return\":[" __VA_ARGS__ "]}"

#define TEST_QUERY "{\"execute\":\"query-vcpu-dirty-limit\"}"
#define TEST_SET_ALL(rate) \
    "{\"execute\":\"set-vcpu-dirty-limit\",\"arguments\":{\"dirty-rate\":" #rate "}}"
#define TEST_SET(vcpu, rate) \
    "{\"execute\":\"set-vcpu-dirty-limit\"," \
    "\"arguments\":{\"cpu-index\":" #vcpu ",\"dirty-rate\":" #rate "}}"
#define TEST_CANCEL_ALL "{\"execute\":\"cancel-vcpu-dirty-limit\",\"arguments\":{}}"
#define TEST_CANCEL(vcpu) \
    "{\"execute\":\"cancel-vcpu-dirty-limit\",\"arguments\":{\"cpu-index\":" #vcpu "}}"

#define TEST_HAS(vcpus, rate) \
    "<dirtylimit vcpus='" vcpus "' rate='" #rate "' unit='MiB'/>\n"


static int
mymain(void)
{
    int ret = 0;
    virQEMUDriver driver;
    g_autoptr(GHashTable) files = testQemuGetLatestCaps();
    g_autoptr(GHashTable) capsCache = virHashNew(virObjectUnref);
    g_autoptr(GHashTable) schemaCache = virHashNew((GDestroyNotify) g_hash_table_unref);
    g_autoptr(virQEMUCaps) caps = NULL;
    GHashTable *schema = NULL;

    if (qemuTestDriverInit(&driver) < 0)
        return EXIT_FAILURE;

    virEventRegisterDefaultImpl();

    if (!(caps = testQemuGetRealCaps("x86_64", "latest", "", files,
                                     capsCache, schemaCache, &schema)) ||
        qemuTestCapsCacheInsert(driver.qemuCapsCache, caps) < 0) {
        ret = -1;
        goto cleanup;
    }

#define DO_TEST_FULL(name, func, what, had, ...) \
    do { \
        testLimit data = { .driver = &driver, .schema = schema, .action = what, \
                           .limits = had, __VA_ARGS__ }; \
        if (virTestRun(name, func, &data) < 0) \
            ret = -1; \
    } while (0)

#define DO_TEST(name, what, had, ...) \
    DO_TEST_FULL(name, testLimitRun, what, had, __VA_ARGS__)

    DO_TEST("set live", testLimitSet, "",
            .rate = 50, .flags = TEST_LIVE,
            .qemu = { TEST_SET(0, 50), TEST_OK },
            .live = TEST_HAS("0", 50));
    DO_TEST("set by QEMU's number", testLimitSet, "",
            .vcpu = 1, .rate = 50,
            .qemu = { TEST_SET(2, 50), TEST_OK },
            .live = TEST_HAS("1", 50));
    DO_TEST("set unplugged", testLimitSet, TEST_HAS("0", 50),
            .vcpu = 3, .rate = 50, .flags = TEST_LIVE,
            .qemu = { TEST_SET(3, 50), TEST_OK },
            .live = TEST_HAS("0,3", 50));
    DO_TEST("set unplugged whose number is taken", testLimitSet, "",
            .vcpu = 2, .rate = 50, .flags = TEST_LIVE,
            .live = TEST_HAS("2", 50));
    DO_TEST("set all", testLimitSet, TEST_HAS("1", 60),
            .vcpu = -1, .rate = 1048576, .flags = TEST_LIVE,
            .qemu = { TEST_SET_ALL(1048576), TEST_OK },
            .live = TEST_HAS("0-3", 1048576));
    DO_TEST("set both", testLimitSet, TEST_HAS("1", 60),
            .rate = 50, .flags = TEST_LIVE | TEST_CONFIG,
            .qemu = { TEST_SET(0, 50), TEST_OK },
            .live = TEST_HAS("0", 50) TEST_HAS("1", 60),
            .config = TEST_HAS("0", 50) TEST_HAS("1", 60));
    DO_TEST("set config", testLimitSet, "",
            .vcpu = -1, .rate = 50, .flags = TEST_CONFIG,
            .config = TEST_HAS("0-3", 50));
    DO_TEST("set off", testLimitSet, "",
            .vcpu = 2, .rate = 50, .off = true,
            .config = TEST_HAS("2", 50));
    DO_TEST("set while migrating", testLimitSet, "",
            .rate = 50, .flags = TEST_LIVE, .job = VIR_ASYNC_JOB_MIGRATION_OUT,
            .qemu = { TEST_SET(0, 50), TEST_OK },
            .live = TEST_HAS("0", 50));
    DO_TEST("cancel", testLimitSet, TEST_HAS("0-3", 50),
            .vcpu = 1, .flags = TEST_LIVE | TEST_CONFIG,
            .qemu = { TEST_CANCEL(2), TEST_OK },
            .live = TEST_HAS("0,2-3", 50),
            .config = TEST_HAS("0,2-3", 50));
    DO_TEST("cancel all", testLimitSet, TEST_HAS("0-3", 50),
            .vcpu = -1, .flags = TEST_LIVE,
            .qemu = { TEST_CANCEL_ALL, TEST_OK },
            .live = "");

    DO_TEST("rate too high", testLimitSet, TEST_HAS("0", 50),
            .rate = 1048577, .flags = TEST_LIVE | TEST_CONFIG,
            .code = VIR_ERR_INVALID_ARG, .message = "1048577");
    DO_TEST("rate of 2^63", testLimitSet, TEST_HAS("0", 50),
            .rate = 1ULL << 63,
            .code = VIR_ERR_INVALID_ARG, .message = "1048576");
    DO_TEST("rate of -1", testLimitSet, TEST_HAS("0", 50),
            .rate = -1,
            .code = VIR_ERR_INVALID_ARG, .message = "18446744073709551615");
    DO_TEST("no such vCPU", testLimitSet, TEST_HAS("0", 50),
            .vcpu = 4, .rate = 60, .flags = TEST_LIVE | TEST_CONFIG,
            .code = VIR_ERR_INVALID_ARG, .message = "0 to 3");
    DO_TEST("config of a transient domain", testLimitSet, TEST_HAS("0", 50),
            .rate = 60, .flags = TEST_LIVE | TEST_CONFIG, .transient = true,
            .code = VIR_ERR_OPERATION_INVALID, .message = "transient");
    DO_TEST("live of a domain that is off", testLimitSet, TEST_HAS("0", 50),
            .rate = 60, .flags = TEST_LIVE | TEST_CONFIG, .off = true,
            .code = VIR_ERR_OPERATION_INVALID, .message = "not running");
    DO_TEST("QEMU without a ring", testLimitSet, "",
            .rate = 60, .flags = TEST_LIVE | TEST_CONFIG,
            .qemu = { TEST_SET(0, 60),
                      TEST_ERROR("dirty page limit feature requires KVM with accelerator property 'dirty-ring-size'") },
            .code = VIR_ERR_OPERATION_UNSUPPORTED, .message = "dirty-ring");
    DO_TEST("QEMU that migrates with limits", testLimitSet, TEST_HAS("0", 50),
            .vcpu = -1, .rate = 60, .flags = TEST_LIVE | TEST_CONFIG,
            .job = VIR_ASYNC_JOB_MIGRATION_OUT,
            .qemu = { TEST_SET_ALL(60),
                      TEST_ERROR("can't set dirty page rate limit while migration is running") },
            .code = VIR_ERR_OPERATION_INVALID, .message = "migrat");
    DO_TEST("configuration that cannot be saved", testLimitSet, TEST_HAS("0-3", 50),
            .vcpu = 1, .rate = 60, .flags = TEST_LIVE | TEST_CONFIG, .unwritable = true,
            .qemu = { TEST_SET(2, 60), TEST_OK,
                      TEST_QUERY, TEST_LIMITS(TEST_LIMIT(0, 50) "," TEST_LIMIT(2, 60) ","
                                              TEST_LIMIT(3, 50)),
                      TEST_SET_ALL(50), TEST_OK },
            .code = VIR_ERR_SYSTEM_ERROR, .message = "/dev/null/libvirt");
    DO_TEST("still arriving", testLimitSet, TEST_HAS("0", 50),
            .rate = 60, .flags = TEST_LIVE, .job = VIR_ASYNC_JOB_MIGRATION_IN,
            .code = VIR_ERR_OPERATION_INVALID, .message = "on the source");
    DO_TEST("already gone", testLimitSet, TEST_HAS("0", 50),
            .rate = 60, .flags = TEST_LIVE, .job = VIR_ASYNC_JOB_MIGRATION_OUT,
            .paused = VIR_DOMAIN_PAUSED_MIGRATION,
            .code = VIR_ERR_OPERATION_INVALID, .message = "on the destination");

    DO_TEST("sync nothing", testLimitSync, "",
            .qemu = { TEST_QUERY, TEST_NONE });
    DO_TEST("sync the same", testLimitSync, TEST_HAS("0-1", 50),
            .qemu = { TEST_QUERY, TEST_LIMITS(TEST_LIMIT(0, 50) "," TEST_LIMIT(2, 50)) });
    DO_TEST("sync all", testLimitSync, TEST_HAS("0-3", 50),
            .qemu = { TEST_QUERY, TEST_LIMITS(TEST_LIMIT(0, 50)),
                      TEST_SET_ALL(50), TEST_OK });
    DO_TEST("sync some", testLimitSync, TEST_HAS("1", 50) TEST_HAS("3", 60),
            .qemu = { TEST_QUERY, TEST_LIMITS(TEST_LIMIT(0, 50) "," TEST_LIMIT(2, 40)),
                      TEST_CANCEL(0), TEST_OK,
                      TEST_SET(2, 50), TEST_OK,
                      TEST_SET(3, 60), TEST_OK });
    DO_TEST("sync none", testLimitSync, "",
            .qemu = { TEST_QUERY, TEST_LIMITS(TEST_LIMIT(2, 50)),
                      TEST_CANCEL_ALL, TEST_OK });

    DO_TEST("start without limits", testLimitStart, "");
    DO_TEST("start", testLimitStart, TEST_HAS("0-3", 50),
            .qemu = { TEST_QUERY, TEST_NONE,
                      TEST_SET_ALL(50), TEST_OK });
    DO_TEST("start of a QEMU without a ring", testLimitStart, TEST_HAS("0-3", 50),
            .qemu = { TEST_QUERY, TEST_NONE,
                      TEST_SET_ALL(50),
                      TEST_ERROR("dirty page limit feature requires KVM with accelerator property 'dirty-ring-size'") },
            .code = VIR_ERR_CONFIG_UNSUPPORTED, .message = "dirty-ring");
    DO_TEST("start of an old QEMU", testLimitStart, TEST_HAS("0-3", 50),
            .qemu = { TEST_QUERY,
                      "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"not found\"}}" },
            .code = VIR_ERR_CONFIG_UNSUPPORTED, .message = "7.1");

    DO_TEST("plug without limit", testLimitPlug, TEST_HAS("0", 50), .vcpu = 1);
    DO_TEST("plug", testLimitPlug, TEST_HAS("1", 50),
            .vcpu = 1,
            .qemu = { TEST_QUERY, TEST_NONE,
                      TEST_SET(2, 50), TEST_OK });

    DO_TEST("reconnect", testLimitReconnect, TEST_HAS("0-3", 50),
            .qemu = { TEST_QUERY, TEST_LIMITS(TEST_LIMIT(0, 40)),
                      TEST_SET_ALL(50), TEST_OK });
    DO_TEST("reconnect to a busy QEMU", testLimitReconnect, TEST_HAS("0-3", 50),
            .qemu = { TEST_QUERY, TEST_LIMITS(TEST_LIMIT(0, 40)),
                      TEST_SET_ALL(50),
                      TEST_ERROR("can't set dirty page rate limit while migration is running") });

    DO_TEST("depart unchanged", testLimitDepart, TEST_HAS("0-3", 50),
            .job = VIR_ASYNC_JOB_MIGRATION_OUT,
            .xml = "<null>");
    DO_TEST("depart limited", testLimitDepart, "",
            .job = VIR_ASYNC_JOB_MIGRATION_OUT, .vcpu = -1, .rate = 50, .flags = TEST_LIVE,
            .qemu = { TEST_SET_ALL(50), TEST_OK },
            .live = TEST_HAS("0-3", 50),
            .xml = "<dirtylimits>\n  " TEST_HAS("0-3", 50) "</dirtylimits>\n");
    DO_TEST("depart unlimited", testLimitDepart, TEST_HAS("0-3", 50),
            .job = VIR_ASYNC_JOB_MIGRATION_OUT, .vcpu = -1, .flags = TEST_LIVE,
            .qemu = { TEST_CANCEL_ALL, TEST_OK },
            .live = "",
            .xml = "<dirtylimits/>\n");

    DO_TEST("arrive unchanged", testLimitArrive, TEST_HAS("0", 50));
    DO_TEST("arrive with the same", testLimitArrive, TEST_HAS("0", 50),
            .xml = "<dirtylimits>" TEST_HAS("0", 50) "</dirtylimits>");
    DO_TEST("arrive limited", testLimitArrive, "",
            .xml = "<dirtylimits>" TEST_HAS("1", 50) "</dirtylimits>",
            .qemu = { TEST_QUERY, TEST_NONE,
                      TEST_SET(2, 50), TEST_OK },
            .live = TEST_HAS("1", 50));
    DO_TEST("arrive unlimited", testLimitArrive, TEST_HAS("0-3", 50),
            .xml = "<dirtylimits/>",
            .qemu = { TEST_QUERY, TEST_LIMITS(TEST_LIMIT(0, 50)),
                      TEST_CANCEL_ALL, TEST_OK },
            .live = "");
    DO_TEST("arrive where there are no limits", testLimitArrive, "",
            .xml = "<dirtylimits>" TEST_HAS("0-3", 50) "</dirtylimits>",
            .qemu = { TEST_QUERY, TEST_NONE,
                      TEST_SET_ALL(50), TEST_ERROR("no") });
    DO_TEST("arrive with nonsense", testLimitArrive, TEST_HAS("0", 50),
            .xml = "<dirtylimits>" TEST_HAS("9", 50) "</dirtylimits>",
            .qemu = { TEST_QUERY, TEST_LIMITS(TEST_LIMIT(0, 50)) });

    DO_TEST("get live", testLimitGet, TEST_HAS("1", 50),
            .flags = TEST_LIVE,
            .qemu = { TEST_QUERY,
                      TEST_LIMITS("{\"cpu-index\":2,\"limit-rate\":50,\"current-rate\":48,"
                                  " \"rate\":48.25,\"resting-share\":0.5,\"scope\":\"vcpu\"}") },
            .xml = "scope string=vcpu\n"
                   "vcpu.count uint=2\n"
                   "vcpu.0.id uint=0\n"
                   "vcpu.0.limit ullong=0\n"
                   "vcpu.1.id uint=1\n"
                   "vcpu.1.limit ullong=50\n"
                   "vcpu.1.rate double=48.25\n"
                   "vcpu.1.resting-share double=0.5\n");
    DO_TEST("get from stock QEMU", testLimitGet, TEST_HAS("0", 50),
            .qemu = { TEST_QUERY, TEST_LIMITS(TEST_LIMIT(0, 50)) },
            .xml = "scope string=vcpu\n"
                   "vcpu.count uint=2\n"
                   "vcpu.0.id uint=0\n"
                   "vcpu.0.limit ullong=50\n"
                   "vcpu.0.rate double=7\n"
                   "vcpu.1.id uint=1\n"
                   "vcpu.1.limit ullong=0\n");
    DO_TEST("get config", testLimitGet, TEST_HAS("1", 50),
            .flags = TEST_CONFIG,
            .xml = "vcpu.count uint=4\n"
                   "vcpu.0.id uint=0\n"
                   "vcpu.0.limit ullong=0\n"
                   "vcpu.1.id uint=1\n"
                   "vcpu.1.limit ullong=50\n"
                   "vcpu.2.id uint=2\n"
                   "vcpu.2.limit ullong=0\n"
                   "vcpu.3.id uint=3\n"
                   "vcpu.3.limit ullong=0\n");
    DO_TEST("get from an old QEMU", testLimitGet, "",
            .qemu = { TEST_QUERY,
                      "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"not found\"}}" },
            .code = VIR_ERR_OPERATION_UNSUPPORTED, .message = "7.1");
    DO_TEST("get a bad reply", testLimitGet, TEST_HAS("0", 50),
            .qemu = { TEST_QUERY, TEST_LIMITS(TEST_LIMIT(0, 50) "," TEST_LIMIT(0, 60)) },
            .code = VIR_ERR_INTERNAL_ERROR, .message = "twice");
    DO_TEST("stats", testLimitStats, TEST_HAS("0-3", 50),
            .qemu = { TEST_QUERY,
                      TEST_LIMITS("{\"cpu-index\":2,\"limit-rate\":50,\"current-rate\":48,"
                                  " \"rate\":48.25,\"resting-share\":0.5,\"scope\":\"guest\"},"
                                  TEST_LIMIT(3, 50)) },
            .xml = "dirtylimit.scope string=guest\n"
                   "dirtylimit.vcpu.1.limit ullong=50\n"
                   "dirtylimit.vcpu.1.rate double=48.25\n"
                   "dirtylimit.vcpu.1.resting_share double=0.5\n");
    DO_TEST("stats of an old QEMU", testLimitStats, "",
            .qemu = { TEST_QUERY,
                      "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"not found\"}}" },
            .xml = "");

    DO_TEST_FULL("guest ABI", testLimitABI, NULL, TEST_HAS("0-3", 50));

 cleanup:
    qemuTestDriverFree(&driver);
    return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

VIR_TEST_MAIN(mymain)
