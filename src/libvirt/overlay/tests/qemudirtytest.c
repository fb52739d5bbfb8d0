/*
 * qemudirtytest.c: dirty page rate measurements as the QEMU driver does them
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The requests are checked against the schema of the latest QEMU known, but
 * for what only the libvirt-dirty patch adds to it.
 */

#include <config.h>

#include "testutils.h"
#include "testutilsqemu.h"
#include "testutilsqemuschema.h"
#include "qemumonitortestutils.h"
#include "qemu/qemu_dirty_monitor.h"
#include "qemu/qemu_dirty_params.h"
#include "qemu/qemu_dirty_result.h"
#include "qemu/qemu_dirty_stats.h"
#include "virerror.h"

#define VIR_FROM_THIS VIR_FROM_NONE

typedef struct _testDirtyMonitor testDirtyMonitor;
struct _testDirtyMonitor {
    virDomainXMLOption *xmlopt;
    GHashTable *schema;
};

/* what is asked for, and the command or the error that comes of it */
typedef struct _testDirtyRequest testDirtyRequest;
struct _testDirtyRequest {
    const testDirtyMonitor *monitor;
    const char *params; /* "NAME=VALUE ..." */
    bool patched; /* whether the command is one of a patched QEMU only */
    const char *command;
    virErrorNumber code;
    const char *message; /* part of it */
};

/* a reply, and the parameters that come of it */
typedef struct _testDirtyReply testDirtyReply;
struct _testDirtyReply {
    const testDirtyMonitor *monitor;
    const char *name;
};


static int
testDirtyExpectError(virErrorNumber code,
                     const char *message)
{
    if (virGetLastErrorCode() == code &&
        strstr(virGetLastErrorMessage(), message)) {
        virResetLastError();
        return 0;
    }

    fprintf(stderr, "expected error %d with '%s', got %d: %s\n",
            code, message, virGetLastErrorCode(), virGetLastErrorMessage());
    return -1;
}


static int
testDirtyParseParams(const char *text,
                     virTypedParameterPtr *params,
                     int *nparams)
{
    g_auto(GStrv) words = g_strsplit(text, " ", 0);
    int maxparams = 0;
    char **word;

    for (word = words; *word; word++) {
        char *value = strchr(*word, '=');
        int type = VIR_TYPED_PARAM_UINT;

        *value++ = '\0';

        if (STREQ(*word, VIR_DOMAIN_DIRTY_RATE_PARAM_MODE))
            type = VIR_TYPED_PARAM_STRING;
        else if (STREQ(*word, VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION))
            type = VIR_TYPED_PARAM_BOOLEAN;

        if (virTypedParamsAddFromString(params, nparams, &maxparams,
                                        *word, type, value) < 0)
            return -1;
    }

    return 0;
}


static int
testDirtyRequestSend(const testDirtyRequest *data,
                     DirtyMeasurementRequest *request)
{
    g_autoptr(qemuMonitorTest) test = NULL;
    g_autoptr(GError) err = NULL;
    DirtyQmp qmp = { .send = qemuDirtySend };
    DirtyModeFacts plain = { 0 };

    if (request->mode == DIRTY_MODE_AUTO)
        request->mode = dirty_mode_choose(&plain);

    if (!(test = qemuMonitorTestNewSchema(data->monitor->xmlopt,
                                          data->patched ? NULL : data->monitor->schema)) ||
        qemuMonitorTestAddItemVerbatim(test, data->command, NULL, "{\"return\":{}}") < 0)
        return -1;

    qmp.opaque = qemuMonitorTestGetMonitor(test);

    if (!dirty_qmp_calc_dirty_rate(&qmp, request, &err)) {
        fprintf(stderr, "%s\n", err->message);
        return -1;
    }

    return 0;
}


static int
testDirtyRequestRun(const void *opaque)
{
    const testDirtyRequest *data = opaque;
    virTypedParameterPtr params = NULL;
    int nparams = 0;
    DirtyMeasurementRequest request;
    int rv;

    if (testDirtyParseParams(data->params, &params, &nparams) < 0)
        return -1;

    rv = qemuDirtyRequestFromParams(params, nparams, &request);
    virTypedParamsFree(params, nparams);

    if (data->code != VIR_ERR_OK) {
        if (rv == 0) {
            fprintf(stderr, "expected error %d, got none\n", data->code);
            return -1;
        }
        return testDirtyExpectError(data->code, data->message);
    }

    return rv < 0 ? -1 : testDirtyRequestSend(data, &request);
}


