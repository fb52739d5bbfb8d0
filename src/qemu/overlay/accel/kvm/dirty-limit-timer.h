/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A timer that makes KVM_RUN return.
 */
#ifndef ACCEL_KVM_DIRTY_LIMIT_TIMER_H
#define ACCEL_KVM_DIRTY_LIMIT_TIMER_H

/**
 * DirtyLimitTimer: the timer of one vCPU
 *
 * All 0 to begin with.  All functions are called with the BQL held.
 */
typedef struct DirtyLimitTimer {
    bool exists;
    timer_t id;
    int64_t due;
} DirtyLimitTimer;

/**
 * dirty_limit_timer_arm: make KVM_RUN return after some time
 * @timer: the timer
 * @ns: how long from now on
 *
 * Called in the thread of the vCPU, always the same one.  If the host has no
 * timer left, says so once and does nothing.
 */
void dirty_limit_timer_arm(DirtyLimitTimer *timer, int64_t ns);

/**
 * dirty_limit_timer_disarm: let it be, if it has not come already
 * @timer: the timer
 * @now: the time, ns
 */
void dirty_limit_timer_disarm(DirtyLimitTimer *timer, int64_t now);

/**
 * dirty_limit_timer_free: end its use
 * @timer: the timer; all 0 afterwards
 *
 * Called before the thread of the vCPU gives its kvm_run away, which the
 * signal's handler writes to.
 */
void dirty_limit_timer_free(DirtyLimitTimer *timer);

#endif
