/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dirty page rate of each vCPU, as the dirty page rate limit asks for it.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "exec/memory.h"
#include "hw/core/cpu.h"
#include "system/dirtyrate.h"
#include "dirty-rate.h"

/* The counters of all vCPUs; entry i is for cpu_index i.  Needs the BQL. */
static GArray *vcpu_pages_read(void)
{
    GArray *vcpus = g_array_new(false, true, sizeof(uint64_t));
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        if (vcpus->len <= cpu->cpu_index) {
            g_array_set_size(vcpus, cpu->cpu_index + 1);
        }
        g_array_index(vcpus, uint64_t, cpu->cpu_index) = cpu->dirty_pages;
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
    uint64_t before = i < start->len ? g_array_index(start, uint64_t, i) : 0;
    uint64_t after = g_array_index(end, uint64_t, i);

    return after >= before ? after - before : after;
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
            dirty_rate_from_pages(vcpu_pages_between(start, end, i), duration);
    }
    return duration;
}
