/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a vCPU may run before somebody looks what it has dirtied.
 */
#ifndef ACCEL_KVM_DIRTY_LIMIT_SLICE_H
#define ACCEL_KVM_DIRTY_LIMIT_SLICE_H

/*
 * Longest slice, ns.  A vCPU that begins to write within one may dirty that
 * much before it is stopped; shorter ones cost a vCPU that does not write more
 * than it should notice.
 */
#define DIRTY_LIMIT_SLICE_MAX_NS (10 * SCALE_MS)

/**
 * DirtyLimitSlice: what is known of a writer, to choose its next slice
 * @length: the last slice, ns; 0 before the first
 * @was_idle: nothing was dirtied in it
 * @peak: highest rate seen in the present second, pages/s
 * @last_peak: the same of the second before
 * @since: when the present second began, ns
 *
 * All 0 to begin with, also again when the limit changes.
 */
typedef struct DirtyLimitSlice {
    int64_t length;
    bool was_idle;
    uint64_t peak;
    uint64_t last_peak;
    int64_t since;
} DirtyLimitSlice;

/**
 * dirty_limit_slice_next: choose the next slice
 * @slice: what is known of the writer
 * @rate: its limit, pages/s, above 0
 * @allowance: pages it may dirty before it must rest
 *
 * Return: the slice's length, ns, at most DIRTY_LIMIT_SLICE_MAX_NS.
 */
int64_t dirty_limit_slice_next(DirtyLimitSlice *slice, uint64_t rate,
                               uint64_t allowance);

/**
 * dirty_limit_slice_done: note what came of a slice
 * @slice: what is known of the writer
 * @pages: what it dirtied
 * @ns: how long it ran
 * @now: the time, ns
 */
void dirty_limit_slice_done(DirtyLimitSlice *slice, uint64_t pages, int64_t ns,
                            int64_t now);

#endif
