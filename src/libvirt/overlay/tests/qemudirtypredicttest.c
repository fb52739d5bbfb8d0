/*
 * qemudirtypredicttest.c: predictions of migrations by the QEMU driver
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "testutils.h"
#include "testutilsqemu.h"
#include "testutilsqemudirtypredict.h"
#include "virhash.h"

#define VIR_FROM_THIS VIR_FROM_NONE

#define TEST_RING "<kvm><dirty-ring state='on' size='4096'/></kvm>"

/* how much memory the domain has, in bytes, as QEMU tells it */
#define TEST_MEMORY "{\"return\":{\"base-memory\":1073741824}}"
#define TEST_MORE_MEMORY \
    "{\"return\":{\"base-memory\":1073741824,\"plugged-memory\":134217728}}"

#define TEST_ASK_PARAMETERS "{\"execute\":\"query-migrate-parameters\"}"
#define TEST_ASK_LAST \
    "{\"execute\":\"query-dirty-rate\",\"arguments\":{\"calc-time-unit\":\"millisecond\"}}"
#define TEST_ASK_MEMORY "{\"execute\":\"query-memory-size-summary\"}"
#define TEST_ASK_COMMANDS "{\"execute\":\"query-commands\"}"

#define TEST_OK "{\"return\":{}}"
#define TEST_NO_MS \
    "{\"error\":{\"class\":\"GenericError\"," \
    "\"desc\":\"Parameter 'calc-time-unit' is unexpected\"}}"
#define TEST_CALC(ms) \
    "{\"execute\":\"calc-dirty-rate\",\"arguments\":{\"calc-time\":" #ms "," \
    "\"calc-time-unit\":\"millisecond\",\"sample-pages\":16384}}"
#define TEST_CALC_50 \
    "{\"execute\":\"calc-dirty-rate\",\"arguments\":{\"calc-time\":50," \
    "\"calc-time-unit\":\"millisecond\",\"sample-pages\":1024}}"
#define TEST_CALC_MODE(mode) \
    "{\"execute\":\"calc-dirty-rate\",\"arguments\":{\"calc-time\":50," \
    "\"calc-time-unit\":\"millisecond\",\"mode\":\"" mode "\"}}"
#define TEST_REFUSED \
    "{\"error\":{\"class\":\"GenericError\",\"desc\":\"not today\"}}"
#define TEST_CALC_1S \
    "{\"execute\":\"calc-dirty-rate\",\"arguments\":{\"calc-time\":1,\"sample-pages\":16384}}"

#define TEST_GET(property) \
    "{\"execute\":\"qom-get\",\"arguments\":{\"path\":\"/machine/peripheral/balloon0\"," \
    "\"property\":\"" property "\"}}"

#define TEST_STOCK_COMMANDS "{\"return\":[{\"name\":\"stop\"}]}"
#define TEST_PATCHED_COMMANDS "{\"return\":[{\"name\":\"cancel-dirty-rate\"}]}"

/* so that the measurement of any time will do */
#define TEST_OLD "max-age=4294967295 "

/* what QEMU is asked if the last measurement, that of a file, will do */
#define TEST_QEMU_MEMORY(file, memory) \
    TEST_ASK_PARAMETERS, "parameters", \
    TEST_ASK_LAST, file, \
    TEST_ASK_MEMORY, memory
#define TEST_QEMU(file) TEST_QEMU_MEMORY(file, TEST_MEMORY)


/* more predictions than are made at once */
static char *
testPredictLists(size_t nbandwidths,
                 size_t ndowntimes)
{
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;
    size_t i;

    for (i = 1; i <= nbandwidths; i++)
        virBufferAsprintf(&buf, "bandwidth=%zu ", i);
    for (i = 1; i <= ndowntimes; i++)
        virBufferAsprintf(&buf, "downtime=%zu ", i);

    return virBufferContentAndReset(&buf);
}


