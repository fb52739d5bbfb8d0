/*
 * libvirt-dirty.c: entry points of the libvirt-dirty library
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "datatypes.h"
#include "libvirt_internal.h"
#include "viralloc.h"
#include "virerror.h"
#include "virlog.h"
#include "virtypedparam.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN

VIR_LOG_INIT("libvirt-dirty");

/**
 * virDomainGetDirtyRate:
 * @domain: a running domain
 * @params: what the measurement shall be, or NULL for the defaults
 * @nparams: number of parameters in @params
 * @result: where to put the result, an array of typed parameters; may be
 *          NULL with VIR_DOMAIN_DIRTY_RATE_CANCEL
 * @nresult: where to put the number of parameters in @result; may be NULL
 *           with VIR_DOMAIN_DIRTY_RATE_CANCEL
 * @flags: one of virDomainDirtyRateFlags, or 0
 *
 * Measures how fast the guest dirties its memory: how many distinct pages it
 * writes to within a given time. That is what a live migration has to send
 * again.
 *
 * @params takes VIR_DOMAIN_DIRTY_RATE_PARAM_CALC_TIME (50 to 60000 ms,
 * default 1000), VIR_DOMAIN_DIRTY_RATE_PARAM_MODE (default "auto"),
 * VIR_DOMAIN_DIRTY_RATE_PARAM_SAMPLE_PAGES (128 to 16384 pages per GiB,
 * default 512) and VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION; the latter two
 * only in page-sampling mode, which they also select if no mode is given.
 *
 * The mode "auto" becomes "dirty-ring" if the guest has dirty rings and is
 * being migrated, as all its writes are logged then anyway, and otherwise
 * "page-sampling", which alone does not slow the guest down. The result says
 * which it was. A mode that the guest cannot have, or that would disturb its
 * migration, is refused.
 *
 * With @flags 0 the call starts a measurement, waits until it has ended and
 * returns its result. No job of the domain is held meanwhile, so the domain
 * can be managed and migrated as usual. The measurement is cancelled if the
 * connection breaks, and the call fails as soon as the guest stops running or
 * the measurement is cancelled. A pause of the guest does not count as time
 * of the measurement; the call fails if the guest is paused when the
 * measurement is about to end, or with a hypervisor that would count the
 * pause, as soon as it is paused. Each waiting call occupies one of the
 * daemon's workers (see max_workers and max_client_requests in the daemon's
 * configuration), so whoever watches many guests at once should start the
 * measurements with VIR_DOMAIN_DIRTY_RATE_NOWAIT.
 *
 * With VIR_DOMAIN_DIRTY_RATE_NOWAIT the call starts a measurement and returns
 * at once with the status "measuring". That measurement outlives the
 * connection.
 *
 * With VIR_DOMAIN_DIRTY_RATE_LAST the call starts nothing and returns what is
 * known about the last measurement, be it running or finished; the guest may
 * be paused. This is the only use allowed on a read-only connection.
 *
 * With VIR_DOMAIN_DIRTY_RATE_CANCEL the call ends the measurement that this
 * connection waits for, or otherwise the running one whoever has started it.
 * A call that waits for it fails with VIR_ERR_OPERATION_ABORTED. There is no
 * result: @result becomes NULL and @nresult 0. It succeeds if nothing runs.
 * With a hypervisor that cannot cancel a measurement it fails; calls that
 * wait end all the same, and their error says that the measurement goes on.
 *
 * @params must be empty with the latter two. The three flags exclude each
 * other.
 *
 * On the destination of a migration the domain can be measured once the
 * migration has ended.
 *
 * One measurement can run per domain. A second one is refused with
 * VIR_ERR_OPERATION_INVALID and a message that says how long the first will
 * take. A measurement the daemon knows nothing of, left over from before it
 * was started, is cancelled instead.
 *
 * Returns 0 on success and -1 on error. The caller releases @result with
 * virTypedParamsFree().
 *
 * Since: 11.4.0
 */
