/* -*- c -*-
 * libvirt-dirty.h: dirty page rate of running guests
 * Summary: dirty page rate interfaces
 * Description: Provides the interfaces of the libvirt-dirty library, which
 *              tell how fast a guest dirties its memory, hold its vCPUs at
 *              a limit, and predict its migration
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef LIBVIRT_DIRTY_H
# define LIBVIRT_DIRTY_H

# include <libvirt/libvirt.h>

# ifdef __cplusplus
extern "C" {
# endif

/**
 * virDomainDirtyRateFlags:
 *
 * Flags of virDomainGetDirtyRate(). At most one of them can be given.
 *
 * Since: 11.4.0
 */
typedef enum {
    VIR_DOMAIN_DIRTY_RATE_NOWAIT = 1 << 0, /* start a measurement and do not wait for its end (Since: 11.4.0) */
    VIR_DOMAIN_DIRTY_RATE_LAST = 1 << 1, /* start nothing, read the last or running measurement (Since: 11.4.0) */
    VIR_DOMAIN_DIRTY_RATE_CANCEL = 1 << 2, /* end the running measurement without a result (Since: 11.4.0) */
} virDomainDirtyRateFlags;


/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_CALC_TIME:
 *
 * Length of the measurement in ms. In: VIR_TYPED_PARAM_UINT, 50 to 60000,
 * default 1000. Out: VIR_TYPED_PARAM_ULLONG, the time asked for while the
 * measurement runs and the time it really took once it has ended. Time in
 * which the guest was paused does not count, if the hypervisor reports counts
 * of pages.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_CALC_TIME "calc-time"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_MODE:
 *
 * How dirty pages are counted, as VIR_TYPED_PARAM_STRING: "page-sampling",
 * "dirty-bitmap" or "dirty-ring". In: also "auto" (default), which chooses
 * the one that costs the guest least. Out: the one that was used.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_MODE "mode"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_SAMPLE_PAGES:
 *
 * Sampled pages per GiB of guest memory; only in page-sampling mode. In:
 * VIR_TYPED_PARAM_UINT, 128 to 16384, default 512. Out:
 * VIR_TYPED_PARAM_ULLONG.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_SAMPLE_PAGES "sample-pages"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION:
 *
 * Whether to try as well how far and how fast the sampled pages can be
 * compressed, as VIR_TYPED_PARAM_BOOLEAN, default false; only in
 * page-sampling mode. In only.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION "compression"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_STATUS:
 *
 * How far the measurement is, as VIR_TYPED_PARAM_STRING: "unstarted" (there
 * is none; nothing else is reported), "measuring" or "measured".
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_STATUS "status"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_START_TIME:
 *
 * When the measurement began, in s since the epoch by the host's clock, as
 * VIR_TYPED_PARAM_LLONG. Absent if the hypervisor does not tell.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_START_TIME "start-time"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_RATE:
 *
 * Dirty page rate over the whole measurement in MiB/s, as
 * VIR_TYPED_PARAM_DOUBLE: distinct pages dirtied, by the time it took.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_RATE "rate"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_RATE_LOW:
 *
 * Lower bound of the rate at 95 % confidence in MiB/s, as
 * VIR_TYPED_PARAM_DOUBLE; the rate itself in the modes that count all pages,
 * which have no sampling error. Present only if the hypervisor reports counts of
 * pages.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_RATE_LOW "rate.low"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_RATE_HIGH:
 *
 * Upper bound of the rate at 95 % confidence in MiB/s, as
 * VIR_TYPED_PARAM_DOUBLE; see the lower bound. Present only if the hypervisor reports counts of
 * pages.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_RATE_HIGH "rate.high"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_PAGE_SIZE:
 *
 * Size of the pages counted in bytes, as VIR_TYPED_PARAM_ULLONG. Present
 * only if the hypervisor reports counts of pages.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_PAGE_SIZE "page-size"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_PAGES_TOTAL:
 *
 * Pages of guest memory, as VIR_TYPED_PARAM_ULLONG. Present only if the
 * hypervisor reports counts of pages.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_PAGES_TOTAL "pages.total"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_PAGES_SAMPLED:
 *
 * Pages whose changes were looked for, as VIR_TYPED_PARAM_ULLONG: a sample in
 * page-sampling mode, all of "pages.total" in the others. Present only if the
 * hypervisor reports counts of pages.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_PAGES_SAMPLED "pages.sampled"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_PAGES_ZERO:
 *
 * Of "pages.sampled", the pages that held only zero bytes at the start, as
 * VIR_TYPED_PARAM_ULLONG; an estimate in the modes that count all pages.
 * Present only if the hypervisor reports counts of pages.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_PAGES_ZERO "pages.zero"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_COUNT:
 *
 * Number of readings taken during the measurement, as VIR_TYPED_PARAM_UINT.
 * Present only if the hypervisor reports counts of pages.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_COUNT "period.count"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_PREFIX:
 *
 * The parameter name prefix of each reading. Concatenate the prefix, the
 * number of the reading, from 0 to "period.count" less one, and one of the
 * period suffix parameters to form a complete parameter name.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_PREFIX "period."

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_TIME:
 *
 * Time from the start of the measurement to the reading in ms, as
 * VIR_TYPED_PARAM_ULLONG; rises from reading to reading.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_TIME ".time"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_DIRTY_PAGES:
 *
 * Of "pages.sampled", the pages that had changed by the reading, as
 * VIR_TYPED_PARAM_ULLONG; never falls.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_DIRTY_PAGES ".dirty-pages"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_PAGES:
 *
 * Estimate of the guest's pages that had changed by the reading, as
 * VIR_TYPED_PARAM_DOUBLE.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_PAGES ".pages"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_PAGES_LOW:
 *
 * Lower bound of that estimate at 95 % confidence, as VIR_TYPED_PARAM_DOUBLE.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_PAGES_LOW ".pages.low"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_PAGES_HIGH:
 *
 * Upper bound of that estimate at 95 % confidence, as VIR_TYPED_PARAM_DOUBLE.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_PAGES_HIGH ".pages.high"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_COUNT:
 *
 * Number of vCPUs with a rate of their own, as VIR_TYPED_PARAM_UINT. Present
 * only where vCPUs can be told apart: in dirty-ring mode, and without KVM in
 * dirty-bitmap mode as well.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_COUNT "vcpu.count"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_PREFIX:
 *
 * The parameter name prefix of each vCPU. Concatenate the prefix, a number
 * from 0 to "vcpu.count" less one, and one of the vCPU suffix parameters to
 * form a complete parameter name.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_PREFIX "vcpu."

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_ID:
 *
 * The vCPU's number, as VIR_TYPED_PARAM_UINT.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_ID ".id"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_RATE:
 *
 * The vCPU's dirty page rate in MiB/s, as VIR_TYPED_PARAM_DOUBLE: pages it was
 * the first to dirty. Pages that devices dirty belong to no vCPU, so the
 * rates of all vCPUs can be less than "rate".
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_RATE ".rate"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_PERIOD:
 *
 * Stands between a vCPU's number and that of a reading in the name of the
 * pages that the vCPU was the first to dirty by that reading, which is
 * VIR_TYPED_PARAM_ULLONG and never falls. Behind the reading's number comes
 * VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_DIRTY_PAGES. Present only if the
 * hypervisor reports counts of pages.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_PERIOD ".period."

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_COUNT:
 *
 * Number of compression methods tried, as VIR_TYPED_PARAM_UINT. Present only
 * if that was asked for, and if any sampled page was not all zeros.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_COUNT "compression.count"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_PREFIX:
 *
 * The parameter name prefix of each method. Concatenate the prefix, a number
 * from 0 to "compression.count" less one, and one of the compression suffix
 * parameters to form a complete parameter name.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_PREFIX "compression."

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_SUFFIX_METHOD:
 *
 * Name of the method as VIR_TYPED_PARAM_STRING, such as "zlib" or "zstd".
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_SUFFIX_METHOD ".method"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_SUFFIX_PAGES:
 *
 * Number of sampled pages compressed, none of them all zeros, as
 * VIR_TYPED_PARAM_ULLONG.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_SUFFIX_PAGES ".pages"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_SUFFIX_RATIO:
 *
 * Bytes before compression by bytes after it, as VIR_TYPED_PARAM_DOUBLE.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_SUFFIX_RATIO ".ratio"

