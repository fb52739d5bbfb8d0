/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: the time the guest ran.
 *
 * cpu_get_clock() stands while the guest is paused, too, but it jumps when a
 * snapshot is loaded.
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/timer.h"
#include "dirty-limit-clock.h"

/* What the clock shows while it stands, ns; 0 while it runs. */
static int64_t shown;
/* For how long it stood so far, ns; written with the BQL held. */
static int64_t stood;

int64_t dirty_limit_clock_ns(void)
{
    int64_t standing = qatomic_read_i64(&shown);

    /* Pairs with the barrier in dirty_limit_clock_set(). */
    smp_rmb();
    return standing ? standing : get_clock() - qatomic_read_i64(&stood);
}

bool dirty_limit_clock_runs(void)
{
    return !qatomic_read_i64(&shown);
}

void dirty_limit_clock_set(bool running)
{
    int64_t now = dirty_limit_clock_ns();

    if (running) {
        qatomic_set_i64(&stood, get_clock() - now);
        /* Who sees that it runs sees how long it stood, too. */
        smp_wmb();
        qatomic_set_i64(&shown, 0);
    } else {
        qatomic_set_i64(&shown, now);
    }
}
