/*
 * remote_driver_dirty.h: client side of the libvirt-dirty RPC program
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Function bodies, like the generated *_client_bodies.h: remote_driver.c
 * includes them after the static helpers they need.
 */

#pragma once

/*
 * A daemon without libvirt-dirty says it cannot find the program. The error
 * carries nothing but VIR_ERR_RPC and a text that may be translated, in which
 * the program's number stands in any language.
 */
static void
remoteDirtyExplainError(virConnectPtr conn)
{
    g_autofree char *program = g_strdup_printf("%d", DIRTY_PROGRAM);
    g_autofree char *uri = NULL;

    if (virGetLastErrorCode() != VIR_ERR_RPC ||
        !strstr(virGetLastErrorMessage(), program))
        return;

    uri = virURIFormat(conn->uri);
    virReportError(VIR_ERR_NO_SUPPORT,
                   _("the daemon behind '%1$s' cannot measure dirty page rates: install a libvirt with libvirt-dirty on its host and restart the daemon"),
                   NULLSTR(uri));
}


static int
remoteDomainGetDirtyRate(virDomainPtr domain,
                         virTypedParameterPtr params,
                         int nparams,
                         virTypedParameterPtr *result,
                         int *nresult,
                         unsigned int flags)
{
    dirty_domain_get_dirty_rate_args args = { 0 };
    g_auto(dirty_domain_get_dirty_rate_ret) ret = { 0 };
    struct private_data *priv = domain->conn->privateData;
    int rv;
    VIR_LOCK_GUARD lock = remoteDriverLock(priv);

    make_nonnull_domain(&args.dom, domain);
    args.flags = flags;

    if (virTypedParamsSerialize(params, nparams,
                                DIRTY_DOMAIN_GET_DIRTY_RATE_PARAMS_MAX,
                                (struct _virTypedParameterRemote **) &args.params.params_val,
                                &args.params.params_len,
                                VIR_TYPED_PARAM_STRING_OKAY) < 0)
        return -1;

    rv = call(domain->conn, priv, REMOTE_CALL_DIRTY, DIRTY_PROC_DOMAIN_GET_DIRTY_RATE,
              (xdrproc_t) xdr_dirty_domain_get_dirty_rate_args, (char *) &args,
              (xdrproc_t) xdr_dirty_domain_get_dirty_rate_ret, (char *) &ret);

    virTypedParamsRemoteFree((struct _virTypedParameterRemote *) args.params.params_val,
                             args.params.params_len);

    if (rv < 0) {
        remoteDirtyExplainError(domain->conn);
        return -1;
    }

    /* a cancelled measurement has no result, and no place for one is needed */
    if (flags & VIR_DOMAIN_DIRTY_RATE_CANCEL)
        return 0;

    return virTypedParamsDeserialize((struct _virTypedParameterRemote *) ret.result.result_val,
                                     ret.result.result_len,
                                     DIRTY_DOMAIN_GET_DIRTY_RATE_RESULT_MAX,
                                     result, nresult);
}
