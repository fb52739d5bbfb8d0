/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a migration ends: the last pass, or post-copy.
 */
#include "migration-postcopy.h"
#include "migration-replay-priv.h"

#include <math.h>

/* State of each vCPU but the first, bytes: registers, XSAVE area, MSRs. */
#define VCPU_STATE_BYTES 12288.0

/*
 * Share of the fixed part of the downtime that has passed before anything is
 * sent: libvirt hears of the stop, sees to its locks and lets QEMU go on.
 * Measured: 2 to 6 ms of 10 to 15.
 */
#define STOPPING_SHARE 0.45

/* State of devices and vCPUs, bytes. */
static double
device_state(const MigrationSettings *settings)
{
    return settings->device_state + (settings->n_vcpus - 1) * VCPU_STATE_BYTES;
}

/*
 * How long the guest stands still besides for what is sent of its memory: it is
 * stopped, and what waits in this host goes meanwhile; then the devices' state
 * goes, and the target has the guest run when it has read all that.
 */
static double
standstill(const MigrationReplay *replay)
{
    const MigrationSettings *settings = replay->settings;
    double stopping = settings->downtime_fixed * STOPPING_SHARE;

    return MAX(migration_send_queued(replay), stopping) +
           device_state(settings) / replay->wire->stop_rate +
           settings->downtime_fixed - stopping + settings->latency;
}

/* All that is left goes at the link's rate. Return: how long it takes, ms. */
static double
send_rest(MigrationReplay *replay)
{
    MigrationSent sent =
        migration_sweep_send(&replay->sweep, replay->sweep.pages);

    replay->outcome->bytes += migration_wire_bytes(replay->wire, sent) +
                              device_state(replay->settings);
    return migration_wire_stop_time(replay->wire, sent);
}

/* It ends, unless whoever waits has given up by then. */
static void
end_in_time(MigrationReplay *replay, double total_time)
{
    MigrationOutcome *outcome = replay->outcome;

    if (total_time > replay->time_limit) {
        outcome->downtime = INFINITY;
        outcome->verdict = MIGRATION_TIME_LIMIT;
        return;
    }
    outcome->total_time = total_time;
    outcome->verdict = MIGRATION_CONVERGES;
}

/**
 * migration_end_stop: the guest stands still and the rest is sent
 * @replay: the replay; its outcome is set
 *
 * What is left goes at the link's rate, whatever limit there was before
 * (migration.c, migration_switchover_start).
 */
void
migration_end_stop(MigrationReplay *replay)
{
    MigrationOutcome *outcome = replay->outcome;

    migration_send_pause(replay);
    outcome->passes++;
    outcome->downtime = standstill(replay) + send_rest(replay);
    end_in_time(replay, replay->now + outcome->downtime);
}

/**
 * migration_end_postcopy: the guest goes on at the target, and the rest follows
 * @replay: the replay; its outcome is set
 *
 * libvirt asks for it when it hears of the sync; QEMU sees that after a further
 * quantum, and syncs once more (migration.c, postcopy_start).
 */
void
migration_end_postcopy(MigrationReplay *replay)
{
    MigrationOutcome *outcome = replay->outcome;

    migration_send_for(replay, replay->quantum);
    migration_pass_sync(replay);
    migration_send_pause(replay);
    outcome->downtime = standstill(replay);
    outcome->switch_time = replay->now;
    outcome->postcopy_time =
        outcome->downtime +
        migration_wire_stop_time(replay->wire,
                                 migration_sweep_left(&replay->sweep));
    outcome->postcopy_faults =
        migration_postcopy_faults(replay->settings, &replay->sweep,
                                  replay->curve, outcome->postcopy_time);
    send_rest(replay);
    end_in_time(replay, outcome->switch_time + outcome->postcopy_time);
}