int
virDomainGetDirtyRate(virDomainPtr domain,
                      virTypedParameterPtr params,
                      int nparams,
                      virTypedParameterPtr *result,
                      int *nresult,
                      unsigned int flags)
{
    virConnectPtr conn;

    VIR_DOMAIN_DEBUG(domain, "params=%p, nparams=%d, result=%p, nresult=%p, flags=0x%x",
                     params, nparams, result, nresult, flags);
    VIR_TYPED_PARAMS_DEBUG(params, nparams);

    virResetLastError();

    if (result)
        *result = NULL;
    if (nresult)
        *nresult = 0;

    virCheckDomainReturn(domain, -1);
    conn = domain->conn;

    VIR_EXCLUSIVE_FLAGS_GOTO(VIR_DOMAIN_DIRTY_RATE_NOWAIT,
                             VIR_DOMAIN_DIRTY_RATE_LAST,
                             error);
    VIR_EXCLUSIVE_FLAGS_GOTO(VIR_DOMAIN_DIRTY_RATE_NOWAIT,
                             VIR_DOMAIN_DIRTY_RATE_CANCEL,
                             error);
    VIR_EXCLUSIVE_FLAGS_GOTO(VIR_DOMAIN_DIRTY_RATE_LAST,
                             VIR_DOMAIN_DIRTY_RATE_CANCEL,
                             error);

    if (!(flags & VIR_DOMAIN_DIRTY_RATE_LAST))
        virCheckReadOnlyGoto(conn->flags, error);

    if (!(flags & VIR_DOMAIN_DIRTY_RATE_CANCEL)) {
        virCheckNonNullArgGoto(result, error);
        virCheckNonNullArgGoto(nresult, error);
    }

    virCheckNonNegativeArgGoto(nparams, error);
    if (nparams > 0) {
        virCheckNonNullArgGoto(params, error);
        if (virTypedParameterValidateSet(conn, params, nparams) < 0)
            goto error;
    }

    if (conn->driver->domainGetDirtyRate) {
        if (conn->driver->domainGetDirtyRate(domain, params, nparams,
                                             result, nresult, flags) < 0)
            goto error;
        return 0;
    }

    virReportUnsupportedError();

 error:
    virDispatchError(conn);
    return -1;
}


/**
 * virDomainSetVcpuDirtyLimit:
 * @domain: pointer to the domain
 * @vcpu: number of the vCPU, or -1 for all vCPUs the domain can have
 * @rate: limit in MiB/s, 1 to 1048576; 0 ends the limit
 * @flags: bitwise-OR of virDomainModificationImpact
 *
 * Holds a vCPU's dirty page rate at a limit: of pages that nobody has written
 * to yet in the current second, it gets to write to so many a second, and
 * rests if it wants more. A vCPU that only reads, or writes to the same few
 * pages, does not notice. So a live migration of a guest that writes faster
 * than the network can send gets an end, while the vCPUs that do not write
 * keep their speed.
 *
 * A limit of all vCPUs (@vcpu is -1) also holds for those plugged later, and
 * so does that of a single vCPU which is unplugged and plugged again.
 *
 * VIR_DOMAIN_AFFECT_LIVE changes the running domain, at once and also while
 * it migrates; the limit goes with the domain to the destination.
 * VIR_DOMAIN_AFFECT_CONFIG changes the persistent configuration, in which it
 * is the element <dirtylimit> of <cputune>, and which the next start follows.
 * With both, either both are changed or nothing is. VIR_DOMAIN_AFFECT_CURRENT
 * changes the running domain if it runs and its configuration if not.
 *
 * The hypervisor has to be able to tell what each vCPU writes to, or else the
 * call fails with VIR_ERR_OPERATION_UNSUPPORTED and a message that says what
 * is missing: a domain that uses KVM needs a dirty ring (see <dirty-ring> of
 * <kvm>). QEMU with the libvirt-dirty patch can limit all vCPUs together
 * without one, and also domains that do not use KVM. While the domain
 * migrates with limits that the migration sets, the call fails with
 * VIR_ERR_OPERATION_INVALID.
 *
 * Returns 0 on success and -1 on error, in which case nothing has changed.
 *
 * Since: 11.4.0
 */
int
virDomainSetVcpuDirtyLimit(virDomainPtr domain,
                           int vcpu,
                           unsigned long long rate,
                           unsigned int flags)
{
    virConnectPtr conn;

    VIR_DOMAIN_DEBUG(domain, "vcpu=%d, rate=%llu, flags=0x%x", vcpu, rate, flags);

    virResetLastError();

    virCheckDomainReturn(domain, -1);
    conn = domain->conn;

    virCheckReadOnlyGoto(conn->flags, error);

    if (vcpu < -1) {
        virReportInvalidArg(vcpu,
                            _("vCPU '%1$d' in %2$s is not valid: give a vCPU's number, or -1 for all"),
                            vcpu, __FUNCTION__);
        goto error;
    }

    if (conn->driver->domainSetVcpuDirtyLimit) {
        if (conn->driver->domainSetVcpuDirtyLimit(domain, vcpu, rate, flags) < 0)
            goto error;
        return 0;
    }

    virReportUnsupportedError();

 error:
    virDispatchError(conn);
    return -1;
}


