/*
 * qemu_dirty_stats.c: dirty page rates among the statistics of a domain
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "qemu_dirty_stats.h"
#include "qemu_dirty_monitor.h"
#include "qemu_dirty_result.h"
#include "dirty-curve.h"
#include "virerror.h"

/* What the statistics had before is kept as it was: whole MiB/s and seconds. */
#define QEMU_DIRTY_MS_PER_S 1000

#define QEMU_DIRTY_STATS_PREFIX "dirtyrate."

G_STATIC_ASSERT((int) DIRTY_STATUS_UNSTARTED == (int) VIR_DOMAIN_DIRTYRATE_UNSTARTED);
G_STATIC_ASSERT((int) DIRTY_STATUS_MEASURING == (int) VIR_DOMAIN_DIRTYRATE_MEASURING);
G_STATIC_ASSERT((int) DIRTY_STATUS_MEASURED == (int) VIR_DOMAIN_DIRTYRATE_MEASURED);
G_STATIC_ASSERT((int) DIRTY_STATUS_LAST == (int) VIR_DOMAIN_DIRTYRATE_LAST);

static void
qemuDirtyAddOldStats(virTypedParamList *stats,
                     const DirtyMeasurement *measurement)
{
    virTypedParamListAddInt(stats, measurement->status,
                            VIR_DOMAIN_STATS_DIRTYRATE_CALC_STATUS);
    virTypedParamListAddLLong(stats, measurement->start_time,
                              VIR_DOMAIN_STATS_DIRTYRATE_CALC_START_TIME);
    virTypedParamListAddInt(stats, measurement->calc_time / QEMU_DIRTY_MS_PER_S,
                            VIR_DOMAIN_STATS_DIRTYRATE_CALC_PERIOD);
    virTypedParamListAddString(stats, dirty_mode_to_string(measurement->mode),
                               VIR_DOMAIN_STATS_DIRTYRATE_CALC_MODE);

    if (measurement->status == DIRTY_STATUS_MEASURED)
        virTypedParamListAddLLong(stats, measurement->rate,
                                  VIR_DOMAIN_STATS_DIRTYRATE_MEGABYTES_PER_SECOND);
}


/* Of vCPUs the statistics know each by its number, and no readings: a guest
 * with hundreds of them would fill the reply about all guests. */
static void
qemuDirtyAddVcpuStats(virTypedParamList *stats,
                      const DirtyMeasurement *measurement)
{
    size_t i;

    for (i = 0; i < measurement->n_vcpus; i++) {
        int id = measurement->vcpus[i].id;

        virTypedParamListAddULLong(stats, measurement->vcpus[i].rate,
                                   VIR_DOMAIN_STATS_DIRTYRATE_VCPU_PREFIX "%d"
                                   VIR_DOMAIN_STATS_DIRTYRATE_VCPU_SUFFIX_MEGABYTES_PER_SECOND,
                                   id);
        virTypedParamListAddDouble(stats, dirty_vcpu_rate(measurement, i),
                                   VIR_DOMAIN_STATS_DIRTYRATE_VCPU_PREFIX "%d"
                                   VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_RATE, id);
    }
}


/* whether a value of virDomainGetDirtyRate() stands in the statistics under
 * another name anyway */
static bool
qemuDirtyIsOldStat(const char *field)
{
    return STREQ(field, VIR_DOMAIN_DIRTY_RATE_PARAM_STATUS) ||
        STREQ(field, VIR_DOMAIN_DIRTY_RATE_PARAM_MODE) ||
        STREQ(field, VIR_DOMAIN_DIRTY_RATE_PARAM_START_TIME) ||
        STRPREFIX(field, VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_PREFIX);
}


static void
qemuDirtyAddStat(virTypedParamList *stats,
                 const virTypedParameter *param)
{
    g_autofree char *name = g_strdup_printf(QEMU_DIRTY_STATS_PREFIX "%s",
                                            param->field);

    /* names of statistics are spelled so */
    g_strdelimit(name, "-", '_');

    qemuDirtyAddParam(stats, name, param);
}


/**
 * qemuDirtyMeasurementToStats:
 * @measurement: a measurement as QEMU reported it
 * @stats: list to add its statistics to
 *
 * Adds what the statistics always had, and under the names of
 * virDomainGetDirtyRate(), with the prefix of these statistics before and
 * underscores in them, what that reports.
 *
 * Returns 0, or -1 with an error reported.
 */
int
qemuDirtyMeasurementToStats(const DirtyMeasurement *measurement,
                            virTypedParamList *stats)
{
    g_autoptr(virTypedParamList) list = NULL;
    virTypedParameterPtr params = NULL;
    size_t nparams = 0;
    size_t i;

    if (!(list = qemuDirtyMeasurementToParams(measurement)) ||
        virTypedParamListFetch(list, &params, &nparams) < 0)
        return -1;

    qemuDirtyAddOldStats(stats, measurement);

    for (i = 0; i < nparams; i++) {
        if (!qemuDirtyIsOldStat(params[i].field))
            qemuDirtyAddStat(stats, &params[i]);
    }

    qemuDirtyAddVcpuStats(stats, measurement);

    return 0;
}


/**
 * qemuDirtyGetStats:
 * @vm: running domain with a job held
 * @stats: list to add its dirty page rate statistics to
 *
 * Adds nothing if QEMU does not tell any: statistics never fail.
 */
void
qemuDirtyGetStats(virDomainObj *vm,
                  virTypedParamList *stats)
{
    DirtyQmp qmp = qemuDirtyQmp(vm);
    g_autoptr(DirtyMeasurement) measurement = NULL;

    if (!(measurement = dirty_qmp_query_dirty_rate(&qmp, NULL)) ||
        qemuDirtyMeasurementToStats(measurement, stats) < 0)
        virResetLastError();
}
