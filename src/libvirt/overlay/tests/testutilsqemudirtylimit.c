/*
 * testutilsqemudirtylimit.c: cases about limits of vCPUs' dirty page rates
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each case gives a domain its limits, does one thing to it, and checks what
 * QEMU is told, the error, and the limits the domain has then. What QEMU is
 * told is checked against the schema of the latest QEMU known, too.
 */

#include <config.h>

#include "testutilsqemudirtylimit.h"
#include "testutils.h"
#include "testutilsqemu.h"
#include "qemumonitortestutils.h"
#include "domain_dirty_limit.h"
#include "qemu/qemu_dirty_limit.h"
#include "qemu/qemu_dirty_limit_arrive.h"
#include "qemu/qemu_dirty_limit_result.h"
#include "qemu/qemu_dirty_limit_sync.h"
#include "qemu/qemu_domain.h"

/* vCPUs 0 and 1 of 0 to 3 are plugged; QEMU calls vCPU 1 its CPU 2 */
#define TEST_DOMAIN \
    "<domain type='qemu'>" \
    "  <name>test</name>" \
    "  <uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>" \
    "  <memory>1048576</memory>" \
    "  <vcpu current='2'>4</vcpu>" \
    "  <cputune>%s</cputune>" \
    "  <os><type arch='x86_64' machine='pc'>hvm</type></os>" \
    "  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices>" \
    "</domain>"
#define TEST_QEMU_ID 2

int
testLimitSet(virDomainObj *vm,
             const testLimit *data)
{
    return qemuDirtyLimitSet(vm, data->vcpu, data->rate, data->flags);
}


/* what needs a job that another function holds */
int
testLimitSync(virDomainObj *vm,
              const testLimit *data G_GNUC_UNUSED)
{
    return qemuDirtyLimitSync(vm);
}


int
testLimitStart(virDomainObj *vm,
               const testLimit *data G_GNUC_UNUSED)
{
    return qemuDirtyLimitStart(vm);
}


int
testLimitPlug(virDomainObj *vm,
              const testLimit *data)
{
    return qemuDirtyLimitPlug(vm, data->vcpu, 1);
}


int
testLimitReconnect(virDomainObj *vm,
                   const testLimit *data G_GNUC_UNUSED)
{
    qemuDirtyLimitReconnect(vm);
    return 0;
}


int
testLimitArrive(virDomainObj *vm,
                const testLimit *data)
{
    qemuDirtyLimitArrive(vm, data->xml);
    return 0;
}


/* changes limits before it goes if there are commands to do so */
int
testLimitDepart(virDomainObj *vm,
                const testLimit *data)
{
    g_autofree char *xml = NULL;

    if (data->qemu[0] && testLimitSet(vm, data) < 0)
        return -1;

    xml = qemuDirtyLimitDepart(vm);

    return virTestCompareToString(data->xml, NULLSTR(xml));
}


static int
testLimitFormat(virTypedParamList *list,
                const char *expected)
{
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;
    virTypedParameterPtr params = NULL;
    size_t nparams = 0;
    size_t i;

    if (virTypedParamListFetch(list, &params, &nparams) < 0)
        return -1;

    for (i = 0; i < nparams; i++) {
        g_autofree char *value = virTypedParameterToString(params + i);

        virBufferAsprintf(&buf, "%s %s=%s\n", params[i].field,
                          virTypedParameterTypeToString(params[i].type), value);
    }

    return virTestCompareToString(expected, NULLSTR_EMPTY(virBufferCurrentContent(&buf)));
}


int
testLimitGet(virDomainObj *vm,
             const testLimit *data)
{
    g_autoptr(virTypedParamList) list = NULL;
    virTypedParameterPtr params = NULL;
    int nparams = 0;

    if (qemuDirtyLimitGet(vm, &params, &nparams, data->flags) < 0)
        return -1;

    list = virTypedParamListFromParams(&params, nparams);

    return testLimitFormat(list, data->xml);
}


int
testLimitStats(virDomainObj *vm,
               const testLimit *data)
{
    g_autoptr(virTypedParamList) stats = virTypedParamListNew();

    qemuDirtyLimitGetStats(vm, stats);

    return testLimitFormat(stats, data->xml);
}


static virDomainObj *
testLimitDomain(const testLimit *data)
{
    virDomainXMLOption *xmlopt = data->driver->xmlopt;
    g_autofree char *xml = g_strdup_printf(TEST_DOMAIN, data->limits);
    virDomainObj *vm = virDomainObjNew(xmlopt);
    size_t i;

    vm->persistent = !data->transient;

    if (!(vm->def = virDomainDefParseString(xml, xmlopt, NULL,
                                            VIR_DOMAIN_DEF_PARSE_SKIP_VALIDATE)))
        goto error;

    if (data->off)
        return vm;

    if (!(vm->newDef = virDomainDefCopy(vm->def, xmlopt, NULL, false)))
        goto error;

    vm->def->id = 1;
    vm->job->asyncJob = data->job;
    vm->job->asyncStarted = 5;
    vm->job->mask = JOB_MASK(VIR_JOB_QUERY);
    virDomainObjSetState(vm, data->paused ? VIR_DOMAIN_PAUSED : VIR_DOMAIN_RUNNING,
                         data->paused);

    for (i = 0; i < virDomainDefGetVcpusMax(vm->def); i++)
        QEMU_DOMAIN_VCPU_PRIVATE(vm->def->vcpus[i])->qemu_id = -1;
    QEMU_DOMAIN_VCPU_PRIVATE(vm->def->vcpus[0])->qemu_id = 0;
    QEMU_DOMAIN_VCPU_PRIVATE(vm->def->vcpus[1])->qemu_id = TEST_QEMU_ID;

    return vm;

 error:
    virObjectUnlock(vm);
    virObjectUnref(vm);
    return NULL;
}


