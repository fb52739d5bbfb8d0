/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a migration is going to be run: what a prediction has to be told besides
 * the guest's dirty pages.
 */
#ifndef MIGRATION_SETTINGS_H
#define MIGRATION_SETTINGS_H

#include <glib.h>

G_BEGIN_DECLS

/* Range of a bandwidth, bytes/s: a byte a second to more than any memory. */
#define MIGRATION_BANDWIDTH_MIN 1.0
#define MIGRATION_BANDWIDTH_MAX 1e15
/* Range of a link's MTU, bytes: IPv4's least, and the largest IP packet. */
#define MIGRATION_MTU_MIN 576
#define MIGRATION_MTU_MAX 65535
/* MTU of an Ethernet link nobody says otherwise of, bytes. */
#define MIGRATION_MTU_DEFAULT 1500

/*
 * What a link carries besides an IP packet, bytes a packet. On an Ethernet
 * cable: preamble 8, header 14, check sum 4, gap 12. A rate that Linux' traffic
 * control shapes counts the header alone.
 */
#define MIGRATION_FRAME_ETHERNET 38
#define MIGRATION_FRAME_SHAPED 14

/* Default of MigrationSettings.downtime_limit, ms: QEMU's. */
#define MIGRATION_DOWNTIME_DEFAULT_MS 300
/*
 * When a migration is given up where MigrationSettings.time_limit is 0: after
 * an hour, and no sooner than so many times the first pass.
 */
#define MIGRATION_TIME_LIMIT_MS 3600000.0
#define MIGRATION_TIME_LIMIT_PASSES 10
/* Most connections of a parallel migration: QEMU's. */
#define MIGRATION_CHANNELS_MAX 255

/* What slows the guest down when it dirties memory too fast. */
typedef enum {
    MIGRATION_THROTTLE_NONE,
    MIGRATION_THROTTLE_AUTO_CONVERGE,
    MIGRATION_THROTTLE_DIRTY_LIMIT,
    MIGRATION_THROTTLE_LAST
} MigrationThrottle;

/*
 * How the guest's writes are logged while it migrates:
 * @MIGRATION_LOG_LAZY: KVM's bitmap, where all pages start as dirty and each
 * GiB is cleared when its first page is sent
 * @MIGRATION_LOG_BITMAP: KVM's bitmap without that (kernels before 5.7)
 * @MIGRATION_LOG_RING: KVM's dirty ring
 * @MIGRATION_LOG_TCG: the emulator's own
 */
typedef enum {
    MIGRATION_LOG_LAZY,
    MIGRATION_LOG_BITMAP,
    MIGRATION_LOG_RING,
    MIGRATION_LOG_TCG,
    MIGRATION_LOG_LAST
} MigrationLog;

/**
 * MigrationSettings: how a migration is going to be run
 * @bandwidth: what the link carries of the migration's stream, bytes/s, that
 *   is without the headers of its packets, see migration_link_payload();
 *   MIGRATION_BANDWIDTH_MIN..MIGRATION_BANDWIDTH_MAX
 * @max_bandwidth: limit set for the time the guest still runs (virsh migrate
 *   --bandwidth), bytes/s; 0: none. While the guest stands still and after a
 *   switch to post-copy it goes at @bandwidth
 * @switchover_bandwidth: what QEMU is told to expect while the guest stands
 *   still (avail-switchover-bandwidth), bytes/s; 0: it takes what it measures
 * @downtime_limit: how long the guest may stand still by QEMU's reckoning,
 *   which counts nothing but memory, ms, above 0; INFINITY: any time
 * @latency: a packet's way to the target and back, ms, 0 or more
 * @device_state: what is sent besides memory while the guest stands still,
 *   bytes, with one vCPU; what each further one has is added
 * @downtime_fixed: what stopping it here and starting it there takes besides
 *   sending, ms
 * @throttle: what slows the guest down
 * @throttle_initial: auto-converge: share of its time that the vCPUs lose at
 *   first, 0.01..0.99
 * @throttle_increment: how much more of it each time it is not enough, 0..0.99
 * @throttle_max: share they lose at most, 0.01..0.99
 * @throttle_trigger: share of the bytes sent that the bytes newly dirtied have
 *   to exceed for either throttle to act, above 0 up to 1
 * @tailslow: auto-converge: whether its last steps are smaller
 * @vcpu_dirty_limit: most that each vCPU is let dirty, MiB/s, above 0; only
 *   with MIGRATION_THROTTLE_DIRTY_LIMIT
 * @limit_from_start: whether the vCPUs are limited before the migration begins
 *   and not only when it does not get on
 * @limitable: whether vCPUs can be limited at all, which needs QEMU with the
 *   libvirt-dirty patch or a dirty ring; if not, no plan has it as a way
 * @n_vcpus: vCPUs of the guest, 1 or more
 * @vcpu_load: share of the time that the vCPUs that write have work to do,
 *   above 0 up to 1; one that would idle anyway catches up after a pause. 1 is
 *   the cautious value when nothing slows the guest and the hopeful one when
 *   something does
 * @postcopy: whether it switches to post-copy
 * @postcopy_after_passes: after how many passes it does, 1 or more
 * @channels: connections of a parallel migration, 0: not parallel
 * @compression_ratio: bytes before by bytes after compression, 1: none
 * @compression_speed: how fast pages are compressed, all threads together,
 *   MiB/s; 0: faster than the link
 * @free_page_share: share of all pages that the guest says are free (free page
 *   hints), which are then not sent in the first pass, 0..1
 * @log: how the guest's writes are logged
 * @time_limit: when to give up, ms of total time; 0: after an hour, or ten
 *   times as long as it takes to send all of the memory once
 *
 * migration_settings_init() gives all but @bandwidth a value.
 */
typedef struct {
    double bandwidth;
    double max_bandwidth;
    double switchover_bandwidth;
    double downtime_limit;
    double latency;
    double device_state;
    double downtime_fixed;

    MigrationThrottle throttle;
    double throttle_initial;
    double throttle_increment;
    double throttle_max;
    double throttle_trigger;
    gboolean tailslow;
    double vcpu_dirty_limit;
    gboolean limit_from_start;
    gboolean limitable;
    guint n_vcpus;
    double vcpu_load;

    gboolean postcopy;
    guint postcopy_after_passes;

    guint channels;
    double compression_ratio;
    double compression_speed;
    double free_page_share;

    MigrationLog log;
    double time_limit;
} MigrationSettings;

/**
 * MigrationRange: what a number can be
 * @low: the least
 * @high: the most
 * @or_zero: whether it can be 0 as well
 */
typedef struct {
    double low;
    double high;
    gboolean or_zero;
} MigrationRange;

void migration_settings_init(MigrationSettings *settings);
const MigrationRange *migration_settings_range(gsize offset);
gboolean migration_settings_check(const MigrationSettings *settings,
                                  GError **error);

double migration_link_payload(double bits_per_s, guint mtu, guint frame_bytes);

const char *migration_throttle_to_string(MigrationThrottle throttle);
const char *migration_log_to_string(MigrationLog log);
gboolean migration_log_asks_vcpus(MigrationLog log);

G_END_DECLS

#endif
