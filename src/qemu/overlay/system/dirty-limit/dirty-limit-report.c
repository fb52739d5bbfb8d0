/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: what limited vCPUs did.
 */
#include "qemu/osdep.h"
#include "hw/core/cpu.h"
#include "system/dirty-limit.h"
#include "dirty-limit-state.h"

static int n_present(void)
{
    CPUState *cpu;
    int n = 0;

    CPU_FOREACH(cpu) {
        n++;
    }
    return n;
}

DirtyLimitUse dirty_limit_last_use(int index)
{
    DirtyLimitUse use;

    if (!dirty_limit_whole_guest(dirty_limit)) {
        return dirty_limit_quota_last(&dirty_limit->vcpus[index].quota);
    }
    use = dirty_limit_quota_last(&dirty_limit->guest);
    use.pages = qemu_get_cpu(index) ? use.pages / n_present() : 0;
    return use;
}

static int64_t longest_rest(DirtyLimitQuota *quota)
{
    return MAX(dirty_limit_quota_last(quota).rested,
               dirty_limit_quota_present(quota).rested);
}

int64_t dirty_limit_longest_rest(void)
{
    int64_t longest;

    if (!dirty_limit) {
        return 0;
    }
    longest = longest_rest(&dirty_limit->guest);
    for (int i = 0; i < dirty_limit->n_vcpus; i++) {
        longest = MAX(longest, longest_rest(&dirty_limit->vcpus[i].quota));
    }
    return longest;
}

uint64_t dirty_limit_mean_rate(void)
{
    double sum = 0;
    CPUState *cpu;
    int n = 0;

    CPU_FOREACH(cpu) {
        if (dirty_limit_mibs(cpu->cpu_index)) {
            DirtyLimitUse use = dirty_limit_last_use(cpu->cpu_index);

            sum += use.length ? (double)use.pages / use.length : 0;
            n++;
        }
    }
    return n ? sum / n * NANOSECONDS_PER_SECOND : 0;
}
