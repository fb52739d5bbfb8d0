/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement that counts every page: by the accelerator's
 * dirty log, or under TCG by the writes it traps.
 *
 * Counters and logs belong to the BQL, so calc-dirty-rate needs no thread
 * here: a timer in the main thread takes the readings.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "qapi/util.h"
#include "exec/memory.h"
#include "exec/target_page.h"
#include "hw/core/cpu.h"
#include "migration/misc.h"
#include "system/dirty-seen.h"
#include "system/kvm.h"
#include "system/kvm-dirty-ring.h"
#include "system/qtest.h"
#include "system/tcg.h"
#include "dirty-rate.h"
#include "dirty-rate-clock.h"
#include "dirty-rate-fresh.h"
#include "dirty-rate-readings.h"
#include "dirty-rate-regions.h"
#include "dirty-rate-zero.h"
#include "trace.h"

/* A vCPU's pages at each reading; entries are those of the guest's readings. */
typedef uint64_t VcpuReadings[DIRTY_PERIODS_MAX];

typedef struct LogMeasurement {
    DirtyMode mode;
    DirtyRateClock *clock;
    QEMUTimer *timer;
    size_t n_due;           /* readings to take */
    size_t next;            /* the one that is due next */
    int64_t due[DIRTY_PERIODS_MAX];
    uint64_t n_watched;
    PageSamplerCounts zero;
    DirtyRateReadings readings;
    unsigned int n_vcpus;
    VcpuReadings *vcpus;    /* by cpu_index */
    uint64_t *latest;       /* likewise: the last reading's */
} LogMeasurement;

/* The measurement under way. */
static LogMeasurement *current;

static bool log_mode_check(DirtyMode mode, Error **errp)
{
    bool has_ring = kvm_dirty_ring_enabled();

    if (mode == DIRTY_MODE_DIRTY_RING && !has_ring) {
        error_setg(errp, "mode 'dirty-ring' needs a dirty ring, which the KVM "
                   "accelerator property 'dirty-ring-size' enables: use "
                   "'page-sampling' or 'dirty-bitmap'");
        return false;
    }
    if (mode != DIRTY_MODE_DIRTY_BITMAP) {
        return true;
    }
    if (has_ring) {
        error_setg(errp, "mode 'dirty-bitmap' does not work while a dirty "
                   "ring is enabled: use 'page-sampling' or 'dirty-ring'");
        return false;
    }
    if (kvm_enabled() && migration_is_running()) {
        error_setg(errp, "mode 'dirty-bitmap' does not work during migration, "
                   "which uses KVM's dirty bitmap itself: use "
                   "'page-sampling'");
        return false;
    }
    if (!kvm_enabled() && !tcg_enabled() && !qtest_enabled()) {
        error_setg(errp, "mode 'dirty-bitmap' needs accelerator KVM or TCG: "
                   "use 'page-sampling'");
        return false;
    }
    return true;
}

static void watch_region(RAMBlock *block, ram_addr_t start, ram_addr_t length,
                         void *opaque)
{
    dirty_seen_watch(opaque, block->offset + start, length);
}

/* Counts from now on.  Takes ownership of @seen. */
static bool log_begin(DirtyMode mode, DirtySeen *seen, Error **errp)
{
    if (!memory_global_dirty_log_start(GLOBAL_DIRTY_DIRTY_RATE, errp)) {
        dirty_seen_free(seen);
        return false;
    }
    /* What was dirty before does not count; rings are taken empty. */
    memory_global_dirty_log_sync(false);
    dirty_seen_start(seen);
    if (mode == DIRTY_MODE_DIRTY_BITMAP && kvm_enabled()) {
        dirty_rate_fresh_start();
    }
    return true;
}

/* Counts the pages the log has to tell of. */
static void log_look(const LogMeasurement *log, bool last)
{
    /*
     * Harvesting a ring makes the guest trap again on every page that is in
     * it, so that is left to the end.
     */
    if (log->mode == DIRTY_MODE_DIRTY_RING && !last) {
        kvm_dirty_ring_peek();
    } else {
        memory_global_dirty_log_sync(false);
    }
}

static void log_read(LogMeasurement *log, bool last)
{
    int64_t begin = dirty_rate_clock_ns(log->clock);
    uint64_t n_dirty;
    int64_t end;
    size_t place;

    log_look(log, last);
    end = dirty_rate_clock_ns(log->clock);

    n_dirty = dirty_seen_by_others();
    for (unsigned int i = 0; i < log->n_vcpus; i++) {
        log->latest[i] = dirty_seen_by_vcpu(i);
        n_dirty += log->latest[i];
    }
    place = dirty_rate_readings_note(
        &log->readings,
        dirty_rate_clock_period(log->clock, begin + (end - begin) / 2),
        n_dirty);
    for (unsigned int i = 0; i < log->n_vcpus; i++) {
        log->vcpus[i][place] = log->latest[i];
    }
}

