/*
 * remote_daemon_dirty.c: daemon side of the libvirt-dirty RPC program
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "remote_daemon_dirty.h"
#include "datatypes.h"
#include "virerror.h"
#include "viridentity.h"
#include "virlog.h"
#include "virnetserverclient.h"
#include "virthread.h"
#include "virthreadjob.h"
#include "virtypedparam.h"

#define VIR_FROM_THIS VIR_FROM_RPC

VIR_LOG_INIT("daemon.dirty");

#include "dirty_daemon_dispatch_stubs.h"

/* A call that waits for a measurement on behalf of a client. */
typedef struct _daemonDirtyCall daemonDirtyCall;
struct _daemonDirtyCall {
    virDomainPtr dom;
    virIdentity *identity;
};


static void
daemonDirtyCallFree(daemonDirtyCall *call)
{
    virObjectUnref(call->dom);
    g_clear_object(&call->identity);
    g_free(call);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(daemonDirtyCall, daemonDirtyCallFree);


static daemonDirtyCall *
daemonDirtyCallNew(virDomainPtr dom,
                   virIdentity *identity)
{
    daemonDirtyCall *call = g_new0(daemonDirtyCall, 1);

    call->dom = virObjectRef(dom);
    call->identity = identity ? g_object_ref(identity) : NULL;

    return call;
}


static void
daemonDirtyCancelThread(void *opaque)
{
    g_autoptr(daemonDirtyCall) call = opaque;

    /* access control asks who cancels: the client that started it */
    if (virIdentitySetCurrent(call->identity) < 0 ||
        virDomainGetDirtyRate(call->dom, NULL, 0, NULL, NULL,
                              VIR_DOMAIN_DIRTY_RATE_CANCEL) < 0)
        VIR_WARN("Unable to cancel the dirty page rate measurement of domain '%s': %s",
                 call->dom->name, virGetLastErrorMessage());

    virResetLastError();
    ignore_value(virIdentitySetCurrent(NULL));
}


/**
 * daemonDirtyClientClose:
 * @priv: private data of a client whose connection is being closed
 *
 * Cancels the measurements the client waits for. Closing the client's
 * virConnect cannot do so, as that happens only after its calls have
 * returned. Runs in the event loop, which must not wait for a hypervisor,
 * hence the threads; they use the public API so that virtproxyd passes the
 * request on like any other.
 */
void
daemonDirtyClientClose(daemonClientPrivate *priv)
{
    GSList *calls = NULL;
    GSList *next;

    VIR_WITH_MUTEX_LOCK_GUARD(&priv->lock) {
        priv->dirtyClosed = true;

        /* the calls themselves belong to the threads that wait */
        for (next = priv->dirtyCalls; next; next = next->next) {
            daemonDirtyCall *call = next->data;

            calls = g_slist_prepend(calls,
                                    daemonDirtyCallNew(call->dom, call->identity));
        }
    }

    for (next = calls; next; next = next->next) {
        virThread thread;

        if (virThreadCreateFull(&thread, false, daemonDirtyCancelThread,
                                "dirty-cancel", false, next->data) < 0) {
            VIR_WARN("Unable to create a thread that cancels a measurement: %s",
                     g_strerror(errno));
            daemonDirtyCallFree(next->data);
        }
    }

    g_slist_free(calls);
}


/*
 * Has to be called before the measurement starts, and the measurement must not
 * be started if it fails: otherwise a client that goes away in between would
 * leave one behind.
 */
static int
daemonDirtyCallBegin(daemonClientPrivate *priv,
                     daemonDirtyCall *call)
{
    VIR_LOCK_GUARD lock = virLockGuardLock(&priv->lock);

    if (priv->dirtyClosed) {
        virReportError(VIR_ERR_OPERATION_ABORTED, "%s",
                       _("client has closed the connection"));
        return -1;
    }

    priv->dirtyCalls = g_slist_prepend(priv->dirtyCalls, call);
    return 0;
}


static void
daemonDirtyCallEnd(daemonClientPrivate *priv,
                   daemonDirtyCall *call)
{
    VIR_LOCK_GUARD lock = virLockGuardLock(&priv->lock);

    priv->dirtyCalls = g_slist_remove(priv->dirtyCalls, call);
}


/* an API that measures: virDomainGetDirtyRate() or virDomainMigratePredict() */
typedef int
(*daemonDirtyMeasureFunc)(virDomainPtr dom,
                          virTypedParameterPtr params,
                          int nparams,
                          virTypedParameterPtr *result,
                          int *nresult,
                          unsigned int flags);


/* @measure, but cancelled when @priv's client goes away if it waits */
static int
daemonDirtyMeasure(daemonClientPrivate *priv,
                   daemonDirtyMeasureFunc measure,
                   bool waits,
                   virDomainPtr dom,
                   virTypedParameterPtr params,
                   int nparams,
                   virTypedParameterPtr *result,
                   int *nresult,
                   unsigned int flags)
{
    g_autoptr(virIdentity) identity = virIdentityGetCurrent();
    g_autoptr(daemonDirtyCall) call = daemonDirtyCallNew(dom, identity);
    int rv;

    if (waits && daemonDirtyCallBegin(priv, call) < 0)
        return -1;

    rv = measure(dom, params, nparams, result, nresult, flags);

    if (waits)
        daemonDirtyCallEnd(priv, call);

    return rv;
}


static virDomainPtr
daemonDirtyGetDomain(daemonClientPrivate *priv,
                     const remote_nonnull_domain *dom)
{
    if (!priv->conn) {
        virReportError(VIR_ERR_INTERNAL_ERROR, "%s",
                       _("hypervisor connection not open"));
        return NULL;
    }

    return virGetDomain(priv->conn, dom->name,
                        (const unsigned char *) dom->uuid, dom->id);
}


static int
dirtyDispatchDomainGetDirtyRate(virNetServer *server G_GNUC_UNUSED,
                                virNetServerClient *client,
                                virNetMessage *msg G_GNUC_UNUSED,
                                struct virNetMessageError *rerr,
                                dirty_domain_get_dirty_rate_args *args,
                                dirty_domain_get_dirty_rate_ret *ret)
{
    daemonClientPrivate *priv = virNetServerClientGetPrivateData(client);
    g_autoptr(virDomain) dom = NULL;
    virTypedParameterPtr params = NULL;
    int nparams = 0;
    virTypedParameterPtr result = NULL;
    int nresult = 0;
    int rv = -1;

    if (!(dom = daemonDirtyGetDomain(priv, &args->dom)))
        goto cleanup;

    if (virTypedParamsDeserialize((struct _virTypedParameterRemote *) args->params.params_val,
                                  args->params.params_len,
                                  DIRTY_DOMAIN_GET_DIRTY_RATE_PARAMS_MAX,
                                  &params, &nparams) < 0)
        goto cleanup;

    if (daemonDirtyMeasure(priv, virDomainGetDirtyRate,
                           !(args->flags & (VIR_DOMAIN_DIRTY_RATE_NOWAIT |
                                            VIR_DOMAIN_DIRTY_RATE_LAST |
                                            VIR_DOMAIN_DIRTY_RATE_CANCEL)),
                           dom, params, nparams,
                           &result, &nresult, args->flags) < 0)
        goto cleanup;

    if (virTypedParamsSerialize(result, nresult,
                                DIRTY_DOMAIN_GET_DIRTY_RATE_RESULT_MAX,
                                (struct _virTypedParameterRemote **) &ret->result.result_val,
                                &ret->result.result_len,
                                VIR_TYPED_PARAM_STRING_OKAY) < 0)
        goto cleanup;

    rv = 0;

 cleanup:
    if (rv < 0)
        virNetMessageSaveError(rerr);
    virTypedParamsFree(params, nparams);
    virTypedParamsFree(result, nresult);
    return rv;
}


static int
dirtyDispatchDomainSetVcpuDirtyLimit(virNetServer *server G_GNUC_UNUSED,
                                     virNetServerClient *client,
                                     virNetMessage *msg G_GNUC_UNUSED,
                                     struct virNetMessageError *rerr,
                                     dirty_domain_set_vcpu_dirty_limit_args *args)
{
    daemonClientPrivate *priv = virNetServerClientGetPrivateData(client);
    g_autoptr(virDomain) dom = NULL;

    if (!(dom = daemonDirtyGetDomain(priv, &args->dom)) ||
        virDomainSetVcpuDirtyLimit(dom, args->vcpu, args->rate, args->flags) < 0) {
        virNetMessageSaveError(rerr);
        return -1;
    }

    return 0;
}


static int
dirtyDispatchDomainGetVcpuDirtyLimit(virNetServer *server G_GNUC_UNUSED,
                                     virNetServerClient *client,
                                     virNetMessage *msg G_GNUC_UNUSED,
                                     struct virNetMessageError *rerr,
                                     dirty_domain_get_vcpu_dirty_limit_args *args,
                                     dirty_domain_get_vcpu_dirty_limit_ret *ret)
{
    daemonClientPrivate *priv = virNetServerClientGetPrivateData(client);
    g_autoptr(virDomain) dom = NULL;
    virTypedParameterPtr result = NULL;
    int nresult = 0;
    int rv = -1;

    if ((dom = daemonDirtyGetDomain(priv, &args->dom)) &&
        virDomainGetVcpuDirtyLimit(dom, &result, &nresult, args->flags) == 0)
        rv = virTypedParamsSerialize(result, nresult,
                                     DIRTY_DOMAIN_GET_VCPU_DIRTY_LIMIT_RESULT_MAX,
                                     (struct _virTypedParameterRemote **) &ret->result.result_val,
                                     &ret->result.result_len,
                                     VIR_TYPED_PARAM_STRING_OKAY);

    if (rv < 0)
        virNetMessageSaveError(rerr);
    virTypedParamsFree(result, nresult);
    return rv;
}


static int
dirtyDispatchDomainMigratePredict(virNetServer *server G_GNUC_UNUSED,
                                  virNetServerClient *client,
                                  virNetMessage *msg G_GNUC_UNUSED,
                                  struct virNetMessageError *rerr,
                                  dirty_domain_migrate_predict_args *args,
                                  dirty_domain_migrate_predict_ret *ret)
{
    daemonClientPrivate *priv = virNetServerClientGetPrivateData(client);
    g_autoptr(virDomain) dom = NULL;
    virTypedParameterPtr params = NULL;
    int nparams = 0;
    virTypedParameterPtr result = NULL;
    int nresult = 0;
    int rv = -1;

    if ((dom = daemonDirtyGetDomain(priv, &args->dom)) &&
        virTypedParamsDeserialize((struct _virTypedParameterRemote *) args->params.params_val,
                                  args->params.params_len,
                                  DIRTY_DOMAIN_MIGRATE_PREDICT_PARAMS_MAX,
                                  &params, &nparams) == 0 &&
        daemonDirtyMeasure(priv, virDomainMigratePredict, true,
                           dom, params, nparams,
                           &result, &nresult, args->flags) == 0)
        rv = virTypedParamsSerialize(result, nresult,
                                     DIRTY_DOMAIN_MIGRATE_PREDICT_RESULT_MAX,
                                     (struct _virTypedParameterRemote **) &ret->result.result_val,
                                     &ret->result.result_len,
                                     VIR_TYPED_PARAM_STRING_OKAY);

    if (rv < 0)
        virNetMessageSaveError(rerr);
    virTypedParamsFree(params, nparams);
    virTypedParamsFree(result, nresult);
    return rv;
}
