/*
 * virsh-dirty-call.c: waits for a dirty page rate measurement and for Ctrl-C
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include <signal.h>
#include <unistd.h>

#include "virsh-dirty-call.h"

#include "internal.h"
#include "virerror.h"
#include "virtime.h"

/* How often the progress bar moves and Ctrl-C is looked at, in ms. */
#define VIRSH_DIRTY_TICK 100

/* After so many ticks a wait that was to be cancelled has not been, and is
 * cancelled again. */
#define VIRSH_DIRTY_CANCEL_TICKS 10

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
        call->rv = call->func(call->dom, params, nparams,
                              &call->result, &call->nresult, call->flags);

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


/* returns why that failed, or NULL */
static char *
virshDirtyCallCancel(virshDirtyCall *call)
{
    char *refusal = NULL;

    if (virDomainGetDirtyRate(call->dom, NULL, 0, NULL, NULL,
                              VIR_DOMAIN_DIRTY_RATE_CANCEL) < 0) {
        refusal = g_strdup(virGetLastErrorMessage());
        virResetLastError();
    }

    return refusal;
}


/* waits for @call to be done, and cancels its measurement on Ctrl-C */
static void
virshDirtyCallWatch(vshControl *ctl,
                    virshDirtyCall *call,
                    unsigned int calcTime)
{
    bool progress = call->progress && !ctl->quiet &&
                    isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
    long long start = g_get_monotonic_time();
    int sinceCancel = -1; /* ticks, -1 before */
    g_autofree char *refusal = NULL;
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

        if (virshDirtyInterrupted && sinceCancel < 0) {
            refusal = virshDirtyCallCancel(call);
            sinceCancel = 0;
        } else if (sinceCancel >= 0 && ++sinceCancel % VIRSH_DIRTY_CANCEL_TICKS == 0) {
            if (!refusal) {
                /* the last one came before there was anything to cancel */
                refusal = virshDirtyCallCancel(call);
            } else if (sinceCancel == VIRSH_DIRTY_CANCEL_TICKS) {
                /* a call that ends meanwhile tells itself what became of it */
                vshPrintExtra(ctl, _("\nCannot cancel, so wait for the end: %1$s\n"), refusal);
            }
        }
    }

    if (progress)
        virshDirtyClearProgress();
}


/**
 * virshDirtyCallWait:
 * @ctl: virsh
 * @call: the call to make
 * @calcTime: how long it will take in ms, for the progress bar
 *
 * Runs @call in a thread, so that this one can watch the user meanwhile.
 *
 * Returns 0 with the result in @call, or -1 with the error saved for virsh.
 */
int
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
