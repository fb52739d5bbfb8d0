/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: the commands of the human monitor.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-migration.h"
#include "qobject/qdict.h"
#include "monitor/hmp.h"
#include "monitor/monitor.h"
#include "dirty-core/dirty-curve.h"

static void print_rate(Monitor *mon, const DirtyRateInfo *info)
{
    if (!info->has_rate) {
        monitor_printf(mon, "Dirty rate: (not ready)\n");
        return;
    }
    monitor_printf(mon, "Dirty rate: %.2f (MB/s), 95 %% bounds: %.2f to %.2f\n",
                   info->rate, info->rate_low, info->rate_high);
}

static uint64_t last_entry(const uint64List *list)
{
    while (list->next) {
        list = list->next;
    }
    return list->value;
}

/* @info has its calc-time in ms. */
static void print_vcpus(Monitor *mon, const DirtyRateInfo *info)
{
    for (DirtyRateVcpuList *v = info->vcpu_dirty_rate; v; v = v->next) {
        uint64_t pages = last_entry(v->value->n_dirty_pages);

        monitor_printf(mon, "vcpu[%" PRIi64 "], Dirty rate: %.2f (MB/s), "
                       "dirty pages: %" PRIu64 "\n", v->value->id,
                       dirty_pages_to_rate(pages, info->page_size,
                                           info->calc_time), pages);
    }
}

static void print_readings(Monitor *mon, const DirtyRateInfo *info)
{
    const int64List *period = info->periods;
    const uint64List *n_dirty = info->n_dirty_pages;

    if (!info->has_periods) {
        return;
    }
    monitor_printf(mon, "Page size: %" PRIu64 " (bytes)\n", info->page_size);
    monitor_printf(mon, "Total pages: %" PRIu64 "\n", info->n_total_pages);
    monitor_printf(mon, "Sampled pages: %" PRIu64 "\n",
                   info->n_sampled_pages);
    monitor_printf(mon, "Zero pages: %" PRIu64 " (of sampled)\n",
                   info->n_zero_pages);
    monitor_printf(mon, "%12s  %s\n", "period (ms)",
                   "dirty pages (of sampled)");
    for (; period && n_dirty; period = period->next, n_dirty = n_dirty->next) {
        monitor_printf(mon, "%12" PRIi64 "  %" PRIu64 "\n", period->value,
                       n_dirty->value);
    }
}

static void print_compression(Monitor *mon, const DirtyRateInfo *info)
{
    for (DirtyRateCompressionList *c = info->compression; c; c = c->next) {
        monitor_printf(mon, "Compression with %s: ratio %.2f, %.1f (MiB/s of "
                       "CPU time), tried on %" PRIu64 " pages\n",
                       MultiFDCompression_str(c->value->method),
                       c->value->ratio, c->value->speed, c->value->n_pages);
    }
}

void hmp_info_dirty_rate(Monitor *mon, const QDict *qdict)
{
    g_autoptr(DirtyRateInfo) info =
        qmp_query_dirty_rate(true, TIME_UNIT_MILLISECOND, &error_abort);

    monitor_printf(mon, "Status: %s\n", DirtyRateStatus_str(info->status));
    monitor_printf(mon, "Start Time: %" PRIi64 " (sec)\n", info->start_time);
    if (info->mode == DIRTY_RATE_MEASURE_MODE_PAGE_SAMPLING) {
        monitor_printf(mon, "Sample Pages: %" PRIu64 " (per GB)\n",
                       info->sample_pages);
    }
    monitor_printf(mon, "Period: %.3f (sec)\n", info->calc_time / 1000.0);
    monitor_printf(mon, "Mode: %s\n", DirtyRateMeasureMode_str(info->mode));
    print_rate(mon, info);
    print_vcpus(mon, info);
    print_readings(mon, info);
    print_compression(mon, info);
}

void hmp_calc_dirty_rate(Monitor *mon, const QDict *qdict)
{
    int64_t seconds = qdict_get_int(qdict, "second");
    bool has_sample_pages = qdict_haskey(qdict, "sample_pages_per_GB");
    int64_t sample_pages = qdict_get_try_int(qdict, "sample_pages_per_GB", 0);
    bool ring = qdict_get_try_bool(qdict, "dirty_ring", false);
    bool bitmap = qdict_get_try_bool(qdict, "dirty_bitmap", false);
    bool compression = qdict_get_try_bool(qdict, "compression", false);
    DirtyRateMeasureMode mode = ring ? DIRTY_RATE_MEASURE_MODE_DIRTY_RING :
                                bitmap ? DIRTY_RATE_MEASURE_MODE_DIRTY_BITMAP :
                                DIRTY_RATE_MEASURE_MODE_PAGE_SAMPLING;
    Error *err = NULL;

    if (ring && bitmap) {
        error_setg(&err, "-r and -b exclude each other: use one of them");
    } else {
        qmp_calc_dirty_rate(seconds, true, TIME_UNIT_SECOND,
                            has_sample_pages, sample_pages, true, mode,
                            true, compression, &err);
    }
    if (hmp_handle_error(mon, err)) {
        return;
    }
    monitor_printf(mon, "Measuring for %" PRIi64 " s; see the result with "
                   "'info dirty_rate', end it with 'cancel_dirty_rate'\n",
                   seconds);
}

void hmp_cancel_dirty_rate(Monitor *mon, const QDict *qdict)
{
    qmp_cancel_dirty_rate(&error_abort);
}
