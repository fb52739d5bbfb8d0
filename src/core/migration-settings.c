/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a migration is going to be run: defaults, ranges and names.
 */
#include "migration-settings.h"

#include <math.h>

#include "dirty-i18n.h"
#include "dirty-measurement.h"

#define BITS_PER_BYTE 8.0

/*
 * IPv4 20, TCP 20, its time stamps 12: Linux sends them by default.
 */
#define PACKET_HEADERS 52

/*
 * What a guest without special devices has, bytes: 25 KB of type pc with one to
 * four vCPUs in the lab, and some for disks and network cards.
 */
#define DEVICE_STATE_DEFAULT (64 * 1024.0)
/*
 * Stopping it here, loading its devices and having it run there, ms: 10 to 25
 * in the lab, the more the busier the host was.
 */
#define DOWNTIME_FIXED_DEFAULT_MS 15.0

/* QEMU 10.0, migration/options.c:42-87. */
#define THROTTLE_INITIAL_DEFAULT 0.20
#define THROTTLE_INCREMENT_DEFAULT 0.10
#define THROTTLE_MAX_DEFAULT 0.99
#define THROTTLE_TRIGGER_DEFAULT 0.50
#define VCPU_DIRTY_LIMIT_DEFAULT 1.0

static const char *const throttle_names[] = {
    [MIGRATION_THROTTLE_NONE] = "none",
    [MIGRATION_THROTTLE_AUTO_CONVERGE] = "auto-converge",
    [MIGRATION_THROTTLE_DIRTY_LIMIT] = "dirty-limit",
};
G_STATIC_ASSERT(G_N_ELEMENTS(throttle_names) == MIGRATION_THROTTLE_LAST);

static const char *const log_names[] = {
    [MIGRATION_LOG_LAZY] = "lazy-bitmap",
    [MIGRATION_LOG_BITMAP] = "bitmap",
    [MIGRATION_LOG_RING] = "ring",
    [MIGRATION_LOG_TCG] = "tcg",
};
G_STATIC_ASSERT(G_N_ELEMENTS(log_names) == MIGRATION_LOG_LAST);

/**
 * migration_settings_init: what QEMU and libvirt do unless told otherwise
 * @settings: set to it; bandwidth to 0, which has no default
 */
void
migration_settings_init(MigrationSettings *settings)
{
    *settings = (MigrationSettings){
        .downtime_limit = MIGRATION_DOWNTIME_DEFAULT_MS,
        .device_state = DEVICE_STATE_DEFAULT,
        .downtime_fixed = DOWNTIME_FIXED_DEFAULT_MS,
        .throttle = MIGRATION_THROTTLE_NONE,
        .throttle_initial = THROTTLE_INITIAL_DEFAULT,
        .throttle_increment = THROTTLE_INCREMENT_DEFAULT,
        .throttle_max = THROTTLE_MAX_DEFAULT,
        .throttle_trigger = THROTTLE_TRIGGER_DEFAULT,
        .vcpu_dirty_limit = VCPU_DIRTY_LIMIT_DEFAULT,
        .limitable = TRUE,
        .n_vcpus = 1,
        .vcpu_load = 1,
        .postcopy_after_passes = 1,
        .compression_ratio = 1,
        .log = MIGRATION_LOG_LAZY,
    };
}

/* One row for each number that has a range. */
typedef struct {
    const char *what;
    gsize offset;
    MigrationRange range;
} RangeRow;

#define ROW(member, what, low, high, or_zero)                                  \
 {                                                                             \
  what, G_STRUCT_OFFSET(MigrationSettings, member),                            \
  {                                                                            \
   low, high, or_zero                                                          \
  }                                                                            \
 }

static const RangeRow ranges[] = {
    ROW(bandwidth, N_("bandwidth in bytes/s"), MIGRATION_BANDWIDTH_MIN,
        MIGRATION_BANDWIDTH_MAX, FALSE),
    ROW(max_bandwidth, N_("bandwidth limit in bytes/s"),
        MIGRATION_BANDWIDTH_MIN, MIGRATION_BANDWIDTH_MAX, TRUE),
    ROW(switchover_bandwidth, N_("switchover bandwidth in bytes/s"),
        MIGRATION_BANDWIDTH_MIN, MIGRATION_BANDWIDTH_MAX, TRUE),
    /* QEMU takes no more than 2000 s, but whoever asks may ask. */
    ROW(downtime_limit, N_("downtime limit in ms"), 1e-3, INFINITY, FALSE),
    ROW(latency, N_("latency in ms"), 0, 60000, FALSE),
    ROW(device_state, N_("device state in bytes"), 0, 1e15, FALSE),
    ROW(downtime_fixed, N_("fixed part of the downtime in ms"), 0, 3600000,
        FALSE),
    ROW(throttle_initial, N_("initial throttle as a share"), 0.01, 0.99, FALSE),
    ROW(throttle_increment, N_("throttle increment as a share"), 0, 0.99,
        FALSE),
    ROW(throttle_max, N_("highest throttle as a share"), 0.01, 0.99, FALSE),
    ROW(throttle_trigger, N_("throttle trigger as a share"), 0.01, 1, FALSE),
    ROW(vcpu_dirty_limit, N_("dirty page rate limit in MiB/s"), 1e-3, 1e9,
        FALSE),
    ROW(vcpu_load, N_("load of the vCPUs as a share"), 1e-3, 1, FALSE),
    ROW(compression_ratio, N_("compression ratio"), 1e-3, 1e6, FALSE),
    ROW(compression_speed, N_("compression speed in MiB/s"), 1e-3, 1e9, TRUE),
    ROW(free_page_share, N_("share of free pages"), 0, 1, FALSE),
    ROW(time_limit, N_("time limit in ms"), 1, 1e12, TRUE),
};

