/*
 * qemu_dirty_params.c: typed parameters of dirty page rate measurements
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "qemu_dirty_params.h"
#include "dirty-curve.h"
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
    const char *mode = NULL;
    int hasSamplePages;
    GError *err = NULL;

    if (virTypedParamsValidate(params, nparams,
                               VIR_DOMAIN_DIRTY_RATE_PARAM_CALC_TIME, VIR_TYPED_PARAM_UINT,
                               VIR_DOMAIN_DIRTY_RATE_PARAM_MODE, VIR_TYPED_PARAM_STRING,
                               VIR_DOMAIN_DIRTY_RATE_PARAM_SAMPLE_PAGES, VIR_TYPED_PARAM_UINT,
                               NULL) < 0)
        return -1;

    if (virTypedParamsGetUInt(params, nparams,
                              VIR_DOMAIN_DIRTY_RATE_PARAM_CALC_TIME, &calcTime) < 0 ||
        virTypedParamsGetString(params, nparams,
                                VIR_DOMAIN_DIRTY_RATE_PARAM_MODE, &mode) < 0 ||
        (hasSamplePages = virTypedParamsGetUInt(params, nparams,
                                                VIR_DOMAIN_DIRTY_RATE_PARAM_SAMPLE_PAGES,
                                                &samplePages)) < 0)
        return -1;

    *request = (DirtyMeasurementRequest) {
        .calc_time = calcTime,
        .mode = DIRTY_MODE_PAGE_SAMPLING,
        .sample_pages = samplePages,
    };

    /* in a request 0 stands for the default, which the caller cannot ask for */
    if ((mode && !dirty_mode_from_string(mode, &request->mode, &err)) ||
        (hasSamplePages && !dirty_sample_pages_check(samplePages, &err)) ||
        !dirty_measurement_request_check(request, &err)) {
        qemuDirtyReportError(err);
        return -1;
    }

    return 0;
}


static void
qemuDirtyAddRate(virTypedParamList *list,
                 const DirtyMeasurement *measurement,
                 const DirtyCurve *curve)
{
    DirtyEstimate rate;

    if (!curve) {
        if (measurement->has_rate)
            virTypedParamListAddDouble(list, measurement->rate, "%s",
                                       VIR_DOMAIN_DIRTY_RATE_PARAM_RATE);
        return;
    }

    /* the last reading, as nothing is known of the time after it */
    rate = dirty_curve_rate(curve, measurement->periods[measurement->n_periods - 1]);
    virTypedParamListAddDouble(list, rate.value, "%s", VIR_DOMAIN_DIRTY_RATE_PARAM_RATE);
    virTypedParamListAddDouble(list, rate.low, "%s", VIR_DOMAIN_DIRTY_RATE_PARAM_RATE_LOW);
    virTypedParamListAddDouble(list, rate.high, "%s", VIR_DOMAIN_DIRTY_RATE_PARAM_RATE_HIGH);
}


static void
qemuDirtyAddCounts(virTypedParamList *list,
                   const DirtyMeasurement *measurement)
{
    virTypedParamListAddULLong(list, measurement->page_size, "%s",
                               VIR_DOMAIN_DIRTY_RATE_PARAM_PAGE_SIZE);
    virTypedParamListAddULLong(list, measurement->n_total, "%s",
                               VIR_DOMAIN_DIRTY_RATE_PARAM_PAGES_TOTAL);
    virTypedParamListAddULLong(list, measurement->n_sampled, "%s",
                               VIR_DOMAIN_DIRTY_RATE_PARAM_PAGES_SAMPLED);
    virTypedParamListAddULLong(list, measurement->n_zero, "%s",
                               VIR_DOMAIN_DIRTY_RATE_PARAM_PAGES_ZERO);
}


static void
qemuDirtyAddPeriods(virTypedParamList *list,
                    const DirtyMeasurement *measurement,
                    const DirtyCurve *curve)
{
    size_t i;

    virTypedParamListAddUInt(list, measurement->n_periods, "%s",
                             VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_COUNT);

    for (i = 0; i < measurement->n_periods; i++) {
        DirtyEstimate pages = dirty_curve_pages(curve, measurement->periods[i]);

        virTypedParamListAddULLong(list, measurement->periods[i],
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_PREFIX "%zu"
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_TIME, i);
        virTypedParamListAddULLong(list, measurement->n_dirty[i],
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_PREFIX "%zu"
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_DIRTY_PAGES, i);
        virTypedParamListAddDouble(list, pages.value,
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_PREFIX "%zu"
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_PAGES, i);
        virTypedParamListAddDouble(list, pages.low,
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_PREFIX "%zu"
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_PAGES_LOW, i);
        virTypedParamListAddDouble(list, pages.high,
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_PREFIX "%zu"
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_PAGES_HIGH, i);
    }
}


