/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement by hashing a sample of the guest's pages.
 *
 * A thread scans the sample at growing periods.  It shares nothing while it
 * runs but the request to stop; when it is done, a bottom half in the main
 * thread joins it and hands over the result.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "qapi/error.h"
#include "exec/target_page.h"
#include "dirty-core/page-sampler.h"
#include "dirty-rate.h"
#include "dirty-rate-clock.h"
#include "dirty-rate-compress.h"
#include "dirty-rate-memory.h"
#include "dirty-rate-readings.h"
#include "dirty-rate-zero.h"
#include "migration.h"

typedef struct Sampling {
    DirtyMeasurementRequest request;
    QemuThread thread;
    QEMUBH *done;

    /* Set before the semaphore is posted: both the waits and the scans end. */
    bool stop;
    QemuSemaphore stop_sem;

    DirtyRateClock *clock;
    DirtyRateMemory *memory;

    /* The result, once the thread is done; error_setg()ed if there is none. */
    Error *err;
    PageSamplerCounts counts;
    DirtyRateReadings readings;
    DirtyRateCompressionList *compression;
} Sampling;

/* The measurement under way; used in the main thread only. */
static Sampling *current;

static void sampling_free(Sampling *s)
{
    qemu_sem_destroy(&s->stop_sem);
    dirty_rate_clock_free(s->clock);
    dirty_rate_memory_free(s->memory);
    qapi_free_DirtyRateCompressionList(s->compression);
    error_free(s->err);
    g_free(s);
}

static void sampling_scan_chunk(Sampling *s, PageSampler *sampler, size_t i)
{
    RCU_READ_LOCK_GUARD();
    if (dirty_rate_memory_is_there(s->memory, i)) {
        page_sampler_scan(sampler, i);
    }
}

/*
 * Scans every chunk.  *middle is set to the time in the middle of the scan.
 * Returns false if it was told to stop.
 */
static bool sampling_scan(Sampling *s, PageSampler *sampler, int64_t *middle)
{
    int64_t begin = dirty_rate_clock_ns(s->clock);
    size_t n;

    dirty_rate_memory_chunks(s->memory, &n);
    dirty_rate_memory_renew(s->memory);
    for (size_t i = 0; i < n; i++) {
        if (qatomic_read(&s->stop)) {
            return false;
        }
        if (page_sampler_region_samples(sampler, i)) {
            sampling_scan_chunk(s, sampler, i);
        }
    }
    *middle = begin + (dirty_rate_clock_ns(s->clock) - begin) / 2;
    return true;
}

/* Returns false if it was told to stop before the reading was due. */
static bool sampling_wait(Sampling *s, int64_t period)
{
    int64_t left;

    while ((left = dirty_rate_clock_left_ns(s->clock, period)) > 0) {
        if (!qemu_sem_timedwait(&s->stop_sem, DIV_ROUND_UP(left, SCALE_MS))) {
            return false;
        }
    }
    return true;
}

static void sampling_note(Sampling *s, PageSampler *sampler, int64_t ns)
{
    s->counts = page_sampler_counts(sampler);
    dirty_rate_readings_note(&s->readings,
                             dirty_rate_clock_period(s->clock, ns),
                             s->counts.n_dirty);
}

/* Returns false if it was told to stop. */
static bool sampling_take_readings(Sampling *s, PageSampler *sampler)
{
    int64_t periods[DIRTY_PERIODS_MAX];
    size_t n = dirty_periods(s->request.calc_time, periods);
    int64_t middle;

    if (!sampling_scan(s, sampler, &middle)) {
        return false;
    }
    dirty_rate_clock_set_origin(s->clock, middle);

    for (size_t i = 0; i < n; i++) {
        /* A reading that is overdue when the next is due would add nothing. */
        if (i + 1 < n &&
            dirty_rate_clock_left_ns(s->clock, periods[i + 1]) == 0) {
            continue;
        }
        if (!sampling_wait(s, periods[i]) ||
            !sampling_scan(s, sampler, &middle)) {
            return false;
        }
        sampling_note(s, sampler, middle);
    }
    return true;
}

