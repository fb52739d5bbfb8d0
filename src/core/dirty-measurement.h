/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a dirty page rate measurement is asked for, and what it gives.
 */
#ifndef DIRTY_MEASUREMENT_H
#define DIRTY_MEASUREMENT_H

#include <glib.h>

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
 * Most readings one measurement can take: the growing periods up to the longest
 * one.
 */
#define DIRTY_PERIODS_MAX 32

/*
 * How dirty pages are found. The names are those of QEMU's
 * DirtyRateMeasureMode.
 */
typedef enum {
    DIRTY_MODE_PAGE_SAMPLING,
    DIRTY_MODE_DIRTY_BITMAP,
    DIRTY_MODE_DIRTY_RING,
    DIRTY_MODE_LAST
} DirtyMode;

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

/**
 * DirtyMeasurementRequest: what a measurement shall be
 * @calc_time: its length, ms, DIRTY_CALC_TIME_MIN_MS..DIRTY_CALC_TIME_MAX_MS
 * @mode: how dirty pages are counted
 * @sample_pages: sampled pages per GiB of guest memory,
 * DIRTY_SAMPLE_PAGES_MIN..DIRTY_SAMPLE_PAGES_MAX, or 0 for QEMU's default; only
 * with DIRTY_MODE_PAGE_SAMPLING
 */
typedef struct {
    gint64 calc_time;
    DirtyMode mode;
    gint64 sample_pages;
} DirtyMeasurementRequest;

/**
 * DirtyVcpuRate: one vCPU's part of a measurement
 * @id: the vCPU's number
 * @rate: its dirty page rate, MiB/s
 */
typedef struct {
    gint64 id;
    double rate;
} DirtyVcpuRate;

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
 * @has_counts: whether the five members from @page_size on and the two arrays
 * are known; QEMU without our patch gives none of them
 * @page_size: bytes of one page; a power of two
 * @n_total: pages of guest memory
 * @n_sampled: pages looked at, at most @n_total; equal to it in modes that
 * count exactly
 * @n_zero: of @n_sampled, pages that held only zero bytes at the start
 * @n_periods: readings taken, at most DIRTY_PERIODS_MAX
 * @periods: time of each reading after the start, ms, rising; @n_periods long
 * @n_dirty: of @n_sampled, pages that had changed by each reading, never
 * falling; @n_periods long
 * @n_vcpus: vCPUs in @vcpus; 0 where the mode cannot tell them apart
 * @vcpus: each vCPU's rate; @n_vcpus long
 */
typedef struct {
    DirtyStatus status;
    DirtyMode mode;
    gint64 start_time;
    gint64 calc_time;
    guint64 sample_pages;

    gboolean has_rate;
    double rate;

    gboolean has_counts;
    guint64 page_size;
    guint64 n_total;
    guint64 n_sampled;
    guint64 n_zero;
    gsize n_periods;
    gint64 *periods;
    guint64 *n_dirty;

    gsize n_vcpus;
    DirtyVcpuRate *vcpus;
} DirtyMeasurement;

const char *dirty_mode_to_string(DirtyMode mode);
gboolean dirty_mode_from_string(const char *name, DirtyMode *mode,
                                GError **error);
const char *dirty_status_to_string(DirtyStatus status);
gboolean dirty_status_from_string(const char *name, DirtyStatus *status);

gboolean dirty_calc_time_check(gint64 calc_time, GError **error);
gboolean dirty_sample_pages_check(gint64 sample_pages, GError **error);
gboolean dirty_measurement_request_check(const DirtyMeasurementRequest *request,
                                         GError **error);
gsize dirty_periods(gint64 calc_time, gint64 periods[DIRTY_PERIODS_MAX]);

DirtyMeasurement *dirty_measurement_new(void);
void dirty_measurement_free(DirtyMeasurement *measurement);
gboolean dirty_measurement_check(const DirtyMeasurement *measurement,
                                 GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DirtyMeasurement, dirty_measurement_free)

G_END_DECLS

#endif
