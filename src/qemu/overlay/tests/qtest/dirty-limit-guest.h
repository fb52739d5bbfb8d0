/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of dirty page rate limits: a guest that writes as it is told to.
 */
#ifndef QTEST_DIRTY_LIMIT_GUEST_H
#define QTEST_DIRTY_LIMIT_GUEST_H

#include "qemu/units.h"
#include "libqtest.h"
#include "qobject/qdict.h"
#include "dirty-rate-util.h"

#define PAGES_PER_MIB ((double)MiB / PAGE_SIZE)

/* vCPUs that are there at first, and that may be. */
#define N_VCPUS 2
#define MAX_VCPUS 4

/*
 * Starts a guest of 4 GiB address space in which each vCPU writes pages of
 * its own round and round, as fast as it can.  Only the first runs at once.
 * @accel: the accelerator and its options
 */
QTestState *start_writers(const char *accel);

/* How many pages each vCPU writes: at most 16 MiB of them. */
void write_set(QTestState *qts, unsigned int n_pages);

/* Lets a vCPU run that is there, and waits until it does. */
void wake_vcpu(QTestState *qts, unsigned int vcpu);

/* Mean rate in MiB/s of a vCPU in the next @ms, by its own count. */
double guest_rate(QTestState *qts, unsigned int vcpu, unsigned int ms);

/* Sets a limit; @vcpu -1: of all. */
void set_limit(QTestState *qts, int vcpu, int mibs);
void cancel_limit(QTestState *qts, int vcpu);

/* A vCPU's entry of query-vcpu-dirty-limit, NULL if it has none. */
QDict *limit_entry(QTestState *qts, int vcpu);

/* The vCPU has this limit; 0: none. */
void assert_limit(QTestState *qts, int vcpu, int mibs);

/* A member of an entry that is a number with a fraction. */
double entry_double(const QDict *entry, const char *key);

void add_limit_migration_tests(void);
void add_limit_plug_tests(void);

#endif
