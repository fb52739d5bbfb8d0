/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of dirty page rate measurement: what their files share.
 */
#ifndef QTEST_DIRTY_RATE_UTIL_H
#define QTEST_DIRTY_RATE_UTIL_H

#include "qemu/units.h"
#include "libqtest.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"

#define RAM_SIZE (64 * MiB)
#define PAGE_SIZE (4 * KiB)

/* As dense as it gets: one page in 16 with pages of 4 KiB. */
#define SAMPLE_PAGES 16384

/* How long to wait for anything that should be there at once, or soon. */
#define PATIENCE_US (30 * G_USEC_PER_SEC)

/*
 * From the start of a measurement until every sampled page has surely been
 * hashed once: the scan takes some ms, the rest is for a machine under load.
 */
#define FIRST_SCAN_US G_USEC_PER_SEC

/* A machine that is its memory and a CPU that runs nothing. */
QTestState *start_bare(void);
/* A PC whose CPU runs nothing; @args: options of its own. */
QTestState *start_pc(const char *args);

/*
 * Writes a BIOS to a file.  @program is 16 bit code, which a vCPU finds at
 * 0xf000:0 and begins with.  Returns the file's name: unlink() it once the
 * guest has started, and g_free().
 */
char *write_bios(const uint8_t *program, size_t size);

/* Starts a measurement of @ms; page-sampling is as dense as it gets. */
void calc(QTestState *qts, const char *mode, int64_t ms);
void cancel(QTestState *qts);
QDict *query(QTestState *qts);
void assert_status(QTestState *qts, const char *status);
/* Waits for the end of a measurement.  Every query until then is checked. */
QDict *wait_measured(QTestState *qts);
/* A whole measurement. */
QDict *measure(QTestState *qts, const char *mode, int64_t ms);

uint64_t list_at(const QList *list, size_t index);
uint64_t list_last(const QList *list);
/* The last entry of a list of page counts of @info, or of a vCPU's entry. */
uint64_t last_dirty(const QDict *info);
/* A vCPU's entry of vcpu-dirty-rate, NULL if it has none. */
QDict *vcpu_entry(const QDict *info, int64_t id);

/* What holds for every measurement, whatever the guest did. */
void assert_consistent(const QDict *info, const char *mode, int64_t asked_ms);
/* calc-dirty-rate is refused, and the reason has these words. */
void assert_refused(QTestState *qts, const char *arguments, const char *words);

void add_sample_tests(void);
void add_log_tests(void);
void add_tcg_tests(void);
void add_state_tests(void);

#endif
