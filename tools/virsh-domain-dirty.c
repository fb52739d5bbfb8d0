/*
 * virsh-domain-dirty.c: virsh commands about a domain's dirty page rate
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include <signal.h>
#include <unistd.h>

#include "virsh-domain-dirty.h"
#include "virsh-util.h"

#include "dirty-curve.h"
#include "dirty-measurement.h"
#include "internal.h"
#include "virerror.h"
#include "virthread.h"
#include "virtime.h"
#include "virtypedparam.h"
#include "vsh-table.h"

/* How often the progress bar moves and Ctrl-C is looked at, in ms. */
#define VIRSH_DIRTY_TICK 100

/*
 * "getdirtyrate" command
 */
static const vshCmdInfo info_getdirtyrate = {
    .help = N_("measure a domain's dirty page rate"),
    .desc = N_("Measure how fast a running domain dirties its memory, which is "
               "what a live migration has to send again. Waits for the result; "
               "Ctrl-C cancels the measurement."),
};

static char **
virshDirtyModeCompleter(vshControl *ctl G_GNUC_UNUSED,
                        const vshCmd *cmd G_GNUC_UNUSED,
                        unsigned int flags)
{
    g_auto(GStrv) ret = g_new0(char *, DIRTY_MODE_LAST + 1);
    size_t i;

    virCheckFlags(0, NULL);

    for (i = 0; i < DIRTY_MODE_LAST; i++)
        ret[i] = g_strdup(dirty_mode_to_string(i));

    return g_steal_pointer(&ret);
}

static const vshCmdOptDef opts_getdirtyrate[] = {
    VIRSH_COMMON_OPT_DOMAIN_FULL(VIR_CONNECT_LIST_DOMAINS_ACTIVE),
    {.name = "seconds",
     .type = VSH_OT_INT,
     .positional = true,
     .help = N_("length of the measurement, 1 to 60 seconds, default 1")
    },
    {.name = "calc-time",
     .type = VSH_OT_INT,
     .help = N_("length of the measurement, 50 to 60000 milliseconds")
    },
    {.name = "mode",
     .type = VSH_OT_STRING,
     .completer = virshDirtyModeCompleter,
     .help = N_("how dirty pages are counted: page-sampling (default), "
                "dirty-bitmap or dirty-ring")
    },
    {.name = "sample-pages",
     .type = VSH_OT_INT,
     .help = N_("sampled pages per GiB of memory, 128 to 16384, default 512; "
                "only with page-sampling")
    },
    {.name = "periods",
     .type = VSH_OT_BOOL,
     .help = N_("print the readings taken during the measurement as well")
    },
    {.name = "nowait",
     .type = VSH_OT_BOOL,
     .help = N_("start the measurement and do not wait for its end")
    },
    {.name = "last",
     .type = VSH_OT_BOOL,
     .help = N_("measure nothing, print the last or the running measurement")
    },
    {.name = "cancel",
     .type = VSH_OT_BOOL,
     .help = N_("end the running measurement without a result")
    },
    {.name = NULL}
};


/* A call of virDomainGetDirtyRate(), made by a thread of its own. */
typedef struct _virshDirtyCall virshDirtyCall;
struct _virshDirtyCall {
    virDomainPtr dom;
    virTypedParamList *params;
    unsigned int flags;

    virTypedParameterPtr result;
    int nresult;
    int rv;
    virErrorPtr err;

    virMutex lock;
    virCond cond;
    bool done;
};

static volatile sig_atomic_t virshDirtyInterrupted;

#ifndef WIN32
static void
virshDirtyCatchInt(int sig G_GNUC_UNUSED)
{
    virshDirtyInterrupted = 1;
}
#endif /* !WIN32 */


static void
virshDirtyCallRun(void *opaque)
{
    virshDirtyCall *call = opaque;
    virTypedParameterPtr params = NULL;
    size_t nparams = 0;

    if ((call->rv = virTypedParamListFetch(call->params, &params, &nparams)) == 0)
        call->rv = virDomainGetDirtyRate(call->dom, params, nparams,
                                         &call->result, &call->nresult,
                                         call->flags);

    if (call->rv < 0)
        call->err = virSaveLastError();

    VIR_WITH_MUTEX_LOCK_GUARD(&call->lock) {
        call->done = true;
        virCondSignal(&call->cond);
    }
}


