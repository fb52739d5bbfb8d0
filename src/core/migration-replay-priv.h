/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the replay share with each other.
 */
#ifndef MIGRATION_REPLAY_PRIV_H
#define MIGRATION_REPLAY_PRIV_H

#include "migration-replay.h"
#include "migration-throttle.h"

G_BEGIN_DECLS

/**
 * MigrationReplay: a migration as far as it has got
 * @settings: how it is run
 * @wire: what pages cost in it
 * @curve: the guest's dirty curve, as it is slowed down by now
 * @held: the guest held to a dirty page rate
 * @chance: what else is particular to it
 * @outcome: what it has come to so far
 * @sweep: what is to be sent
 * @brake: what slows the guest down
 * @now: time since it began, ms
 * @own: the guest's own time since the last sync, ms
 * @last_sync: when that was, ms
 * @quantum: how long QEMU sends before it looks how much is left, ms
 * @spread: standard deviation of what it measures in a window, as a share
 * @threshold: QEMU stops the guest where less is left, pages
 * @usual_threshold: what that is where nothing slows a window down, pages
 * @waited: how long the last sync waited for the guest, ms
 * @zero_run: for how long nothing but zero pages has been sent, ms
 * @slack: what goes without a wait, ms: what the socket takes in, or the first
 *   window of a migration that is held back
 * @n_slowed: how often the guest was slowed down
 * @random: state of its random numbers; 0: all goes as it does on average
 * @next_tick: when the timer of auto-converge runs next, ms; without it never
 * @tick_passes: how many passes there were when it ran last
 * @tick_pages: least that was left after a sync of its
 * @time_limit: when it is given up, ms
 * @n_flat: syncs of its on end that left no less and could slow nothing down
 */
typedef struct {
    const MigrationSettings *settings;
    const MigrationWire *wire;
    const MigrationCurve *curve;
    const MigrationHeld *held;
    const MigrationChance *chance;
    MigrationOutcome *outcome;

    MigrationSweep sweep;
    MigrationBrake brake;
    double now;
    double own;
    double last_sync;
    double quantum;
    double spread;
    double threshold;
    double usual_threshold;
    double waited;
    double zero_run;
    double slack;
    guint n_slowed;
    guint32 random;
    double next_tick;
    double tick_passes;
    double tick_pages;
    double time_limit;
    guint n_flat;
} MigrationReplay;

/* A window over which QEMU measures the bandwidth, and holds to one, ms. */
#define MIGRATION_WINDOW_MS 100.0

/* After so many syncs of the timer's a pass will never end. */
#define MIGRATION_FLAT_MAX 6

/* Whether memory is still sent for the first time. */
static inline gboolean
migration_pass_is_first(const MigrationReplay *replay)
{
    return replay->outcome->passes == 1;
}

void migration_pass_start(MigrationReplay *replay);
void migration_pass_send(MigrationReplay *replay);
void migration_pass_sync(MigrationReplay *replay);
gboolean migration_pass_is_late(const MigrationReplay *replay);

void migration_timer_start(MigrationReplay *replay);
double migration_timer_left(const MigrationReplay *replay);
void migration_timer_run(MigrationReplay *replay);

gboolean migration_send_is_held_back(const MigrationReplay *replay);
void migration_send_start(MigrationReplay *replay);
double migration_send_in(const MigrationReplay *replay, double ms);
void migration_send_wait(MigrationReplay *replay, double ms);
void migration_send_pages(MigrationReplay *replay, double pages);
void migration_send_for(MigrationReplay *replay, double ms);
void migration_send_pause(MigrationReplay *replay);
double migration_send_queued(const MigrationReplay *replay);

void migration_end_stop(MigrationReplay *replay);
void migration_end_postcopy(MigrationReplay *replay);

G_END_DECLS

#endif
