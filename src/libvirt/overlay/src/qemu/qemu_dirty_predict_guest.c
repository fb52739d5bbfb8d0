/*
 * qemu_dirty_predict_guest.c: what of a guest decides how its migration goes
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "qemu_dirty_predict_guest.h"
#include "qemu_dirty_jobs.h"
#include "qemu_dirty_mode.h"
#include "qemu_dirty_monitor.h"
#include "qemu_domain.h"
#include "qemu_migration_params.h"
#include "qemu_monitor_json.h"
#include "dirty-qmp-migration.h"
#include "virerror.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

/*
 * Pages that are sampled in all if nobody says how many. Fewer leave a
 * prediction with wide bounds, and looking at so many takes no more than a
 * tenth of a CPU's time.
 */
#define QEMU_DIRTY_PREDICT_SAMPLES 16384

/* a migration flag that not every QEMU can do */
typedef struct _qemuDirtyPredictCap qemuDirtyPredictCap;
struct _qemuDirtyPredictCap {
    unsigned int flag;
    qemuMigrationCapability cap;
};

static const qemuDirtyPredictCap qemuDirtyPredictCaps[] = {
    { VIR_MIGRATE_AUTO_CONVERGE, QEMU_MIGRATION_CAP_AUTO_CONVERGE },
    { VIR_MIGRATE_POSTCOPY, QEMU_MIGRATION_CAP_POSTCOPY },
    { VIR_MIGRATE_PARALLEL, QEMU_MIGRATION_CAP_MULTIFD },
    { VIR_MIGRATE_ZEROCOPY, QEMU_MIGRATION_CAP_ZERO_COPY_SEND },
};


void
qemuDirtyPredictGuestClear(qemuDirtyPredictGuest *guest)
{
    g_clear_pointer(&guest->shorter, g_ptr_array_unref);
    g_clear_pointer(&guest->notes, g_ptr_array_unref);
}


static int
qemuDirtyPredictCheckCaps(virDomainObj *vm,
                          unsigned int flags)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(qemuDirtyPredictCaps); i++) {
        const qemuDirtyPredictCap *item = &qemuDirtyPredictCaps[i];

        if (flags & item->flag && !qemuMigrationCapsGet(vm, item->cap)) {
            virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                           _("the QEMU of domain '%1$s' cannot migrate with '%2$s': predict without it"),
                           vm->def->name,
                           qemuMigrationCapabilityTypeToString(item->cap));
            return -1;
        }
    }

    return 0;
}


/* Limits that could not be set need no prediction. */
static int
qemuDirtyPredictCheckLimit(virDomainObj *vm)
{
    gboolean patched = FALSE;

    if (qemuDirtyIsPatched(vm, &patched) < 0)
        return -1;

    if (patched || qemuDirtyHasRing(vm->def))
        return 0;

    virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                   _("the dirty page rates of the vCPUs of domain '%1$s' cannot be limited: that needs KVM with a dirty ring (see <dirty-ring> of <kvm>), or QEMU with the libvirt-dirty patch"),
                   vm->def->name);
    return -1;
}


static MigrationLog
qemuDirtyPredictLog(const virDomainDef *def)
{
    if (def->virtType != VIR_DOMAIN_VIRT_KVM)
        return MIGRATION_LOG_TCG;

    return qemuDirtyHasRing(def) ? MIGRATION_LOG_RING : MIGRATION_LOG_LAZY;
}


/* what libvirt sets itself whenever it migrates a domain */
static void
qemuDirtyPredictTakeSpeed(virDomainObj *vm,
                          MigrationSettings *settings)
{
    qemuDomainObjPrivate *priv = vm->privateData;
    double speed = priv->migMaxBandwidth * QEMU_DIRTY_PREDICT_MIB;

    settings->max_bandwidth = speed > MIGRATION_BANDWIDTH_MAX ? 0 : speed;
}


static void
qemuDirtyPredictFillSample(virDomainObj *vm,
                           DirtyMeasurementRequest *measurement)
{
    double gib = virDomainDefGetMemoryTotal(vm->def) / (1024.0 * 1024);

    if (measurement->sample_pages > 0 ||
        (measurement->mode != DIRTY_MODE_AUTO &&
         dirty_mode_counts_exactly(measurement->mode)))
        return;

    measurement->sample_pages = CLAMP(QEMU_DIRTY_PREDICT_SAMPLES / gib,
                                      DIRTY_SAMPLE_PAGES_DEFAULT,
                                      DIRTY_SAMPLE_PAGES_MAX);
}


