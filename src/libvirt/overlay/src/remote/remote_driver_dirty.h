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
 * Whether the last error says that the daemon does not know @procedure. A
 * daemon without libvirt-dirty cannot find the program, and one with an older
 * libvirt-dirty does not know the procedure. Both errors carry nothing but
 * VIR_ERR_RPC and a text that may be translated, in which the number stands in
 * any language; in English the latter becomes VIR_ERR_NO_SUPPORT on the way.
 */
static bool
remoteDirtyIsUnknown(int procedure)
{
    g_autofree char *program = g_strdup_printf("%d", DIRTY_PROGRAM);
    g_autofree char *number = g_strdup_printf(": %d", procedure);
    const char *message = virGetLastErrorMessage();

    if (virGetLastErrorCode() != VIR_ERR_RPC &&
        virGetLastErrorCode() != VIR_ERR_NO_SUPPORT)
        return false;

    if (virGetLastErrorDomain() != VIR_FROM_RPC)
        return false;

    return strstr(message, program) || g_str_has_suffix(message, number);
}


/* Says what to install where the daemon does not know @procedure. */
static void
remoteDirtyExplainError(virConnectPtr conn,
                        int procedure)
{
    g_autofree char *uri = NULL;

    if (!remoteDirtyIsUnknown(procedure))
        return;

    uri = virURIFormat(conn->uri);

    switch (procedure) {
    case DIRTY_PROC_DOMAIN_GET_DIRTY_RATE:
        virReportError(VIR_ERR_NO_SUPPORT,
                       _("the daemon behind '%1$s' cannot measure dirty page rates: install a libvirt with libvirt-dirty on its host and restart the daemon"),
                       NULLSTR(uri));
        break;

    case DIRTY_PROC_DOMAIN_MIGRATE_PREDICT:
        virReportError(VIR_ERR_NO_SUPPORT,
                       _("the daemon behind '%1$s' cannot predict migrations: install a libvirt with the latest libvirt-dirty on its host and restart the daemon"),
                       NULLSTR(uri));
        break;

    default:
        virReportError(VIR_ERR_NO_SUPPORT,
                       _("the daemon behind '%1$s' cannot limit dirty page rates: install a libvirt with the latest libvirt-dirty on its host and restart the daemon"),
                       NULLSTR(uri));
        break;
    }
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
        remoteDirtyExplainError(domain->conn, DIRTY_PROC_DOMAIN_GET_DIRTY_RATE);
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


static int
remoteDomainSetVcpuDirtyLimit(virDomainPtr domain,
                              int vcpu,
                              unsigned long long rate,
                              unsigned int flags)
{
    dirty_domain_set_vcpu_dirty_limit_args args = { 0 };
    struct private_data *priv = domain->conn->privateData;
    VIR_LOCK_GUARD lock = remoteDriverLock(priv);

    make_nonnull_domain(&args.dom, domain);
    args.vcpu = vcpu;
    args.rate = rate;
    args.flags = flags;

    if (call(domain->conn, priv, REMOTE_CALL_DIRTY,
             DIRTY_PROC_DOMAIN_SET_VCPU_DIRTY_LIMIT,
             (xdrproc_t) xdr_dirty_domain_set_vcpu_dirty_limit_args, (char *) &args,
             (xdrproc_t) xdr_void, (char *) NULL) < 0) {
        remoteDirtyExplainError(domain->conn, DIRTY_PROC_DOMAIN_SET_VCPU_DIRTY_LIMIT);
        return -1;
    }

    return 0;
}


static int
remoteDomainGetVcpuDirtyLimit(virDomainPtr domain,
                              virTypedParameterPtr *result,
                              int *nresult,
                              unsigned int flags)
{
    dirty_domain_get_vcpu_dirty_limit_args args = { 0 };
    g_auto(dirty_domain_get_vcpu_dirty_limit_ret) ret = { 0 };
    struct private_data *priv = domain->conn->privateData;
    VIR_LOCK_GUARD lock = remoteDriverLock(priv);

    make_nonnull_domain(&args.dom, domain);
    args.flags = flags;

    if (call(domain->conn, priv, REMOTE_CALL_DIRTY,
             DIRTY_PROC_DOMAIN_GET_VCPU_DIRTY_LIMIT,
             (xdrproc_t) xdr_dirty_domain_get_vcpu_dirty_limit_args, (char *) &args,
             (xdrproc_t) xdr_dirty_domain_get_vcpu_dirty_limit_ret, (char *) &ret) < 0) {
        remoteDirtyExplainError(domain->conn, DIRTY_PROC_DOMAIN_GET_VCPU_DIRTY_LIMIT);
        return -1;
    }

    return virTypedParamsDeserialize((struct _virTypedParameterRemote *) ret.result.result_val,
                                     ret.result.result_len,
                                     DIRTY_DOMAIN_GET_VCPU_DIRTY_LIMIT_RESULT_MAX,
                                     result, nresult);
}


static int
remoteDomainMigratePredict(virDomainPtr domain,
                           virTypedParameterPtr params,
                           int nparams,
                           virTypedParameterPtr *result,
                           int *nresult,
                           unsigned int flags)
{
    dirty_domain_migrate_predict_args args = { 0 };
    g_auto(dirty_domain_migrate_predict_ret) ret = { 0 };
    struct private_data *priv = domain->conn->privateData;
    int rv;
    VIR_LOCK_GUARD lock = remoteDriverLock(priv);

    make_nonnull_domain(&args.dom, domain);
    args.flags = flags;

    if (virTypedParamsSerialize(params, nparams,
                                DIRTY_DOMAIN_MIGRATE_PREDICT_PARAMS_MAX,
                                (struct _virTypedParameterRemote **) &args.params.params_val,
                                &args.params.params_len,
                                VIR_TYPED_PARAM_STRING_OKAY) < 0)
        return -1;

    rv = call(domain->conn, priv, REMOTE_CALL_DIRTY, DIRTY_PROC_DOMAIN_MIGRATE_PREDICT,
              (xdrproc_t) xdr_dirty_domain_migrate_predict_args, (char *) &args,
              (xdrproc_t) xdr_dirty_domain_migrate_predict_ret, (char *) &ret);

    virTypedParamsRemoteFree((struct _virTypedParameterRemote *) args.params.params_val,
                             args.params.params_len);

    if (rv < 0) {
        remoteDirtyExplainError(domain->conn, DIRTY_PROC_DOMAIN_MIGRATE_PREDICT);
        return -1;
    }

    return virTypedParamsDeserialize((struct _virTypedParameterRemote *) ret.result.result_val,
                                     ret.result.result_len,
                                     DIRTY_DOMAIN_MIGRATE_PREDICT_RESULT_MAX,
                                     result, nresult);
}
