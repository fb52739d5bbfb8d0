/*
 * qemu_dirty_predict.c: predicts a domain's migration
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "qemu_dirty_predict.h"
#include "qemu_dirty.h"
#include "qemu_dirty_jobs.h"
#include "qemu_dirty_mode.h"
#include "qemu_dirty_predict_guest.h"
#include "qemu_dirty_predict_model.h"
#include "qemu_dirty_predict_params.h"
#include "qemu_dirty_state.h"
#include "qemu_dirty_vcpu_load.h"
#include "virerror.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

VIR_LOG_INIT("qemu.qemu_dirty_predict");

#define QEMU_DIRTY_PREDICT_MS_PER_S 1000

/* Shortest measurement that is made only to learn how the number of dirty
 * pages begins to grow, in ms: the first reading of a longer one. */
#define QEMU_DIRTY_PREDICT_SHORTEST 125


/* in s, or -1 if it is not known */
static long long
qemuDirtyPredictAge(const DirtyMeasurement *measurement)
{
    long long now = g_get_real_time() / G_USEC_PER_SEC;

    /* the host's clock may have been set back since */
    if (measurement->start_time <= 0 || measurement->start_time > now)
        return -1;

    return MAX(now - measurement->start_time -
               measurement->calc_time / QEMU_DIRTY_PREDICT_MS_PER_S, 0);
}


static bool
qemuDirtyPredictHasMethod(const DirtyMeasurement *measurement,
                          const char *method)
{
    size_t i;

    for (i = 0; i < measurement->n_compressions; i++) {
        if (STREQ(measurement->compressions[i].method, method))
            return true;
    }

    return false;
}


/* whether @measurement, @age seconds old, tells what has to be known */
static bool
qemuDirtyPredictServes(virDomainObj *vm,
                       const qemuDirtyPredictRequest *request,
                       const DirtyMeasurement *measurement,
                       long long age)
{
    if (measurement->status != DIRTY_STATUS_MEASURED ||
        age < 0 || age > request->maxAge)
        return false;

    /* it may be of a guest with other limits than it has now */
    if (measurement->start_time <= qemuDirtyGet(vm)->limitsChanged)
        return false;

    return !request->compression ||
        qemuDirtyPredictHasMethod(measurement, request->compression);
}


/* the last measurement if it serves; NULL without an error if it does not */
static int
qemuDirtyPredictLast(virDomainObj *vm,
                     const qemuDirtyPredictRequest *request,
                     DirtyMeasurement **measurement,
                     unsigned long long *age)
{
    g_autoptr(DirtyMeasurement) last = NULL;
    long long lastAge;

    if (request->maxAge == 0)
        return 0;

    if (!(last = qemuDirtyQuery(vm)))
        return -1;

    lastAge = qemuDirtyPredictAge(last);

    if (qemuDirtyPredictServes(vm, request, last, lastAge)) {
        *measurement = g_steal_pointer(&last);
        *age = lastAge;
    } else {
        VIR_DEBUG("domain '%s': the last measurement does not serve, age %lld s",
                  vm->def->name, lastAge);
    }

    return 0;
}


/* Memory that was plugged or unplugged is seen by the domain's definition
 * best; what this daemon did not start is compared by its size alone. */
static int
qemuDirtyPredictCheckMemory(virDomainObj *vm)
{
    unsigned long long measured = qemuDirtyGet(vm)->memory;
    unsigned long long memory = virDomainDefGetMemoryTotal(vm->def);

    if (measured == 0 || measured == memory)
        return 0;

    virReportError(VIR_ERR_OPERATION_INVALID,
                   _("domain '%1$s' was measured when it had %2$llu KiB of memory and has %3$llu KiB now: measure it again"),
                   vm->def->name, measured, memory);
    return -1;
}


/* with @vm unlocked, as this only computes, but perhaps for a while */
static virTypedParamList *
qemuDirtyPredictUnlocked(virDomainObj *vm,
                         const qemuDirtyPredictRequest *request,
                         const qemuDirtyPredictGuest *guest,
                         const DirtyMeasurement *measurement,
                         unsigned long long age)
{
    virTypedParamList *list;

    virObjectUnlock(vm);
    list = qemuDirtyPredictFrom(request, guest, measurement, age);
    virObjectLock(vm);

    return list;
}


/* a measurement that was waited for, unless @call was cancelled before */
static DirtyMeasurement *
qemuDirtyPredictMeasureOnce(virDomainObj *vm,
                            qemuDirtyPredictRequest *request,
                            qemuDirtyCall *call)
{
    if (call->cancelled) {
        qemuDirtyReportCancelled(vm, call);
        return NULL;
    }

    return qemuDirtyMeasure(vm, call->conn, &request->measurement, true);
}


/* what is dirty after a part of the time; QEMU may know whole seconds only */
static int
qemuDirtyPredictMeasurePart(virDomainObj *vm,
                            qemuDirtyPredictRequest *request,
                            qemuDirtyCall *call,
                            GPtrArray *shorter,
                            bool *wholeSeconds)
{
    DirtyMeasurement *measurement;

    if (*wholeSeconds &&
        request->measurement.calc_time % QEMU_DIRTY_PREDICT_MS_PER_S != 0)
        return 0;

    if ((measurement = qemuDirtyPredictMeasureOnce(vm, request, call))) {
        g_ptr_array_add(shorter, measurement);
        return 0;
    }

    if (virGetLastErrorCode() != VIR_ERR_OPERATION_UNSUPPORTED)
        return -1;

    virResetLastError();
    *wholeSeconds = true;
    return 0;
}


