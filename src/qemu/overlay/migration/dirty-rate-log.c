/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement by the accelerator's dirty log: all of the
 * guest with a dirty bitmap, each vCPU by itself with a dirty ring.
 *
 * Log and counters belong to the BQL, so calc-dirty-rate needs no thread
 * here: a timer in the main thread takes the reading.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "qapi/util.h"
#include "exec/memory.h"
#include "exec/ramblock.h"
#include "exec/target_page.h"
#include "hw/core/cpu.h"
#include "system/dirtyrate.h"
#include "system/kvm.h"
#include "dirty-rate.h"
#include "ram.h"
#include "trace.h"

/*
 * Pages found dirty by log syncs while GLOBAL_DIRTY_DIRTY_RATE is on;
 * protected by the BQL.  exec/ram_addr.h, which only files built per target
 * can include, declares it and adds to it.
 */
uint64_t total_dirty_pages;

/* A vCPU's dirty page counter at one time. */
typedef struct VcpuPages {
    bool present;
    uint64_t pages;
} VcpuPages;

typedef struct LogMeasurement {
    DirtyMode mode;
    int64_t start_ms;       /* of the realtime clock */
    QEMUTimer *timer;
    uint64_t start_pages;   /* with a bitmap */
    GArray *start_vcpus;    /* with a ring */
} LogMeasurement;

/* The measurement under way. */
static LogMeasurement *current;

/* The counters of all vCPUs; entry i is for cpu_index i.  Needs the BQL. */
static GArray *vcpu_pages_read(void)
{
    GArray *vcpus = g_array_new(false, true, sizeof(VcpuPages));
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        VcpuPages now = { .present = true, .pages = cpu->dirty_pages };

        if (vcpus->len <= cpu->cpu_index) {
            g_array_set_size(vcpus, cpu->cpu_index + 1);
        }
        g_array_index(vcpus, VcpuPages, cpu->cpu_index) = now;
    }
    return vcpus;
}

/*
 * Pages a vCPU dirtied between two readings.  One that was plugged in between
 * has counted from 0, also where it took the place of another.
 */
static uint64_t vcpu_pages_between(const GArray *start, const GArray *end,
                                   unsigned int i)
{
    uint64_t before = 0;
    uint64_t after = g_array_index(end, VcpuPages, i).pages;

    if (i < start->len) {
        before = g_array_index(start, VcpuPages, i).pages;
    }
    return after >= before ? after - before : after;
}

static int64_t vcpu_rate_between(const GArray *start, const GArray *end,
                                 unsigned int i, int64_t ms)
{
    int64_t rate =
        dirty_rate_from_pages(vcpu_pages_between(start, end, i), ms);

    trace_dirty_rate_vcpu(i, rate);
    return rate;
}

void global_dirty_log_change(unsigned int flag, bool start)
{
    Error *err = NULL;

    bql_lock();
    if (!start) {
        memory_global_dirty_log_stop(flag);
    } else if (!memory_global_dirty_log_start(flag, &err)) {
        error_report_err(err);
    }
    bql_unlock();
}

/*
 * Measures all vCPUs from a thread that does not hold the BQL.  stat->rates
 * has an entry for each cpu_index in use and those below; absent vCPUs have
 * rate 0.  The caller frees it.
 */
int64_t vcpu_calculate_dirtyrate(int64_t calc_time_ms, VcpuStat *stat,
                                 unsigned int flag, bool one_shot)
{
    int64_t start_ms = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
    int64_t duration;
    g_autoptr(GArray) start = NULL;
    g_autoptr(GArray) end = NULL;

    bql_lock();
    start = vcpu_pages_read();
    bql_unlock();

    g_usleep(calc_time_ms * 1000);
    duration = MAX(qemu_clock_get_ms(QEMU_CLOCK_REALTIME) - start_ms, 1);

    bql_lock();
    memory_global_dirty_log_sync(false);
    if (one_shot) {
        memory_global_dirty_log_stop(flag);
    }
    end = vcpu_pages_read();
    bql_unlock();

    stat->nvcpu = end->len;
    stat->rates = g_new0(DirtyRateVcpu, end->len);
    for (unsigned int i = 0; i < end->len; i++) {
        stat->rates[i].id = i;
        stat->rates[i].dirty_rate =
            vcpu_rate_between(start, end, i, duration);
    }
    return duration;
}

static void log_free(LogMeasurement *log)
{
    timer_free(log->timer);
    g_clear_pointer(&log->start_vcpus, g_array_unref);
    g_free(log);
}