static char *
testDirtyFormat(virTypedParamList *list)
{
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;
    virTypedParameterPtr params = NULL;
    size_t nparams = 0;
    size_t i;

    if (virTypedParamListFetch(list, &params, &nparams) < 0)
        return NULL;

    for (i = 0; i < nparams; i++) {
        g_autofree char *value = virTypedParameterToString(params + i);

        virBufferAsprintf(&buf, "%s %s=%s\n", params[i].field,
                          virTypedParameterTypeToString(params[i].type), value);
    }

    return virBufferContentAndReset(&buf);
}


static DirtyMeasurement *
testDirtyQuery(const testDirtyMonitor *monitor,
               const char *reply,
               GError **err)
{
    g_autoptr(qemuMonitorTest) test = NULL;
    DirtyQmp qmp = { .send = qemuDirtySend };

    if (!(test = qemuMonitorTestNewSchema(monitor->xmlopt, monitor->schema)) ||
        qemuMonitorTestAddItem(test, "query-dirty-rate", reply) < 0)
        return NULL;

    qmp.opaque = qemuMonitorTestGetMonitor(test);

    return dirty_qmp_query_dirty_rate(&qmp, err);
}


static DirtyMeasurement *
testDirtyLoad(const testDirtyReply *data)
{
    g_autofree char *path = g_strdup_printf("%s/qemudirtydata/%s.json",
                                            abs_srcdir, data->name);
    g_autofree char *reply = NULL;
    DirtyMeasurement *measurement = NULL;
    g_autoptr(GError) err = NULL;

    if (virTestLoadFile(path, &reply) < 0)
        return NULL;

    /* the test monitor speaks one line at a time */
    g_strdelimit(reply, "\n", ' ');

    if (!(measurement = testDirtyQuery(data->monitor, reply, &err)))
        fprintf(stderr, "%s\n", err ? err->message : virGetLastErrorMessage());

    return measurement;
}


static int
testDirtyCompare(virTypedParamList *list,
                 const char *name,
                 const char *suffix)
{
    g_autofree char *path = g_strdup_printf("%s/qemudirtydata/%s.%s",
                                            abs_srcdir, name, suffix);
    g_autofree char *actual = testDirtyFormat(list);

    return actual ? virTestCompareToFile(actual, path) : -1;
}


static int
testDirtyReplyRun(const void *opaque)
{
    const testDirtyReply *data = opaque;
    g_autoptr(DirtyMeasurement) measurement = testDirtyLoad(data);
    g_autoptr(virTypedParamList) list = NULL;

    if (!measurement ||
        !(list = qemuDirtyMeasurementToParams(measurement)))
        return -1;

    return testDirtyCompare(list, data->name, "out");
}


static int
testDirtyStatsRun(const void *opaque)
{
    const testDirtyReply *data = opaque;
    g_autoptr(DirtyMeasurement) measurement = testDirtyLoad(data);
    g_autoptr(virTypedParamList) stats = virTypedParamListNew();

    if (!measurement ||
        qemuDirtyMeasurementToStats(measurement, stats) < 0)
        return -1;

    return testDirtyCompare(stats, data->name, "stats.out");
}


/* replies no QEMU should send become errors of ours */
static int
testDirtyBadReplyRun(const void *opaque)
{
    const testDirtyMonitor *monitor = opaque;
    g_autoptr(DirtyMeasurement) measurement = NULL;
    GError *err = NULL;

    measurement = testDirtyQuery(monitor, "{\"return\":{\"status\":\"measured\"}}", &err);

    if (measurement || !err) {
        fprintf(stderr, "a reply without members was accepted\n");
        return -1;
    }

    qemuDirtyReportError(err);
    return testDirtyExpectError(VIR_ERR_INTERNAL_ERROR, "");
}


/* a QEMU without our patch knows no cancel-dirty-rate */
static int
testDirtyCancelRun(const void *opaque)
{
    const testDirtyMonitor *monitor = opaque;
    g_autoptr(qemuMonitorTest) test = NULL;
    DirtyQmp qmp = { .send = qemuDirtySend };
    GError *err = NULL;

    if (!(test = qemuMonitorTestNewSimple(monitor->xmlopt)) ||
        qemuMonitorTestAddItem(test, "cancel-dirty-rate",
                               "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"not found\"}}") < 0 ||
        qemuMonitorTestAddItem(test, "cancel-dirty-rate", "{\"return\":{}}") < 0)
        return -1;

    qmp.opaque = qemuMonitorTestGetMonitor(test);

    if (dirty_qmp_cancel_dirty_rate(&qmp, &err)) {
        fprintf(stderr, "cancelled by a QEMU that cannot\n");
        return -1;
    }

    qemuDirtyReportError(g_steal_pointer(&err));
    if (testDirtyExpectError(VIR_ERR_OPERATION_UNSUPPORTED, "cancel-dirty-rate") < 0)
        return -1;

    if (!dirty_qmp_cancel_dirty_rate(&qmp, &err)) {
        fprintf(stderr, "%s\n", err->message);
        g_error_free(err);
        return -1;
    }

    return 0;
}


