/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a dirty page rate measurement is asked for, and what it gives.
 */
#ifndef DIRTY_MEASUREMENT_H
#define DIRTY_MEASUREMENT_H

#include <glib.h>

#include "dirty-mode.h"

G_BEGIN_DECLS

/* Shortest measurement, ms: no downtime limit worth asking about is shorter. */
#define DIRTY_CALC_TIME_MIN_MS 50
/* Longest measurement, ms: QEMU's own limit since 5.2. */
#define DIRTY_CALC_TIME_MAX_MS 60000
/* Length of a measurement nobody gave a length for, ms. */
#define DIRTY_CALC_TIME_DEFAULT_MS 1000

/* Fewest, most and usual sampled pages per GiB of memory: QEMU's since 6.1. */
#define DIRTY_SAMPLE_PAGES_MIN 128
#define DIRTY_SAMPLE_PAGES_MAX 16384
#define DIRTY_SAMPLE_PAGES_DEFAULT 512

/*
 * QEMU without our patch does not say its page size. Rates do not depend on it;
 * where pages are asked for, this is the target page, bytes, of all guests such
 * a QEMU is used for with libvirt.
 */
#define DIRTY_STOCK_PAGE_SIZE 4096

/*
 * Most pages that are looked at to tell how many are zero in the modes that
 * count dirty pages exactly. The error is then about one percent of memory at
 * most, and a smaller one is not worth the time.
 */
#define DIRTY_ZERO_SAMPLES_MAX 8192

/*
 * Parts of a guest's memory whose zero pages are counted apart. Each has a
 * quarter of what those before it have left over, for what counts is what a
 * migration sends last, be that a tenth of the memory or a thousandth.
 */
#define DIRTY_ZERO_PARTS 32

/*
 * Most readings one measurement can take: the growing periods up to the longest
 * one.
 */
#define DIRTY_PERIODS_MAX 32

/* How far a measurement is. The names are those of QEMU's DirtyRateStatus. */
typedef enum {
    DIRTY_STATUS_UNSTARTED,
    DIRTY_STATUS_MEASURING,
    DIRTY_STATUS_MEASURED,
    DIRTY_STATUS_LAST
} DirtyStatus;

#define DIRTY_ERROR dirty_error_quark()
GQuark dirty_error_quark(void);

/**
 * DirtyError: why a function of core or qmp failed
 * @DIRTY_ERROR_INVALID: a value of the caller's is out of its range
 * @DIRTY_ERROR_NO_MEMORY: the guest has no memory that could be measured
 * @DIRTY_ERROR_BAD_REPLY: QEMU's reply is not what the command's schema
 * promises
 * @DIRTY_ERROR_MONITOR: QEMU refused the command; the message carries its
 * reason
 * @DIRTY_ERROR_UNSUPPORTED: this QEMU lacks the command or the member
 * @DIRTY_ERROR_BUSY: a measurement is already running
 * @DIRTY_ERROR_IO: the request did not reach QEMU or its reply did not come
 * back
 */
typedef enum {
    DIRTY_ERROR_INVALID,
    DIRTY_ERROR_NO_MEMORY,
    DIRTY_ERROR_BAD_REPLY,
    DIRTY_ERROR_MONITOR,
    DIRTY_ERROR_UNSUPPORTED,
    DIRTY_ERROR_BUSY,
    DIRTY_ERROR_IO
} DirtyError;

/*
 * Longest name of a compression method, with the NUL behind it. QEMU's longest
 * is half of it.
 */
#define DIRTY_COMPRESSION_NAME_SIZE 16
/* More methods than this no QEMU has. */
#define DIRTY_COMPRESSIONS_MAX 16

/**
 * DirtyMeasurementRequest: what a measurement shall be
 * @calc_time: its length, ms, DIRTY_CALC_TIME_MIN_MS..DIRTY_CALC_TIME_MAX_MS
 * @mode: how dirty pages are counted; DIRTY_MODE_AUTO only until
 * dirty_mode_choose() has replaced it
 * @sample_pages: sampled pages per GiB of guest memory,
 * DIRTY_SAMPLE_PAGES_MIN..DIRTY_SAMPLE_PAGES_MAX, or 0 for QEMU's default; only
 * with DIRTY_MODE_PAGE_SAMPLING
 * @compression: whether to try as well how well the sampled pages compress;
 * only with DIRTY_MODE_PAGE_SAMPLING
 */
typedef struct {
    gint64 calc_time;
    DirtyMode mode;
    gint64 sample_pages;
    gboolean compression;
} DirtyMeasurementRequest;

/**
 * DirtyVcpuRate: one vCPU's part of a measurement
 * @id: the vCPU's number, at most G_MAXINT32
 * @rate: its dirty page rate, MiB/s
 * @n_dirty: pages that this vCPU was the first to dirty, by each reading of the
 * measurement, never falling; NULL where only its rate is known
 */
