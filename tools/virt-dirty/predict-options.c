/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options of virt-dirty predict: how they are called, and what they mean for a migration.
 */
#include "predict-options.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "dirty-limit-range.h"

#define MIB (1024.0 * 1024)
#define MS_PER_S 1000.0
#define PERCENT 0.01

/* The table of the first prediction that was published: links there are, and usual limits. */
#define BANDWIDTHS_DEFAULT "100mbit,1gbit,2gbit,2.5gbit,5gbit,10gbit,25gbit,40gbit"
#define DOWNTIMES_DEFAULT "125,250,500,1000,5000," MIGRATION_DOWNTIME_UNLIMITED

/* Connections of a parallel migration unless told otherwise: QEMU's. */
#define CHANNELS_DEFAULT 2

/* Most memory that is believed, MiB: more than any host has. */
#define MEMORY_MAX_MIB (G_GINT64_CONSTANT(1) << 32)

/* What stands in an option that was not given: far out of the range of each. */
#define UNSET_INT G_MININT
#define UNSET_INT64 G_MININT64
#define UNSET_DOUBLE (-G_MAXDOUBLE)

/* Values as they were typed. */
static struct {
    char *bandwidth;
    char *downtime;
    double max_bandwidth;
    double switchover_bandwidth;
    gboolean auto_converge;
    int auto_converge_initial;
    int auto_converge_increment;
    gint64 dirty_limit;
    int vcpus;
    double vcpu_load;
    double free_page_share;
    gboolean postcopy;
    gboolean parallel;
    int parallel_connections;
    char *comp_methods;
    double latency;
    char *log;
    gint64 device_state;
    double time_limit;
    gint64 memory;
    gboolean join;
    gboolean bounds;
    gboolean explain;
    gboolean json;
} typed = {
    .max_bandwidth = UNSET_DOUBLE,
    .switchover_bandwidth = UNSET_DOUBLE,
    .auto_converge_initial = UNSET_INT,
    .auto_converge_increment = UNSET_INT,
    .dirty_limit = UNSET_INT64,
    .vcpus = UNSET_INT,
    .vcpu_load = UNSET_DOUBLE,
    .free_page_share = UNSET_DOUBLE,
    .parallel_connections = UNSET_INT,
    .latency = UNSET_DOUBLE,
    .device_state = UNSET_INT64,
    .time_limit = UNSET_DOUBLE,
    .memory = UNSET_INT64,
};

