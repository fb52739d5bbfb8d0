/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: what one writer may still dirty, and when.
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/lockable.h"
#include "dirty-limit-clock.h"
#include "dirty-limit-quota.h"

/*
 * A longer debt is paid in pieces, ns: nobody shall take the guest for dead.
 * In between the writer runs until it is charged again.
 */
#define REST_MAX_NS (90 * SCALE_MS)

/*
 * A piece is at least this part of the debt.  Otherwise a writer that dirties
 * more between two pieces than one of them pays would never be held.
 */
#define REST_PART 10

/* A writer that wakes by itself needs no timer. */
static void arm_timer(DirtyLimitQuota *quota, int64_t rest)
{
    if (quota->timer.cb) {
        timer_mod_ns(&quota->timer,
                     qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + rest);
    }
}

/* Needs the lock.  @debt: ns until all is paid, 0 for no rest */
static void set_deadline(DirtyLimitQuota *quota, int64_t debt, int64_t now)
{
    int64_t rest = MIN(debt, MAX(REST_MAX_NS, debt / REST_PART));

    if (!rest) {
        qatomic_set_i64(&quota->deadline, 0);
        timer_del(&quota->timer);
        return;
    }
    qatomic_set_i64(&quota->deadline, now + rest);
    arm_timer(quota, rest);
}

/* Needs the lock. */
static DirtyLimitUse use_until(DirtyLimitQuota *quota, int64_t now)
{
    return (DirtyLimitUse) {
        .pages = quota->pages,
        .rested = dirty_pacer_rested(&quota->pacer, now) - quota->rested,
        .length = now - quota->since,
    };
}

/* Needs the lock. */
static void begin_window(DirtyLimitQuota *quota, int64_t now)
{
    quota->pages = 0;
    quota->since = now;
    quota->rested = dirty_pacer_rested(&quota->pacer, now);
}

void dirty_limit_quota_init(DirtyLimitQuota *quota, QEMUTimerCB *rest_ends,
                            void *opaque)
{
    *quota = (DirtyLimitQuota) { };
    qemu_mutex_init(&quota->lock);
    timer_init_ns(&quota->timer, QEMU_CLOCK_REALTIME, rest_ends, opaque);
    dirty_pacer_init(&quota->pacer, 0, dirty_limit_clock_ns());
}

void dirty_limit_quota_destroy(DirtyLimitQuota *quota)
{
    timer_del(&quota->timer);
    timer_deinit(&quota->timer);
    qemu_mutex_destroy(&quota->lock);
}

bool dirty_limit_quota_set_rate(DirtyLimitQuota *quota, uint64_t rate)
{
    QEMU_LOCK_GUARD(&quota->lock);
    int64_t now = dirty_limit_clock_ns();

    if (rate == quota->rate) {
        return false;
    }
    if (!quota->rate) {
        begin_window(quota, now);
        quota->last = (DirtyLimitUse) { };
    }
    qatomic_set_u64(&quota->rate, rate);
    dirty_pacer_set_rate(&quota->pacer, rate, now);
    set_deadline(quota, dirty_pacer_rest(&quota->pacer, now), now);
    return true;
}

bool dirty_limit_quota_charge(DirtyLimitQuota *quota, uint64_t pages)
{
    int64_t debt;

    QEMU_LOCK_GUARD(&quota->lock);
    int64_t now = dirty_limit_clock_ns();

    if (!quota->rate) {
        return false;
    }
    quota->pages += pages;
    debt = dirty_pacer_charge(&quota->pacer, pages, now);
    if (debt) {
        set_deadline(quota, debt, now);
    }
    return debt;
}

uint64_t dirty_limit_quota_allowance(DirtyLimitQuota *quota)
{
    QEMU_LOCK_GUARD(&quota->lock);
    return dirty_pacer_allowance(&quota->pacer, dirty_limit_clock_ns());
}

int64_t dirty_limit_quota_rest_ns(const DirtyLimitQuota *quota)
{
    int64_t deadline = qatomic_read_i64(&quota->deadline);

    return deadline ? MAX(deadline - dirty_limit_clock_ns(), 0) : 0;
}

void dirty_limit_quota_reset(DirtyLimitQuota *quota)
{
    QEMU_LOCK_GUARD(&quota->lock);
    int64_t now = dirty_limit_clock_ns();

    /* The pacer starts to count its rests from 0 again. */
    quota->rested -= dirty_pacer_rested(&quota->pacer, now);
    dirty_pacer_init(&quota->pacer, quota->rate, now);
    set_deadline(quota, 0, now);
}

void dirty_limit_quota_resume(DirtyLimitQuota *quota)
{
    QEMU_LOCK_GUARD(&quota->lock);
    int64_t left = dirty_limit_quota_rest_ns(quota);

    if (left) {
        arm_timer(quota, left);
    }
}

void dirty_limit_quota_end_window(DirtyLimitQuota *quota)
{
    QEMU_LOCK_GUARD(&quota->lock);
    int64_t now = dirty_limit_clock_ns();

    quota->last = use_until(quota, now);
    begin_window(quota, now);
}

DirtyLimitUse dirty_limit_quota_last(DirtyLimitQuota *quota)
{
    QEMU_LOCK_GUARD(&quota->lock);
    return quota->last;
}

DirtyLimitUse dirty_limit_quota_present(DirtyLimitQuota *quota)
{
    QEMU_LOCK_GUARD(&quota->lock);
    return use_until(quota, dirty_limit_clock_ns());
}
