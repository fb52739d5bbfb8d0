/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: the time the guest ran.
 */
#ifndef SYSTEM_DIRTY_LIMIT_CLOCK_H
#define SYSTEM_DIRTY_LIMIT_CLOCK_H

/**
 * dirty_limit_clock_ns: a clock that stands while the guest is paused
 *
 * From any thread.
 *
 * Return: ns, never falling.
 */
int64_t dirty_limit_clock_ns(void);

/**
 * dirty_limit_clock_runs: whether it does not stand; from any thread
 */
bool dirty_limit_clock_runs(void);

/**
 * dirty_limit_clock_set: start or stop the clock
 * @running: whether the guest runs
 *
 * Called with the BQL held.
 */
void dirty_limit_clock_set(bool running);

#endif