const GOptionEntry predict_entries[] = {
    {"bandwidth", 0, 0, G_OPTION_ARG_STRING, &typed.bandwidth,
     N_("bandwidths: MiB/s of payload, or a link's rate such as 1gbit, with commas between them"),
     N_("LIST")},
    {"downtime", 0, 0, G_OPTION_ARG_STRING, &typed.downtime,
     N_("downtime limits: ms or 'unlimited', with commas between them"), N_("LIST")},
    {"max-bandwidth", 0, 0, G_OPTION_ARG_DOUBLE, &typed.max_bandwidth,
     N_("limit while the guest still runs, MiB/s (default: none)"), N_("RATE")},
    {"available-switchover-bandwidth", 0, 0, G_OPTION_ARG_DOUBLE, &typed.switchover_bandwidth,
     N_("what QEMU is told to expect while the guest stands still, MiB/s (default: it measures)"),
     N_("RATE")},
    {"auto-converge", 0, 0, G_OPTION_ARG_NONE, &typed.auto_converge,
     N_("throttle the vCPUs when it does not get on"), NULL},
    {"auto-converge-initial", 0, 0, G_OPTION_ARG_INT, &typed.auto_converge_initial,
     N_("what auto-converge takes at first, 1 to 99 percent (default: 20)"), N_("PERCENT")},
    {"auto-converge-increment", 0, 0, G_OPTION_ARG_INT, &typed.auto_converge_increment,
     N_("what it adds each time, 0 to 99 percent (default: 10)"), N_("PERCENT")},
    {"dirty-limit", 0, 0, G_OPTION_ARG_INT64, &typed.dirty_limit,
     N_("hold each vCPU's dirty page rate from the start, MiB/s"), N_("RATE")},
    {"vcpus", 0, 0, G_OPTION_ARG_INT, &typed.vcpus,
     N_("number of vCPUs (default: as measured, else 1)"), N_("NUMBER")},
    {"vcpu-load", 0, 0, G_OPTION_ARG_DOUBLE, &typed.vcpu_load,
     N_("share of the time that the vCPUs which write are busy (default: 1)"), N_("SHARE")},
    {"free-page-share", 0, 0, G_OPTION_ARG_DOUBLE, &typed.free_page_share,
     N_("share of its memory that the guest hints is free (default: 0)"), N_("SHARE")},
    {"postcopy", 0, 0, G_OPTION_ARG_NONE, &typed.postcopy,
     N_("switch to post-copy after the first pass"), NULL},
    {"parallel", 0, 0, G_OPTION_ARG_NONE, &typed.parallel, N_("use parallel connections"), NULL},
    {"parallel-connections", 0, 0, G_OPTION_ARG_INT, &typed.parallel_connections,
     N_("number of parallel connections (default: 2)"), N_("NUMBER")},
    {"comp-methods", 0, 0, G_OPTION_ARG_STRING, &typed.comp_methods,
     N_("compress with this method, as far as the measurement tried it; with --parallel"),
     N_("METHOD")},
    {"latency", 0, 0, G_OPTION_ARG_DOUBLE, &typed.latency,
     N_("a packet's way to the target and back, ms (default: 0)"), N_("MS")},
    {"log", 0, 0, G_OPTION_ARG_STRING, &typed.log,
     N_("how writes are logged: lazy-bitmap (default), bitmap, ring or tcg"), N_("WAY")},
    {"device-state", 0, 0, G_OPTION_ARG_INT64, &typed.device_state,
     N_("what is sent besides memory in the downtime, bytes"), N_("BYTES")},
    {"time-limit", 0, 0, G_OPTION_ARG_DOUBLE, &typed.time_limit,
     N_("take it as not converging after this time, s (default: an hour, longer for large guests)"),
     N_("SECONDS")},
    {"memory", 0, 0, G_OPTION_ARG_INT64, &typed.memory,
     N_("the guest's memory, MiB: needed where stock QEMU measured, else compared"), N_("MIB")},
    {"join", 0, 0, G_OPTION_ARG_NONE, &typed.join,
     N_("make one curve of the rates that stock QEMU measured over different times"), NULL},
    {"bounds", 0, 0, G_OPTION_ARG_NONE, &typed.bounds,
     N_("show between which bounds each time lies"), NULL},
    {"explain", 0, 0, G_OPTION_ARG_NONE, &typed.explain,
     N_("say of each migration how it goes or why it does not end"), NULL},
    {"json", 0, 0, G_OPTION_ARG_NONE, &typed.json, N_("print one JSON object for each measurement"),
     NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL},
};

/**
 * predict_option_values: what an option can be
 * @option: its name
 *
 * Return: its values, g_strfreev() them; NULL where it can be anything
 */
char **
predict_option_values(const char *option)
{
    g_autoptr(GPtrArray) values = g_ptr_array_new();

    if (g_str_equal(option, "log")) {
        for (gsize i = 0; i < MIGRATION_LOG_LAST; i++) {
            g_ptr_array_add(values, g_strdup(migration_log_to_string((MigrationLog)i)));
        }
    } else if (g_str_equal(option, "comp-methods")) {
        g_ptr_array_add(values, g_strdup("zlib"));
        g_ptr_array_add(values, g_strdup("zstd"));
    }
    g_ptr_array_add(values, NULL);
    return (char **)g_ptr_array_steal(values, NULL);
}

static gboolean
invalid(GError **error, const char *message)
{
    g_set_error_literal(error, DIRTY_ERROR, DIRTY_ERROR_INVALID, message);
    return FALSE;
}

