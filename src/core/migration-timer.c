/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The timer of auto-converge, which asks the guest's log within a pass.
 */
#include "migration-replay-priv.h"

#include <math.h>

/*
 * With auto-converge a pass but the first is cut by a sync every so often, ms
 * (cpu-throttle.c, cpu_throttle_dirty_sync_timer_tick).
 */
#define SYNC_TIMER_MS 5000.0

/**
 * migration_timer_start: the timer before the first pass
 * @replay: the replay; what has to do with the timer is set
 */
void
migration_timer_start(MigrationReplay *replay)
{
    replay->next_tick = INFINITY;
    if (replay->settings->throttle == MIGRATION_THROTTLE_AUTO_CONVERGE) {
        replay->next_tick = SYNC_TIMER_MS;
    }
    replay->tick_pages = INFINITY;
}

/* Sees whether a pass that is cut by the timer gets on. */
static void
watch_pass(MigrationReplay *replay)
{
    if (replay->sweep.pages < replay->tick_pages ||
        !migration_brake_is_spent(&replay->brake)) {
        replay->tick_pages = replay->sweep.pages;
        replay->n_flat = 0;
    } else {
        replay->n_flat++;
    }
}

/*
 * A pass of hours is cut into far more parts than zones are told apart. Once
 * the guest is as slow as it gets, as many parts do.
 */
static void
skip_ticks(MigrationReplay *replay)
{
    double ms = replay->sweep.pages * replay->wire->normal_ms;
    double n = floor(ms / SYNC_TIMER_MS / MIGRATION_SWEEP_ZONES);

    if (n >= 1 && migration_brake_is_spent(&replay->brake)) {
        replay->next_tick += n * SYNC_TIMER_MS;
        replay->outcome->passes += n;
    }
}

/*
 * The timer of auto-converge: a sync where there was none since it last ran.
 * What it did while a single page or the first pass went makes no difference.
 */
static void
tick(MigrationReplay *replay)
{
    gboolean due = !migration_pass_is_first(replay) &&
                   replay->outcome->passes == replay->tick_passes;

    if (due) {
        migration_pass_sync(replay);
        watch_pass(replay);
    }
    replay->next_tick +=
        (floor((replay->now - replay->next_tick) / SYNC_TIMER_MS) + 1) *
        SYNC_TIMER_MS;
    if (due) {
        skip_ticks(replay);
    }
    replay->tick_passes = replay->outcome->passes;
}

/**
 * migration_timer_left: how long pages can go before the timer runs
 * @replay: the replay
 *
 * Return: ms.
 */
double
migration_timer_left(const MigrationReplay *replay)
{
    if (migration_pass_is_first(replay)) {
        return INFINITY;
    }
    return MAX(replay->next_tick - replay->now, 0);
}

/**
 * migration_timer_run: does what the timer has to
 * @replay: the replay
 */
void
migration_timer_run(MigrationReplay *replay)
{
    if (replay->next_tick <= replay->now) {
        tick(replay);
    }
}
