/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: its state, and what its files need of each other.
 */
#ifndef SYSTEM_DIRTY_LIMIT_STATE_H
#define SYSTEM_DIRTY_LIMIT_STATE_H

#include "qemu/rcu.h"
#include "system/dirty-limit.h"
#include "dirty-limit-quota.h"

/* Instead of the index of a vCPU: all that are there or may be plugged. */
#define DIRTY_LIMIT_ALL (-1)

typedef struct VcpuLimit {
    uint64_t user;          /* what the user wants, MiB/s */
    uint64_t mibs;          /* what is in force, MiB/s */
    DirtyLimitQuota quota;
} VcpuLimit;

/* What is not a quota belongs to the BQL. */
struct DirtyLimit {
    struct rcu_head rcu;
    const DirtyLimitBackend *backend;
    QEMUTimer *window_timer;
    int64_t window_end;     /* by dirty_limit_clock_ns() */
    uint64_t migration;     /* what migration wants of all vCPUs, MiB/s */
    DirtyLimitQuota guest;  /* with scope 'guest' */
    int n_vcpus;
    VcpuLimit vcpus[];
};

static inline bool dirty_limit_whole_guest(const DirtyLimit *limit)
{
    return limit->backend->scope == DIRTY_LIMIT_SCOPE_GUEST;
}

/* All that follow are called with the BQL held. */

/**
 * dirty_limit_find_backend: who counts pages
 * @errp: says why nobody can
 */
const DirtyLimitBackend *dirty_limit_find_backend(Error **errp);

/* The rest of a vCPU is over.  @opaque: its index, as a pointer */
void dirty_limit_kick_vcpu(void *opaque);

/* The rest of the guest is another one now. */
void dirty_limit_kick_guest(void);

/* The guest may dirty what the vCPUs that are there may together. */
void dirty_limit_apply_to_guest(void);

/* Goes by the time the guest runs from now on; once that is done it stays. */
void dirty_limit_watch_guest(void);

/* Begins the first window of a state that is not in use yet. */
void dirty_limit_run_start(DirtyLimit *limit);

/* There are no more windows. */
void dirty_limit_run_stop(DirtyLimit *limit);

/* What vCPUs have dirtied is charged at the limits that are in force. */
void dirty_limit_count_pages(void);

/* All pages count anew from now on. */
void dirty_limit_forget_pages(void);

/**
 * dirty_limit_n_vcpus: how many indices of vCPUs there are, in use or not
 */
int dirty_limit_n_vcpus(void);

/**
 * dirty_limit_set_user: change the limit the user wants
 * @index: cpu_index, below dirty_limit_n_vcpus(), or DIRTY_LIMIT_ALL
 * @mibs: MiB/s; 0 for none
 * @errp: set if it cannot be limited; then nothing has changed
 */
bool dirty_limit_set_user(int index, uint64_t mibs, Error **errp);

/**
 * dirty_limit_mibs: the limit that is in force
 * @index: cpu_index, below dirty_limit_n_vcpus()
 *
 * Return: MiB/s, 0 for none.
 */
uint64_t dirty_limit_mibs(int index);

/**
 * dirty_limit_last_use: what a limited vCPU did in the last whole window
 * @index: its cpu_index
 *
 * With scope 'guest' each vCPU that is there has the same part of what the
 * guest did.
 */
DirtyLimitUse dirty_limit_last_use(int index);

#endif
