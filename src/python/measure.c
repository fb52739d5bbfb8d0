/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waits for a measurement so that Python's signal handlers run meanwhile.
 *
 * Python runs a signal's handler only between two of its own instructions, so Ctrl-C would have to
 * wait up to 60 s for a call into libvirt to return. The call is therefore made in a thread of its
 * own, which never touches Python, while the caller's thread looks for signals now and then. When a
 * handler raises, as the one for Ctrl-C does, the measurement is cancelled.
 */
#include "measure.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include <libvirt/libvirt-dirty.h>

/* How often signals are looked for, ms: what a person takes for at once. */
#define SIGNALS_EVERY_MS 100

/*
 * How often a cancelled measurement is cancelled again while it does not end: the first cancel can
 * overtake the start, and then has nothing to end.
 */
#define CANCEL_TRIES 20

/**
 * Measurement: one call that waits for a measurement, in its thread
 * @call: the function
 * @domain, @params, @nparams, @flags: what it is called with; its own
 * @result, @nresult, @ret, @error: what came of it; valid once it has ended
 * @lock: guards @ended and @users
 * @wakeup: signalled when it has ended
 * @ended: the call has returned
 * @users: threads that still use this; the last one frees it
 */
typedef struct {
    MeasureCall call;
    virDomainPtr domain;
    virTypedParameterPtr params;
    int nparams;
    unsigned int flags;

    virTypedParameterPtr result;
    int nresult;
    int ret;
    virErrorPtr error;

    pthread_mutex_t lock;
    pthread_cond_t wakeup;
    bool ended;
    int users;
} Measurement;

/* Gives up one thread's use of @m. */
static void
measurement_drop(Measurement *m)
{
    int users;

    pthread_mutex_lock(&m->lock);
    users = --m->users;
    pthread_mutex_unlock(&m->lock);
    if (users > 0) {
        return;
    }
    virTypedParamsFree(m->params, m->nparams);
    virTypedParamsFree(m->result, m->nresult);
    virFreeError(m->error);
    virDomainFree(m->domain);
    pthread_cond_destroy(&m->wakeup);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* Takes over @params. Return: NULL without memory, with @params freed */
static Measurement *
measurement_new(MeasureCall call, virDomainPtr domain, virTypedParameterPtr params, int nparams,
                unsigned int flags)
{
    Measurement *m = calloc(1, sizeof(*m));
    pthread_condattr_t attributes;

    if (!m) {
        virTypedParamsFree(params, nparams);
        return NULL;
    }
    /* Setting the host's clock must not make the wait longer. */
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&m->wakeup, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&m->lock, NULL);

    m->users = 1;
    m->call = call;
    m->flags = flags;
    m->params = params;
    m->nparams = nparams;
    virDomainRef(domain);
    m->domain = domain;
    return m;
}

/* Return: 0, or an errno value */
static int
measurement_start_thread(Measurement *m, void *(*run)(void *))
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    int ret;

    pthread_mutex_lock(&m->lock);
    m->users++;
    pthread_mutex_unlock(&m->lock);

    /* Signals are for the program's own threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    ret = pthread_create(&thread, &attributes, run, m);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);

    if (ret != 0) {
        measurement_drop(m);
    }
    return ret;
}

/* Waits SIGNALS_EVERY_MS at most. Return: whether the measurement has ended */
static bool
measurement_wait(Measurement *m)
{
    struct timespec until;
    bool ended;
    int ret = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += SIGNALS_EVERY_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }

    pthread_mutex_lock(&m->lock);
    while (!m->ended && ret == 0) {
        ret = pthread_cond_timedwait(&m->wakeup, &m->lock, &until);
    }
    ended = m->ended;
    pthread_mutex_unlock(&m->lock);
    return ended;
}

static void *
run_measurement(void *opaque)
{
    Measurement *m = opaque;

    m->ret = m->call(m->domain, m->params, m->nparams, &m->result, &m->nresult, m->flags);
    if (m->ret < 0) {
        /* libvirt keeps errors per thread, and the one who asks is in another. */
        m->error = virSaveLastError();
    }

    pthread_mutex_lock(&m->lock);
    m->ended = true;
    pthread_cond_broadcast(&m->wakeup);
    pthread_mutex_unlock(&m->lock);
    measurement_drop(m);
    return NULL;
}

