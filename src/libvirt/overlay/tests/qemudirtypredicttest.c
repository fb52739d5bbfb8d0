/*
 * qemudirtypredicttest.c: predictions of migrations by the QEMU driver
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each case asks for predictions of a domain whose QEMU has answers written
 * for it, and checks what QEMU is asked, and the error or the parameters that
 * come of it. How good the predictions are is not a question here: of their
 * numbers only the types are compared, and that bounds are around them, and
 * not even these of migrations of which it is not obvious how they end.
 */

#include <config.h>

#include <math.h>

#include "testutils.h"
#include "testutilsqemu.h"
#include "qemumonitortestutils.h"
#include "qemu/qemu_dirty.h"
#include "qemu/qemu_dirty_predict.h"
#include "qemu/qemu_dirty_state.h"
#include "qemu/qemu_domain.h"
#include "qemu/qemu_migration_params.h"
#include "virerror.h"

#define VIR_FROM_THIS VIR_FROM_NONE

#define TEST_DOMAIN \
    "<domain type='%s'>" \
    "  <name>test</name>" \
    "  <uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>" \
    "  <memory>1048576</memory>" \
    "  <vcpu current='2'>4</vcpu>" \
    "  <os><type arch='x86_64' machine='pc'>hvm</type></os>" \
    "  <features>%s</features>" \
    "  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices>" \
    "</domain>"
#define TEST_RING "<kvm><dirty-ring state='on' size='4096'/></kvm>"

/* bytes of that memory, as QEMU tells them */
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
    "\"calc-time-unit\":\"millisecond\"}}"
#define TEST_CALC_50 \
    "{\"execute\":\"calc-dirty-rate\",\"arguments\":{\"calc-time\":50," \
    "\"calc-time-unit\":\"millisecond\",\"sample-pages\":1024}}"
#define TEST_CALC_1S \
    "{\"execute\":\"calc-dirty-rate\",\"arguments\":{\"calc-time\":1}}"

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

typedef struct _testPredict testPredict;
struct _testPredict {
    virQEMUDriver *driver;
    GHashTable *schema;

    const char *name; /* of the file with the parameters that come of it */
    const char *params; /* "NAME=VALUE ..." */
    unsigned int flags;

    const char *type; /* of the domain; NULL: kvm */
    const char *features;
    unsigned long speed; /* its maximum migration bandwidth in MiB/s, or 0 */
    unsigned long long limit; /* of its vCPU 0 in MiB/s, or 0 */
    unsigned long long measured; /* its memory in KiB when it was measured */
    bool balloon; /* whether it has a balloon */
    bool limited; /* whether limits have changed since */
    bool incapable; /* whether its QEMU can migrate in the plainest way only */
    bool off;
    virDomainAsyncJob job;
    bool vague; /* whether it is for the model to say whether it converges */

    const char *qemu[20]; /* commands and replies, or files with these, in turn */
    virErrorNumber code;
    const char *message; /* part of it */
};

/* types other than uint, which is what most parameters have */
static const struct {
    const char *name;
    int type;
} testPredictTypes[] = {
    { VIR_DOMAIN_MIGRATE_PREDICT_PARAM_BANDWIDTH, VIR_TYPED_PARAM_DOUBLE },
    { VIR_DOMAIN_MIGRATE_PREDICT_PARAM_DOWNTIME, VIR_TYPED_PARAM_ULLONG },
    { VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MODE, VIR_TYPED_PARAM_STRING },
    { VIR_DOMAIN_MIGRATE_PREDICT_PARAM_BOUNDS, VIR_TYPED_PARAM_BOOLEAN },
    { VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MAX_BANDWIDTH, VIR_TYPED_PARAM_ULLONG },
    { VIR_DOMAIN_MIGRATE_PREDICT_PARAM_DIRTY_LIMIT, VIR_TYPED_PARAM_ULLONG },
    { VIR_DOMAIN_MIGRATE_PREDICT_PARAM_LATENCY, VIR_TYPED_PARAM_DOUBLE },
    { VIR_MIGRATE_PARAM_BANDWIDTH_AVAIL_SWITCHOVER, VIR_TYPED_PARAM_ULLONG },
    { VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL, VIR_TYPED_PARAM_INT },
    { VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT, VIR_TYPED_PARAM_INT },
    { VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS, VIR_TYPED_PARAM_INT },
    { VIR_MIGRATE_PARAM_COMPRESSION, VIR_TYPED_PARAM_STRING },
    { VIR_MIGRATE_PARAM_COMPRESSION_ZLIB_LEVEL, VIR_TYPED_PARAM_INT },
    { VIR_MIGRATE_PARAM_COMPRESSION_ZSTD_LEVEL, VIR_TYPED_PARAM_INT },
};