static void
virshDirtyPrintProgress(long long elapsed,
                        unsigned int calcTime)
{
    const int width = 30;
    int filled = MIN(elapsed * width / calcTime, width);
    g_autofree char *bar = g_strnfill(filled, '#');

    fflush(stdout);
    fprintf(stderr, "\r%s: [%-*s] %lld/%u ms",
            _("Measuring"), width, bar, MIN(elapsed, calcTime), calcTime);
    fflush(stderr);
}


static void
virshDirtyClearProgress(void)
{
    fprintf(stderr, "\r%70s\r", "");
    fflush(stderr);
}


/* waits for @call to be done, and cancels its measurement on Ctrl-C */
static void
virshDirtyCallWatch(vshControl *ctl,
                    virshDirtyCall *call,
                    unsigned int calcTime)
{
    bool progress = call->flags == 0 && !ctl->quiet &&
                    isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
    long long start = g_get_monotonic_time();
    bool cancelled = false;
    bool done = false;

    while (true) {
        unsigned long long now;

        VIR_WITH_MUTEX_LOCK_GUARD(&call->lock) {
            if (!call->done && virTimeMillisNowRaw(&now) == 0)
                ignore_value(virCondWaitUntil(&call->cond, &call->lock,
                                              now + VIRSH_DIRTY_TICK));
            done = call->done;
        }

        if (done)
            break;

        if (progress)
            virshDirtyPrintProgress((g_get_monotonic_time() - start) / 1000, calcTime);

        /* the call reports how it ended, so an error here adds nothing */
        if (virshDirtyInterrupted && !cancelled) {
            cancelled = true;
            if (virDomainGetDirtyRate(call->dom, NULL, 0, NULL, NULL,
                                      VIR_DOMAIN_DIRTY_RATE_CANCEL) < 0)
                virResetLastError();
        }
    }

    if (progress)
        virshDirtyClearProgress();
}


/* runs @call in a thread, so that this one can watch the user meanwhile */
static int
virshDirtyCallWait(vshControl *ctl,
                   virshDirtyCall *call,
                   unsigned int calcTime)
{
    virThread thread;
#ifndef WIN32
    struct sigaction action = { .sa_handler = virshDirtyCatchInt };
    struct sigaction old_action;

    sigemptyset(&action.sa_mask);
#endif /* !WIN32 */

    if (virMutexInit(&call->lock) < 0 ||
        virCondInit(&call->cond) < 0) {
        vshError(ctl, "%s", _("cannot initialize the wait for the measurement"));
        return -1;
    }

    virshDirtyInterrupted = 0;
#ifndef WIN32
    sigaction(SIGINT, &action, &old_action);
#endif /* !WIN32 */

    if (virThreadCreate(&thread, true, virshDirtyCallRun, call) < 0) {
        vshError(ctl, "%s", _("cannot create a thread for the measurement"));
        call->rv = -1;
    } else {
        virshDirtyCallWatch(ctl, call, calcTime);
        virThreadJoin(&thread);
    }

#ifndef WIN32
    sigaction(SIGINT, &old_action, NULL);
#endif /* !WIN32 */
    virCondDestroy(&call->cond);
    virMutexDestroy(&call->lock);

    /* what went wrong is what the call says, not what cancelling it said */
    if (call->rv < 0 && call->err) {
        virSetError(call->err);
        vshSaveLibvirtError();
    }
    g_clear_pointer(&call->err, virFreeError);

    return call->rv;
}


static unsigned long long
virshDirtyGetULLong(virshDirtyCall *call,
                    const char *name)
{
    unsigned long long value = 0;

    ignore_value(virTypedParamsGetULLong(call->result, call->nresult, name, &value));
    return value;
}


static double
virshDirtyGetDouble(virshDirtyCall *call,
                    const char *name)
{
    double value = 0;

    ignore_value(virTypedParamsGetDouble(call->result, call->nresult, name, &value));
    return value;
}


static unsigned int
virshDirtyGetUInt(virshDirtyCall *call,
                  const char *name)
{
    unsigned int value = 0;

    ignore_value(virTypedParamsGetUInt(call->result, call->nresult, name, &value));
    return value;
}


/* the parameter @suffix of entry @i of an array */
static double
virshDirtyGetDoubleAt(virshDirtyCall *call,
                      const char *prefix,
                      size_t i,
                      const char *suffix)
{
    g_autofree char *name = g_strdup_printf("%s%zu%s", prefix, i, suffix);

    return virshDirtyGetDouble(call, name);
}