/* the domain's own bandwidth and downtime where none are asked for */
static int
qemuDirtyPredictFillLists(qemuDirtyPredictRequest *request,
                          const MigrationSettings *settings)
{
    if (request->nbandwidths == 0) {
        if (settings->max_bandwidth == 0) {
            virReportError(VIR_ERR_INVALID_ARG,
                           _("the bandwidth to predict for is not known, as the domain's maximum migration bandwidth is unlimited: give parameter '%1$s'"),
                           VIR_DOMAIN_MIGRATE_PREDICT_PARAM_BANDWIDTH);
            return -1;
        }

        request->bandwidths[0] = settings->max_bandwidth / QEMU_DIRTY_PREDICT_MIB;
        request->nbandwidths = 1;
    }

    if (request->ndowntimes == 0) {
        if (settings->downtime_limit < 1) {
            virReportError(VIR_ERR_INVALID_ARG,
                           _("the domain's maximum migration downtime is 0, with which no migration ends: give parameter '%1$s'"),
                           VIR_DOMAIN_MIGRATE_PREDICT_PARAM_DOWNTIME);
            return -1;
        }

        request->downtimes[0] = settings->downtime_limit;
        request->ndowntimes = 1;
    }

    return 0;
}


static void G_GNUC_PRINTF(2, 3)
qemuDirtyPredictNote(qemuDirtyPredictGuest *guest,
                     const char *format,
                     ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(guest->notes, g_strdup_vprintf(format, args));
    va_end(args);
}


static bool
qemuDirtyPredictHasLimit(virDomainDef *def)
{
    size_t i;

    for (i = 0; i < virDomainDefGetVcpusMax(def); i++) {
        const virDomainVcpuDef *vcpu = virDomainDefGetVcpu(def, i);

        if (vcpu->online && vcpu->dirtyLimit > 0)
            return true;
    }

    return false;
}


/* What the guest's balloon would tell of free pages. There are none without
 * the hints, or without statistics, and that is no failure. */
static void
qemuDirtyPredictAskFree(virDomainObj *vm,
                        qemuDirtyPredictGuest *guest)
{
    qemuDomainObjPrivate *priv = vm->privateData;
    virDomainMemballoonDef *balloon = vm->def->memballoon;
    qemuMonitorJSONObjectProperty hint = { .type = QEMU_MONITOR_OBJECT_PROPERTY_BOOLEAN };
    virDomainMemoryStatStruct stats[VIR_DOMAIN_MEMORY_STAT_NR];
    g_autofree char *path = NULL;
    int nstats = 0;
    size_t i;

    if (!balloon || balloon->model == VIR_DOMAIN_MEMBALLOON_MODEL_NONE ||
        !balloon->info.alias)
        return;

    path = g_strdup_printf("/machine/peripheral/%s", balloon->info.alias);

    qemuDomainObjEnterMonitor(vm);
    if (qemuMonitorJSONGetObjectProperty(priv->mon, path, "free-page-hint", &hint) == 0 &&
        hint.val.b)
        nstats = qemuMonitorJSONGetMemoryStats(priv->mon, path, stats, G_N_ELEMENTS(stats));
    qemuDomainObjExitMonitor(vm);
    virResetLastError();

    for (i = 0; nstats > 0 && i < nstats; i++) {
        if (stats[i].tag == VIR_DOMAIN_MEMORY_STAT_UNUSED)
            guest->freeMemory = stats[i].val * 1024;
    }
}


/* what the measurement and the model do not see */
static void
qemuDirtyPredictNoteGuest(virDomainObj *vm,
                          const qemuDirtyPredictRequest *request,
                          qemuDirtyPredictGuest *guest)
{
    if (request->nbandwidths == 0)
        qemuDirtyPredictNote(guest, "%s",
                             _("the network is taken to let through the domain's maximum migration bandwidth"));

    if (vm->job->asyncJob == VIR_ASYNC_JOB_MIGRATION_OUT)
        qemuDirtyPredictNote(guest, "%s",
                             _("the domain is being migrated: what that does to the guest is part of the measurement"));

    if (qemuDirtyPredictHasLimit(vm->def))
        qemuDirtyPredictNote(guest, "%s",
                             _("dirty page rates of vCPUs are limited: what that does to the guest is part of the measurement"));

    if (vm->def->nhostdevs > 0)
        qemuDirtyPredictNote(guest, "%s",
                             _("the domain has host devices: the size of their state is not known, and not part of the downtime"));

    if (request->flags & (VIR_MIGRATE_TLS | VIR_MIGRATE_TUNNELLED))
        qemuDirtyPredictNote(guest, "%s",
                             _("encryption or a tunnel may let through less than the bandwidth given: that is not part of the prediction"));

    if (virTypedParamsGet(request->params, request->nparams,
                          VIR_MIGRATE_PARAM_COMPRESSION_ZLIB_LEVEL) ||
        virTypedParamsGet(request->params, request->nparams,
                          VIR_MIGRATE_PARAM_COMPRESSION_ZSTD_LEVEL))
        qemuDirtyPredictNote(guest, "%s",
                             _("compression is measured at its default level: another one makes data smaller or is faster"));
}