/**
 * VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_SUFFIX_SPEED:
 *
 * MiB of guest memory compressed in one second of CPU time, as
 * VIR_TYPED_PARAM_DOUBLE.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_SUFFIX_SPEED ".speed"

int virDomainGetDirtyRate(virDomainPtr domain,
                          virTypedParameterPtr params,
                          int nparams,
                          virTypedParameterPtr *result,
                          int *nresult,
                          unsigned int flags);

/**
 * VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_SCOPE:
 *
 * What the limits are kept by, as VIR_TYPED_PARAM_STRING: "vcpu" (each vCPU
 * rests for what it has dirtied itself) or "guest" (the writes of vCPUs cannot
 * be told apart: all of them together get the sum of their limits, and rest
 * together). Present only for a running domain of which a vCPU is limited.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_SCOPE "scope"

/**
 * VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_COUNT:
 *
 * Number of vCPUs reported, as VIR_TYPED_PARAM_UINT.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_COUNT "vcpu.count"

/**
 * VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_PREFIX:
 *
 * The parameter name prefix of each vCPU. Concatenate the prefix, a number
 * from 0 to "vcpu.count" less one, and one of the vCPU suffix parameters to
 * form a complete parameter name.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_PREFIX "vcpu."

/**
 * VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_SUFFIX_ID:
 *
 * The vCPU's number, as VIR_TYPED_PARAM_UINT.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_SUFFIX_ID ".id"

/**
 * VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_SUFFIX_LIMIT:
 *
 * The limit of the vCPU's dirty page rate in MiB/s, as
 * VIR_TYPED_PARAM_ULLONG; 0 means it has none. For a running domain it is the
 * limit in force, which a migration with limits of its own may have set lower.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_SUFFIX_LIMIT ".limit"

/**
 * VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_SUFFIX_RATE:
 *
 * The vCPU's dirty page rate in the last second in MiB/s, as
 * VIR_TYPED_PARAM_DOUBLE; with the scope "guest" the same share of the guest's
 * rate for each vCPU. Present only for a limited vCPU of a running domain.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_SUFFIX_RATE ".rate"

/**
 * VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_SUFFIX_RESTING_SHARE:
 *
 * Share of the last second, from 0 to 1, in which the vCPU rested because of
 * its limit, as VIR_TYPED_PARAM_DOUBLE. Present only for a limited vCPU of a
 * running domain, and only if the hypervisor reports it.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_SUFFIX_RESTING_SHARE ".resting-share"

/**
 * VIR_DOMAIN_STATS_DIRTYLIMIT_SCOPE:
 *
 * In the statistics of VIR_DOMAIN_STATS_DIRTYLIMIT, what
 * VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_SCOPE is, as VIR_TYPED_PARAM_STRING.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_STATS_DIRTYLIMIT_SCOPE "dirtylimit.scope"

/**
 * VIR_DOMAIN_STATS_DIRTYLIMIT_VCPU_PREFIX:
 *
 * The parameter name prefix of each limited vCPU in the statistics.
 * Concatenate the prefix, the vCPU's number, and one of the suffix parameters
 * to form a complete parameter name.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_STATS_DIRTYLIMIT_VCPU_PREFIX "dirtylimit.vcpu."

/**
 * VIR_DOMAIN_STATS_DIRTYLIMIT_VCPU_SUFFIX_LIMIT:
 *
 * What VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_SUFFIX_LIMIT is, in MiB/s, as
 * VIR_TYPED_PARAM_ULLONG.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_STATS_DIRTYLIMIT_VCPU_SUFFIX_LIMIT ".limit"

/**
 * VIR_DOMAIN_STATS_DIRTYLIMIT_VCPU_SUFFIX_RATE:
 *
 * What VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_SUFFIX_RATE is, in MiB/s, as
 * VIR_TYPED_PARAM_DOUBLE.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_STATS_DIRTYLIMIT_VCPU_SUFFIX_RATE ".rate"

/**
 * VIR_DOMAIN_STATS_DIRTYLIMIT_VCPU_SUFFIX_RESTING_SHARE:
 *
 * What VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_SUFFIX_RESTING_SHARE is, from 0
 * to 1, as VIR_TYPED_PARAM_DOUBLE.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_STATS_DIRTYLIMIT_VCPU_SUFFIX_RESTING_SHARE ".resting_share"

int virDomainSetVcpuDirtyLimit(virDomainPtr domain,
                               int vcpu,
                               unsigned long long rate,
                               unsigned int flags);

int virDomainGetVcpuDirtyLimit(virDomainPtr domain,
                               virTypedParameterPtr *result,
                               int *nresult,
                               unsigned int flags);

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_LIST_MAX:
 *
 * Most bandwidths, and most downtime limits, that one call of
 * virDomainMigratePredict() takes.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_LIST_MAX 1024

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELLS_MAX:
 *
 * Most predictions that one call of virDomainMigratePredict() makes: the
 * number of bandwidths by that of downtime limits.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELLS_MAX 4096

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PARAM_BANDWIDTH:
 *
 * What the network lets through of the migration's data in MiB/s, without what
 * headers take of it, as VIR_TYPED_PARAM_DOUBLE; above 0. It can be given up
 * to VIR_DOMAIN_MIGRATE_PREDICT_LIST_MAX times, and each is predicted for.
 * Default: the domain's maximum migration bandwidth, see
 * virDomainMigrateSetMaxSpeed(); it has to be given if that is unlimited.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PARAM_BANDWIDTH "bandwidth"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PARAM_DOWNTIME:
 *
 * How long the guest may stand still at the end of its migration in ms, as
 * VIR_TYPED_PARAM_ULLONG, see virDomainMigrateSetMaxDowntime(); above 0, and
 * 18446744073709551615 is any time. It can be given up to
 * VIR_DOMAIN_MIGRATE_PREDICT_LIST_MAX times, and each is predicted for.
 * Default: the domain's current one.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PARAM_DOWNTIME "downtime"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PARAM_CALC_TIME:
 *
 * Length of the measurement in ms, as VIR_TYPED_PARAM_UINT, 50 to 60000,
 * default 1000. A migration that takes much longer than its guest was measured
 * for can be predicted only roughly, which its bounds tell.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PARAM_CALC_TIME "calc-time"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MODE:
 *
 * How dirty pages are counted in the measurement, as VIR_TYPED_PARAM_STRING,
 * see VIR_DOMAIN_DIRTY_RATE_PARAM_MODE; default "auto".
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MODE "mode"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PARAM_SAMPLE_PAGES:
 *
 * Sampled pages per GiB of guest memory in the measurement, as
 * VIR_TYPED_PARAM_UINT, see VIR_DOMAIN_DIRTY_RATE_PARAM_SAMPLE_PAGES. Default:
 * as many as make 16384 in all, but at least 512.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PARAM_SAMPLE_PAGES "sample-pages"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MAX_AGE:
 *
 * If the domain's last measurement ended at most so long ago, in s, predict
 * from it and do not measure, as VIR_TYPED_PARAM_UINT; default 0, which always
 * measures. What else is asked of a measurement counts only for a new one. A
 * hypervisor that does not tell when it has measured measures anew.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MAX_AGE "max-age"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PARAM_BOUNDS:
 *
 * Whether the predictions shall have bounds, as VIR_TYPED_PARAM_BOOLEAN,
 * default true.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PARAM_BOUNDS "bounds"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MAX_BANDWIDTH:
 *
 * Limit of the migration's own bandwidth in MiB/s, which
 * VIR_MIGRATE_PARAM_BANDWIDTH is for virDomainMigrate3(), as
 * VIR_TYPED_PARAM_ULLONG. It does not hold in the time the guest stands still.
 * Default: the domain's maximum migration bandwidth.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MAX_BANDWIDTH "max-bandwidth"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PARAM_DIRTY_LIMIT:
 *
 * Predict for vCPUs each held at this dirty page rate before the migration
 * starts, in MiB/s, as VIR_TYPED_PARAM_ULLONG, 1 to 1048576, see
 * virDomainSetVcpuDirtyLimit(). Excludes VIR_MIGRATE_AUTO_CONVERGE.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PARAM_DIRTY_LIMIT "dirty-limit"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PARAM_LATENCY:
 *
 * Time from this host to the destination and back in ms, as
 * VIR_TYPED_PARAM_DOUBLE, default 0. What a guest has to wait for after
 * VIR_MIGRATE_POSTCOPY depends on it.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PARAM_LATENCY "latency"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_MEASUREMENT_PREFIX:
 *
 * The parameter name prefix of the measurement that the predictions rest on:
 * behind it stand the names and values that virDomainGetDirtyRate() gives, and
 * "age".
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_MEASUREMENT_PREFIX "measurement."

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_MEASUREMENT_AGE:
 *
 * How long ago that measurement ended in s, as VIR_TYPED_PARAM_ULLONG; 0 if it
 * was made by this call.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_MEASUREMENT_AGE "measurement.age"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_SETTING_LOG:
 *
 * How the guest's writes will be logged during the migration, as
 * VIR_TYPED_PARAM_STRING: "lazy-bitmap" or "ring" (KVM), or "tcg".
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_SETTING_LOG "setting.log"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_SETTING_VCPUS:
 *
 * Number of vCPUs of the guest, as VIR_TYPED_PARAM_UINT.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_SETTING_VCPUS "setting.vcpus"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_SETTING_VCPU_LOAD:
 *
 * Share of the time, from 0 to 1, in which the busiest vCPU ran or wanted to
 * since the measurement began, as VIR_TYPED_PARAM_DOUBLE; 1 if that is not
 * known. A vCPU with time to spare catches up with what throttling takes.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_SETTING_VCPU_LOAD "setting.vcpu-load"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_SETTING_FREE_PAGE_SHARE:
 *
 * Share of the guest's pages, from 0 to 1, that it would tell to be free, as
 * VIR_TYPED_PARAM_DOUBLE: its balloon has free page hints on, and its
 * statistics say how much memory is free. These are not sent in the first
 * pass.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_SETTING_FREE_PAGE_SHARE "setting.free-page-share"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_SETTING_DEVICE_STATE:
 *
 * Assumed size of the state of the guest's devices in bytes, as
 * VIR_TYPED_PARAM_DOUBLE.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_SETTING_DEVICE_STATE "setting.device-state"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_SETTING_MAX_BANDWIDTH:
 *
 * Limit of the migration's own bandwidth in MiB/s, as VIR_TYPED_PARAM_DOUBLE.
 * Absent if there is none.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_SETTING_MAX_BANDWIDTH "setting.max-bandwidth"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_SETTING_SWITCHOVER_BANDWIDTH:
 *
 * Bandwidth by which the hypervisor will decide whether the rest fits into the
 * downtime in MiB/s, as VIR_TYPED_PARAM_DOUBLE. Absent if it goes by what it
 * measures.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_SETTING_SWITCHOVER_BANDWIDTH "setting.switchover-bandwidth"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_SETTING_THROTTLE:
 *
 * How vCPUs are made to write less, as VIR_TYPED_PARAM_STRING: "none", "auto-
 * converge" or "dirty-limit".
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_SETTING_THROTTLE "setting.throttle"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_SETTING_THROTTLE_INITIAL:
 *
 * First share of its time, from 0 to 1, that auto-converge takes from a vCPU,
 * as VIR_TYPED_PARAM_DOUBLE. Present only with auto-converge.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_SETTING_THROTTLE_INITIAL "setting.throttle.initial"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_SETTING_THROTTLE_INCREMENT:
 *
 * What auto-converge takes more each time, as VIR_TYPED_PARAM_DOUBLE. Present
 * only with auto-converge.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_SETTING_THROTTLE_INCREMENT "setting.throttle.increment"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_SETTING_THROTTLE_MAX:
 *
 * Most that auto-converge takes, as VIR_TYPED_PARAM_DOUBLE. Present only with
 * auto-converge.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_SETTING_THROTTLE_MAX "setting.throttle.max"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_SETTING_DIRTY_LIMIT:
 *
 * Limit of each vCPU's dirty page rate in MiB/s, as VIR_TYPED_PARAM_DOUBLE.
 * Present only if one was asked for.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_SETTING_DIRTY_LIMIT "setting.dirty-limit"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_SETTING_CHANNELS:
 *
 * Number of parallel connections, as VIR_TYPED_PARAM_UINT. Present only with
 * VIR_MIGRATE_PARALLEL.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_SETTING_CHANNELS "setting.channels"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_SETTING_LATENCY:
 *
 * Time to the destination and back in ms, as VIR_TYPED_PARAM_DOUBLE.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_SETTING_LATENCY "setting.latency"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_SETTING_COMPRESSION_RATIO:
 *
 * Bytes of guest memory by bytes sent for them, as VIR_TYPED_PARAM_DOUBLE.
 * Present only with VIR_MIGRATE_COMPRESSED.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_SETTING_COMPRESSION_RATIO "setting.compression.ratio"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_SETTING_COMPRESSION_SPEED:
 *
 * MiB of guest memory that all connections together compress in a second, as
 * VIR_TYPED_PARAM_DOUBLE. Present only with VIR_MIGRATE_COMPRESSED.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_SETTING_COMPRESSION_SPEED "setting.compression.speed"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_COUNT:
 *
 * Number of predictions, as VIR_TYPED_PARAM_UINT: one for each bandwidth with
 * each downtime limit, in the order they were given; all downtime limits with
 * the first bandwidth come first.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_COUNT "cell.count"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_PREFIX:
 *
 * The parameter name prefix of each prediction. Concatenate the prefix, the
 * number of the prediction, from 0 to "cell.count" less one, and one of the
 * cell suffix parameters to form a complete parameter name.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_PREFIX "cell."

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_BANDWIDTH:
 *
 * The bandwidth predicted for in MiB/s, as VIR_TYPED_PARAM_DOUBLE.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_BANDWIDTH ".bandwidth"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_DOWNTIME_LIMIT:
 *
 * The downtime limit predicted for in ms, as VIR_TYPED_PARAM_ULLONG.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_DOWNTIME_LIMIT ".downtime-limit"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_CONVERGES:
 *
 * Whether the migration comes to its end, as VIR_TYPED_PARAM_BOOLEAN.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_CONVERGES ".converges"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_VERDICT:
 *
 * Whether it does, or why it does not, as VIR_TYPED_PARAM_STRING: "converges";
 * "dirties-too-fast" (memory is dirtied faster than it is sent); "downtime-
 * too-short" (what is dirtied while the least is sent takes longer to send
 * than the limit); "throttle-exhausted" (the guest cannot be slowed down any
 * further); "time-limit" (it would take more than an hour, and more than ten
 * times as long as sending all memory once).
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_VERDICT ".verdict"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_CERTAINTY:
 *
 * Share, from 0 to 1, of the ways the guest could have been measured that give
 * this verdict, as VIR_TYPED_PARAM_DOUBLE. Present only with bounds.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_CERTAINTY ".certainty"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_TIME:
 *
 * How long the migration takes in ms, as VIR_TYPED_PARAM_DOUBLE. Absent if it
 * does not converge.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_TIME ".time"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_TIME_LOW:
 *
 * Lower bound of that at 95 % confidence, as VIR_TYPED_PARAM_DOUBLE. Present
 * only with bounds.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_TIME_LOW ".time.low"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_TIME_HIGH:
 *
 * Upper bound of that at 95 % confidence, as VIR_TYPED_PARAM_DOUBLE; infinite
 * if it may not converge. Present only with bounds.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_TIME_HIGH ".time.high"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_DOWNTIME:
 *
 * How long the guest stands still in ms, as VIR_TYPED_PARAM_DOUBLE; with
 * VIR_MIGRATE_POSTCOPY at the switch. Absent if the migration does not
 * converge.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_DOWNTIME ".downtime"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_DOWNTIME_LOW:
 *
 * Lower bound of that at 95 % confidence, as VIR_TYPED_PARAM_DOUBLE. Present
 * only with bounds.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_DOWNTIME_LOW ".downtime.low"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_DOWNTIME_HIGH:
 *
 * Upper bound of that at 95 % confidence, as VIR_TYPED_PARAM_DOUBLE; infinite
 * if it may not converge. Present only with bounds.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_DOWNTIME_HIGH ".downtime.high"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_PASSES:
 *
 * How many times the guest's memory is gone through, as
 * VIR_TYPED_PARAM_DOUBLE.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_PASSES ".passes"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_PASSES_LOW:
 *
 * Lower bound of that at 95 % confidence, as VIR_TYPED_PARAM_DOUBLE. Present
 * only with bounds.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_PASSES_LOW ".passes.low"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_PASSES_HIGH:
 *
 * Upper bound of that at 95 % confidence, as VIR_TYPED_PARAM_DOUBLE. Present
 * only with bounds.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_PASSES_HIGH ".passes.high"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_BYTES:
 *
 * Bytes sent, as VIR_TYPED_PARAM_DOUBLE; if the migration does not converge,
 * until that is sure.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_BYTES ".bytes"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_BYTES_LOW:
 *
 * Lower bound of that at 95 % confidence, as VIR_TYPED_PARAM_DOUBLE. Present
 * only with bounds.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_BYTES_LOW ".bytes.low"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_BYTES_HIGH:
 *
 * Upper bound of that at 95 % confidence, as VIR_TYPED_PARAM_DOUBLE. Present
 * only with bounds.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_BYTES_HIGH ".bytes.high"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_THROTTLE:
 *
 * Share of its time, from 0 to 1, that a vCPU is made to rest at the end, as
 * VIR_TYPED_PARAM_DOUBLE.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_THROTTLE ".throttle"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_THROTTLE_LOW:
 *
 * Lower bound of that at 95 % confidence, as VIR_TYPED_PARAM_DOUBLE. Present
 * only with bounds.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_THROTTLE_LOW ".throttle.low"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_THROTTLE_HIGH:
 *
 * Upper bound of that at 95 % confidence, as VIR_TYPED_PARAM_DOUBLE. Present
 * only with bounds.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_THROTTLE_HIGH ".throttle.high"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_EXTRAPOLATED:
 *
 * Whether a pass takes longer than the guest was measured for, as
 * VIR_TYPED_PARAM_BOOLEAN: then the prediction also rests on what was not
 * measured.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_EXTRAPOLATED ".extrapolated"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_SWITCH_TIME:
 *
 * Time from the start to the switch to post-copy in ms, as
 * VIR_TYPED_PARAM_DOUBLE. Present only with VIR_MIGRATE_POSTCOPY, and if the
 * migration converges, as the two that follow.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_SWITCH_TIME ".switch-time"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_POSTCOPY_TIME:
 *
 * Time from that switch to the end in ms, as VIR_TYPED_PARAM_DOUBLE.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_POSTCOPY_TIME ".postcopy-time"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_POSTCOPY_FAULTS:
 *
 * How many times the guest has to wait for a page after that switch, as
 * VIR_TYPED_PARAM_DOUBLE.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_CELL_SUFFIX_POSTCOPY_FAULTS ".postcopy-faults"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PLAN_CELL:
 *
 * Number of the prediction that the plan is for, as VIR_TYPED_PARAM_UINT: that
 * of the lowest bandwidth with the shortest downtime limit. What lets that
 * migration converge lets the others converge, too.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PLAN_CELL "plan.cell"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PLAN_BANDWIDTH:
 *
 * Least bandwidth with which that migration converges in MiB/s, as
 * VIR_TYPED_PARAM_DOUBLE. Absent if there is none.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PLAN_BANDWIDTH "plan.bandwidth"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PLAN_BANDWIDTH_SURE:
 *
 * The same so that the migration converges in 95 % of the cases in which the
 * guest was measured like this, as VIR_TYPED_PARAM_DOUBLE. Absent if there is
 * none.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PLAN_BANDWIDTH_SURE "plan.bandwidth.sure"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PLAN_DOWNTIME:
 *
 * Least downtime limit with which it converges in ms, as
 * VIR_TYPED_PARAM_DOUBLE. Absent if there is none.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PLAN_DOWNTIME "plan.downtime"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PLAN_DOWNTIME_SURE:
 *
 * The same so that the migration converges in 95 % of the cases in which the
 * guest was measured like this, as VIR_TYPED_PARAM_DOUBLE. Absent if there is
 * none.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PLAN_DOWNTIME_SURE "plan.downtime.sure"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PLAN_THROTTLE:
 *
 * Least share of their time, from 0 to 1, that auto-converge must be let take
 * from the vCPUs for it to converge, as VIR_TYPED_PARAM_DOUBLE. Absent if
 * there is none.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PLAN_THROTTLE "plan.throttle"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PLAN_THROTTLE_SURE:
 *
 * The same so that the migration converges in 95 % of the cases in which the
 * guest was measured like this, as VIR_TYPED_PARAM_DOUBLE. Absent if there is
 * none.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PLAN_THROTTLE_SURE "plan.throttle.sure"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PLAN_DIRTY_LIMIT:
 *
 * Highest limit of each vCPU's dirty page rate with which it converges in
 * MiB/s, as VIR_TYPED_PARAM_DOUBLE. Absent if there is none, or if the
 * hypervisor has no such limits.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PLAN_DIRTY_LIMIT "plan.dirty-limit"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PLAN_DIRTY_LIMIT_SURE:
 *
 * The same so that the migration converges in 95 % of the cases in which the
 * guest was measured like this, as VIR_TYPED_PARAM_DOUBLE. Absent if there is
 * none.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PLAN_DIRTY_LIMIT_SURE "plan.dirty-limit.sure"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PLAN_POSTCOPY:
 *
 * Whether post-copy is the better way, as VIR_TYPED_PARAM_BOOLEAN.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PLAN_POSTCOPY "plan.postcopy"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_PLAN_RECOMMENDATION:
 *
 * What to do, in one sentence, as VIR_TYPED_PARAM_STRING.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_PLAN_RECOMMENDATION "plan.recommendation"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_NOTE_COUNT:
 *
 * Number of notes, as VIR_TYPED_PARAM_UINT: sentences about what the
 * predictions do not know or take for granted.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_NOTE_COUNT "note.count"

/**
 * VIR_DOMAIN_MIGRATE_PREDICT_NOTE_PREFIX:
 *
 * The parameter name prefix of each note, which is VIR_TYPED_PARAM_STRING.
 * Concatenate the prefix and the number of the note, from 0 to "note.count"
 * less one, to form a complete parameter name.
 *
 * Since: 11.4.0
 */
# define VIR_DOMAIN_MIGRATE_PREDICT_NOTE_PREFIX "note."

int virDomainMigratePredict(virDomainPtr domain,
                            virTypedParameterPtr params,
                            int nparams,
                            virTypedParameterPtr *result,
                            int *nresult,
                            unsigned int flags);

# ifdef __cplusplus
}
# endif

#endif /* LIBVIRT_DIRTY_H */
