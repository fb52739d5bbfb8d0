/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: the readings taken so far.
 */
#ifndef QEMU_MIGRATION_DIRTY_RATE_READINGS_H
#define QEMU_MIGRATION_DIRTY_RATE_READINGS_H

#include "qapi/qapi-types-migration.h"
#include "dirty-core/dirty-measurement.h"

/**
 * DirtyRateReadings: a row of readings
 * @n: number of readings taken
 * @periods: time of each after the start in ms, above 0 and rising
 * @n_dirty: number of pages dirty by then, never falling
 */
typedef struct DirtyRateReadings {
    size_t n;
    int64_t periods[DIRTY_PERIODS_MAX];
    uint64_t n_dirty[DIRTY_PERIODS_MAX];
} DirtyRateReadings;

/**
 * dirty_rate_readings_note: add a reading
 * @readings: fewer than DIRTY_PERIODS_MAX readings
 * @period: time after the start in ms, above 0
 * @n_dirty: pages dirty since the start, at least as many as before
 *
 * Return: the reading's place in the arrays.  Two readings within one ms are
 * one: the later knows all of both.
 */
size_t dirty_rate_readings_note(DirtyRateReadings *readings, int64_t period,
                                uint64_t n_dirty);

/**
 * dirty_rate_readings_report: fill in calc-time, periods and n-dirty-pages
 * @readings: one reading at least
 * @info: where they are not set yet
 */
void dirty_rate_readings_report(const DirtyRateReadings *readings,
                                DirtyRateInfo *info);

#endif
