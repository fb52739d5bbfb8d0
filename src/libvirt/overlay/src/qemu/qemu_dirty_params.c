/*
 * qemu_dirty_params.c: what a dirty page rate measurement is asked for
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "qemu_dirty_params.h"
#include "virerror.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

static const virErrorNumber qemuDirtyErrorNumbers[] = {
    [DIRTY_ERROR_INVALID] = VIR_ERR_INVALID_ARG,
    [DIRTY_ERROR_NO_MEMORY] = VIR_ERR_OPERATION_FAILED,
    [DIRTY_ERROR_BAD_REPLY] = VIR_ERR_INTERNAL_ERROR,
    [DIRTY_ERROR_MONITOR] = VIR_ERR_OPERATION_FAILED,
    [DIRTY_ERROR_UNSUPPORTED] = VIR_ERR_OPERATION_UNSUPPORTED,
    [DIRTY_ERROR_BUSY] = VIR_ERR_OPERATION_INVALID,
    [DIRTY_ERROR_IO] = VIR_ERR_OPERATION_FAILED,
};


/**
 * qemuDirtyReportError:
 * @err: an error of the measurement code, freed here
 *
 * Reports @err as a libvirt error.
 */
void
qemuDirtyReportError(GError *err)
{
    virErrorNumber number = VIR_ERR_INTERNAL_ERROR;

    if (err->domain == DIRTY_ERROR &&
        err->code >= 0 && err->code < G_N_ELEMENTS(qemuDirtyErrorNumbers))
        number = qemuDirtyErrorNumbers[err->code];

    /* a monitor that fails has already reported why, and knows better */
    if (!g_error_matches(err, DIRTY_ERROR, DIRTY_ERROR_IO) ||
        virGetLastErrorCode() == VIR_ERR_OK)
        virReportError(number, "%s", err->message);

    g_error_free(err);
}


/**
 * qemuDirtyRequestFromParams:
 * @params: parameters of virDomainGetDirtyRate()
 * @nparams: how many there are
 * @request: filled with them, and with the defaults of those not given
 *
 * Returns 0, or -1 with an error reported if a parameter is unknown, given
 * twice, of the wrong type or out of its range.
 */
int
qemuDirtyRequestFromParams(virTypedParameterPtr params,
                           int nparams,
                           DirtyMeasurementRequest *request)
{
    unsigned int calcTime = DIRTY_CALC_TIME_DEFAULT_MS;
    unsigned int samplePages = 0;
    int compression = 0;
    const char *mode = NULL;
    int hasSamplePages;
    DirtyMeasurementRequest wanted;
    GError *err = NULL;

    if (virTypedParamsValidate(params, nparams,
                               VIR_DOMAIN_DIRTY_RATE_PARAM_CALC_TIME, VIR_TYPED_PARAM_UINT,
                               VIR_DOMAIN_DIRTY_RATE_PARAM_MODE, VIR_TYPED_PARAM_STRING,
                               VIR_DOMAIN_DIRTY_RATE_PARAM_SAMPLE_PAGES, VIR_TYPED_PARAM_UINT,
                               VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION, VIR_TYPED_PARAM_BOOLEAN,
                               NULL) < 0)
        return -1;

    if (virTypedParamsGetUInt(params, nparams,
                              VIR_DOMAIN_DIRTY_RATE_PARAM_CALC_TIME, &calcTime) < 0 ||
        virTypedParamsGetString(params, nparams,
                                VIR_DOMAIN_DIRTY_RATE_PARAM_MODE, &mode) < 0 ||
        (hasSamplePages = virTypedParamsGetUInt(params, nparams,
                                                VIR_DOMAIN_DIRTY_RATE_PARAM_SAMPLE_PAGES,
                                                &samplePages)) < 0 ||
        virTypedParamsGetBoolean(params, nparams,
                                 VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION, &compression) < 0)
        return -1;

    *request = (DirtyMeasurementRequest) {
        .calc_time = calcTime,
        .mode = DIRTY_MODE_AUTO,
        .sample_pages = samplePages,
        .compression = !!compression,
    };

    /* in a request 0 stands for the default, which the caller cannot ask for */
    if ((mode && !dirty_mode_request_from_string(mode, &request->mode, &err)) ||
        (hasSamplePages && !dirty_sample_pages_check(samplePages, &err))) {
        qemuDirtyReportError(err);
        return -1;
    }

    /* who asks for a sample has chosen the mode that has one */
    if (request->mode == DIRTY_MODE_AUTO &&
        (hasSamplePages || compression))
        request->mode = DIRTY_MODE_PAGE_SAMPLING;

    /* what any mode might be asked for; the mode itself is chosen later */
    wanted = *request;
    if (wanted.mode == DIRTY_MODE_AUTO)
        wanted.mode = DIRTY_MODE_PAGE_SAMPLING;

    if (!dirty_measurement_request_check(&wanted, &err)) {
        qemuDirtyReportError(err);
        return -1;
    }

    return 0;
}
