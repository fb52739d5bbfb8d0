/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: what its files share with each other.
 */
#ifndef QEMU_MIGRATION_DIRTY_RATE_H
#define QEMU_MIGRATION_DIRTY_RATE_H

#include "qapi/qapi-types-migration.h"
#include "dirty-core/dirty-measurement.h"

/**
 * DirtyRateMethod: one way to measure
 * @start: begins a measurement.  @request is checked; its sample_pages is
 *     set exactly if the mode samples.  Returns false with @errp set if
 *     the measurement cannot be made.
 * @cancel: ends the measurement that @start began.  When it returns, no
 *     further reading is taken and dirty_rate_finish() is not called.
 *
 * At most one measurement is under way.  Both functions run in the main
 * thread with the BQL held.
 */
typedef struct DirtyRateMethod {
    bool (*start)(const DirtyMeasurementRequest *request, Error **errp);
    void (*cancel)(void);
} DirtyRateMethod;

extern const DirtyRateMethod dirty_rate_sample_method;
extern const DirtyRateMethod dirty_rate_log_method;

/**
 * dirty_rate_finish: a method hands over what it measured
 * @result: calc-time in ms, page-size, the numbers of pages, periods and
 *     n-dirty-pages, which must be as their documentation promises, and the
 *     optional members the method can give; ownership is taken.  NULL: it
 *     failed, as has been reported.
 *
 * The rates of the guest and what is known since the start are filled in.
 *
 * Called in the main thread with the BQL held.
 */
void dirty_rate_finish(DirtyRateInfo *result);

/**
 * dirty_rate_cancel: end the measurement that is under way, if any
 *
 * Called in the main thread with the BQL held.
 */
void dirty_rate_cancel(void);

/**
 * dirty_rate_from_pages: the rate as QMP reports it
 * @pages: target pages that became dirty
 * @ms: in how many ms, above 0
 *
 * Return: MiB/s, rounded down.
 */
int64_t dirty_rate_from_pages(double pages, int64_t ms);

#endif
