/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: finds out what vCPUs dirty under TCG.
 */
#ifndef ACCEL_TCG_DIRTY_LIMIT_TCG_H
#define ACCEL_TCG_DIRTY_LIMIT_TCG_H

#include "system/dirty-limit.h"

bool dirty_limit_wants_slow(CPUState *cpu, ram_addr_t addr);
void dirty_limit_write_slow(CPUState *cpu, ram_addr_t addr);

/**
 * dirty_limit_wants: whether a vCPU's next write to a page must be trapped
 * @cpu: the vCPU; called in its thread
 * @addr: an address in the page
 */
static inline bool dirty_limit_wants(CPUState *cpu, ram_addr_t addr)
{
    return dirty_limit_active() && dirty_limit_wants_slow(cpu, addr);
}

/**
 * dirty_limit_write: a vCPU is about to write to a page
 * @cpu: the vCPU; called in its thread
 * @addr: an address in the page
 */
static inline void dirty_limit_write(CPUState *cpu, ram_addr_t addr)
{
    if (dirty_limit_active()) {
        dirty_limit_write_slow(cpu, addr);
    }
}

#endif
