/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: what one writer may still dirty, and when.
 *
 * A writer is a vCPU, or all of them where they cannot be told apart.
 */
#ifndef SYSTEM_DIRTY_LIMIT_QUOTA_H
#define SYSTEM_DIRTY_LIMIT_QUOTA_H

#include "qemu/thread.h"
#include "qemu/timer.h"
#include "migration/dirty-core/dirty-pacer.h"

/**
 * DirtyLimitUse: what a writer did in a stretch of time the guest ran
 * @pages: target pages it was charged with
 * @rested: for how long it rested, ns
 * @length: how long the stretch was, ns; 0 if there was none yet
 */
typedef struct DirtyLimitUse {
    uint64_t pages;
    int64_t rested;
    int64_t length;
} DirtyLimitUse;

/**
 * DirtyLimitQuota: the account of a writer
 * @timer: ends the rest
 * @rate: the limit in pages/s, 0 for none
 * @deadline: when the rest ends, by dirty_limit_clock_ns()
 *
 * @rate and @deadline are written under the lock and may be read without.
 * Times are those of dirty_limit_clock_ns().
 */
typedef struct DirtyLimitQuota {
    QEMUTimer timer;
    uint64_t rate;
    int64_t deadline;

    /* Protects what follows. */
    QemuMutex lock;
    DirtyPacer pacer;
    uint64_t pages;         /* of this window */
    int64_t since;          /* when this window began for this writer */
    int64_t rested;         /* what the pacer said then */
    DirtyLimitUse last;     /* of the window before */
} DirtyLimitQuota;

/**
 * dirty_limit_quota_init: a writer without a limit
 * @quota: its account
 * @rest_ends: called in the main thread with the BQL held when a rest ends;
 *     NULL if the writer wakes by itself
 * @opaque: for @rest_ends
 */
void dirty_limit_quota_init(DirtyLimitQuota *quota, QEMUTimerCB *rest_ends,
                            void *opaque);

/* Called with the BQL held, when nobody uses it any more. */
void dirty_limit_quota_destroy(DirtyLimitQuota *quota);

/**
 * dirty_limit_quota_set_rate: change the limit
 * @quota: an account
 * @rate: target pages/s, 0 for none
 *
 * Return: whether it was another one.  Then the writer must be kicked, for
 * its rest may be over.
 */
bool dirty_limit_quota_set_rate(DirtyLimitQuota *quota, uint64_t rate);

/**
 * dirty_limit_quota_charge: the writer dirtied pages; from any thread
 * @quota: an account
 * @pages: target pages
 *
 * Return: whether it must rest now.
 */
bool dirty_limit_quota_charge(DirtyLimitQuota *quota, uint64_t pages);

/**
 * dirty_limit_quota_allowance: pages that may be charged before a rest is
 * due, UINT64_MAX without a limit; from any thread
 * @quota: an account
 */
uint64_t dirty_limit_quota_allowance(DirtyLimitQuota *quota);

/**
 * dirty_limit_quota_rest_ns: ns the writer must still rest; from any thread
 * @quota: an account
 */
int64_t dirty_limit_quota_rest_ns(const DirtyLimitQuota *quota);

/* Forgets a debt: the guest begins anew.  The writer must be kicked. */
void dirty_limit_quota_reset(DirtyLimitQuota *quota);

/* The guest runs again after a pause: sees to it that the rest ends. */
void dirty_limit_quota_resume(DirtyLimitQuota *quota);

/* A window ends for this writer. */
void dirty_limit_quota_end_window(DirtyLimitQuota *quota);

/* What the writer did in its last window. */
DirtyLimitUse dirty_limit_quota_last(DirtyLimitQuota *quota);

/* What it has done so far in the present window. */
DirtyLimitUse dirty_limit_quota_present(DirtyLimitQuota *quota);

#endif