static qemuMonitorTest *
testLimitMonitor(const testLimit *data,
                 virDomainObj *vm)
{
    g_autoptr(qemuMonitorTest) test = NULL;
    size_t i;

    if (!(test = qemuMonitorTestNew(data->driver->xmlopt, vm, NULL, data->schema)))
        return NULL;

    for (i = 0; data->qemu[i]; i += 2) {
        g_autofree char *command = NULL;

        /* monitors number their commands */
        command = g_strdup_printf("%.*s,\"id\":\"libvirt-%zu\"}",
                                  (int) strlen(data->qemu[i]) - 1,
                                  data->qemu[i], i / 2 + 1);

        if (qemuMonitorTestAddItemVerbatim(test, command, NULL, data->qemu[i + 1]) < 0)
            return NULL;
    }

    return g_steal_pointer(&test);
}


static int
testLimitCompare(const virDomainDef *def,
                 const char *expected)
{
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;

    virDomainDirtyLimitFormat(&buf, def);

    return virTestCompareToString(expected, NULLSTR_EMPTY(virBufferCurrentContent(&buf)));
}


static int
testLimitCheckError(const testLimit *data,
                    int rv)
{
    if ((rv == 0) == (data->code == VIR_ERR_OK) &&
        (rv == 0 || (virGetLastErrorCode() == data->code &&
                     strstr(virGetLastErrorMessage(), data->message)))) {
        virResetLastError();
        return 0;
    }

    fprintf(stderr, "expected error %d with '%s', got %d: %s\n",
            data->code, NULLSTR(data->message),
            virGetLastErrorCode(), virGetLastErrorMessage());
    return -1;
}


static int
testLimitCheck(const testLimit *data,
               virDomainObj *vm,
               int rv)
{
    const char *live = data->live ? data->live : data->limits;
    const char *config = data->config ? data->config : data->limits;

    if (testLimitCheckError(data, rv) < 0)
        return -1;

    if (data->off)
        return testLimitCompare(vm->def, config);

    if (testLimitCompare(vm->def, live) < 0 ||
        testLimitCompare(vm->newDef, config) < 0)
        return -1;

    return 0;
}


static int
testLimitAct(const testLimit *data,
             virDomainObj *vm,
             qemuMonitorTest *test)
{
    qemuDomainObjPrivate *priv = vm->privateData;
    bool hasJob = data->action != testLimitSet &&
        data->action != testLimitGet &&
        data->action != testLimitDepart;
    g_autofree char *writable = data->driver->config->configDir;
    int rv;

    if (data->unwritable)
        data->driver->config->configDir = (char *) "/dev/null/libvirt";

    priv->mon = qemuMonitorTestGetMonitor(test);
    virObjectUnlock(priv->mon);

    if (hasJob && virDomainObjBeginJob(vm, VIR_JOB_QUERY) < 0)
        return -1;

    rv = data->action(vm, data);

    if (hasJob)
        virDomainObjEndJob(vm);

    virObjectLock(priv->mon);
    priv->mon = NULL;
    data->driver->config->configDir = g_steal_pointer(&writable);

    return testLimitCheck(data, vm, rv);
}


int
testLimitRun(const void *opaque)
{
    const testLimit *data = opaque;
    g_autoptr(qemuMonitorTest) test = NULL;
    virDomainObj *vm = NULL;
    int ret = -1;

    if (!(vm = testLimitDomain(data)))
        return -1;

    if ((test = testLimitMonitor(data, data->off ? NULL : vm)))
        ret = testLimitAct(data, vm, test);

    virDomainObjEndAPI(&vm);

    return ret;
}


/* limits are nothing a guest sees: they may differ after a migration */
int
testLimitABI(const void *opaque)
{
    const testLimit *data = opaque;
    virDomainObj *vm = testLimitDomain(data);
    g_autoptr(virDomainDef) other = NULL;
    int ret = -1;

    if (vm && (other = virDomainDefCopy(vm->def, data->driver->xmlopt, NULL, false))) {
        virDomainDirtyLimitSet(other, 1, 7);
        if (virDomainDefCheckABIStability(vm->def, other, data->driver->xmlopt))
            ret = 0;
    }

    virDomainObjEndAPI(&vm);

    return ret;
}
