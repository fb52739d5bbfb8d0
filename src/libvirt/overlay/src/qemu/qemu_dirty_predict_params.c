/*
 * qemu_dirty_predict_params.c: what a migration is to be predicted for
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "qemu_dirty_predict_params.h"
#include "qemu_dirty_predict_flags.h"
#include "qemu_dirty_params.h"
#include "qemu_migration_params.h"
#include "dirty-limit-range.h"
#include "virerror.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

#define QEMU_DIRTY_PREDICT_PERCENT 0.01

/* A number that is a setting of the model once it has the model's unit. The
 * model knows the most that it can be, and QEMU the least. */
typedef struct _qemuDirtyPredictNumber qemuDirtyPredictNumber;
struct _qemuDirtyPredictNumber {
    const char *name;
    size_t offset;
    double unit;
    double min;
};

static const qemuDirtyPredictNumber qemuDirtyPredictNumbers[] = {
    { VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MAX_BANDWIDTH,
      offsetof(MigrationSettings, max_bandwidth),
      QEMU_DIRTY_PREDICT_MIB, 1 },
    { VIR_DOMAIN_MIGRATE_PREDICT_PARAM_LATENCY,
      offsetof(MigrationSettings, latency),
      1, 0 },
    { VIR_MIGRATE_PARAM_BANDWIDTH_AVAIL_SWITCHOVER,
      offsetof(MigrationSettings, switchover_bandwidth),
      QEMU_DIRTY_PREDICT_MIB, 0 },
    { VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL,
      offsetof(MigrationSettings, throttle_initial),
      QEMU_DIRTY_PREDICT_PERCENT, 1 },
    { VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT,
      offsetof(MigrationSettings, throttle_increment),
      QEMU_DIRTY_PREDICT_PERCENT, 1 },
};

/* A number that QEMU takes from the migration, and that is not a setting of
 * the model, or not one as it stands. */
typedef struct _qemuDirtyPredictRange qemuDirtyPredictRange;
struct _qemuDirtyPredictRange {
    const char *name;
    int min;
    int max;
};

static const qemuDirtyPredictRange qemuDirtyPredictRanges[] = {
    { VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS, 1, MIGRATION_CHANNELS_MAX },
    { VIR_MIGRATE_PARAM_COMPRESSION_ZLIB_LEVEL, 0, 9 },
    { VIR_MIGRATE_PARAM_COMPRESSION_ZSTD_LEVEL, 0, 20 },
};


void
qemuDirtyPredictRequestFree(qemuDirtyPredictRequest *request)
{
    if (!request)
        return;

    g_free(request->bandwidths);
    g_free(request->downtimes);
    g_free(request);
}


static int
qemuDirtyPredictCheckTypes(virTypedParameterPtr params,
                           int nparams)
{
    return virTypedParamsValidate(params, nparams,
                                  VIR_DOMAIN_MIGRATE_PREDICT_PARAM_BANDWIDTH,
                                  VIR_TYPED_PARAM_DOUBLE | VIR_TYPED_PARAM_MULTIPLE,
                                  VIR_DOMAIN_MIGRATE_PREDICT_PARAM_DOWNTIME,
                                  VIR_TYPED_PARAM_ULLONG | VIR_TYPED_PARAM_MULTIPLE,
                                  VIR_DOMAIN_MIGRATE_PREDICT_PARAM_CALC_TIME, VIR_TYPED_PARAM_UINT,
                                  VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MODE, VIR_TYPED_PARAM_STRING,
                                  VIR_DOMAIN_MIGRATE_PREDICT_PARAM_SAMPLE_PAGES, VIR_TYPED_PARAM_UINT,
                                  VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MAX_AGE, VIR_TYPED_PARAM_UINT,
                                  VIR_DOMAIN_MIGRATE_PREDICT_PARAM_BOUNDS, VIR_TYPED_PARAM_BOOLEAN,
                                  VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MAX_BANDWIDTH, VIR_TYPED_PARAM_ULLONG,
                                  VIR_DOMAIN_MIGRATE_PREDICT_PARAM_DIRTY_LIMIT, VIR_TYPED_PARAM_ULLONG,
                                  VIR_DOMAIN_MIGRATE_PREDICT_PARAM_LATENCY, VIR_TYPED_PARAM_DOUBLE,
                                  VIR_MIGRATE_PARAM_BANDWIDTH_AVAIL_SWITCHOVER, VIR_TYPED_PARAM_ULLONG,
                                  VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL, VIR_TYPED_PARAM_INT,
                                  VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT, VIR_TYPED_PARAM_INT,
                                  VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS, VIR_TYPED_PARAM_INT,
                                  VIR_MIGRATE_PARAM_COMPRESSION,
                                  VIR_TYPED_PARAM_STRING | VIR_TYPED_PARAM_MULTIPLE,
                                  VIR_MIGRATE_PARAM_COMPRESSION_ZLIB_LEVEL, VIR_TYPED_PARAM_INT,
                                  VIR_MIGRATE_PARAM_COMPRESSION_ZSTD_LEVEL, VIR_TYPED_PARAM_INT,
                                  NULL);
}