static gboolean
take_log(MigrationSettings *settings, GError **error)
{
    if (!typed.log) {
        return TRUE;
    }
    for (gsize i = 0; i < MIGRATION_LOG_LAST; i++) {
        if (g_str_equal(typed.log, migration_log_to_string((MigrationLog)i))) {
            settings->log = (MigrationLog)i;
            return TRUE;
        }
    }
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                _("--log '%1$s' is unknown: use lazy-bitmap, bitmap, ring or tcg"), typed.log);
    return FALSE;
}

/*
 * Sets a number, which is so many of what was typed. Ranges are said as one types, and not as the
 * settings have them.
 */
static gboolean
take_number(const char *option, double value, double factor, MigrationSettings *settings,
            gsize setting, GError **error)
{
    const MigrationRange *range = migration_settings_range(setting);
    double low = range->low / factor;
    double high = range->high / factor;

    if (value == UNSET_DOUBLE) {
        return TRUE;
    }
    if ((value >= low && value <= high) || (range->or_zero && value == 0)) {
        G_STRUCT_MEMBER(double, settings, setting) = value * factor;
        return TRUE;
    }
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                range->or_zero ? _("--%1$s %2$g is out of range: use 0, or %3$g to %4$g")
                               : _("--%1$s %2$g is out of range: use %3$g to %4$g"),
                option, value, low, high);
    return FALSE;
}

/* Return: a whole number as take_number() takes it */
static double
whole(gint64 value, gint64 unset)
{
    return value == unset ? UNSET_DOUBLE : (double)value;
}

#define TAKE(option, value, factor, member)                                                        \
 take_number(option, value, factor, settings, G_STRUCT_OFFSET(MigrationSettings, member), error)

static gboolean
take_auto_converge(MigrationSettings *settings, GError **error)
{
    if (!typed.auto_converge) {
        if (typed.auto_converge_initial != UNSET_INT ||
            typed.auto_converge_increment != UNSET_INT) {
            return invalid(error, _("--auto-converge-initial and --auto-converge-increment need "
                                    "--auto-converge"));
        }
        return TRUE;
    }
    settings->throttle = MIGRATION_THROTTLE_AUTO_CONVERGE;
    return TAKE("auto-converge-initial", whole(typed.auto_converge_initial, UNSET_INT), PERCENT,
                throttle_initial) &&
           TAKE("auto-converge-increment", whole(typed.auto_converge_increment, UNSET_INT), PERCENT,
                throttle_increment);
}

static gboolean
take_dirty_limit(MigrationSettings *settings, GError **error)
{
    if (typed.dirty_limit == UNSET_INT64) {
        return TRUE;
    }
    if (typed.auto_converge) {
        return invalid(error, _("--auto-converge and --dirty-limit exclude each other"));
    }
    if (typed.dirty_limit < (gint64)DIRTY_LIMIT_MIN_MIBS ||
        typed.dirty_limit > (gint64)DIRTY_LIMIT_MAX_MIBS) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("--dirty-limit %1$lld MiB/s is out of range: use %2$llu to %3$llu"),
                    (long long)typed.dirty_limit, (unsigned long long)DIRTY_LIMIT_MIN_MIBS,
                    (unsigned long long)DIRTY_LIMIT_MAX_MIBS);
        return FALSE;
    }
    settings->throttle = MIGRATION_THROTTLE_DIRTY_LIMIT;
    settings->limit_from_start = TRUE;
    settings->vcpu_dirty_limit = typed.dirty_limit;
    return TRUE;
}

/* The range is checked with all the others; here only what does not fit a guint. */
static gboolean
take_count(const char *option, int value, guint *count, GError **error)
{
    if (value == UNSET_INT) {
        return TRUE;
    }
    if (value < 1) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("--%1$s %2$d is out of range: use 1 or more"), option, value);
        return FALSE;
    }
    *count = value;
    return TRUE;
}