/* Written so that a value that is not a number fails. */
static gboolean
is_within(const MigrationRange *range, double value)
{
    return (value >= range->low && value <= range->high) ||
           (range->or_zero && value == 0);
}

static gboolean
check_range(const MigrationSettings *settings, const RangeRow *row,
            GError **error)
{
    double value = G_STRUCT_MEMBER(double, settings, row->offset);

    if (is_within(&row->range, value)) {
        return TRUE;
    }
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                row->range.or_zero
                    ? _("migration: %1$s is %2$g: use 0 or %3$g to %4$g")
                    : _("migration: %1$s is %2$g: use %3$g to %4$g"),
                _(row->what), value, row->range.low, row->range.high);
    return FALSE;
}

/**
 * migration_settings_range: what a number among the settings can be
 * @offset: its place, of G_STRUCT_OFFSET(); one that has a range
 *
 * Return: its range, static.
 */
const MigrationRange *
migration_settings_range(gsize offset)
{
    for (gsize i = 0; i < G_N_ELEMENTS(ranges); i++) {
        if (ranges[i].offset == offset) {
            return &ranges[i].range;
        }
    }
    g_return_val_if_reached(NULL);
}

static gboolean
check_count(const char *what, guint value, guint low, guint high,
            GError **error)
{
    if (value >= low && value <= high) {
        return TRUE;
    }
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                _("migration: %1$s is %2$u: use %3$u to %4$u"), _(what), value,
                low, high);
    return FALSE;
}

/* What QEMU 10.0 refuses to do together (migration/options.c). */
static gboolean
check_together(const MigrationSettings *settings, GError **error)
{
    if (settings->postcopy && settings->channels > 0) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("migration: post-copy does not go with parallel "
                      "connections: leave one of them out"));
        return FALSE;
    }
    if (settings->compression_ratio != 1 && settings->channels == 0) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("migration: compression needs parallel connections: ask "
                      "for them too"));
        return FALSE;
    }
    return TRUE;
}

/**
 * migration_settings_check: whether a migration can be run like this
 * @settings: the settings
 * @error: set to DIRTY_ERROR_INVALID where a value is out of its range
 *
 * Return: TRUE if all values are in their ranges.
 */
gboolean
migration_settings_check(const MigrationSettings *settings, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(ranges); i++) {
        if (!check_range(settings, &ranges[i], error)) {
            return FALSE;
        }
    }
    if (!check_count(N_("way to throttle"), settings->throttle, 0,
                     MIGRATION_THROTTLE_LAST - 1, error) ||
        !check_count(N_("way to log writes"), settings->log, 0,
                     MIGRATION_LOG_LAST - 1, error) ||
        !check_count(N_("number of vCPUs"), settings->n_vcpus, 1, 65536,
                     error) ||
        !check_count(N_("number of connections"), settings->channels, 0,
                     MIGRATION_CHANNELS_MAX, error) ||
        !check_count(N_("number of passes before post-copy"),
                     settings->postcopy_after_passes, 1, 1000, error)) {
        return FALSE;
    }
    return check_together(settings, error);
}

/**
 * migration_link_payload: what a link carries of a TCP stream
 * @bits_per_s: the link's rate, bits/s
 * @mtu: its largest IP packet, bytes, MIGRATION_MTU_MIN..MIGRATION_MTU_MAX
 * @frame_bytes: what it carries besides for each packet, such as
 *   MIGRATION_FRAME_ETHERNET
 *
 * Return: bytes/s of the stream, with IPv4 and full packets.
 */
double
migration_link_payload(double bits_per_s, guint mtu, guint frame_bytes)
{
    return bits_per_s / BITS_PER_BYTE * (mtu - PACKET_HEADERS) /
           (mtu + frame_bytes);
}

/**
 * migration_throttle_to_string: the name of a way to throttle
 * @throttle: below MIGRATION_THROTTLE_LAST
 *
 * Return: its name, static.
 */
const char *
migration_throttle_to_string(MigrationThrottle throttle)
{
    g_return_val_if_fail((guint)throttle < MIGRATION_THROTTLE_LAST, NULL);
    return throttle_names[throttle];
}

/**
 * migration_log_to_string: the name of a way to log writes
 * @log: below MIGRATION_LOG_LAST
 *
 * Return: its name, static.
 */
const char *
migration_log_to_string(MigrationLog log)
{
    g_return_val_if_fail((guint)log < MIGRATION_LOG_LAST, NULL);
    return log_names[log];
}

/**
 * migration_log_asks_vcpus: whether a sync asks each vCPU what it has dirtied
 * @log: below MIGRATION_LOG_LAST
 *
 * Return: TRUE if it does, so that it waits for one that sleeps.
 */
gboolean
migration_log_asks_vcpus(MigrationLog log)
{
    return log == MIGRATION_LOG_TCG || log == MIGRATION_LOG_RING;
}