/* The model's numbers: what stands behind "cell.N.", or the whole name. */
static const char *testPredictNumbers[] = {
    VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_CERTAINTY,
    VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_TIME,
    VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_DOWNTIME,
    VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_PASSES,
    VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_BYTES,
    VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_THROTTLE,
    VIR_DOMAIN_MIGRATE_PREDICT_PLAN_POSTCOPY,
    VIR_DOMAIN_MIGRATE_PREDICT_PLAN_RECOMMENDATION,
    VIR_DOMAIN_MIGRATE_PREDICT_MEASUREMENT_AGE,
    VIR_DOMAIN_MIGRATE_PREDICT_SETTING_DEVICE_STATE,
    VIR_DOMAIN_MIGRATE_PREDICT_SETTING_VCPU_LOAD,
    VIR_DOMAIN_MIGRATE_PREDICT_SETTING_COMPRESSION_SPEED,
};

/* Ways to make a migration converge, of which a plan need not have any. */
static const char *testPredictWays[] = {
    VIR_DOMAIN_MIGRATE_PREDICT_PLAN_BANDWIDTH,
    VIR_DOMAIN_MIGRATE_PREDICT_PLAN_DOWNTIME,
    VIR_DOMAIN_MIGRATE_PREDICT_PLAN_THROTTLE,
    VIR_DOMAIN_MIGRATE_PREDICT_PLAN_DIRTY_LIMIT,
};


static int
testPredictParams(const char *text,
                  virTypedParameterPtr *params,
                  int *nparams)
{
    g_auto(GStrv) words = g_strsplit(text, " ", 0);
    int maxparams = 0;
    char **word;

    for (word = words; *word; word++) {
        char *value = strchr(*word, '=');
        int type = VIR_TYPED_PARAM_UINT;
        size_t i;

        if (!value)
            continue;

        *value++ = '\0';

        for (i = 0; i < G_N_ELEMENTS(testPredictTypes); i++) {
            if (STREQ(*word, testPredictTypes[i].name))
                type = testPredictTypes[i].type;
        }

        /* what virStrToDouble() would not take */
        if (STREQ(value, "nan") || STREQ(value, "inf") || STREQ(value, "-inf")) {
            if (virTypedParamsAddDouble(params, nparams, &maxparams, *word,
                                        g_ascii_strtod(value, NULL)) < 0)
                return -1;
        } else if (virTypedParamsAddFromString(params, nparams, &maxparams,
                                               *word, type, value) < 0) {
            return -1;
        }
    }

    return 0;
}


static void
testPredictSetUp(virDomainObj *vm,
                 const testPredict *data)
{
    qemuDomainObjPrivate *priv = vm->privateData;
    qemuDirty *dirty;

    vm->def->id = 1;
    vm->job->asyncJob = data->job;
    vm->job->mask = JOB_MASK(VIR_JOB_QUERY);
    virDomainObjSetState(vm, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED);

    if (data->balloon) {
        virDomainMemballoonDef *balloon = vm->def->memballoon;

        balloon->info.type = VIR_DOMAIN_DEVICE_ADDRESS_TYPE_PCI;
        balloon->info.alias = g_strdup("balloon0");
    }

    virDomainDefGetVcpu(vm->def, 0)->dirtyLimit = data->limit;
    if (data->speed > 0)
        priv->migMaxBandwidth = data->speed;

    priv->migrationCaps = virBitmapNew(QEMU_MIGRATION_CAP_LAST);
    if (!data->incapable)
        virBitmapSetAll(priv->migrationCaps);

    dirty = qemuDirtyGet(vm);
    dirty->memory = data->measured;
    if (data->limited)
        dirty->limitsChanged = g_get_real_time() / G_USEC_PER_SEC;
}


static virDomainObj *
testPredictDomain(const testPredict *data)
{
    virDomainXMLOption *xmlopt = data->driver->xmlopt;
    g_autofree char *xml = g_strdup_printf(TEST_DOMAIN,
                                           data->type ? data->type : "kvm",
                                           NULLSTR_EMPTY(data->features));
    virDomainObj *vm = virDomainObjNew(xmlopt);

    if (!(vm->def = virDomainDefParseString(xml, xmlopt, NULL,
                                            VIR_DOMAIN_DEF_PARSE_SKIP_VALIDATE))) {
        virDomainObjEndAPI(&vm);
        return NULL;
    }

    if (!data->off)
        testPredictSetUp(vm, data);

    return vm;
}


