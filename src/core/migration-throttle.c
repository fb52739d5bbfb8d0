/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When QEMU slows down a guest that dirties memory too fast, and how much.
 */
#include "migration-throttle.h"

#include <math.h>

/* QEMU looks at syncs further apart than this only, ms (ram.c:1047). */
#define PERIOD_MIN_MS 1000.0
/* Periods with too much dirtied before it does something (ram.c:1004). */
#define N_HIGH_MIN 2
/* Calm periods after which nothing is to be expected any more. */
#define N_CALM_MAX 3

/* What a throttled vCPU runs at a time, ms (cpu-throttle.c:38). */
#define TIMESLICE_MS 10.0

/*
 * How much of what it could not do meanwhile a vCPU that idles makes up for at
 * most when it runs again, ms of its usual time: timers that have run out,
 * requests that have come in. The lab's test guest makes up for 50 ms.
 */
#define BACKLOG_MS 50.0
/*
 * Whether it does at all has to do with what it waits for when it idles. The
 * busier it is, the likelier for those that it serves, who wait for its answers
 * in turn: a server busy for half of its time made up for next to nothing.
 */
#define IDLE_POWER 2.0

/*
 * How much a vCPU does by what it does if it may run all the time. It runs for
 * a time slice, then sleeps; so it does its share, or, if it idles anyway, all
 * that has piled up.
 */
static double
speed_at(double share, double load, double backlog)
{
    double running = 1 - share;
    double caught_up = MIN(running / load,
                           running * (1 + backlog * BACKLOG_MS / TIMESLICE_MS));
    double chance = pow(1 - load, IDLE_POWER / backlog);

    return running + (MIN(caught_up, 1) - running) * chance;
}

/**
 * migration_brake_init: the state before a migration
 * @brake: set to it
 * @settings: how the migration is run; must outlive @brake
 * @backlog: what a vCPU makes up for by what it usually does, a factor
 */
void
migration_brake_init(MigrationBrake *brake, const MigrationSettings *settings,
                     double backlog)
{
    *brake = (MigrationBrake){
        .settings = settings,
        .backlog = backlog,
        .speed = 1,
        .limited = settings->throttle == MIGRATION_THROTTLE_DIRTY_LIMIT &&
                   settings->limit_from_start,
    };
}

/* QEMU's percentages are whole numbers (ram.c, mig_throttle_guest_down). */
static double
whole_percent(double share)
{
    return trunc(share * 100 + 1e-6) / 100;
}

/* The next throttle of auto-converge (ram.c:514-540). */
static double
next_share(const MigrationBrake *brake, double dirty, double threshold)
{
    const MigrationSettings *settings = brake->settings;
    double increment = settings->throttle_increment;

    if (brake->share == 0) {
        return whole_percent(settings->throttle_initial);
    }
    if (settings->tailslow) {
        double running = 1 - brake->share;

        increment = MIN(running - whole_percent(running * threshold / dirty),
                        increment);
    }
    return whole_percent(MIN(brake->share + increment, settings->throttle_max));
}

static gboolean
slow_down(MigrationBrake *brake, double dirty, double threshold)
{
    double share = brake->share;

    if (brake->settings->throttle == MIGRATION_THROTTLE_DIRTY_LIMIT) {
        gboolean was_limited = brake->limited;

        brake->limited = TRUE;
        return !was_limited;
    }
    brake->share = next_share(brake, dirty, threshold);
    brake->speed =
        speed_at(brake->share, brake->settings->vcpu_load, brake->backlog);
    return brake->share != share;
}

/**
 * migration_brake_sync: looks at what a sync has found
 * @brake: the state
 * @now: when, ms
 * @dirty: bytes it found newly dirty
 * @sent: bytes sent since the migration began
 *
 * As migration/ram.c:986-1056: where the bytes newly dirty are more than a
 * share of those sent, for the second time, it acts. A period that is not too
 * bad does not take back what was counted.
 *
 * Return: whether the guest is slowed down more than before.
 */
gboolean
migration_brake_sync(MigrationBrake *brake, double now, double dirty,
                     double sent)
{
    double threshold;
    gboolean changed = FALSE;

    brake->period_dirty += dirty;
    if (brake->settings->throttle == MIGRATION_THROTTLE_NONE ||
        now <= brake->period_start + PERIOD_MIN_MS) {
        return FALSE;
    }

    threshold = (sent - brake->period_sent) * brake->settings->throttle_trigger;
    if (brake->period_dirty > threshold && ++brake->n_high >= N_HIGH_MIN) {
        brake->n_high = 0;
        changed = slow_down(brake, brake->period_dirty, threshold);
    }
    brake->n_calm = changed ? 0 : brake->n_calm + 1;
    brake->period_start = now;
    brake->period_dirty = 0;
    brake->period_sent = sent;
    return changed;
}

/**
 * migration_brake_is_spent: whether the guest will not be slowed down further
 * @brake: the state of a migration whose passes are all alike
 *
 * Return: TRUE if it cannot be, or if what it dirties is not enough for it.
 */
gboolean
migration_brake_is_spent(const MigrationBrake *brake)
{
    switch (brake->settings->throttle) {
    case MIGRATION_THROTTLE_AUTO_CONVERGE:
        return brake->share >= brake->settings->throttle_max ||
               brake->n_calm >= N_CALM_MAX;
    case MIGRATION_THROTTLE_DIRTY_LIMIT:
        return brake->limited || brake->n_calm >= N_CALM_MAX;
    case MIGRATION_THROTTLE_NONE:
    case MIGRATION_THROTTLE_LAST:
    default:
        return TRUE;
    }
}

/**
 * migration_brake_wait: how long a sync waits for throttled vCPUs
 * @brake: the state
 * @since: ms since the last sync
 *
 * The emulator and the dirty ring ask each vCPU for what it has dirtied, and
 * one that sleeps for auto-converge answers when it wakes up (cpu-throttle.c,
 * cpu_throttle_thread). So from the second sync on they come when it does, at
 * multiples of its time slices. KVM's bitmap does not ask it.
 *
 * Return: ms.
 */
double
migration_brake_wait(const MigrationBrake *brake, double since)
{
    double period;

    if (brake->share <= 0 || !migration_log_asks_vcpus(brake->settings->log)) {
        return 0;
    }
    period = TIMESLICE_MS / (1 - brake->share);
    return MAX(ceil(since / period) * period - since - TIMESLICE_MS, 0);
}
