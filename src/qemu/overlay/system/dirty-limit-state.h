/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: what the commands of the monitors need of its state.
 */
#ifndef SYSTEM_DIRTY_LIMIT_STATE_H
#define SYSTEM_DIRTY_LIMIT_STATE_H

#include "dirty-limit-quota.h"

/* Instead of the index of a vCPU: all that are there or may be plugged. */
#define DIRTY_LIMIT_ALL (-1)

/* All are called with the BQL held. */

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
 * dirty_limit_scope: whom each limit holds; only while somebody is limited
 */
DirtyLimitScope dirty_limit_scope(void);

/**
 * dirty_limit_last_use: what a limited vCPU did in the last whole window
 * @index: its cpu_index
 *
 * With scope 'guest' each vCPU that is there has the same part of what the
 * guest did.
 */
DirtyLimitUse dirty_limit_last_use(int index);

#endif