static unsigned long long
virshDirtyGetULLongAt(virshDirtyCall *call,
                      const char *prefix,
                      size_t i,
                      const char *suffix)
{
    g_autofree char *name = g_strdup_printf("%s%zu%s", prefix, i, suffix);

    return virshDirtyGetULLong(call, name);
}


static bool
virshDirtyHas(virshDirtyCall *call,
              const char *name)
{
    return virTypedParamsGet(call->result, call->nresult, name) != NULL;
}


static void
virshDirtyPrintStart(vshControl *ctl,
                     virshDirtyCall *call)
{
    g_autoptr(GDateTime) date = NULL;
    g_autofree char *text = NULL;
    long long start = 0;

    if (virTypedParamsGetLLong(call->result, call->nresult,
                               VIR_DOMAIN_DIRTY_RATE_PARAM_START_TIME, &start) <= 0)
        return;

    if ((date = g_date_time_new_from_unix_local(start)))
        text = g_date_time_format(date, "%Y-%m-%d %H:%M:%S%z");

    vshPrint(ctl, "%-15s %s\n", _("Start time:"), NULLSTR_MINUS(text));
}


static void
virshDirtyPrintRate(vshControl *ctl,
                    virshDirtyCall *call)
{
    if (!virshDirtyHas(call, VIR_DOMAIN_DIRTY_RATE_PARAM_RATE))
        return;

    vshPrint(ctl, "%-15s %.1f MiB/s", _("Dirty rate:"),
             virshDirtyGetDouble(call, VIR_DOMAIN_DIRTY_RATE_PARAM_RATE));

    if (virshDirtyHas(call, VIR_DOMAIN_DIRTY_RATE_PARAM_RATE_LOW))
        vshPrint(ctl, _(" (95 %%: %1$.1f to %2$.1f)"),
                 virshDirtyGetDouble(call, VIR_DOMAIN_DIRTY_RATE_PARAM_RATE_LOW),
                 virshDirtyGetDouble(call, VIR_DOMAIN_DIRTY_RATE_PARAM_RATE_HIGH));

    vshPrint(ctl, "\n");
}


static void
virshDirtyPrintPages(vshControl *ctl,
                     virshDirtyCall *call)
{
    unsigned long long size = virshDirtyGetULLong(call, VIR_DOMAIN_DIRTY_RATE_PARAM_PAGE_SIZE);
    unsigned long long total = virshDirtyGetULLong(call, VIR_DOMAIN_DIRTY_RATE_PARAM_PAGES_TOTAL);

    if (size == 0)
        return;

    vshPrint(ctl, "%-15s ", _("Memory:"));
    vshPrint(ctl, _("%1$llu pages of %2$llu bytes (%3$.1f MiB)\n"),
             total, size, (double) total * size / (1024 * 1024));
    vshPrint(ctl, "%-15s %llu\n", _("Sampled pages:"),
             virshDirtyGetULLong(call, VIR_DOMAIN_DIRTY_RATE_PARAM_PAGES_SAMPLED));
    vshPrint(ctl, "%-15s ", _("Zero pages:"));
    vshPrint(ctl, _("%1$llu of the sampled\n"),
             virshDirtyGetULLong(call, VIR_DOMAIN_DIRTY_RATE_PARAM_PAGES_ZERO));
}


static void
virshDirtyPrintVcpus(vshControl *ctl,
                     virshDirtyCall *call)
{
    unsigned int n = virshDirtyGetUInt(call, VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_COUNT);
    size_t i;

    for (i = 0; i < n; i++) {
        g_autofree char *idName = g_strdup_printf(VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_PREFIX "%zu"
                                                  VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_ID, i);
        g_autofree char *label = g_strdup_printf(_("vCPU %1$u:"),
                                                 virshDirtyGetUInt(call, idName));

        vshPrint(ctl, "%-15s %.1f MiB/s\n", label,
                 virshDirtyGetDoubleAt(call, VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_PREFIX, i,
                                       VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_RATE));
    }
}