/* @reply itself, or what is in the file of this name */
static char *
testPredictReply(const char *reply)
{
    g_autofree char *path = NULL;
    char *text = NULL;

    if (reply[0] == '{')
        return g_strdup(reply);

    path = g_strdup_printf("%s/qemudirtypredictdata/%s.json", abs_srcdir, reply);

    if (virTestLoadFile(path, &text) < 0)
        return NULL;

    /* the test monitor speaks one line at a time */
    return g_strdelimit(text, "\n", ' ');
}


static qemuMonitorTest *
testPredictMonitor(const testPredict *data,
                   virDomainObj *vm)
{
    g_autoptr(qemuMonitorTest) test = NULL;
    size_t i;

    if (!(test = qemuMonitorTestNew(data->driver->xmlopt, vm, NULL, data->schema)))
        return NULL;

    for (i = 0; data->qemu[i]; i += 2) {
        g_autofree char *reply = testPredictReply(data->qemu[i + 1]);
        g_autofree char *command = NULL;

        /* monitors number their commands */
        command = g_strdup_printf("%.*s,\"id\":\"libvirt-%zu\"}",
                                  (int) strlen(data->qemu[i]) - 1,
                                  data->qemu[i], i / 2 + 1);

        if (!reply ||
            qemuMonitorTestAddItemVerbatim(test, command, NULL, reply) < 0)
            return NULL;
    }

    return g_steal_pointer(&test);
}


/* what stands behind "cell.N" in @field, or NULL */
static const char *
testPredictCellSuffix(const char *field)
{
    const char *number = STRSKIP(field, VIR_DOMAIN_MIGRATE_PREDICT_CELL_PREFIX);

    return number && g_ascii_isdigit(*number) ? strchr(number, '.') : NULL;
}


/* whether one of @names is @name, but for a dot and a word behind it */
static bool
testPredictIsOneOf(const char *name,
                   const char *const *names,
                   size_t nnames)
{
    size_t i;

    for (i = 0; i < nnames; i++) {
        const char *suffix = STRSKIP(name, names[i]);

        if (suffix &&
            (STREQ(suffix, "") || STREQ(suffix, ".sure") ||
             STREQ(suffix, ".low") || STREQ(suffix, ".high")))
            return true;
    }

    return false;
}


/* whether the model decides on whether there is a @field */
static bool
testPredictIsVague(const testPredict *data,
                   const char *field)
{
    const char *suffix = testPredictCellSuffix(field);

    if (suffix)
        return data->vague &&
            STRNEQ(suffix, VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_BANDWIDTH) &&
            STRNEQ(suffix, VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_DOWNTIME_LIMIT);

    return testPredictIsOneOf(field, testPredictWays, G_N_ELEMENTS(testPredictWays)) ||
        STRPREFIX(field, VIR_DOMAIN_MIGRATE_PREDICT_NOTE_PREFIX);
}


/* notes that are not about the time that passes, or about passes of a
 * migration */
static bool
testPredictIsNote(virTypedParameterPtr param)
{
    return STRPREFIX(param->field, VIR_DOMAIN_MIGRATE_PREDICT_NOTE_PREFIX) &&
        param->type == VIR_TYPED_PARAM_STRING &&
        !strstr(param->value.s, "s old") && !strstr(param->value.s, "passes");
}


static void
testPredictFormat(virBuffer *buf,
                  const testPredict *data,
                  virTypedParameterPtr param)
{
    const char *type = virTypedParameterTypeToString(param->type);
    const char *suffix = testPredictCellSuffix(param->field);
    g_autofree char *value = virTypedParameterToString(param);

    if (testPredictIsNote(param))
        virBufferAsprintf(buf, "note=%s\n", value);
    else if (testPredictIsVague(data, param->field))
        return;
    else if (testPredictIsOneOf(suffix ? suffix : param->field, testPredictNumbers,
                                G_N_ELEMENTS(testPredictNumbers)))
        virBufferAsprintf(buf, "%s %s\n", param->field, type);
    else
        virBufferAsprintf(buf, "%s %s=%s\n", param->field, type, value);
}


