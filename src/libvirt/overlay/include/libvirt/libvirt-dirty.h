/* -*- c -*-
 * libvirt-dirty.h: dirty page rate of running guests
 * Summary: dirty page rate interfaces
 * Description: Provides the interfaces of the libvirt-dirty library, which
 *              tell how fast a guest dirties its memory, and hold its vCPUs
 *              at a limit
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

# ifdef __cplusplus
}
# endif

#endif /* LIBVIRT_DIRTY_H */