static int
virshDirtyAddPeriod(vshTable *table,
                    virshDirtyCall *call,
                    unsigned long long pageSize,
                    size_t i)
{
    const char *prefix = VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_PREFIX;
    unsigned long long ms = virshDirtyGetULLongAt(call, prefix, i,
                                                  VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_TIME);
    unsigned long long dirty = virshDirtyGetULLongAt(call, prefix, i,
                                                     VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_DIRTY_PAGES);
    double pages = virshDirtyGetDoubleAt(call, prefix, i,
                                         VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_PAGES);
    double low = virshDirtyGetDoubleAt(call, prefix, i,
                                       VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_PAGES_LOW);
    double high = virshDirtyGetDoubleAt(call, prefix, i,
                                        VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_PAGES_HIGH);
    double mib = pageSize / (1024.0 * 1024.0);
    g_autofree char *msStr = g_strdup_printf("%llu", ms);
    g_autofree char *dirtyStr = g_strdup_printf("%llu", dirty);
    g_autofree char *mibStr = g_strdup_printf("%.1f", pages * mib);
    g_autofree char *boundsStr = g_strdup_printf(_("%1$.1f to %2$.1f"),
                                                 low * mib, high * mib);
    g_autofree char *rateStr = g_strdup_printf("%.1f",
                                               dirty_pages_to_rate(pages, pageSize, MAX(ms, 1)));

    return vshTableRowAppend(table, msStr, dirtyStr, mibStr, boundsStr, rateStr, NULL);
}


static bool
virshDirtyPrintPeriods(vshControl *ctl,
                       virshDirtyCall *call)
{
    unsigned int n = virshDirtyGetUInt(call, VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_COUNT);
    unsigned long long pageSize = virshDirtyGetULLong(call, VIR_DOMAIN_DIRTY_RATE_PARAM_PAGE_SIZE);
    g_autoptr(vshTable) table = NULL;
    size_t i;

    if (n == 0) {
        vshPrintExtra(ctl, "\n%s\n",
                      _("No readings: the measurement has not ended, or the domain's QEMU does not report any."));
        return true;
    }

    if (!(table = vshTableNew(_("Period ms"), _("Dirty sampled pages"), _("Dirty MiB"),
                              _("95 % bounds MiB"), _("Rate MiB/s"), NULL)))
        return false;

    for (i = 0; i < n; i++) {
        if (virshDirtyAddPeriod(table, call, pageSize, i) < 0)
            return false;
    }

    vshPrint(ctl, "\n");
    vshTablePrintToStdout(table, ctl);

    return true;
}


static bool
virshDirtyPrint(vshControl *ctl,
                virshDirtyCall *call,
                bool periods)
{
    const char *status = NULL;
    const char *mode = NULL;

    if (virTypedParamsGetString(call->result, call->nresult,
                                VIR_DOMAIN_DIRTY_RATE_PARAM_STATUS, &status) < 0 ||
        virTypedParamsGetString(call->result, call->nresult,
                                VIR_DOMAIN_DIRTY_RATE_PARAM_MODE, &mode) < 0)
        return false;

    vshPrint(ctl, "%-15s %s\n", _("Status:"), NULLSTR_MINUS(status));

    if (!mode)
        return true;

    vshPrint(ctl, "%-15s %s\n", _("Mode:"), mode);
    virshDirtyPrintStart(ctl, call);
    vshPrint(ctl, "%-15s %llu ms\n", _("Calc time:"),
             virshDirtyGetULLong(call, VIR_DOMAIN_DIRTY_RATE_PARAM_CALC_TIME));
    virshDirtyPrintRate(ctl, call);
    virshDirtyPrintPages(ctl, call);
    virshDirtyPrintVcpus(ctl, call);

    return !periods || virshDirtyPrintPeriods(ctl, call);
}


static bool
virshDirtyReportInvalid(vshControl *ctl,
                        GError *err)
{
    vshError(ctl, "%s", err->message);
    g_error_free(err);
    return false;
}


