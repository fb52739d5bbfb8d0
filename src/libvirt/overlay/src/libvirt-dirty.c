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
