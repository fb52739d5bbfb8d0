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
#include "qemu/units.h"
#include "qapi/error.h"
#include "qapi/util.h"
#include "exec/ramblock.h"
#include "exec/target_page.h"
#include "dirty-core/page-sampler.h"
#include "dirty-rate.h"
#include "migration.h"
#include "ram.h"
#include "trace.h"

/*
 * Memory scanned between two looks at the request to stop, and under one RCU
 * read lock.  At the densest sample and 1 us per page this takes 16 ms: what
 * cancelling costs the main thread at worst.
 */
#define CHUNK_SIZE GiB

/* A RAM block as it was when the measurement began. */
typedef struct SampledBlock {
    RAMBlock *block;    /* compared, never followed: it may be gone */
    uint8_t *host;
    ram_addr_t used_length;
} SampledBlock;

typedef struct Sampling {
    DirtyMeasurementRequest request;
    QemuThread thread;
    QEMUBH *done;

    /* Set before the semaphore is posted: both the waits and the scans end. */
    bool stop;
    QemuSemaphore stop_sem;

    /* Entry i of chunks lies in the block that entry i of owners names. */
    GArray *blocks;
    GArray *chunks;
    GArray *owners;

    /* The result, once the thread is done; error_setg()ed if there is none. */
    Error *err;
    PageSamplerCounts counts;
    size_t n_readings;
    int64_t periods[DIRTY_PERIODS_MAX];
    uint64_t n_dirty[DIRTY_PERIODS_MAX];
} Sampling;

/* The measurement under way; used in the main thread only. */
static Sampling *current;

static void sampling_free(Sampling *s)
{
    qemu_sem_destroy(&s->stop_sem);
    g_array_unref(s->blocks);
    g_array_unref(s->chunks);
    g_array_unref(s->owners);
    error_free(s->err);
    g_free(s);
}

static void sampling_add_block(Sampling *s, RAMBlock *block)
{
    size_t page_size = qemu_target_page_size();
    size_t owner = s->blocks->len;
    SampledBlock sampled = {
        .block = block,
        .host = block->host,
        .used_length = block->used_length,
    };

    if (!block->host || block->used_length < page_size) {
        return;
    }
    g_array_append_val(s->blocks, sampled);

    for (ram_addr_t at = 0; at < sampled.used_length; at += CHUNK_SIZE) {
        PageSamplerRegion chunk = {
            .address = sampled.host + at,
            .n_pages = MIN(sampled.used_length - at, CHUNK_SIZE) / page_size,
            .page_size = page_size,
        };

        g_array_append_val(s->chunks, chunk);
        g_array_append_val(s->owners, owner);
    }
}

static Sampling *sampling_new(const DirtyMeasurementRequest *request)
{
    Sampling *s = g_new0(Sampling, 1);
    RAMBlock *block;

    s->request = *request;
    qemu_sem_init(&s->stop_sem, 0);
    s->blocks = g_array_new(false, false, sizeof(SampledBlock));
    s->chunks = g_array_new(false, false, sizeof(PageSamplerRegion));
    s->owners = g_array_new(false, false, sizeof(size_t));

    WITH_RCU_READ_LOCK_GUARD() {
        RAMBLOCK_FOREACH_MIGRATABLE(block) {
            sampling_add_block(s, block);
        }
    }
    return s;
}

/* Whether a block is still mapped as it was; holds while RCU is locked. */
static bool sampled_block_is_there(const SampledBlock *sampled)
{
    RAMBlock *block;

    RAMBLOCK_FOREACH_MIGRATABLE(block) {
        if (block == sampled->block) {
            return block->host == sampled->host &&
                   block->used_length == sampled->used_length;
        }
    }
    return false;
}

static void sampling_scan_chunk(Sampling *s, PageSampler *sampler, size_t i)
{
    size_t owner = g_array_index(s->owners, size_t, i);
    const SampledBlock *sampled =
        &g_array_index(s->blocks, SampledBlock, owner);

    RCU_READ_LOCK_GUARD();
    if (sampled_block_is_there(sampled)) {
        page_sampler_scan(sampler, i);
    } else {
        trace_dirty_rate_skip_chunk(i, sampled->host);
    }
}

/*
 * Scans every chunk.  Returns the middle of the scan in ns of the realtime
 * clock, or -1 if it was told to stop.
 */