static DirtyRateVcpu *log_report_vcpu(const LogMeasurement *log,
                                      unsigned int index)
{
    DirtyRateVcpu *vcpu = g_new0(DirtyRateVcpu, 1);
    uint64List **n_dirty = &vcpu->n_dirty_pages;
    size_t n = log->readings.n;

    vcpu->id = index;
    vcpu->dirty_rate = dirty_rate_from_pages(log->latest[index],
                                             log->readings.periods[n - 1]);
    vcpu->has_n_dirty_pages = true;
    for (size_t i = 0; i < n; i++) {
        QAPI_LIST_APPEND(n_dirty, log->vcpus[index][i]);
    }
    trace_dirty_rate_vcpu(index, log->latest[index]);
    return vcpu;
}

/* Reports the vCPUs that are there, and those that were and wrote. */
static void log_report_vcpus(const LogMeasurement *log, DirtyRateInfo *info)
{
    DirtyRateVcpuList **tail = &info->vcpu_dirty_rate;

    info->has_vcpu_dirty_rate = true;
    for (unsigned int i = 0; i < log->n_vcpus; i++) {
        if (log->latest[i] || qemu_get_cpu(i)) {
            QAPI_LIST_APPEND(tail, log_report_vcpu(log, i));
        }
    }
}

static DirtyRateInfo *log_result(const LogMeasurement *log)
{
    DirtyRateInfo *info = g_new0(DirtyRateInfo, 1);

    info->has_page_size = true;
    info->page_size = qemu_target_page_size();
    info->has_n_total_pages = true;
    info->n_total_pages = log->n_watched;
    info->has_n_sampled_pages = true;
    info->n_sampled_pages = info->n_total_pages;
    dirty_rate_zero_report(&log->zero, info);
    dirty_rate_readings_report(&log->readings, info);
    /* KVM's bitmap does not tell who wrote. */
    if (log->mode == DIRTY_MODE_DIRTY_RING || tcg_enabled()) {
        log_report_vcpus(log, info);
    }
    return info;
}

static void log_free(LogMeasurement *log)
{
    timer_free(log->timer);
    dirty_rate_clock_free(log->clock);
    g_free(log->vcpus);
    g_free(log->latest);
    g_free(log);
}

static void log_end(LogMeasurement *log)
{
    dirty_rate_fresh_stop();
    dirty_seen_stop();
    memory_global_dirty_log_stop(GLOBAL_DIRTY_DIRTY_RATE);
    log_free(log);
}

static bool log_is_due(const LogMeasurement *log, size_t i)
{
    return !dirty_rate_clock_left_ns(log->clock, log->due[i]);
}

static void log_wait(LogMeasurement *log)
{
    timer_mod_ns(log->timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) +
                 dirty_rate_clock_left_ns(log->clock, log->due[log->next]));
}

static void log_tick(void *opaque)
{
    LogMeasurement *log = opaque;
    size_t last = log->n_due - 1;

    if (!log_is_due(log, log->next)) {
        log_wait(log);
        return;
    }
    /* A reading that is overdue when the next is due would add nothing. */
    while (log->next < last && log_is_due(log, log->next + 1)) {
        log->next++;
    }
    log_read(log, log->next == last);
    if (log->next == last) {
        DirtyRateInfo *info = log_result(log);

        current = NULL;
        log_end(log);
        dirty_rate_finish(info);
    } else {
        log->next++;
        log_wait(log);
    }
}

static LogMeasurement *log_new(const DirtyMeasurementRequest *request,
                               const DirtySeen *seen)
{
    LogMeasurement *log = g_new0(LogMeasurement, 1);

    log->mode = request->mode;
    log->n_watched = dirty_seen_n_watched(seen);
    log->n_due = dirty_periods(request->calc_time, log->due);
    log->n_vcpus = dirty_seen_n_vcpus(seen);
    log->vcpus = g_new0(VcpuReadings, log->n_vcpus);
    log->latest = g_new0(uint64_t, log->n_vcpus);
    log->timer = timer_new_ns(QEMU_CLOCK_REALTIME, log_tick, log);
    return log;
}

static DirtySeen *log_watch(Error **errp)
{
    DirtySeen *seen = dirty_seen_new();

    dirty_rate_for_each_region(watch_region, seen);
    if (!dirty_seen_n_watched(seen)) {
        error_setg(errp, "this guest has no memory that could be measured");
        dirty_seen_free(seen);
        return NULL;
    }
    return seen;
}

static bool log_start(const DirtyMeasurementRequest *request, Error **errp)
{
    LogMeasurement *log;
    DirtySeen *seen;

    if (!log_mode_check(request->mode, errp)) {
        return false;
    }
    /* This takes some time, and whatever the log tells after it counts. */
    seen = log_watch(errp);
    if (!seen) {
        return false;
    }
    log = log_new(request, seen);
    if (!log_begin(request->mode, seen, errp)) {
        log_free(log);
        return false;
    }
    current = log;
    current->clock = dirty_rate_clock_new(request->calc_time);
    current->zero = dirty_rate_zero_pages(current->n_watched);
    log_wait(current);
    return true;
}

static void log_cancel(void)
{
    log_end(g_steal_pointer(&current));
}

const DirtyRateMethod dirty_rate_log_method = {
    .start = log_start,
    .cancel = log_cancel,
};
