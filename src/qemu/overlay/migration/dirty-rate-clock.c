/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: the clock it goes by.
 *
 * cpu_get_clock() stands while the guest is paused, too, but it jumps when a
 * snapshot is loaded.
 */
#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "system/runstate.h"
#include "dirty-rate-clock.h"

/*
 * While the guest is paused, look so often whether it runs again even if a
 * reading would be due sooner after that.
 */
#define PAUSED_POLL_NS (10 * SCALE_MS)

struct DirtyRateClock {
    int64_t calc_ns;

    /* Protects what follows, for threads without the BQL. */
    QemuMutex lock;
    bool paused;
    int64_t host_origin;        /* ns of the realtime clock */
    int64_t since;              /* likewise; when it last started or stopped */
    int64_t counted;            /* ns shown at that time */
};

/* The clock that stands while the guest does; protected by the BQL. */
static DirtyRateClock *guest_clock;

static int64_t host_ns(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
}

/* Needs the lock. */
static int64_t now_ns(const DirtyRateClock *clock)
{
    return clock->counted + (clock->paused ? 0 : host_ns() - clock->since);
}

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    DirtyRateClock *clock = guest_clock;

    if (!clock) {
        return;
    }
    QEMU_LOCK_GUARD(&clock->lock);
    clock->counted = now_ns(clock);
    clock->since = host_ns();
    clock->paused = !running;
}

/*
 * The handler stays for good: a handler may drop the BQL, and then its
 * neighbour in the list must not go away.
 */
static void watch_vm_state(void)
{
    static bool watching;

    if (!watching) {
        qemu_add_vm_change_state_handler(vm_state_changed, NULL);
        watching = true;
    }
}

DirtyRateClock *dirty_rate_clock_new(int64_t calc_time)
{
    DirtyRateClock *clock = g_new0(DirtyRateClock, 1);

    watch_vm_state();
    qemu_mutex_init(&clock->lock);
    clock->calc_ns = calc_time * SCALE_MS;
    clock->host_origin = host_ns();
    clock->since = clock->host_origin;
    if (runstate_is_running()) {
        assert(!guest_clock);
        guest_clock = clock;
    }
    return clock;
}

void dirty_rate_clock_free(DirtyRateClock *clock)
{
    if (!clock) {
        return;
    }
    if (clock == guest_clock) {
        guest_clock = NULL;
    }
    qemu_mutex_destroy(&clock->lock);
    g_free(clock);
}

int64_t dirty_rate_clock_ns(DirtyRateClock *clock)
{
    QEMU_LOCK_GUARD(&clock->lock);
    return now_ns(clock);
}

void dirty_rate_clock_set_origin(DirtyRateClock *clock, int64_t ns)
{
    QEMU_LOCK_GUARD(&clock->lock);
    clock->host_origin = host_ns() - (now_ns(clock) - ns);
    clock->counted -= ns;
}

int64_t dirty_rate_clock_left_ns(DirtyRateClock *clock, int64_t period)
{
    QEMU_LOCK_GUARD(&clock->lock);
    int64_t left = period * SCALE_MS - now_ns(clock);

    if (clock->paused && left > 0) {
        int64_t rest = clock->host_origin + clock->calc_ns - host_ns();

        left = MIN(MAX(left, PAUSED_POLL_NS), rest);
    }
    return MAX(left, 0);
}

int64_t dirty_rate_clock_period(DirtyRateClock *clock, int64_t ns)
{
    int64_t ms = (ns + SCALE_MS / 2) / SCALE_MS;

    if (ms <= 0) {
        QEMU_LOCK_GUARD(&clock->lock);
        ms = (host_ns() - clock->host_origin) / SCALE_MS;
    }
    return MAX(ms, 1);
}