/* the value of a parameter of any numeric type */
static double
qemuDirtyPredictGetNumber(const virTypedParameter *param)
{
    switch ((virTypedParameterType) param->type) {
    case VIR_TYPED_PARAM_INT:
        return param->value.i;
    case VIR_TYPED_PARAM_UINT:
        return param->value.ui;
    case VIR_TYPED_PARAM_LLONG:
        return param->value.l;
    case VIR_TYPED_PARAM_ULLONG:
        return param->value.ul;
    case VIR_TYPED_PARAM_DOUBLE:
        return param->value.d;
    case VIR_TYPED_PARAM_BOOLEAN:
    case VIR_TYPED_PARAM_STRING:
    case VIR_TYPED_PARAM_LAST:
    default:
        return 0;
    }
}


static int
qemuDirtyPredictCheckRange(virTypedParameterPtr param,
                           double min,
                           double max)
{
    double value = qemuDirtyPredictGetNumber(param);
    g_autofree char *text = NULL;

    /* written so that what is not a number fails */
    if (value >= min && value <= max)
        return 0;

    text = virTypedParameterToString(param);
    virReportError(VIR_ERR_INVALID_ARG,
                   _("value '%1$s' of parameter '%2$s' is out of range: give %3$.15g to %4$.15g"),
                   NULLSTR(text), param->field, min, max);
    return -1;
}


static int
qemuDirtyPredictCheckNumbers(virTypedParameterPtr params,
                             int nparams)
{
    virTypedParameterPtr param;
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(qemuDirtyPredictNumbers); i++) {
        const qemuDirtyPredictNumber *number = &qemuDirtyPredictNumbers[i];
        double max = migration_settings_range(number->offset)->high / number->unit;

        if ((param = virTypedParamsGet(params, nparams, number->name)) &&
            qemuDirtyPredictCheckRange(param, number->min, max) < 0)
            return -1;
    }

    for (i = 0; i < G_N_ELEMENTS(qemuDirtyPredictRanges); i++) {
        const qemuDirtyPredictRange *range = &qemuDirtyPredictRanges[i];

        if ((param = virTypedParamsGet(params, nparams, range->name)) &&
            qemuDirtyPredictCheckRange(param, range->min, range->max) < 0)
            return -1;
    }

    return 0;
}


/* how the migration itself is checked before it begins, by the same code */
static int
qemuDirtyPredictCheckMigration(qemuDirtyPredictRequest *request)
{
    g_autoptr(qemuMigrationParams) migParams = NULL;

    if (!(migParams = qemuMigrationParamsFromFlags(request->params, request->nparams,
                                                   request->flags,
                                                   QEMU_MIGRATION_SOURCE)))
        return -1;

    if (virTypedParamsGetString(request->params, request->nparams,
                                VIR_MIGRATE_PARAM_COMPRESSION,
                                &request->compression) < 0)
        return -1;

    if (request->compression && !(request->flags & VIR_MIGRATE_COMPRESSED)) {
        virReportError(VIR_ERR_INVALID_ARG,
                       _("parameter '%1$s' needs VIR_MIGRATE_COMPRESSED"),
                       VIR_MIGRATE_PARAM_COMPRESSION);
        return -1;
    }

    return 0;
}