/* reads --seconds or --calc-time; @calcTime stays as it is without them */
static bool
virshDirtyOptCalcTime(vshControl *ctl,
                      const vshCmd *cmd,
                      virTypedParamList *params,
                      unsigned int *calcTime)
{
    const int maxSeconds = DIRTY_CALC_TIME_MAX_MS / 1000;
    long long ms;
    int seconds = 0;
    int hasSeconds;
    int hasMs;
    GError *err = NULL;

    if ((hasSeconds = vshCommandOptInt(ctl, cmd, "seconds", &seconds)) < 0 ||
        (hasMs = vshCommandOptLongLong(ctl, cmd, "calc-time", &ms)) < 0)
        return false;

    if (!hasSeconds && !hasMs)
        return true;

    if (hasSeconds) {
        if (seconds < 1 || seconds > maxSeconds) {
            vshError(ctl,
                     _("%1$d seconds is out of range: give 1 to %2$d seconds, or use --calc-time for less than one"),
                     seconds, maxSeconds);
            return false;
        }
        ms = seconds * 1000LL;
    }

    /* the API takes no negative number, so it cannot be left to the daemon */
    if (!dirty_calc_time_check(ms, &err))
        return virshDirtyReportInvalid(ctl, err);

    *calcTime = ms;
    virTypedParamListAddUInt(params, *calcTime, "%s", VIR_DOMAIN_DIRTY_RATE_PARAM_CALC_TIME);
    return true;
}


static bool
virshDirtyOptParams(vshControl *ctl,
                    const vshCmd *cmd,
                    virTypedParamList *params,
                    unsigned int *calcTime)
{
    const char *mode = NULL;
    long long samplePages;
    int hasSamplePages;
    GError *err = NULL;

    if (!virshDirtyOptCalcTime(ctl, cmd, params, calcTime))
        return false;

    if (vshCommandOptString(ctl, cmd, "mode", &mode) < 0 ||
        (hasSamplePages = vshCommandOptLongLong(ctl, cmd, "sample-pages", &samplePages)) < 0)
        return false;

    if (mode)
        virTypedParamListAddString(params, mode, "%s", VIR_DOMAIN_DIRTY_RATE_PARAM_MODE);

    if (hasSamplePages) {
        if (!dirty_sample_pages_check(samplePages, &err))
            return virshDirtyReportInvalid(ctl, err);
        virTypedParamListAddUInt(params, samplePages, "%s",
                                 VIR_DOMAIN_DIRTY_RATE_PARAM_SAMPLE_PAGES);
    }

    return true;
}


static bool
cmdGetDirtyRate(vshControl *ctl,
                const vshCmd *cmd)
{
    g_autoptr(virshDomain) dom = NULL;
    g_autoptr(virTypedParamList) params = virTypedParamListNew();
    unsigned int calcTime = DIRTY_CALC_TIME_DEFAULT_MS;
    virshDirtyCall call = { 0 };
    bool ret = false;

    VSH_EXCLUSIVE_OPTIONS("seconds", "calc-time");
    VSH_EXCLUSIVE_OPTIONS("nowait", "last");
    VSH_EXCLUSIVE_OPTIONS("nowait", "cancel");
    VSH_EXCLUSIVE_OPTIONS("last", "cancel");
    VSH_EXCLUSIVE_OPTIONS("nowait", "periods");
    VSH_EXCLUSIVE_OPTIONS("cancel", "periods");

    if (vshCommandOptBool(cmd, "nowait"))
        call.flags |= VIR_DOMAIN_DIRTY_RATE_NOWAIT;
    if (vshCommandOptBool(cmd, "last"))
        call.flags |= VIR_DOMAIN_DIRTY_RATE_LAST;
    if (vshCommandOptBool(cmd, "cancel"))
        call.flags |= VIR_DOMAIN_DIRTY_RATE_CANCEL;

    if (!virshDirtyOptParams(ctl, cmd, params, &calcTime))
        return false;

    if (!(dom = virshCommandOptDomain(ctl, cmd, NULL)))
        return false;

    call.dom = dom;
    call.params = params;

    if (virshDirtyCallWait(ctl, &call, calcTime) == 0) {
        if (call.flags & VIR_DOMAIN_DIRTY_RATE_CANCEL) {
            vshPrintExtra(ctl, "%s\n", _("No dirty page rate measurement is running any more"));
            ret = true;
        } else {
            ret = virshDirtyPrint(ctl, &call, vshCommandOptBool(cmd, "periods"));
        }
    }

    virTypedParamsFree(call.result, call.nresult);
    return ret;
}


const vshCmdDef domDirtyCmds[] = {
    {.name = "getdirtyrate",
     .handler = cmdGetDirtyRate,
     .opts = opts_getdirtyrate,
     .info = &info_getdirtyrate,
     .flags = 0
    },
    {.name = NULL}
};