/* with a job held */
static int
qemuDirtyPredictAskGuestLocked(virDomainObj *vm,
                               const qemuDirtyPredictRequest *request,
                               qemuDirtyPredictGuest *guest)
{
    DirtyQmp qmp = qemuDirtyQmp(vm);
    MigrationSettings *settings = &guest->settings;
    int id = vm->def->id;
    GError *err = NULL;

    if (qemuDirtyCheckRunning(vm) < 0 ||
        qemuDirtyPredictCheckCaps(vm, request->flags) < 0 ||
        (request->dirtyLimit > 0 && qemuDirtyPredictCheckLimit(vm) < 0))
        return -1;

    if (!dirty_qmp_query_migrate_parameters(&qmp, settings, &err)) {
        qemuDirtyReportFailure(vm, id, err);
        return -1;
    }

    if (virDomainObjCheckActive(vm) < 0)
        return -1;

    /* QEMU takes no hints of a guest that may go on by post-copy */
    if (!(request->flags & VIR_MIGRATE_POSTCOPY))
        qemuDirtyPredictAskFree(vm, guest);

    if (virDomainObjCheckActive(vm) < 0)
        return -1;

    settings->log = qemuDirtyPredictLog(vm->def);
    settings->n_vcpus = virDomainDefGetVcpus(vm->def);
    qemuDirtyPredictTakeSpeed(vm, settings);
    qemuDirtyPredictNoteGuest(vm, request, guest);

    return 0;
}


/**
 * qemuDirtyPredictAskGuest:
 * @vm: domain, locked
 * @request: what is asked for; an empty list becomes what the domain has, and
 *           a sample of no size one that suits its memory
 * @guest: filled but for its memory; cleared by the caller, also on failure
 *
 * Finds out how @vm would be migrated as @request asks. Fails where it could
 * not be.
 *
 * Returns 0, or -1 with an error reported.
 */
int
qemuDirtyPredictAskGuest(virDomainObj *vm,
                         qemuDirtyPredictRequest *request,
                         qemuDirtyPredictGuest *guest)
{
    int ret;

    migration_settings_init(&guest->settings);
    guest->shorter = g_ptr_array_new_with_free_func((GDestroyNotify) dirty_measurement_free);
    guest->notes = g_ptr_array_new_with_free_func(g_free);

    if (qemuDirtyBeginJob(vm) < 0)
        return -1;

    ret = qemuDirtyPredictAskGuestLocked(vm, request, guest);
    virDomainObjEndJob(vm);

    if (ret < 0 || qemuDirtyPredictFillLists(request, &guest->settings) < 0)
        return -1;

    qemuDirtyPredictFillSample(vm, &request->measurement);
    qemuDirtyPredictRequestApply(request, &guest->settings);

    return 0;
}


/**
 * qemuDirtyPredictAskMemory:
 * @vm: domain, locked
 * @guest: where to put how much memory the guest has now, and which share of
 *         it is known to be free
 *
 * Returns 0, or -1 with an error reported.
 */
int
qemuDirtyPredictAskMemory(virDomainObj *vm,
                          qemuDirtyPredictGuest *guest)
{
    DirtyQmp qmp = qemuDirtyQmp(vm);
    int id = vm->def->id;
    GError *err = NULL;
    int ret = 0;

    if (qemuDirtyBeginJob(vm) < 0)
        return -1;

    if (virDomainObjCheckActive(vm) < 0) {
        ret = -1;
    } else if (!dirty_qmp_query_memory_size(&qmp, &guest->memory, &err)) {
        qemuDirtyReportFailure(vm, id, err);
        ret = -1;
    }

    virDomainObjEndJob(vm);

    if (ret == 0 && guest->memory > 0)
        guest->settings.free_page_share = MIN((double) guest->freeMemory / guest->memory, 1);

    return ret;
}