static int
mymain(void)
{
    int ret = 0;
    virQEMUDriver driver;
    g_autoptr(GHashTable) files = testQemuGetLatestCaps();
    g_autoptr(GHashTable) capsCache = virHashNew(virObjectUnref);
    g_autoptr(GHashTable) schemaCache = virHashNew((GDestroyNotify) g_hash_table_unref);
    g_autoptr(virQEMUCaps) caps = NULL;
    g_autofree char *tooMany = testPredictLists(64, 65);
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

#define DO_TEST(title, words, ...) \
    do { \
        testPredict data = { .driver = &driver, .schema = schema, \
                             .params = words, __VA_ARGS__ }; \
        if (virTestRun(title, testPredictRun, &data) < 0) \
            ret = -1; \
    } while (0)

    /* predictions from a measurement that is there */
#define DO_TEST_RESULT(file, words, measurement, ...) \
    DO_TEST("predict " file, TEST_OLD words, .name = file, \
            .qemu = { TEST_QEMU(measurement) }, __VA_ARGS__)

    /* refused before QEMU is asked anything */
#define DO_TEST_INVALID(words, part) \
    DO_TEST("refuse " words, words, \
            .code = VIR_ERR_INVALID_ARG, .message = part)
#define DO_TEST_FLAGS(which, words, number, part) \
    DO_TEST("refuse " #which " " words, words, .flags = which, \
            .code = number, .message = part)

    DO_TEST_RESULT("idle", "bandwidth=100 downtime=300", "idle");
    DO_TEST_RESULT("table", "bandwidth=112.5 bandwidth=1000 downtime=300 "
                   "downtime=18446744073709551615 bounds=0", "busy");
    DO_TEST_RESULT("defaults", "", "idle", .speed = 200, .type = "qemu");
    DO_TEST_RESULT("ring", "bandwidth=100 max-bandwidth=50 latency=0.5 "
                   "bandwidth.avail.switchover=90", "idle",
                   .features = TEST_RING, .flags = VIR_MIGRATE_LIVE |
                   VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_PERSIST_DEST | VIR_MIGRATE_TLS |
                   VIR_MIGRATE_UNSAFE | VIR_MIGRATE_ABORT_ON_ERROR);
    DO_TEST_RESULT("auto-converge", "bandwidth=100 auto_converge.initial=30 "
                   "auto_converge.increment=5", "busy",
                   .flags = VIR_MIGRATE_AUTO_CONVERGE, .vague = true);
    DO_TEST_RESULT("postcopy", "bandwidth=100", "busy",
                   .flags = VIR_MIGRATE_POSTCOPY, .vague = true);
    DO_TEST_RESULT("parallel", "bandwidth=100", "idle",
                   .flags = VIR_MIGRATE_PARALLEL | VIR_MIGRATE_ZEROCOPY);
    DO_TEST_RESULT("compression", "bandwidth=100 parallel.connections=3 "
                   "compression=zstd compression.zstd.level=3", "busy",
                   .flags = VIR_MIGRATE_PARALLEL | VIR_MIGRATE_COMPRESSED, .vague = true);
    DO_TEST_RESULT("limited", "bandwidth=100", "busy", .limit = 50,
                   .job = VIR_ASYNC_JOB_MIGRATION_OUT);
    DO_TEST_RESULT("stock", "bandwidth=100", "stock", .vague = true);
    DO_TEST("predict dirty-limit", TEST_OLD "bandwidth=100 dirty-limit=20",
            .name = "dirty-limit", .vague = true,
            .qemu = { TEST_ASK_COMMANDS, TEST_PATCHED_COMMANDS, TEST_QEMU("busy") });

    DO_TEST("predict hints", TEST_OLD "bandwidth=100", .name = "hints", .balloon = true,
            .qemu = { TEST_ASK_PARAMETERS, "parameters",
                      TEST_GET("free-page-hint"), "{\"return\":true}",
                      "{\"execute\":\"query-balloon\"}",
                      "{\"return\":{\"actual\":1073741824}}",
                      TEST_GET("guest-stats"),
                      "{\"return\":{\"stats\":{\"stat-swap-in\":18446744073709551615,"
                      "\"stat-free-memory\":268435456},\"last-update\":1747742500}}",
                      TEST_ASK_LAST, "idle", TEST_ASK_MEMORY, TEST_MEMORY });
    DO_TEST("predict no hints", TEST_OLD "bandwidth=100", .name = "no-hints", .balloon = true,
            .qemu = { TEST_ASK_PARAMETERS, "parameters",
                      TEST_GET("free-page-hint"), "{\"return\":false}",
                      TEST_ASK_LAST, "idle", TEST_ASK_MEMORY, TEST_MEMORY });

    /* a measurement of its own, of the guest as it is now */
    DO_TEST("measure", "calc-time=50 sample-pages=1024 bandwidth=100 downtime=1000",
            .name = "measure", .measured = 917504,
            .qemu = { TEST_ASK_PARAMETERS, "parameters",
                      TEST_ASK_COMMANDS, TEST_PATCHED_COMMANDS,
                      TEST_CALC_50, TEST_OK,
                      TEST_ASK_LAST, "measuring",
                      TEST_ASK_LAST, "idle",
                      TEST_ASK_MEMORY, TEST_MEMORY });

    DO_TEST("measure stock", "calc-time=250 bandwidth=100 downtime=1000",
            .name = "measure-stock", .vague = true,
            .qemu = { TEST_ASK_PARAMETERS, "parameters",
                      TEST_ASK_COMMANDS, TEST_STOCK_COMMANDS,
                      TEST_CALC(125), TEST_OK,
                      TEST_ASK_LAST, "stock",
                      TEST_ASK_LAST, "stock-125",
                      TEST_CALC(250), TEST_OK,
                      TEST_ASK_LAST, "stock",
                      TEST_ASK_LAST, "stock-250",
                      TEST_ASK_MEMORY, TEST_MEMORY });
    DO_TEST("measure old stock", "calc-time=1000 bandwidth=100 downtime=1000",
            .name = "measure-old-stock", .vague = true,
            .qemu = { TEST_ASK_PARAMETERS, "parameters",
                      TEST_ASK_COMMANDS, TEST_STOCK_COMMANDS,
                      TEST_CALC(125), TEST_NO_MS,
                      TEST_CALC_1S, TEST_OK,
                      TEST_ASK_LAST, "stock",
                      TEST_ASK_LAST, "stock",
                      TEST_ASK_MEMORY, TEST_MEMORY });

    /* what counts all pages has no sample */
    DO_TEST("measure by the bitmap", "calc-time=50 bandwidth=100 mode=dirty-bitmap",
            .qemu = { TEST_ASK_PARAMETERS, "parameters",
                      TEST_ASK_COMMANDS, TEST_PATCHED_COMMANDS,
                      TEST_CALC_MODE("dirty-bitmap"), TEST_REFUSED },
            .code = VIR_ERR_OPERATION_FAILED, .message = "not today");
    DO_TEST("measure by the ring", "calc-time=50 bandwidth=100",
            .features = TEST_RING, .job = VIR_ASYNC_JOB_MIGRATION_OUT,
            .qemu = { TEST_ASK_PARAMETERS, "parameters",
                      TEST_ASK_COMMANDS, TEST_PATCHED_COMMANDS,
                      TEST_CALC_MODE("dirty-ring"), TEST_REFUSED },
            .code = VIR_ERR_OPERATION_FAILED, .message = "not today");

    /* values */
    DO_TEST_INVALID("bandwidth=0", "'0' of parameter 'bandwidth'");
    DO_TEST_INVALID("bandwidth=-1", "'bandwidth'");
    DO_TEST_INVALID("bandwidth=nan", "'nan' of parameter 'bandwidth'");
    DO_TEST_INVALID("bandwidth=100 bandwidth=inf", "'inf' of parameter 'bandwidth'");
    DO_TEST_INVALID("bandwidth=1e300", "'bandwidth'");
    DO_TEST_INVALID("bandwidth=100 downtime=300 downtime=0", "'0' of parameter 'downtime'");
    DO_TEST_INVALID("latency=nan", "'nan' of parameter 'latency'");
    DO_TEST_INVALID("latency=-0.5", "0 to 60000");
    DO_TEST_INVALID("latency=60001", "0 to 60000");
    DO_TEST_INVALID("max-bandwidth=0", "'max-bandwidth'");
    DO_TEST_INVALID("max-bandwidth=18446744073709551615", "'max-bandwidth'");
    DO_TEST_INVALID("bandwidth.avail.switchover=18446744073709551615",
                    "'bandwidth.avail.switchover'");
    DO_TEST_INVALID("dirty-limit=0", "1 to 1048576");
    DO_TEST_INVALID("dirty-limit=1048577", "1048577");
    DO_TEST_INVALID("calc-time=49", "49");
    DO_TEST_INVALID("mode=guess", "'guess'");
    DO_TEST_INVALID("sample-pages=127", "127");
    DO_TEST_INVALID("max-age=1 max-age=2", "'max-age'");
    DO_TEST("refuse too many", tooMany,
            .code = VIR_ERR_INVALID_ARG, .message = "64 bandwidths with 65 downtimes");
    DO_TEST("refuse speed", "speed=1",
            .code = VIR_ERR_ARGUMENT_UNSUPPORTED, .message = "speed");

    /* flags, and what goes with them */
    DO_TEST_INVALID("auto_converge.initial=20", "auto");
    DO_TEST_INVALID("parallel.connections=2", "parallel");
    DO_TEST_INVALID("compression=zstd", "parallel");
    DO_TEST_FLAGS(VIR_MIGRATE_AUTO_CONVERGE, "auto_converge.initial=0",
                  VIR_ERR_INVALID_ARG, "1 to 99");
    DO_TEST_FLAGS(VIR_MIGRATE_AUTO_CONVERGE, "auto_converge.increment=100",
                  VIR_ERR_INVALID_ARG, "1 to 99");
    DO_TEST_FLAGS(VIR_MIGRATE_AUTO_CONVERGE, "dirty-limit=20",
                  VIR_ERR_INVALID_ARG, "exclude each other");
    DO_TEST_FLAGS(VIR_MIGRATE_PARALLEL, "parallel.connections=0",
                  VIR_ERR_INVALID_ARG, "1 to 255");
    DO_TEST_FLAGS(VIR_MIGRATE_PARALLEL, "parallel.connections=256",
                  VIR_ERR_INVALID_ARG, "1 to 255");
    DO_TEST_FLAGS(VIR_MIGRATE_COMPRESSED | VIR_MIGRATE_PARALLEL,
                  "compression=zlib compression.zlib.level=10", VIR_ERR_INVALID_ARG, "0 to 9");
    DO_TEST_FLAGS(VIR_MIGRATE_COMPRESSED | VIR_MIGRATE_PARALLEL,
                  "compression=zstd compression.zstd.level=21", VIR_ERR_INVALID_ARG, "0 to 20");
    DO_TEST_FLAGS(VIR_MIGRATE_PARALLEL, "compression=zstd",
                  VIR_ERR_INVALID_ARG, "VIR_MIGRATE_COMPRESSED");
    DO_TEST_FLAGS(VIR_MIGRATE_COMPRESSED, "",
                  VIR_ERR_ARGUMENT_UNSUPPORTED, "VIR_MIGRATE_PARALLEL");
    DO_TEST_FLAGS(VIR_MIGRATE_COMPRESSED | VIR_MIGRATE_PARALLEL, "",
                  VIR_ERR_INVALID_ARG, "compression");
    DO_TEST_FLAGS(VIR_MIGRATE_COMPRESSED | VIR_MIGRATE_PARALLEL, "compression=xbzrle",
                  VIR_ERR_INVALID_ARG, "xbzrle");
    DO_TEST_FLAGS(VIR_MIGRATE_COMPRESSED | VIR_MIGRATE_PARALLEL, "compression=lzo",
                  VIR_ERR_INVALID_ARG, "lzo");
    DO_TEST_FLAGS(VIR_MIGRATE_COMPRESSED | VIR_MIGRATE_PARALLEL,
                  "compression=zlib compression=zstd", VIR_ERR_INVALID_ARG, "one");
    DO_TEST_FLAGS(VIR_MIGRATE_COMPRESSED | VIR_MIGRATE_PARALLEL,
                  "compression=zlib mode=dirty-bitmap", VIR_ERR_INVALID_ARG, "page-sampling");
    DO_TEST_FLAGS(VIR_MIGRATE_POSTCOPY | VIR_MIGRATE_PARALLEL, "",
                  VIR_ERR_INVALID_ARG, "exclude each other");
    DO_TEST_FLAGS(VIR_MIGRATE_POSTCOPY | VIR_MIGRATE_TUNNELLED, "",
                  VIR_ERR_INVALID_ARG, "exclude each other");
    DO_TEST_FLAGS(VIR_MIGRATE_PARALLEL | VIR_MIGRATE_TUNNELLED, "",
                  VIR_ERR_INVALID_ARG, "exclude each other");
    DO_TEST_FLAGS(VIR_MIGRATE_ZEROCOPY, "", VIR_ERR_INVALID_ARG, "VIR_MIGRATE_PARALLEL");
    DO_TEST_FLAGS(VIR_MIGRATE_NON_SHARED_DISK, "",
                  VIR_ERR_ARGUMENT_UNSUPPORTED, "VIR_MIGRATE_NON_SHARED_DISK");
    DO_TEST_FLAGS(VIR_MIGRATE_NON_SHARED_INC, "",
                  VIR_ERR_ARGUMENT_UNSUPPORTED, "VIR_MIGRATE_NON_SHARED_INC");
    DO_TEST_FLAGS(VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES, "",
                  VIR_ERR_ARGUMENT_UNSUPPORTED, "disks");
    DO_TEST_FLAGS(VIR_MIGRATE_OFFLINE, "", VIR_ERR_ARGUMENT_UNSUPPORTED, "offline");
    DO_TEST_FLAGS(VIR_MIGRATE_POSTCOPY_RESUME, "", VIR_ERR_ARGUMENT_UNSUPPORTED, "resumed");
    DO_TEST_FLAGS(VIR_MIGRATE_RDMA_PIN_ALL, "", VIR_ERR_ARGUMENT_UNSUPPORTED, "RDMA");

    /* the domain */
    DO_TEST("refuse off", "bandwidth=100", .off = true,
            .code = VIR_ERR_OPERATION_INVALID, .message = "not running");
    DO_TEST("refuse arriving", "bandwidth=100", .job = VIR_ASYNC_JOB_MIGRATION_IN,
            .code = VIR_ERR_OPERATION_INVALID, .message = "still being migrated");
    DO_TEST("refuse unlimited", "",
            .qemu = { TEST_ASK_PARAMETERS, "parameters" },
            .code = VIR_ERR_INVALID_ARG, .message = "give parameter 'bandwidth'");
    DO_TEST("refuse no downtime", "bandwidth=100",
            .qemu = { TEST_ASK_PARAMETERS, "{\"return\":{\"downtime-limit\":0}}" },
            .code = VIR_ERR_INVALID_ARG, .message = "give parameter 'downtime'");
    DO_TEST("refuse bad parameters", "bandwidth=100",
            .qemu = { TEST_ASK_PARAMETERS, "{\"return\":{\"cpu-throttle-initial\":100}}" },
            .code = VIR_ERR_INTERNAL_ERROR, .message = "'cpu-throttle-initial'");
    DO_TEST("refuse incapable", "bandwidth=100",
            .flags = VIR_MIGRATE_POSTCOPY, .incapable = true,
            .code = VIR_ERR_OPERATION_UNSUPPORTED, .message = "'postcopy-ram'");
    DO_TEST("refuse unlimitable", "bandwidth=100 dirty-limit=20",
            .qemu = { TEST_ASK_COMMANDS, TEST_STOCK_COMMANDS },
            .code = VIR_ERR_OPERATION_UNSUPPORTED, .message = "dirty ring");
    DO_TEST("refuse a grown guest", TEST_OLD "bandwidth=100",
            .qemu = { TEST_QEMU_MEMORY("idle", TEST_MORE_MEMORY) },
            .code = VIR_ERR_OPERATION_INVALID, .message = "1040 MiB");
    DO_TEST("refuse a guest known to have grown", TEST_OLD "bandwidth=100",
            .measured = 917504,
            .qemu = { TEST_ASK_PARAMETERS, "parameters", TEST_ASK_LAST, "idle" },
            .code = VIR_ERR_OPERATION_INVALID, .message = "917504 KiB");
    DO_TEST("refuse a bad size", TEST_OLD "bandwidth=100",
            .qemu = { TEST_QEMU_MEMORY("idle", "{\"return\":{}}") },
            .code = VIR_ERR_INTERNAL_ERROR, .message = "'base-memory'");

    /* a measurement that does not serve: another is started, if only to find
     * that QEMU is busy */
#define DO_TEST_ANEW(title, words, measurement, ...) \
    DO_TEST("measure anew: " title, words, \
            .qemu = { TEST_ASK_PARAMETERS, "parameters", \
                      TEST_ASK_LAST, measurement, \
                      TEST_ASK_COMMANDS, TEST_OK }, \
            .code = VIR_ERR_INTERNAL_ERROR, .message = "query-commands", __VA_ARGS__)

    DO_TEST_ANEW("too old", "bandwidth=100 max-age=3600", "idle");
    DO_TEST_ANEW("none", TEST_OLD "bandwidth=100", "{\"return\":{\"status\":\"unstarted\","
                 "\"start-time\":0,\"calc-time\":0,\"sample-pages\":512,"
                 "\"mode\":\"page-sampling\"}}");
    DO_TEST_ANEW("other limits", TEST_OLD "bandwidth=100", "idle", .limited = true);
    DO_TEST_ANEW("without compression", TEST_OLD "bandwidth=100 compression=zlib", "idle",
                 .flags = VIR_MIGRATE_PARALLEL | VIR_MIGRATE_COMPRESSED);

 cleanup:
    qemuTestDriverFree(&driver);
    return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

VIR_TEST_MAIN(mymain)
