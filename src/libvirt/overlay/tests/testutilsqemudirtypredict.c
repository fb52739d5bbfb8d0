/*
 * testutilsqemudirtypredict.c: cases about predictions of migrations
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each case asks for predictions of a domain whose QEMU has answers written
 * for it, and checks what QEMU is asked, and the error or the parameters that
 * come of it.
 */

#include <config.h>

#include "testutilsqemudirtypredict.h"
#include "testutils.h"
#include "testutilsqemu.h"
#include "qemumonitortestutils.h"
#include "qemu/qemu_dirty_predict.h"
#include "qemu/qemu_dirty_state.h"
#include "qemu/qemu_domain.h"
#include "qemu/qemu_migration_params.h"
#include "virerror.h"

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


int
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