static void
qemuDirtyAddVcpus(virTypedParamList *list,
                  const DirtyMeasurement *measurement)
{
    size_t i;

    virTypedParamListAddUInt(list, measurement->n_vcpus, "%s",
                             VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_COUNT);

    for (i = 0; i < measurement->n_vcpus; i++) {
        virTypedParamListAddUInt(list, measurement->vcpus[i].id,
                                 VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_PREFIX "%zu"
                                 VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_ID, i);
        virTypedParamListAddDouble(list, measurement->vcpus[i].rate,
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_PREFIX "%zu"
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_RATE, i);
    }
}


static bool
qemuDirtyHasRing(const virDomainDef *def)
{
    return def->features[VIR_DOMAIN_FEATURE_KVM] == VIR_TRISTATE_SWITCH_ON &&
        def->kvm_features &&
        def->kvm_features->features[VIR_DOMAIN_KVM_DIRTY_RING] == VIR_TRISTATE_SWITCH_ON;
}


/**
 * qemuDirtyCheckMode:
 * @def: definition of the running domain
 * @mode: how dirty pages are to be counted
 *
 * Refuses a mode that the domain cannot have. QEMU is not asked, because some
 * versions crash when a guest without KVM is to be measured by what KVM tracks.
 *
 * Returns 0, or -1 with an error reported.
 */
int
qemuDirtyCheckMode(const virDomainDef *def,
                   DirtyMode mode)
{
    if (mode == DIRTY_MODE_PAGE_SAMPLING)
        return 0;

    if (def->virtType != VIR_DOMAIN_VIRT_KVM) {
        virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                       _("mode '%1$s' needs KVM, which domain '%2$s' does not use: use mode 'page-sampling'"),
                       dirty_mode_to_string(mode), def->name);
        return -1;
    }

    if (mode == DIRTY_MODE_DIRTY_RING && !qemuDirtyHasRing(def)) {
        virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                       _("mode '%1$s' needs the KVM feature dirty-ring, which domain '%2$s' does not have: use another mode or enable the feature"),
                       dirty_mode_to_string(mode), def->name);
        return -1;
    }

    if (mode == DIRTY_MODE_DIRTY_BITMAP && qemuDirtyHasRing(def)) {
        virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                       _("mode '%1$s' excludes the KVM feature dirty-ring, which domain '%2$s' has: use mode 'dirty-ring' or 'page-sampling'"),
                       dirty_mode_to_string(mode), def->name);
        return -1;
    }

    return 0;
}


/**
 * qemuDirtyMeasurementToParams:
 * @measurement: a measurement as QEMU reported it
 *
 * Returns the parameters virDomainGetDirtyRate() gives for it, or NULL with
 * an error reported.
 */
virTypedParamList *
qemuDirtyMeasurementToParams(const DirtyMeasurement *measurement)
{
    g_autoptr(virTypedParamList) list = virTypedParamListNew();
    g_autoptr(DirtyCurve) curve = NULL;
    GError *err = NULL;

    virTypedParamListAddString(list, dirty_status_to_string(measurement->status), "%s",
                               VIR_DOMAIN_DIRTY_RATE_PARAM_STATUS);

    if (measurement->status == DIRTY_STATUS_UNSTARTED)
        return g_steal_pointer(&list);

    virTypedParamListAddString(list, dirty_mode_to_string(measurement->mode), "%s",
                               VIR_DOMAIN_DIRTY_RATE_PARAM_MODE);
    if (measurement->start_time > 0)
        virTypedParamListAddLLong(list, measurement->start_time, "%s",
                                  VIR_DOMAIN_DIRTY_RATE_PARAM_START_TIME);
    virTypedParamListAddULLong(list, measurement->calc_time, "%s",
                               VIR_DOMAIN_DIRTY_RATE_PARAM_CALC_TIME);
    if (measurement->mode == DIRTY_MODE_PAGE_SAMPLING)
        virTypedParamListAddULLong(list, measurement->sample_pages, "%s",
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_SAMPLE_PAGES);

    if (measurement->status != DIRTY_STATUS_MEASURED)
        return g_steal_pointer(&list);

    if (measurement->has_counts && measurement->n_periods > 0 &&
        !(curve = dirty_curve_new(measurement, &err))) {
        qemuDirtyReportError(err);
        return NULL;
    }

    qemuDirtyAddRate(list, measurement, curve);

    if (curve) {
        qemuDirtyAddCounts(list, measurement);
        qemuDirtyAddPeriods(list, measurement, curve);
    }

    if (measurement->n_vcpus > 0)
        qemuDirtyAddVcpus(list, measurement);

    return g_steal_pointer(&list);
}