static int
qemuDirtyPredictTakeLimit(qemuDirtyPredictRequest *request)
{
    GError *err = NULL;
    int rv;

    if ((rv = virTypedParamsGetULLong(request->params, request->nparams,
                                      VIR_DOMAIN_MIGRATE_PREDICT_PARAM_DIRTY_LIMIT,
                                      &request->dirtyLimit)) <= 0)
        return rv;

    if (request->flags & VIR_MIGRATE_AUTO_CONVERGE) {
        virReportError(VIR_ERR_INVALID_ARG,
                       _("VIR_MIGRATE_AUTO_CONVERGE and parameter '%1$s' exclude each other: leave out either"),
                       VIR_DOMAIN_MIGRATE_PREDICT_PARAM_DIRTY_LIMIT);
        return -1;
    }

    if (request->dirtyLimit == 0) {
        virReportError(VIR_ERR_INVALID_ARG,
                       _("value '0' of parameter '%1$s' is no limit: leave it out, or give %2$d to %3$llu MiB/s"),
                       VIR_DOMAIN_MIGRATE_PREDICT_PARAM_DIRTY_LIMIT,
                       DIRTY_LIMIT_MIN_MIBS,
                       (unsigned long long) DIRTY_LIMIT_MAX_MIBS);
        return -1;
    }

    if (!dirty_limit_check(request->dirtyLimit, &err)) {
        qemuDirtyReportError(err);
        return -1;
    }

    return 0;
}


/* what of the parameters virDomainGetDirtyRate() would be given */
static int
qemuDirtyPredictTakeMeasurement(qemuDirtyPredictRequest *request)
{
    g_autofree virTypedParameterPtr own = g_new0(virTypedParameter, request->nparams + 1);
    int nown = 0;
    size_t i;

    /* copied with the caller's strings, hence not released */
    for (i = 0; i < request->nparams; i++) {
        const char *name = request->params[i].field;

        if (STREQ(name, VIR_DOMAIN_MIGRATE_PREDICT_PARAM_CALC_TIME) ||
            STREQ(name, VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MODE) ||
            STREQ(name, VIR_DOMAIN_MIGRATE_PREDICT_PARAM_SAMPLE_PAGES))
            own[nown++] = request->params[i];
    }

    if (request->flags & VIR_MIGRATE_COMPRESSED &&
        virTypedParameterAssign(&own[nown++], VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION,
                                VIR_TYPED_PARAM_BOOLEAN, 1) < 0)
        return -1;

    return qemuDirtyRequestFromParams(own, nown, &request->measurement);
}


static int
qemuDirtyPredictTakeLists(qemuDirtyPredictRequest *request)
{
    size_t i;

    request->bandwidths = g_new0(double, request->nparams + 1);
    request->downtimes = g_new0(unsigned long long, request->nparams + 1);

    for (i = 0; i < request->nparams; i++) {
        virTypedParameterPtr param = &request->params[i];

        if (STREQ(param->field, VIR_DOMAIN_MIGRATE_PREDICT_PARAM_BANDWIDTH)) {
            if (qemuDirtyPredictCheckRange(param,
                                           MIGRATION_BANDWIDTH_MIN / QEMU_DIRTY_PREDICT_MIB,
                                           MIGRATION_BANDWIDTH_MAX / QEMU_DIRTY_PREDICT_MIB) < 0)
                return -1;
            request->bandwidths[request->nbandwidths++] = param->value.d;
        } else if (STREQ(param->field, VIR_DOMAIN_MIGRATE_PREDICT_PARAM_DOWNTIME)) {
            if (param->value.ul == 0) {
                virReportError(VIR_ERR_INVALID_ARG,
                               _("value '0' of parameter '%1$s' is no time a guest could stand still for: give at least 1 ms, or %2$llu for any"),
                               param->field, ULLONG_MAX);
                return -1;
            }
            request->downtimes[request->ndowntimes++] = param->value.ul;
        }
    }

    /* a list left out has one value, the domain's */
    if (MAX(request->nbandwidths, 1) * MAX(request->ndowntimes, 1) >
        VIR_DOMAIN_MIGRATE_PREDICT_CELLS_MAX) {
        virReportError(VIR_ERR_INVALID_ARG,
                       _("%1$zu bandwidths with %2$zu downtimes each are too many predictions: ask for at most %3$d at once"),
                       request->nbandwidths, request->ndowntimes,
                       VIR_DOMAIN_MIGRATE_PREDICT_CELLS_MAX);
        return -1;
    }

    return 0;
}


