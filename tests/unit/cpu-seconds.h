/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The CPU time of a test, which other processes on the machine do not change.
 */
#ifndef CPU_SECONDS_H
#define CPU_SECONDS_H

#include <glib.h>
#include <time.h>

static inline double
cpu_seconds(void)
{
    struct timespec now;

    g_assert_cmpint(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), ==, 0);
    return now.tv_sec + now.tv_nsec / 1e9;
}

#endif
