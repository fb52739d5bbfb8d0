/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A timer that makes KVM_RUN return.
 *
 * It sends the signal that kicks vCPUs.  One that comes outside KVM_RUN makes
 * the next KVM_RUN return, so none is lost.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "dirty-limit-timer.h"

/* The C library has no name for it yet. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static bool timer_make(DirtyLimitTimer *timer)
{
    struct sigevent event = {
        .sigev_notify = SIGEV_THREAD_ID,
        .sigev_signo = SIG_IPI,
        .sigev_notify_thread_id = qemu_get_thread_id(),
    };

    timer->exists = timer_create(CLOCK_MONOTONIC, &event, &timer->id) == 0;
    if (!timer->exists) {
        warn_report_once("dirty page rate limit: the host gives no timer (%s), "
                         "so that vCPUs are stopped late and stand still for "
                         "long then; raise RLIMIT_SIGPENDING",
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