/**
 * virDomainGetVcpuDirtyLimit:
 * @domain: pointer to the domain
 * @result: where to put the limits, an array of typed parameters
 * @nresult: where to put the number of parameters in @result
 * @flags: bitwise-OR of virDomainModificationImpact
 *
 * Tells the limits that virDomainSetVcpuDirtyLimit() has set, and with
 * VIR_DOMAIN_AFFECT_LIVE also how fast the limited vCPUs dirty memory and how
 * much of their time they rest. The parameters are described at
 * VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_*. There is one entry for each vCPU that
 * is plugged, or with VIR_DOMAIN_AFFECT_CONFIG for each that the domain can
 * have. Those two flags exclude each other; VIR_DOMAIN_AFFECT_CURRENT is the
 * first if the domain runs and the second if not.
 *
 * Returns 0 on success and -1 on error. The caller releases @result with
 * virTypedParamsFree().
 *
 * Since: 11.4.0
 */
int
virDomainGetVcpuDirtyLimit(virDomainPtr domain,
                           virTypedParameterPtr *result,
                           int *nresult,
                           unsigned int flags)
{
    virConnectPtr conn;

    VIR_DOMAIN_DEBUG(domain, "result=%p, nresult=%p, flags=0x%x",
                     result, nresult, flags);

    virResetLastError();

    if (result)
        *result = NULL;
    if (nresult)
        *nresult = 0;

    virCheckDomainReturn(domain, -1);
    conn = domain->conn;

    virCheckNonNullArgGoto(result, error);
    virCheckNonNullArgGoto(nresult, error);

    VIR_EXCLUSIVE_FLAGS_GOTO(VIR_DOMAIN_AFFECT_LIVE,
                             VIR_DOMAIN_AFFECT_CONFIG,
                             error);

    if (conn->driver->domainGetVcpuDirtyLimit) {
        if (conn->driver->domainGetVcpuDirtyLimit(domain, result, nresult, flags) < 0)
            goto error;
        return 0;
    }

    virReportUnsupportedError();

 error:
    virDispatchError(conn);
    return -1;
}


/* A list that is too long is better refused here, by its name, than by what
 * carries it to the daemon. */
static int
virDomainMigratePredictCheckList(virTypedParameterPtr params,
                                 int nparams,
                                 const char *name)
{
    int nvalues = 0;
    size_t i;

    for (i = 0; i < nparams; i++) {
        if (STREQ(params[i].field, name))
            nvalues++;
    }

    if (nvalues > VIR_DOMAIN_MIGRATE_PREDICT_LIST_MAX) {
        virReportError(VIR_ERR_INVALID_ARG,
                       _("%1$d values of parameter '%2$s' are too many: give at most %3$d"),
                       nvalues, name, VIR_DOMAIN_MIGRATE_PREDICT_LIST_MAX);
        return -1;
    }

    return 0;
}