/* Copies pages with content to @buffer, @n at most; returns how many. */
static size_t sampling_copy_pages(Sampling *s, const PageSampler *sampler,
                                  uint8_t *buffer, size_t n)
{
    g_autofree PageSamplerPick *picks = g_new(PageSamplerPick, n);
    size_t n_picks = page_sampler_pick(sampler, picks, n);
    size_t copied = 0;

    RCU_READ_LOCK_GUARD();
    for (size_t i = 0; i < n_picks; i++) {
        copied += dirty_rate_memory_is_there(s->memory, picks[i].region) &&
                  page_sampler_copy(sampler, &picks[i],
                                    buffer + copied * qemu_target_page_size());
    }
    return copied;
}

/* Works on copies: a page that the guest writes meanwhile could be torn. */
static void sampling_compress(Sampling *s, const PageSampler *sampler)
{
    size_t page_size = qemu_target_page_size();
    g_autofree uint8_t *pages =
        g_malloc(DIRTY_RATE_COMPRESS_PAGES * page_size);
    size_t n_pages = sampling_copy_pages(s, sampler, pages,
                                         DIRTY_RATE_COMPRESS_PAGES);

    s->compression = dirty_rate_compress(pages, n_pages, page_size, &s->stop);
}

static void *sampling_thread(void *opaque)
{
    Sampling *s = opaque;
    g_autoptr(PageSampler) sampler = NULL;

    rcu_register_thread();

    sampler = dirty_rate_memory_sampler(s->memory, s->request.sample_pages,
                                        &s->err);
    if (sampler && sampling_take_readings(s, sampler) &&
        s->request.compression) {
        sampling_compress(s, sampler);
    }

    rcu_unregister_thread();
    qemu_bh_schedule(s->done);
    return NULL;
}

static DirtyRateInfo *sampling_result(Sampling *s)
{
    DirtyRateInfo *info = g_new0(DirtyRateInfo, 1);

    info->has_page_size = true;
    info->page_size = qemu_target_page_size();
    info->has_n_total_pages = true;
    info->n_total_pages = s->counts.n_total;
    info->has_n_sampled_pages = true;
    info->n_sampled_pages = s->counts.n_sampled;
    dirty_rate_zero_report(&s->counts, info);
    dirty_rate_readings_report(&s->readings, info);
    info->has_compression = s->compression;
    info->compression = g_steal_pointer(&s->compression);
    return info;
}

static void sampling_done(void *opaque)
{
    Sampling *s = current;

    current = NULL;
    qemu_thread_join(&s->thread);
    qemu_bh_delete(s->done);

    if (s->err) {
        error_reportf_err(g_steal_pointer(&s->err),
                          "dirty page rate measurement failed: ");
        dirty_rate_finish(NULL);
    } else {
        dirty_rate_finish(sampling_result(s));
    }
    sampling_free(s);
}

static bool sampling_start(const DirtyMeasurementRequest *request,
                           Error **errp)
{
    g_autoptr(DirtyRateMemory) memory = dirty_rate_memory_new();
    Sampling *s;
    size_t n;

    dirty_rate_memory_chunks(memory, &n);
    if (!n) {
        error_setg(errp, "this guest has no memory that could be measured");
        return false;
    }

    s = g_new0(Sampling, 1);
    s->request = *request;
    s->memory = g_steal_pointer(&memory);
    s->clock = dirty_rate_clock_new(request->calc_time);
    s->done = qemu_bh_new(sampling_done, NULL);
    qemu_sem_init(&s->stop_sem, 0);
    current = s;
    qemu_thread_create(&s->thread, MIGRATION_THREAD_DIRTY_RATE,
                       sampling_thread, s, QEMU_THREAD_JOINABLE);
    return true;
}

static void sampling_cancel(void)
{
    Sampling *s = current;

    current = NULL;
    qatomic_set(&s->stop, true);
    qemu_sem_post(&s->stop_sem);
    /* The thread never waits for the BQL, which is held here. */
    qemu_thread_join(&s->thread);
    qemu_bh_delete(s->done);
    sampling_free(s);
}

const DirtyRateMethod dirty_rate_sample_method = {
    .start = sampling_start,
    .cancel = sampling_cancel,
};