/*
 * QEMU without the patch tells only one number by a measurement. How many
 * pages are dirty after less time is learned by shorter ones, which together
 * take as long as the whole. That comes behind them, so that the last
 * measurement is the one that was asked for.
 */
static int
qemuDirtyPredictMeasureParts(virDomainObj *vm,
                             qemuDirtyPredictRequest *request,
                             qemuDirtyCall *call,
                             GPtrArray *shorter)
{
    long long whole = request->measurement.calc_time;
    bool wholeSeconds = false;
    int shift = 0;
    int ret = 0;

    while (whole >> (shift + 1) >= QEMU_DIRTY_PREDICT_SHORTEST)
        shift++;

    /* changed in place, as its mode is settled by the first */
    for (; shift > 0 && ret == 0; shift--) {
        request->measurement.calc_time = whole >> shift;
        ret = qemuDirtyPredictMeasurePart(vm, request, call, shorter, &wholeSeconds);
    }

    request->measurement.calc_time = whole;

    return ret;
}


/* whether QEMU tells a curve by one measurement */
static int
qemuDirtyPredictTellsCurve(virDomainObj *vm,
                           gboolean *tells)
{
    int ret;

    if (qemuDirtyBeginJob(vm) < 0)
        return -1;

    if ((ret = qemuDirtyCheckRunning(vm)) == 0)
        ret = qemuDirtyIsPatched(vm, tells);

    virDomainObjEndJob(vm);

    return ret;
}


/* a measurement that serves: the last one, or one of its own, with the shorter
 * ones it may need */
static DirtyMeasurement *
qemuDirtyPredictMeasure(virDomainObj *vm,
                        qemuDirtyPredictRequest *request,
                        qemuDirtyCall *call,
                        qemuDirtyPredictGuest *guest,
                        unsigned long long *age)
{
    g_autoptr(DirtyMeasurement) measurement = NULL;
    gboolean curve = FALSE;

    if (qemuDirtyPredictLast(vm, request, &measurement, age) < 0)
        return NULL;

    if (!measurement) {
        if (qemuDirtyPredictTellsCurve(vm, &curve) < 0 ||
            (!curve &&
             qemuDirtyPredictMeasureParts(vm, request, call, guest->shorter) < 0) ||
            !(measurement = qemuDirtyPredictMeasureOnce(vm, request, call)))
            return NULL;
    }

    guest->settings.vcpu_load = qemuDirtyVcpuLoad(vm);

    return g_steal_pointer(&measurement);
}


static virTypedParamList *
qemuDirtyPredictForCall(virDomainObj *vm,
                        qemuDirtyPredictRequest *request,
                        qemuDirtyCall *call)
{
    g_auto(qemuDirtyPredictGuest) guest = { 0 };
    g_autoptr(DirtyMeasurement) measurement = NULL;
    g_autoptr(virTypedParamList) list = NULL;
    unsigned long long age = 0;

    if (qemuDirtyCheckRunning(vm) < 0 ||
        qemuDirtyPredictAskGuest(vm, request, &guest) < 0 ||
        !(measurement = qemuDirtyPredictMeasure(vm, request, call, &guest, &age)))
        return NULL;

    if (qemuDirtyPredictCheckMemory(vm) < 0 ||
        qemuDirtyPredictAskMemory(vm, &guest) < 0)
        return NULL;

    if (!(list = qemuDirtyPredictUnlocked(vm, request, &guest, measurement, age)))
        return NULL;

    if (call->cancelled) {
        qemuDirtyReportCancelled(vm, call);
        return NULL;
    }

    return g_steal_pointer(&list);
}


/**
 * qemuDirtyPredict:
 * @vm: domain, locked
 * @conn: connection that asks
 * @params: see virDomainMigratePredict()
 * @nparams: likewise
 * @result: likewise
 * @nresult: likewise
 * @flags: likewise
 *
 * Does the work of virDomainMigratePredict(). Unlocks @vm while it measures
 * and while it predicts.
 *
 * Returns 0, or -1 with an error reported.
 */
int
qemuDirtyPredict(virDomainObj *vm,
                 virConnectPtr conn,
                 virTypedParameterPtr params,
                 int nparams,
                 virTypedParameterPtr *result,
                 int *nresult,
                 unsigned int flags)
{
    g_autoptr(qemuDirtyPredictRequest) request = NULL;
    g_autoptr(virTypedParamList) list = NULL;
    qemuDirtyCall call = { .conn = conn };
    qemuDirty *dirty = qemuDirtyGet(vm);

    if (!(request = qemuDirtyPredictRequestFromParams(params, nparams, flags)))
        return -1;

    /* Known as a call from beginning to end: whoever cancels it, or a client
     * that goes away, must not hit the measurement of somebody else while
     * this one does not measure. */
    dirty->calls = g_slist_prepend(dirty->calls, &call);
    list = qemuDirtyPredictForCall(vm, request, &call);
    dirty->calls = g_slist_remove(dirty->calls, &call);

    if (!list)
        return -1;

    return virTypedParamListSteal(list, result, nresult) < 0 ? -1 : 0;
}
