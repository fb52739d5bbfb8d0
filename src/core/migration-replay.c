/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One migration on one dirty curve, pass by pass.
 */
#include "migration-replay-priv.h"

#include <math.h>

/*
 * Passes that shrink by less than this much of what they are too large by go on
 * as they are; after so many of them in a row it is sure.
 */
#define STALL_SHRINK 0.02
#define STALL_PASSES 4
/*
 * A migration that stalls with so much more left than it may, as a share, does
 * converge by luck, if it does within so many passes.
 */
#define LUCK_MAX 0.2
#define LUCK_PASSES 100
#define LUCK_SEED 20231u

static gboolean
wants_postcopy(const MigrationReplay *replay)
{
    return replay->settings->postcopy &&
           replay->outcome->passes > replay->settings->postcopy_after_passes;
}

/* Whether passes go on as they are. */
typedef struct {
    double least_excess;
    guint n_stalled;
    guint n_slowed;
    /* Passes that may still be tried in the hope for luck. */
    gboolean hoping;
    guint n_hopes;
} Progress;

/*
 * Passes all alike that nearly do: one will, once a window is measured that was
 * a bit faster than usual or a pass ends a bit earlier. From now on they are as
 * chance has them; so many are tried if nothing else can be.
 */
static void
hope_for_luck(Progress *progress, MigrationReplay *replay)
{
    if (!progress->hoping && replay->chance->hopes &&
        progress->least_excess <= replay->usual_threshold * LUCK_MAX) {
        progress->hoping = TRUE;
        progress->n_hopes = LUCK_PASSES;
        replay->random = replay->random ? replay->random : LUCK_SEED;
    }
}

/* Whether no more passes need be tried. */
static gboolean
is_stalled(Progress *progress, MigrationReplay *replay)
{
    double excess = replay->sweep.pages - replay->threshold;

    if (replay->n_flat >= MIGRATION_FLAT_MAX) {
        return TRUE;
    }
    if (replay->n_slowed != progress->n_slowed) {
        /* What a slower guest comes to has to be seen first. */
        progress->n_slowed = replay->n_slowed;
        progress->n_stalled = 0;
        progress->least_excess = INFINITY;
    }
    if (excess > progress->least_excess * (1 - STALL_SHRINK)) {
        progress->n_stalled++;
    } else {
        progress->n_stalled = 0;
        progress->least_excess = excess;
    }
    if (progress->n_stalled < STALL_PASSES) {
        return FALSE;
    }
    hope_for_luck(progress, replay);
    if (!migration_brake_is_spent(&replay->brake)) {
        return FALSE;
    }
    if (progress->n_hopes == 0) {
        return TRUE;
    }
    progress->n_hopes--;
    return FALSE;
}

/*
 * Of a migration that does not converge: whether the guest dirties more in the
 * time over which its rate is usually measured than can be sent in it, or only
 * too much at once.
 */
static MigrationVerdict
why_stalled(const MigrationReplay *replay)
{
    double ms =
        MAX(DIRTY_CALC_TIME_DEFAULT_MS, replay->settings->downtime_limit);
    MigrationSent dirty = {migration_curve_pages(replay->curve, ms), 0};

    if (replay->brake.share > 0 || replay->brake.limited) {
        return MIGRATION_THROTTLE_EXHAUSTED;
    }
    return migration_wire_live_time(replay->wire, dirty) > ms
               ? MIGRATION_DIRTIES_TOO_FAST
               : MIGRATION_DOWNTIME_TOO_SHORT;
}

/**
 * migration_replay: replays one migration
 * @settings: how it is run, checked
 * @wire: what pages cost in it
 * @curve: the guest's dirty curve
 * @held: the guest held to the dirty page rate limit; not used without one
 * @chance: what else is particular to it
 * @outcome: set to how it ends
 */
void
migration_replay(const MigrationSettings *settings, const MigrationWire *wire,
                 const MigrationCurve *curve, const MigrationHeld *held,
                 const MigrationChance *chance, MigrationOutcome *outcome)
{
    MigrationReplay replay = {
        .settings = settings,
        .wire = wire,
        .curve = curve,
        .held = held,
        .chance = chance,
        .outcome = outcome,
    };
    Progress progress = {.least_excess = INFINITY};

    migration_pass_start(&replay);
    while (!migration_pass_is_late(&replay)) {
        migration_pass_send(&replay);
        if (replay.sweep.pages < replay.threshold || replay.sweep.pages <= 0) {
            migration_end_stop(&replay);
            return;
        }
        if (wants_postcopy(&replay)) {
            migration_end_postcopy(&replay);
            return;
        }
        if (is_stalled(&progress, &replay)) {
            outcome->verdict = why_stalled(&replay);
            return;
        }
    }
}