/**
 * qemuDirtyPredictRequestFromParams:
 * @params: parameters of virDomainMigratePredict(), used until the request is
 *          freed
 * @nparams: how many there are
 * @flags: its flags
 *
 * Returns what is asked for, or NULL with an error reported if a parameter is
 * unknown, given twice, of the wrong type or out of its range, or if flags and
 * parameters do not go together.
 */
qemuDirtyPredictRequest *
qemuDirtyPredictRequestFromParams(virTypedParameterPtr params,
                                  int nparams,
                                  unsigned int flags)
{
    g_autoptr(qemuDirtyPredictRequest) request = g_new0(qemuDirtyPredictRequest, 1);
    int bounds = 1;

    *request = (qemuDirtyPredictRequest) {
        .params = params,
        .nparams = nparams,
        .flags = flags,
    };

    if (qemuDirtyPredictCheckTypes(params, nparams) < 0 ||
        qemuDirtyPredictCheckFlags(flags) < 0 ||
        qemuDirtyPredictCheckNumbers(params, nparams) < 0 ||
        qemuDirtyPredictCheckMigration(request) < 0 ||
        qemuDirtyPredictTakeLimit(request) < 0 ||
        qemuDirtyPredictTakeMeasurement(request) < 0 ||
        qemuDirtyPredictTakeLists(request) < 0)
        return NULL;

    if (virTypedParamsGetUInt(params, nparams,
                              VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MAX_AGE,
                              &request->maxAge) < 0 ||
        virTypedParamsGetBoolean(params, nparams,
                                 VIR_DOMAIN_MIGRATE_PREDICT_PARAM_BOUNDS, &bounds) < 0)
        return NULL;

    request->bounds = bounds;

    return g_steal_pointer(&request);
}


/**
 * qemuDirtyPredictRequestApply:
 * @request: what is asked for
 * @settings: how the guest would be migrated now; changed to how it is asked
 *            for, but for the lists and what compression depends on
 */
void
qemuDirtyPredictRequestApply(const qemuDirtyPredictRequest *request,
                             MigrationSettings *settings)
{
    virTypedParameterPtr param;
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(qemuDirtyPredictNumbers); i++) {
        const qemuDirtyPredictNumber *number = &qemuDirtyPredictNumbers[i];

        if ((param = virTypedParamsGet(request->params, request->nparams, number->name)))
            G_STRUCT_MEMBER(double, settings, number->offset) =
                qemuDirtyPredictGetNumber(param) * number->unit;
    }

    if (request->flags & VIR_MIGRATE_AUTO_CONVERGE) {
        settings->throttle = MIGRATION_THROTTLE_AUTO_CONVERGE;
    } else if (request->dirtyLimit > 0) {
        settings->throttle = MIGRATION_THROTTLE_DIRTY_LIMIT;
        settings->vcpu_dirty_limit = request->dirtyLimit;
        settings->limit_from_start = TRUE;
    }

    settings->postcopy = !!(request->flags & VIR_MIGRATE_POSTCOPY);

    if (!(request->flags & VIR_MIGRATE_PARALLEL))
        settings->channels = 0;
    else if ((param = virTypedParamsGet(request->params, request->nparams,
                                        VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS)))
        settings->channels = param->value.i;
}