static int
testPredictCheckBounds(virTypedParameterPtr params,
                       int nparams,
                       virTypedParameterPtr param)
{
    g_autofree char *low = g_strdup_printf("%s.low", param->field);
    g_autofree char *high = g_strdup_printf("%s.high", param->field);
    virTypedParameterPtr lowParam = virTypedParamsGet(params, nparams, low);
    virTypedParameterPtr highParam = virTypedParamsGet(params, nparams, high);

    if (!lowParam && !highParam)
        return 0;

    if (lowParam && highParam &&
        0 <= lowParam->value.d && lowParam->value.d <= param->value.d &&
        param->value.d <= highParam->value.d && isfinite(param->value.d))
        return 0;

    fprintf(stderr, "the bounds of %s are not around it\n", param->field);
    return -1;
}


static int
testPredictCheckResult(const testPredict *data,
                       virTypedParameterPtr params,
                       int nparams)
{
    g_autofree char *path = g_strdup_printf("%s/qemudirtypredictdata/%s.out",
                                            abs_srcdir, data->name);
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;
    size_t i;

    for (i = 0; i < nparams; i++) {
        if (params[i].type == VIR_TYPED_PARAM_DOUBLE &&
            testPredictCheckBounds(params, nparams, params + i) < 0)
            return -1;

        testPredictFormat(&buf, data, params + i);
    }

    return virTestCompareToFile(virBufferCurrentContent(&buf), path);
}


static int
testPredictCheck(const testPredict *data,
                 int rv,
                 virTypedParameterPtr params,
                 int nparams)
{
    if ((rv == 0) == (data->code == VIR_ERR_OK) &&
        (rv == 0 || (virGetLastErrorCode() == data->code &&
                     strstr(virGetLastErrorMessage(), data->message)))) {
        virResetLastError();
        return rv == 0 ? testPredictCheckResult(data, params, nparams) : 0;
    }

    fprintf(stderr, "expected error %d with '%s', got %d: %s\n",
            data->code, NULLSTR(data->message),
            virGetLastErrorCode(), virGetLastErrorMessage());
    return -1;
}


static int
testPredictAsk(const testPredict *data,
               virDomainObj *vm,
               qemuMonitorTest *test)
{
    qemuDomainObjPrivate *priv = vm->privateData;
    virTypedParameterPtr params = NULL;
    int nparams = 0;
    virTypedParameterPtr result = NULL;
    int nresult = 0;
    int rv;
    int ret;

    if (testPredictParams(data->params, &params, &nparams) < 0)
        return -1;

    priv->mon = qemuMonitorTestGetMonitor(test);
    virObjectUnlock(priv->mon);

    rv = qemuDirtyPredict(vm, NULL, params, nparams, &result, &nresult, data->flags);

    virObjectLock(priv->mon);
    priv->mon = NULL;

    ret = testPredictCheck(data, rv, result, nresult);

    virTypedParamsFree(params, nparams);
    virTypedParamsFree(result, nresult);

    return ret;
}


static int
testPredictRun(const void *opaque)
{
    const testPredict *data = opaque;
    g_autoptr(qemuMonitorTest) test = NULL;
    virDomainObj *vm = NULL;
    int ret = -1;

    if (!(vm = testPredictDomain(data)))
        return -1;

    if ((test = testPredictMonitor(data, data->off ? NULL : vm)))
        ret = testPredictAsk(data, vm, test);

    virDomainObjEndAPI(&vm);

    return ret;
}


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
                      TEST_CALC(250), TEST_OK,
                      TEST_ASK_LAST, "stock",
                      TEST_ASK_LAST, "stock-250",
                      TEST_CALC(125), TEST_OK,
                      TEST_ASK_LAST, "stock",
                      TEST_ASK_LAST, "stock-125",
                      TEST_ASK_MEMORY, TEST_MEMORY });
    DO_TEST("measure old stock", "calc-time=1000 bandwidth=100 downtime=1000",
            .name = "measure-old-stock", .vague = true,
            .qemu = { TEST_ASK_PARAMETERS, "parameters",
                      TEST_ASK_COMMANDS, TEST_STOCK_COMMANDS,
                      TEST_CALC_1S, TEST_OK,
                      TEST_ASK_LAST, "stock",
                      TEST_ASK_LAST, "stock",
                      TEST_CALC(500), TEST_NO_MS,
                      TEST_ASK_MEMORY, TEST_MEMORY });

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