/**
 * virDomainMigratePredict:
 * @domain: a running domain
 * @params: what to predict for, or NULL for the defaults
 * @nparams: number of parameters in @params
 * @result: where to put the predictions, an array of typed parameters
 * @nresult: where to put the number of parameters in @result
 * @flags: bitwise-OR of virDomainMigrateFlags: how it would be migrated
 *
 * Predicts a live migration of the domain: whether it comes to its end, how
 * long it takes, and how long the guest stands still; for each of several
 * bandwidths of the network with each of several downtime limits. It also
 * tells what would make the migration come to its end. Nothing is migrated.
 *
 * For that the guest's dirty page rate is measured first, as
 * virDomainGetDirtyRate() does it and with the same effects: the call waits,
 * holds no job of the domain meanwhile, fails as soon as the guest stops
 * running, and is ended by virDomainGetDirtyRate() with
 * VIR_DOMAIN_DIRTY_RATE_CANCEL or if the connection breaks. Or it takes the
 * domain's last measurement if that is recent enough, see
 * VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MAX_AGE; so a measurement started with
 * VIR_DOMAIN_DIRTY_RATE_NOWAIT serves whoever does not want to wait. A
 * measurement of the guest with another amount of memory than it has now is
 * refused, and one from before limits of vCPUs were changed is not taken. A
 * hypervisor that tells only a rate and no counts of pages is measured several
 * times, which takes about twice as long, and allows no more than a rough
 * prediction.
 *
 * @params takes those described at VIR_DOMAIN_MIGRATE_PREDICT_PARAM_*, and of
 * virDomainMigrate3() VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL,
 * VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT,
 * VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS, VIR_MIGRATE_PARAM_COMPRESSION,
 * VIR_MIGRATE_PARAM_COMPRESSION_ZLIB_LEVEL,
 * VIR_MIGRATE_PARAM_COMPRESSION_ZSTD_LEVEL and
 * VIR_MIGRATE_PARAM_BANDWIDTH_AVAIL_SWITCHOVER, in the types they have there.
 * What is not given is as the domain would be migrated now.
 *
 * @flags takes VIR_MIGRATE_AUTO_CONVERGE, VIR_MIGRATE_POSTCOPY,
 * VIR_MIGRATE_PARALLEL and VIR_MIGRATE_COMPRESSED, the latter with
 * VIR_MIGRATE_PARALLEL only. VIR_MIGRATE_LIVE is implied. With
 * VIR_MIGRATE_POSTCOPY the migration is taken to be switched to post-copy
 * after its first pass. Flags that change nothing about time or downtime are
 * accepted. Those of migrations that send more than a running guest's memory
 * to another host, or in another way, cannot be predicted and are refused with
 * VIR_ERR_ARGUMENT_UNSUPPORTED: VIR_MIGRATE_NON_SHARED_DISK,
 * VIR_MIGRATE_NON_SHARED_INC, VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES,
 * VIR_MIGRATE_OFFLINE, VIR_MIGRATE_POSTCOPY_RESUME and
 * VIR_MIGRATE_RDMA_PIN_ALL.
 *
 * @result has what is described at the other VIR_DOMAIN_MIGRATE_PREDICT_*: the
 * measurement, what was assumed, the predictions, the plan and notes.
 *
 * Returns 0 on success and -1 on error, among them VIR_ERR_INVALID_ARG for a
 * value out of its range, a list that is too long, or flags and parameters
 * that do not go together; VIR_ERR_OPERATION_INVALID if the guest cannot be
 * measured now, or was measured with another amount of memory;
 * VIR_ERR_OPERATION_ABORTED if the measurement was cancelled;
 * VIR_ERR_OPERATION_UNSUPPORTED if the hypervisor lacks what @flags or
 * @params ask for; and VIR_ERR_NO_SUPPORT if the daemon cannot predict. The
 * caller releases @result with virTypedParamsFree().
 *
 * Since: 11.4.0
 */
int
virDomainMigratePredict(virDomainPtr domain,
                        virTypedParameterPtr params,
                        int nparams,
                        virTypedParameterPtr *result,
                        int *nresult,
                        unsigned int flags)
{
    virConnectPtr conn;

    VIR_DOMAIN_DEBUG(domain, "params=%p, nparams=%d, result=%p, nresult=%p, flags=0x%x",
                     params, nparams, result, nresult, flags);
    VIR_TYPED_PARAMS_DEBUG(params, nparams);

    virResetLastError();

    if (result)
        *result = NULL;
    if (nresult)
        *nresult = 0;

    virCheckDomainReturn(domain, -1);
    conn = domain->conn;

    virCheckReadOnlyGoto(conn->flags, error);
    virCheckNonNullArgGoto(result, error);
    virCheckNonNullArgGoto(nresult, error);
    virCheckNonNegativeArgGoto(nparams, error);

    if (nparams > 0) {
        virCheckNonNullArgGoto(params, error);
        if (virDomainMigratePredictCheckList(params, nparams,
                                             VIR_DOMAIN_MIGRATE_PREDICT_PARAM_BANDWIDTH) < 0 ||
            virDomainMigratePredictCheckList(params, nparams,
                                             VIR_DOMAIN_MIGRATE_PREDICT_PARAM_DOWNTIME) < 0 ||
            virTypedParameterValidateSet(conn, params, nparams) < 0)
            goto error;
    }

    if (conn->driver->domainMigratePredict) {
        if (conn->driver->domainMigratePredict(domain, params, nparams,
                                               result, nresult, flags) < 0)
            goto error;
        return 0;
    }

    virReportUnsupportedError();

 error:
    virDispatchError(conn);
    return -1;
}