static gboolean
take_parallel(MigrationSettings *settings, GError **error)
{
    if (typed.parallel) {
        settings->channels = CHANNELS_DEFAULT;
    } else if (typed.parallel_connections != UNSET_INT) {
        return invalid(error, _("--parallel-connections needs --parallel"));
    }
    if (typed.comp_methods && !typed.parallel) {
        return invalid(error, _("--comp-methods needs --parallel: without parallel connections "
                                "QEMU compresses with no method that is measured"));
    }
    if (typed.postcopy && typed.parallel) {
        return invalid(error, _("--postcopy and --parallel exclude each other in QEMU 10.0"));
    }
    return take_count("parallel-connections", typed.parallel_connections, &settings->channels,
                      error);
}

static gboolean
take_memory(PredictOptions *options, GError **error)
{
    if (typed.memory == UNSET_INT64) {
        return typed.join ? invalid(error, _("--join needs --memory")) : TRUE;
    }
    if (typed.memory < 1 || typed.memory > MEMORY_MAX_MIB) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("--memory %1$lld MiB is out of range: use 1 to %2$lld"),
                    (long long)typed.memory, (long long)MEMORY_MAX_MIB);
        return FALSE;
    }
    options->memory = typed.memory * MIB;
    return TRUE;
}

static gboolean
take_numbers(MigrationSettings *settings, GError **error)
{
    return TAKE("max-bandwidth", typed.max_bandwidth, MIB, max_bandwidth) &&
           TAKE("available-switchover-bandwidth", typed.switchover_bandwidth, MIB,
                switchover_bandwidth) &&
           TAKE("vcpu-load", typed.vcpu_load, 1, vcpu_load) &&
           TAKE("free-page-share", typed.free_page_share, 1, free_page_share) &&
           TAKE("latency", typed.latency, 1, latency) &&
           TAKE("device-state", whole(typed.device_state, UNSET_INT64), 1, device_state) &&
           TAKE("time-limit", typed.time_limit, MS_PER_S, time_limit);
}

static gboolean
take_lists(PredictOptions *options, GError **error)
{
    options->bandwidths =
        migration_bandwidths_parse(typed.bandwidth ? typed.bandwidth : BANDWIDTHS_DEFAULT, error);
    if (!options->bandwidths) {
        return FALSE;
    }
    options->downtimes =
        migration_downtimes_parse(typed.downtime ? typed.downtime : DOWNTIMES_DEFAULT, error);
    return options->downtimes != NULL;
}

/**
 * predict_options_new: take the options that predict_entries have read
 * @error: set to DIRTY_ERROR_INVALID where one is wrong
 *
 * Return: them, free with predict_options_free(); NULL with @error set
 */
PredictOptions *
predict_options_new(GError **error)
{
    g_autoptr(PredictOptions) options = g_new0(PredictOptions, 1);
    MigrationSettings *settings = &options->settings;

    migration_settings_init(settings);
    settings->postcopy = typed.postcopy;
    options->join = typed.join;
    options->method = typed.comp_methods;
    options->vcpus_given = typed.vcpus != UNSET_INT;
    options->bounds = typed.bounds;
    options->explain = typed.explain;
    options->json = typed.json;
    if (!take_lists(options, error) || !take_log(settings, error) ||
        !take_numbers(settings, error) || !take_auto_converge(settings, error) ||
        !take_dirty_limit(settings, error) ||
        !take_count("vcpus", typed.vcpus, &settings->n_vcpus, error) ||
        !take_parallel(settings, error) || !take_memory(options, error)) {
        return NULL;
    }
    settings->bandwidth = options->bandwidths->values[0];
    return migration_settings_check(settings, error) ? g_steal_pointer(&options) : NULL;
}

/**
 * predict_options_free: free options
 * @options: options, or NULL
 */
void
predict_options_free(PredictOptions *options)
{
    if (!options) {
        return;
    }
    migration_list_free(options->bandwidths);
    migration_list_free(options->downtimes);
    g_free(options);
}
