/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a vCPU may run before somebody looks what it has dirtied.
 */
#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qemu/timer.h"
#include "dirty-limit-slice.h"

/*
 * First slice after a change, ns, and the shortest that is worth its cost: one
 * that is shorter is chosen only where this one leads to too long a rest.
 */
#define SLICE_SHORT_NS (100 * SCALE_US)

/* Longest rest that the shortest slices may lead to, ns: more is felt. */
#define SLICE_REST_NS (60 * SCALE_MS)

/*
 * Where nothing was dirtied in a slice, the host may just not have let the
 * vCPU get anywhere: then the next one is longer, up to this, ns, although it
 * should be short.
 */
#define SLICE_RETRY_NS (400 * SCALE_US)

/* Shortest slice in any case, ns: to enter and leave the guest takes some. */
#define SLICE_MIN_NS (10 * SCALE_US)

/* How long a peak is remembered, ns; up to twice that. */
#define PEAK_NS NANOSECONDS_PER_SECOND

/* Return: how long a writer at its peak needs for so many pages, ns */
static int64_t time_for(const DirtyLimitSlice *slice, uint64_t pages)
{
    uint64_t peak = MAX(slice->peak, slice->last_peak);

    /* The pages of a limit fit, see DirtyPacer; no limit does not. */
    if (!peak || pages > UINT64_MAX / NANOSECONDS_PER_SECOND) {
        return INT64_MAX;
    }
    return MIN(pages * NANOSECONDS_PER_SECOND / peak, INT64_MAX);
}

static int64_t shortest(const DirtyLimitSlice *slice, uint64_t rate)
{
    uint64_t pages = muldiv64(rate, SLICE_REST_NS, NANOSECONDS_PER_SECOND);

    if (slice->was_idle) {
        return MIN(MAX(2 * slice->length, SLICE_SHORT_NS), SLICE_RETRY_NS);
    }
    return MIN(MAX(time_for(slice, pages), SLICE_MIN_NS), SLICE_SHORT_NS);
}

int64_t dirty_limit_slice_next(DirtyLimitSlice *slice, uint64_t rate,
                               uint64_t allowance)
{
    int64_t least = shortest(slice, rate);
    /* Who was slow up to now need not stay so: go step by step. */
    int64_t most = MIN(MAX(2 * slice->length, least),
                       DIRTY_LIMIT_SLICE_MAX_NS);

    slice->length = MIN(MAX(time_for(slice, allowance), least), most);
    return slice->length;
}

void dirty_limit_slice_done(DirtyLimitSlice *slice, uint64_t pages, int64_t ns,
                            int64_t now)
{
    if (now - slice->since >= PEAK_NS) {
        slice->last_peak = now - slice->since < 2 * PEAK_NS ? slice->peak : 0;
        slice->peak = 0;
        slice->since = now;
    }
    slice->peak = MAX(slice->peak,
                      pages * NANOSECONDS_PER_SECOND / MAX(ns, SLICE_MIN_NS));
    slice->was_idle = !pages;
}