/*
 * Makes the log trap the next write to every page.  A sync alone may leave
 * that to whoever reads the bitmap page by page.
 */
static void log_protect_all(void)
{
    RAMBlock *block;

    RCU_READ_LOCK_GUARD();
    RAMBLOCK_FOREACH_MIGRATABLE(block) {
        memory_region_clear_dirty_bitmap(block->mr, 0, block->used_length);
    }
}

/* Adds each vCPU's rate to @info; returns the pages of all of them. */
static uint64_t log_report_vcpus(const LogMeasurement *log,
                                 DirtyRateInfo *info)
{
    DirtyRateVcpuList **tail = &info->vcpu_dirty_rate;
    g_autoptr(GArray) end = vcpu_pages_read();
    uint64_t pages = 0;

    info->has_vcpu_dirty_rate = true;
    for (unsigned int i = 0; i < end->len; i++) {
        DirtyRateVcpu *vcpu;

        if (!g_array_index(end, VcpuPages, i).present) {
            continue;
        }
        vcpu = g_new0(DirtyRateVcpu, 1);
        vcpu->id = i;
        vcpu->dirty_rate =
            vcpu_rate_between(log->start_vcpus, end, i, info->calc_time);
        QAPI_LIST_APPEND(tail, vcpu);
        pages += vcpu_pages_between(log->start_vcpus, end, i);
    }
    return pages;
}

static void log_done(void *opaque)
{
    LogMeasurement *log = g_steal_pointer(&current);
    DirtyRateInfo *info = g_new0(DirtyRateInfo, 1);
    uint64_t pages;

    info->calc_time = qemu_clock_get_ms(QEMU_CLOCK_REALTIME) - log->start_ms;
    memory_global_dirty_log_sync(false);
    memory_global_dirty_log_stop(GLOBAL_DIRTY_DIRTY_RATE);

    if (log->mode == DIRTY_MODE_DIRTY_RING) {
        pages = log_report_vcpus(log, info);
    } else {
        pages = total_dirty_pages - log->start_pages;
    }
    /* Interim: this method does not yet tell pages from recounts. */
    info->page_size = qemu_target_page_size();
    info->n_total_pages = MAX(pages, ram_bytes_total() / info->page_size);
    info->n_sampled_pages = info->n_total_pages;
    QAPI_LIST_PREPEND(info->periods, info->calc_time);
    QAPI_LIST_PREPEND(info->n_dirty_pages, pages);

    log_free(log);
    dirty_rate_finish(info);
}

static bool log_mode_check(DirtyMode mode, Error **errp)
{
    bool has_ring = kvm_dirty_ring_enabled();

    if (mode == DIRTY_MODE_DIRTY_RING && !has_ring) {
        error_setg(errp, "mode 'dirty-ring' needs a dirty ring, which the KVM "
                   "accelerator property 'dirty-ring-size' enables: use "
                   "'page-sampling' or 'dirty-bitmap'");
        return false;
    }
    if (mode == DIRTY_MODE_DIRTY_BITMAP && has_ring) {
        error_setg(errp, "mode 'dirty-bitmap' does not work while a dirty "
                   "ring is enabled: use 'page-sampling' or 'dirty-ring'");
        return false;
    }
    return true;
}

static bool log_start(const DirtyMeasurementRequest *request, Error **errp)
{
    LogMeasurement *log;

    if (!log_mode_check(request->mode, errp) ||
        !memory_global_dirty_log_start(GLOBAL_DIRTY_DIRTY_RATE, errp)) {
        return false;
    }

    /* What was dirty before does not count; some logs begin all dirty. */
    memory_global_dirty_log_sync(false);

    log = g_new0(LogMeasurement, 1);
    log->mode = request->mode;
    if (log->mode == DIRTY_MODE_DIRTY_RING) {
        log->start_vcpus = vcpu_pages_read();
    } else {
        log_protect_all();
        log->start_pages = total_dirty_pages;
    }
    log->start_ms = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
    log->timer = timer_new_ms(QEMU_CLOCK_REALTIME, log_done, NULL);
    timer_mod(log->timer, log->start_ms + request->calc_time);
    current = log;
    return true;
}

static void log_cancel(void)
{
    log_free(g_steal_pointer(&current));
    memory_global_dirty_log_stop(GLOBAL_DIRTY_DIRTY_RATE);
}

const DirtyRateMethod dirty_rate_log_method = {
    .start = log_start,
    .cancel = log_cancel,
};
