/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: the clock it goes by.
 */
#ifndef QEMU_MIGRATION_DIRTY_RATE_CLOCK_H
#define QEMU_MIGRATION_DIRTY_RATE_CLOCK_H

/**
 * DirtyRateClock: the time of one measurement
 *
 * It shows the time the guest ran, so that a pause does not make a rate look
 * lower than it is.  If the guest is stopped when the clock is made, it shows
 * the host's time instead: somebody wants to see what the devices do, or that
 * nothing happens.
 *
 * A measurement must end also if the guest stays paused: once its length has
 * passed on the host's clock while the guest is paused, every reading is due.
 */
typedef struct DirtyRateClock DirtyRateClock;

/**
 * dirty_rate_clock_new: a clock that starts at 0 now
 * @calc_time: length of the measurement in ms
 *
 * Called in the main thread with the BQL held; there can be one clock at a
 * time.  dirty_rate_clock_free() it.
 */
DirtyRateClock *dirty_rate_clock_new(int64_t calc_time);

/**
 * dirty_rate_clock_free: give back a clock that no other thread uses any more
 * @clock: a clock, or NULL
 *
 * Called in the main thread with the BQL held.
 */
void dirty_rate_clock_free(DirtyRateClock *clock);

/**
 * dirty_rate_clock_ns: the time; from any thread
 * @clock: a clock
 *
 * Return: ns, never falling; below 0 before the origin, if that was moved.
 */
int64_t dirty_rate_clock_ns(DirtyRateClock *clock);

/**
 * dirty_rate_clock_set_origin: say when the measurement really began
 * @clock: a clock
 * @ns: what dirty_rate_clock_ns() showed then; it shows 0 for that time from
 *     now on
 *
 * From any thread.
 */
void dirty_rate_clock_set_origin(DirtyRateClock *clock, int64_t ns);

/**
 * dirty_rate_clock_left_ns: how long until a reading is due; from any thread
 * @clock: a clock
 * @period: its time in ms after the origin
 *
 * Return: 0 if it is due, otherwise ns above 0 to wait at least before asking
 * again.  A reading after which the next is due already is not worth taking.
 */
int64_t dirty_rate_clock_left_ns(DirtyRateClock *clock, int64_t period);

/**
 * dirty_rate_clock_period: the length of the measurement as it is reported
 * @clock: a clock
 * @ns: when the reading was taken, as dirty_rate_clock_ns() showed it
 *
 * From any thread.
 *
 * Return: ms, 1 or more; the host's time since the origin if the guest did
 * not run for half a ms.
 */
int64_t dirty_rate_clock_period(DirtyRateClock *clock, int64_t ns);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DirtyRateClock, dirty_rate_clock_free)

#endif
