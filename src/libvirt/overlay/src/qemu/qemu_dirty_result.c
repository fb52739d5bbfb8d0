/*
 * qemu_dirty_result.c: what a dirty page rate measurement gave
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "qemu_dirty_result.h"
#include "qemu_dirty_params.h"
#include "dirty-curve.h"

/**
 * qemuDirtyAddParam:
 * @list: list to add to
 * @name: name to add it by
 * @param: what to add, copied
 */
void
qemuDirtyAddParam(virTypedParamList *list,
                  const char *name,
                  const virTypedParameter *param)
{
    switch ((virTypedParameterType) param->type) {
    case VIR_TYPED_PARAM_INT:
        virTypedParamListAddInt(list, param->value.i, "%s", name);
        break;
    case VIR_TYPED_PARAM_UINT:
        virTypedParamListAddUInt(list, param->value.ui, "%s", name);
        break;
    case VIR_TYPED_PARAM_LLONG:
        virTypedParamListAddLLong(list, param->value.l, "%s", name);
        break;
    case VIR_TYPED_PARAM_ULLONG:
        virTypedParamListAddULLong(list, param->value.ul, "%s", name);
        break;
    case VIR_TYPED_PARAM_DOUBLE:
        virTypedParamListAddDouble(list, param->value.d, "%s", name);
        break;
    case VIR_TYPED_PARAM_BOOLEAN:
        virTypedParamListAddBoolean(list, param->value.b, "%s", name);
        break;
    case VIR_TYPED_PARAM_STRING:
        virTypedParamListAddString(list, param->value.s, "%s", name);
        break;
    case VIR_TYPED_PARAM_LAST:
    default:
        break;
    }
}


static void
qemuDirtyAddRate(virTypedParamList *list,
                 const DirtyMeasurement *measurement,
                 const DirtyCurve *curve)
{
    DirtyEstimate rate;

    if (curve) {
        /* the last reading, as nothing is known of the time after it */
        rate = dirty_curve_rate(curve, measurement->periods[measurement->n_periods - 1]);
    } else {
        rate = (DirtyEstimate) {
            measurement->rate, measurement->rate_low, measurement->rate_high,
        };
    }

    virTypedParamListAddDouble(list, rate.value, "%s", VIR_DOMAIN_DIRTY_RATE_PARAM_RATE);

    if (!curve && !measurement->has_rate_bounds)
        return;

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
qemuDirtyAddVcpuPeriods(virTypedParamList *list,
                        const DirtyMeasurement *measurement,
                        size_t vcpu)
{
    size_t i;

    for (i = 0; i < measurement->n_periods; i++)
        virTypedParamListAddULLong(list, measurement->vcpus[vcpu].n_dirty[i],
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_PREFIX "%zu"
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_PERIOD "%zu"
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_DIRTY_PAGES,
                                   vcpu, i);
}


static void
qemuDirtyAddVcpus(virTypedParamList *list,
                  const DirtyMeasurement *measurement)
{
    size_t i;

    if (measurement->n_vcpus == 0)
        return;

    virTypedParamListAddUInt(list, measurement->n_vcpus, "%s",
                             VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_COUNT);

    for (i = 0; i < measurement->n_vcpus; i++) {
        virTypedParamListAddUInt(list, measurement->vcpus[i].id,
                                 VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_PREFIX "%zu"
                                 VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_ID, i);
        virTypedParamListAddDouble(list, dirty_vcpu_rate(measurement, i),
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_PREFIX "%zu"
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_RATE, i);
        if (measurement->vcpus[i].n_dirty)
            qemuDirtyAddVcpuPeriods(list, measurement, i);
    }
}


static void
qemuDirtyAddCompressions(virTypedParamList *list,
                         const DirtyMeasurement *measurement)
{
    size_t i;

    if (measurement->n_compressions == 0)
        return;

    virTypedParamListAddUInt(list, measurement->n_compressions, "%s",
                             VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_COUNT);

    for (i = 0; i < measurement->n_compressions; i++) {
        const DirtyCompression *compression = &measurement->compressions[i];

        virTypedParamListAddString(list, compression->method,
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_PREFIX "%zu"
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_SUFFIX_METHOD, i);
        virTypedParamListAddULLong(list, compression->n_pages,
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_PREFIX "%zu"
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_SUFFIX_PAGES, i);
        virTypedParamListAddDouble(list, compression->ratio,
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_PREFIX "%zu"
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_SUFFIX_RATIO, i);
        virTypedParamListAddDouble(list, compression->speed,
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_PREFIX "%zu"
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_SUFFIX_SPEED, i);
    }
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
    if (!dirty_mode_counts_exactly(measurement->mode))
        virTypedParamListAddULLong(list, measurement->sample_pages, "%s",
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_SAMPLE_PAGES);

    if (measurement->status != DIRTY_STATUS_MEASURED)
        return g_steal_pointer(&list);

    if (measurement->has_counts &&
        !(curve = dirty_curve_new(measurement, &err))) {
        qemuDirtyReportError(err);
        return NULL;
    }

    qemuDirtyAddRate(list, measurement, curve);

    if (curve) {
        qemuDirtyAddCounts(list, measurement);
        qemuDirtyAddPeriods(list, measurement, curve);
    }

    qemuDirtyAddVcpus(list, measurement);
    qemuDirtyAddCompressions(list, measurement);

    return g_steal_pointer(&list);
}