static void *
run_cancel(void *opaque)
{
    Measurement *m = opaque;
    int i;

    for (i = 0; i < CANCEL_TRIES; i++) {
        /* Where that fails, the connection is most likely gone, and the call ends by itself. */
        virDomainGetDirtyRate(m->domain, NULL, 0, NULL, NULL, VIR_DOMAIN_DIRTY_RATE_CANCEL);
        if (measurement_wait(m)) {
            break;
        }
    }
    measurement_drop(m);
    return NULL;
}

/*
 * Ends the measurement, but waits for that only as long as a daemon that works needs: whoever
 * presses Ctrl-C because the daemon hangs wants to get out too. The threads then clean up later.
 */
static void
measurement_cancel(Measurement *m)
{
    bool ended = false;
    int i;

    measurement_start_thread(m, run_cancel);
    for (i = 0; i < CANCEL_TRIES && !ended; i++) {
        ended = measurement_wait(m);
    }
}

/**
 * measure_and_wait: make a call that waits for a measurement without holding Python's lock
 * @call: the function; what cancels a measurement ends it
 * @domain: the domain
 * @params: its parameters, taken over
 * @nparams: their number
 * @flags: its flags
 * @result: where to put the result, virTypedParamsFree() it
 * @nresult: where to put the number of its parameters
 * @error: where to put libvirt's error, virFreeError() it
 *
 * Return: 0; -1 with a Python exception set, or without one and with @error set
 */
int
measure_and_wait(MeasureCall call, virDomainPtr domain, virTypedParameterPtr params, int nparams,
                 unsigned int flags, virTypedParameterPtr *result, int *nresult, virErrorPtr *error)
{
    Measurement *m = measurement_new(call, domain, params, nparams, flags);
    bool ended = false;
    int ret;

    *result = NULL;
    *nresult = 0;
    *error = NULL;
    if (!m) {
        PyErr_NoMemory();
        return -1;
    }
    ret = measurement_start_thread(m, run_measurement);
    if (ret != 0) {
        measurement_drop(m);
        errno = ret;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }

    while (!ended) {
        if (PyErr_CheckSignals() < 0) {
            Py_BEGIN_ALLOW_THREADS;
            measurement_cancel(m);
            measurement_drop(m);
            Py_END_ALLOW_THREADS;
            return -1;
        }
        Py_BEGIN_ALLOW_THREADS;
        ended = measurement_wait(m);
        Py_END_ALLOW_THREADS;
    }

    ret = m->ret;
    *result = m->result;
    *nresult = m->nresult;
    *error = m->error;
    m->result = NULL;
    m->nresult = 0;
    m->error = NULL;
    measurement_drop(m);
    return ret;
}

/**
 * measure: call virDomainGetDirtyRate() without holding Python's lock
 * @domain: the domain
 * @params: its parameters, taken over
 * @nparams: their number
 * @flags: virDomainDirtyRateFlags, or 0 to wait for the result
 * @result: where to put the result, virTypedParamsFree() it
 * @nresult: where to put the number of its parameters
 * @error: where to put libvirt's error, virFreeError() it
 *
 * Return: 0; -1 with a Python exception set, or without one and with @error set
 */
int
measure(virDomainPtr domain, virTypedParameterPtr params, int nparams, unsigned int flags,
        virTypedParameterPtr *result, int *nresult, virErrorPtr *error)
{
    int ret;

    if (flags == 0) {
        return measure_and_wait(virDomainGetDirtyRate, domain, params, nparams, flags, result,
                                nresult, error);
    }
    *result = NULL;
    *nresult = 0;
    *error = NULL;
    Py_BEGIN_ALLOW_THREADS;
    ret = virDomainGetDirtyRate(domain, params, nparams, result, nresult, flags);
    if (ret < 0) {
        *error = virSaveLastError();
    }
    virTypedParamsFree(params, nparams);
    Py_END_ALLOW_THREADS;
    return ret;
}
