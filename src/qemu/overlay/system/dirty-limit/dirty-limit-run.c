/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: windows, and what happens to the guest meanwhile.
 */
#include "qemu/osdep.h"
#include "hw/core/cpu.h"
#include "system/dirty-limit.h"
#include "system/reset.h"
#include "system/runstate.h"
#include "dirty-limit-clock.h"
#include "dirty-limit-state.h"
#include "dirty-limit-window.h"

#define WINDOW_NS (DIRTY_LIMIT_WINDOW_MS * (int64_t)SCALE_MS)

static void arm_window_timer(DirtyLimit *limit)
{
    timer_mod_ns(limit->window_timer,
                 qemu_clock_get_ns(QEMU_CLOCK_REALTIME) +
                 limit->window_end - dirty_limit_clock_ns());
}

void dirty_limit_count_pages(void)
{
    if (dirty_limit->backend->end_window) {
        dirty_limit->backend->end_window();
    }
}

void dirty_limit_forget_pages(void)
{
    dirty_limit_count_pages();
    dirty_limit_window_next();
    if (dirty_limit->backend->begin_window) {
        dirty_limit->backend->begin_window();
    }
}

static void next_window(void)
{
    dirty_limit_forget_pages();
    dirty_limit_quota_end_window(&dirty_limit->guest);
    for (int i = 0; i < dirty_limit->n_vcpus; i++) {
        dirty_limit_quota_end_window(&dirty_limit->vcpus[i].quota);
    }
    if (dirty_limit_whole_guest(dirty_limit)) {
        /* vCPUs may have come or gone. */
        dirty_limit_apply_to_guest();
    }
}

static void window_timer_fired(void *opaque)
{
    int64_t now = dirty_limit_clock_ns();

    if (now >= dirty_limit->window_end) {
        next_window();
        dirty_limit->window_end += WINDOW_NS;
        /* Not twice at once where the host did not let us run. */
        if (now >= dirty_limit->window_end) {
            dirty_limit->window_end = now + WINDOW_NS;
        }
    }
    if (dirty_limit_clock_runs()) {
        arm_window_timer(dirty_limit);
    }
}

static void resume(void)
{
    arm_window_timer(dirty_limit);
    dirty_limit_quota_resume(&dirty_limit->guest);
    for (int i = 0; i < dirty_limit->n_vcpus; i++) {
        dirty_limit_quota_resume(&dirty_limit->vcpus[i].quota);
    }
}

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    dirty_limit_clock_set(running);
    if (running && dirty_limit) {
        resume();
    }
}

/* A guest that begins anew does not pay what it owed before. */
static void guest_reset(void *opaque)
{
    if (!dirty_limit) {
        return;
    }
    dirty_limit_quota_reset(&dirty_limit->guest);
    for (int i = 0; i < dirty_limit->n_vcpus; i++) {
        dirty_limit_quota_reset(&dirty_limit->vcpus[i].quota);
    }
    dirty_limit_kick_guest();
}

/*
 * The handlers stay for good: one that runs may drop the BQL, and then its
 * neighbour in the list must not go away.
 */
void dirty_limit_watch_guest(void)
{
    static bool watching;

    if (!watching) {
        /* A guest that is suspended wakes up without a word to handlers. */
        dirty_limit_clock_set(runstate_is_live(runstate_get()));
        qemu_add_vm_change_state_handler(vm_state_changed, NULL);
        qemu_register_reset(guest_reset, NULL);
        watching = true;
    }
}

void dirty_limit_run_start(DirtyLimit *limit)
{
    limit->window_timer = timer_new_ns(QEMU_CLOCK_REALTIME,
                                       window_timer_fired, NULL);
    limit->window_end = dirty_limit_clock_ns() + WINDOW_NS;
    if (dirty_limit_clock_runs()) {
        arm_window_timer(limit);
    }
}

void dirty_limit_run_stop(DirtyLimit *limit)
{
    timer_free(limit->window_timer);
}
