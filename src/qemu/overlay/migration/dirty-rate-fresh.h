/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: memory whose dirty bitmap begins all dirty.
 */
#ifndef QEMU_MIGRATION_DIRTY_RATE_FRESH_H
#define QEMU_MIGRATION_DIRTY_RATE_FRESH_H

/**
 * dirty_rate_fresh_start: let a bitmap tell only what is written from now on
 *
 * KVM's dirty bitmap begins all dirty, at the start of logging and again
 * whenever memory is mapped anew: firmware that runs after a reset changes how
 * low memory is mapped, and with that all of RAM is.  Until
 * dirty_rate_fresh_stop(), what such memory begins with is not counted.
 *
 * Called with the BQL held, between dirty_seen_start() and dirty_seen_stop(),
 * while the dirty log is on.
 */
void dirty_rate_fresh_start(void);

/**
 * dirty_rate_fresh_stop: leave bitmaps as they are; harmless if not started
 *
 * Called with the BQL held.
 */
void dirty_rate_fresh_stop(void);

#endif