static int
mymain(void)
{
    int ret = 0;
    virQEMUDriver driver;
    g_autoptr(GHashTable) schema = NULL;
    testDirtyMonitor monitor;

    if (qemuTestDriverInit(&driver) < 0)
        return EXIT_FAILURE;

    virEventRegisterDefaultImpl();

    if (!(schema = testQEMUSchemaLoadLatest("x86_64"))) {
        ret = -1;
        goto cleanup;
    }

    monitor = (testDirtyMonitor) { driver.xmlopt, schema };

#define DO_TEST_REQUEST(words, ...) \
    do { \
        testDirtyRequest data = { .monitor = &monitor, .params = words, __VA_ARGS__ }; \
        if (virTestRun("request '" words "'", testDirtyRequestRun, &data) < 0) \
            ret = -1; \
    } while (0)

#define DO_TEST_INVALID(words, part) \
    DO_TEST_REQUEST(words, .code = VIR_ERR_INVALID_ARG, .message = part)

#define DO_TEST_REPLY(replyName) \
    do { \
        testDirtyReply data = { &monitor, replyName }; \
        if (virTestRun("reply " replyName, testDirtyReplyRun, &data) < 0) \
            ret = -1; \
        if (virTestRun("stats " replyName, testDirtyStatsRun, &data) < 0) \
            ret = -1; \
    } while (0)

    DO_TEST_REQUEST("",
                    .command = "{\"execute\":\"calc-dirty-rate\","
                               " \"arguments\":{\"calc-time\":1},"
                               " \"id\":\"libvirt-1\"}");
    DO_TEST_REQUEST("calc-time=50 sample-pages=16384",
                    .command = "{\"execute\":\"calc-dirty-rate\","
                               " \"arguments\":{\"calc-time\":50,"
                               "                \"calc-time-unit\":\"millisecond\","
                               "                \"sample-pages\":16384},"
                               " \"id\":\"libvirt-1\"}");
    DO_TEST_REQUEST("calc-time=60000 mode=dirty-bitmap",
                    .command = "{\"execute\":\"calc-dirty-rate\","
                               " \"arguments\":{\"calc-time\":60,"
                               "                \"mode\":\"dirty-bitmap\"},"
                               " \"id\":\"libvirt-1\"}");

    DO_TEST_REQUEST("mode=auto",
                    .command = "{\"execute\":\"calc-dirty-rate\","
                               " \"arguments\":{\"calc-time\":1},"
                               " \"id\":\"libvirt-1\"}");
    DO_TEST_REQUEST("calc-time=2000 compression=1",
                    .patched = true,
                    .command = "{\"execute\":\"calc-dirty-rate\","
                               " \"arguments\":{\"calc-time\":2,"
                               "                \"compression\":true},"
                               " \"id\":\"libvirt-1\"}");
    DO_TEST_REQUEST("compression=0",
                    .command = "{\"execute\":\"calc-dirty-rate\","
                               " \"arguments\":{\"calc-time\":1},"
                               " \"id\":\"libvirt-1\"}");

    DO_TEST_INVALID("calc-time=0", "50");
    DO_TEST_INVALID("calc-time=49", "49");
    DO_TEST_INVALID("calc-time=60001", "60001");
    DO_TEST_INVALID("mode=guess", "'guess'");
    DO_TEST_INVALID("sample-pages=0", "128");
    DO_TEST_INVALID("sample-pages=127", "127");
    DO_TEST_INVALID("sample-pages=16385", "16385");
    DO_TEST_INVALID("sample-pages=512 mode=dirty-ring", "page-sampling");
    DO_TEST_INVALID("compression=1 mode=dirty-bitmap", "page-sampling");
    DO_TEST_INVALID("calc-time=100 calc-time=200", "calc-time");
    DO_TEST_REQUEST("speed=1", .code = VIR_ERR_ARGUMENT_UNSUPPORTED, .message = "speed");

    DO_TEST_REPLY("unstarted");
    DO_TEST_REPLY("measuring");
    DO_TEST_REPLY("counts");
    DO_TEST_REPLY("stock");
    DO_TEST_REPLY("vcpus");
    DO_TEST_REPLY("ring");
    DO_TEST_REPLY("compression");

    if (virTestRun("bad reply", testDirtyBadReplyRun, &monitor) < 0)
        ret = -1;
    if (virTestRun("cancel", testDirtyCancelRun, &monitor) < 0)
        ret = -1;

 cleanup:
    qemuTestDriverFree(&driver);
    return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

VIR_TEST_MAIN(mymain)