typedef struct {
    gint64 id;
    double rate;
    guint64 *n_dirty;
} DirtyVcpuRate;

/**
 * DirtyCompression: what one method of compression made of sampled pages
 * @method: its name, as in QEMU's MultiFDCompression
 * @n_pages: pages compressed, none of them a zero page; above 0
 * @ratio: bytes that went in by bytes that came out; above 0
 * @speed: MiB of pages compressed in one second of CPU time; above 0
 */
typedef struct {
    char method[DIRTY_COMPRESSION_NAME_SIZE];
    guint64 n_pages;
    double ratio;
    double speed;
} DirtyCompression;

/**
 * DirtyMeasurement: one measurement, finished or not
 * @status: how far it is; only a measured one carries the members from
 * @has_rate on
 * @mode: how it counts dirty pages
 * @start_time: when it began, s since the epoch on the host; 0 where that is
 * not known
 * @calc_time: its length, ms; the time asked for until it is measured, then the
 * time really spent
 * @sample_pages: sampled pages per GiB of guest memory; 0 outside page-sampling
 * @has_rate: whether @rate is known
 * @rate: dirty page rate over the whole measurement, MiB/s
 * @has_rate_bounds: whether @rate_low and @rate_high are known
 * @rate_low: lower bound of @rate at 95 % confidence, MiB/s; at most @rate
 * @rate_high: upper bound of @rate at 95 % confidence, MiB/s; at least @rate
 * @has_counts: whether the five members from @page_size on and the two arrays
 * are known; QEMU without our patch gives none of them
 * @page_size: bytes of one page; a power of two
 * @n_total: pages of guest memory
 * @n_sampled: pages looked at, at most @n_total; equal to it in modes that
 * count exactly
 * @n_zero: of @n_sampled, pages that held only zero bytes at the start; in
 * modes that count exactly an estimate, from dirty_zero_samples() pages
 * @zero_unknown: whether @n_zero is 0 only because nobody looked
 * @has_zero_parts: whether @zero_parts is known
 * @zero_parts: how many of @n_zero lie in each part of the memory, in the order
 * in which it is migrated (dirty_zero_part()); together they are @n_zero
 * @n_periods: readings taken, at most DIRTY_PERIODS_MAX
 * @periods: time of each reading after the start, ms, rising; @n_periods long
 * @n_dirty: of @n_sampled, pages that had changed by each reading, never
 * falling; @n_periods long
 * @n_vcpus: vCPUs in @vcpus; 0 where the mode cannot tell them apart
 * @vcpus: each vCPU's part; @n_vcpus long; what devices write belongs to none
 * @n_compressions: methods in @compressions; 0 where it was not asked for
 * @compressions: each method's result; @n_compressions long
 */
typedef struct {
    DirtyStatus status;
    DirtyMode mode;
    gint64 start_time;
    gint64 calc_time;
    guint64 sample_pages;

    gboolean has_rate;
    double rate;
    gboolean has_rate_bounds;
    double rate_low;
    double rate_high;

    gboolean has_counts;
    guint64 page_size;
    guint64 n_total;
    guint64 n_sampled;
    guint64 n_zero;
    gboolean zero_unknown;
    gboolean has_zero_parts;
    guint64 zero_parts[DIRTY_ZERO_PARTS];
    gsize n_periods;
    gint64 *periods;
    guint64 *n_dirty;

    gsize n_vcpus;
    DirtyVcpuRate *vcpus;

    gsize n_compressions;
    DirtyCompression *compressions;
} DirtyMeasurement;

const char *dirty_status_to_string(DirtyStatus status);
gboolean dirty_status_from_string(const char *name, DirtyStatus *status);

gboolean dirty_calc_time_check(gint64 calc_time, GError **error);
gboolean dirty_sample_pages_check(gint64 sample_pages, GError **error);
gboolean dirty_measurement_request_check(const DirtyMeasurementRequest *request,
                                         GError **error);
guint64 dirty_zero_samples(guint64 n_pages);
guint dirty_zero_part(guint64 page, guint64 n_pages);
void dirty_zero_part_sizes(guint64 n_pages, guint64 *sizes);
gsize dirty_periods(gint64 calc_time, gint64 periods[DIRTY_PERIODS_MAX]);

DirtyMeasurement *dirty_measurement_new(void);
void dirty_measurement_free(DirtyMeasurement *measurement);
gboolean dirty_measurement_check(const DirtyMeasurement *measurement,
                                 GError **error);
gboolean dirty_measurement_check_measured(const DirtyMeasurement *measurement,
                                          GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DirtyMeasurement, dirty_measurement_free)

G_END_DECLS

#endif
