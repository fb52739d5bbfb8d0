/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A timer that makes KVM_RUN return.
 *
 * Its signal has KVM_RUN return at once, or the next one if it comes between
 * two, so none is lost.  It cannot be the one that kicks vCPUs: while that is
 * pending another one is not, and when the timer is set anew or deleted the
 * kernel forgets what it has sent, and a kick with it.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/timer.h"
#include "hw/core/cpu.h"
#include "system/kvm.h"
#include <linux/kvm.h>
#include "dirty-limit-timer.h"

/* Nobody else sends it, and all other threads block it. */
#define TIMER_SIGNAL SIGALRM

/* The C library has no name for it yet. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static void leave_guest(int unused)
{
    if (current_cpu) {
        qatomic_set(&current_cpu->kvm_run->immediate_exit, 1);
    }
}

/* Whether KVM can be told to leave the guest. */
static bool catch_signal(void)
{
    struct sigaction action = {
        .sa_handler = leave_guest,
        .sa_flags = SA_RESTART,
    };
    sigset_t set;

    if (!kvm_check_extension(kvm_state, KVM_CAP_IMMEDIATE_EXIT)) {
        errno = ENOTSUP;
        return false;
    }
    sigaction(TIMER_SIGNAL, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, TIMER_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    return true;
}

static bool timer_make(DirtyLimitTimer *timer)
{
    struct sigevent event = {
        .sigev_notify = SIGEV_THREAD_ID,
        .sigev_signo = TIMER_SIGNAL,
        .sigev_notify_thread_id = qemu_get_thread_id(),
    };

    timer->exists = catch_signal() &&
                    !timer_create(CLOCK_MONOTONIC, &event, &timer->id);
    if (!timer->exists) {
        warn_report_once("dirty page rate limit: the host gives no timer (%s), "
                         "so that vCPUs are stopped late and stand still for "
                         "long then; RLIMIT_SIGPENDING may be too low",
                         strerror(errno));
    }
    return timer->exists;
}

/* 0 disarms. */
static void timer_set(DirtyLimitTimer *timer, int64_t ns)
{
    struct itimerspec spec = {
        .it_value.tv_sec = ns / NANOSECONDS_PER_SECOND,
        .it_value.tv_nsec = ns % NANOSECONDS_PER_SECOND,
    };

    timer_settime(timer->id, 0, &spec, NULL);
}

void dirty_limit_timer_arm(DirtyLimitTimer *timer, int64_t ns)
{
    if (timer->exists || timer_make(timer)) {
        timer->due = get_clock() + ns;
        timer_set(timer, ns);
    }
}

void dirty_limit_timer_disarm(DirtyLimitTimer *timer, int64_t now)
{
    if (timer->exists && now < timer->due) {
        timer_set(timer, 0);
    }
}

void dirty_limit_timer_free(DirtyLimitTimer *timer)
{
    if (timer->exists) {
        timer_delete(timer->id);
    }
    *timer = (DirtyLimitTimer){};
}