static int64_t sampling_scan(Sampling *s, PageSampler *sampler)
{
    int64_t begin = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);

    for (size_t i = 0; i < s->chunks->len; i++) {
        if (qatomic_read(&s->stop)) {
            return -1;
        }
        if (page_sampler_region_samples(sampler, i)) {
            sampling_scan_chunk(s, sampler, i);
        }
    }
    return begin + (qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - begin) / 2;
}

/* Returns false if it was told to stop before the time came. */
static bool sampling_wait_until(Sampling *s, int64_t ns)
{
    int64_t rest;

    while ((rest = ns - qemu_clock_get_ns(QEMU_CLOCK_REALTIME)) > 0) {
        if (!qemu_sem_timedwait(&s->stop_sem, DIV_ROUND_UP(rest, SCALE_MS))) {
            return false;
        }
    }
    return true;
}

static void sampling_note(Sampling *s, PageSampler *sampler, int64_t ns)
{
    int64_t period = (ns + SCALE_MS / 2) / SCALE_MS;

    /* Two readings within one ms are one: the later knows all of both. */
    if (!s->n_readings || period > s->periods[s->n_readings - 1]) {
        s->periods[s->n_readings++] = period;
    }
    s->counts = page_sampler_counts(sampler);
    s->n_dirty[s->n_readings - 1] = s->counts.n_dirty;
    trace_dirty_rate_reading(period, s->counts.n_dirty, s->counts.n_sampled);
}

static void sampling_take_readings(Sampling *s, PageSampler *sampler)
{
    int64_t periods[DIRTY_PERIODS_MAX];
    size_t n = dirty_periods(s->request.calc_time, periods);
    int64_t origin = sampling_scan(s, sampler);

    for (size_t i = 0; origin >= 0 && i < n; i++) {
        int64_t middle;

        /* A reading that is overdue when the next is due would add nothing. */
        if (i + 1 < n && qemu_clock_get_ns(QEMU_CLOCK_REALTIME) >=
                         origin + periods[i + 1] * SCALE_MS) {
            continue;
        }
        if (!sampling_wait_until(s, origin + periods[i] * SCALE_MS)) {
            return;
        }
        middle = sampling_scan(s, sampler);
        if (middle < 0) {
            return;
        }
        sampling_note(s, sampler, middle - origin);
    }
}

static void *sampling_thread(void *opaque)
{
    Sampling *s = opaque;
    g_autoptr(PageSampler) sampler = NULL;
    g_autoptr(GError) err = NULL;
    uint64_t seed = (uint64_t)g_random_int() << 32 | g_random_int();

    rcu_register_thread();

    sampler = page_sampler_new((PageSamplerRegion *)s->chunks->data,
                               s->chunks->len, s->request.sample_pages,
                               seed, &err);
    if (sampler) {
        sampling_take_readings(s, sampler);
    } else {
        error_setg(&s->err, "%s", err->message);
    }

    rcu_unregister_thread();
    qemu_bh_schedule(s->done);
    return NULL;
}

static DirtyRateInfo *sampling_result(const Sampling *s)
{
    DirtyRateInfo *info = g_new0(DirtyRateInfo, 1);
    int64List **periods = &info->periods;
    uint64List **n_dirty = &info->n_dirty_pages;

    info->calc_time = s->periods[s->n_readings - 1];
    info->has_page_size = true;
    info->page_size = qemu_target_page_size();
    info->has_n_total_pages = true;
    info->n_total_pages = s->counts.n_total;
    info->has_n_sampled_pages = true;
    info->n_sampled_pages = s->counts.n_sampled;
    info->has_n_zero_pages = true;
    info->n_zero_pages = s->counts.n_zero;
    info->has_periods = true;
    info->has_n_dirty_pages = true;
    for (size_t i = 0; i < s->n_readings; i++) {
        QAPI_LIST_APPEND(periods, s->periods[i]);
        QAPI_LIST_APPEND(n_dirty, s->n_dirty[i]);
    }
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
    Sampling *s = sampling_new(request);

    if (!s->chunks->len) {
        error_setg(errp, "this guest has no memory that could be measured");
        sampling_free(s);
        return false;
    }

    current = s;
    s->done = qemu_bh_new(sampling_done, NULL);
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
