/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: the readings taken so far.
 */
#include "qemu/osdep.h"
#include "qapi/util.h"
#include "dirty-rate-readings.h"
#include "trace.h"

size_t dirty_rate_readings_note(DirtyRateReadings *readings, int64_t period,
                                uint64_t n_dirty)
{
    if (!readings->n || period > readings->periods[readings->n - 1]) {
        readings->periods[readings->n++] = period;
    }
    readings->n_dirty[readings->n - 1] = n_dirty;
    trace_dirty_rate_reading(period, n_dirty);
    return readings->n - 1;
}

void dirty_rate_readings_report(const DirtyRateReadings *readings,
                                DirtyRateInfo *info)
{
    int64List **periods = &info->periods;
    uint64List **n_dirty = &info->n_dirty_pages;

    info->calc_time = readings->periods[readings->n - 1];
    info->has_periods = true;
    info->has_n_dirty_pages = true;
    for (size_t i = 0; i < readings->n; i++) {
        QAPI_LIST_APPEND(periods, readings->periods[i]);
        QAPI_LIST_APPEND(n_dirty, readings->n_dirty[i]);
    }
}
