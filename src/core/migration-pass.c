/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens in one pass over the guest's memory.
 */
#include "migration-replay-priv.h"

#include <math.h>

#define MS_PER_S 1000.0

/*
 * QEMU looks whether little enough is left each time it has sent for more than
 * 50 ms (migration/ram.c, MAX_WAIT), or, held to a bandwidth, each time what it
 * may send in a window is sent. Where the socket is full it waits longer than
 * it means to. Measured: 55 to 60 ms at 120 MB/s, 54 to 65 at 60, 65 to 80 at
 * 36, 88 at 24, and 54 to 56 on two connections at 60 MB/s.
 */
#define MAX_WAIT_MS 51.0
#define WAKE_MAX_MS 150.0

/*
 * More passes than any migration has: two minutes of the shortest there are.
 * One that would need more gets on too slowly.
 */
#define PASSES_MAX 2000

/*
 * Standard deviation of the bandwidth of one window, as a share: what a socket
 * takes in at once falls into it or not. Measured at 60 MB/s: 6 %.
 */
#define WINDOW_SPREAD_MIN 0.03
#define EVEN_SPREAD 0.29

/* What a stream has besides pages: header, sections' ends, bytes. */
#define STREAM_OVERHEAD 4096.0

/*
 * A log that is cleared lazily is so in chunks, each when its first page goes
 * (ram.c, CLEAR_BITMAP_SHIFT_DEFAULT). The first pass is told apart by parts.
 */
#define LAZY_CHUNK_BYTES 1073741824.0
#define FIRST_PASS_PARTS 4

/*
 * Chunks in which the log of what was sent since the last sync was cleared. A
 * write is only lost on the log where its page was dirty at that sync, waits
 * there to be sent, and its chunk was not cleared yet: in the first pass that
 * are all pages, later few.
 */
static double
cleared_chunks(const MigrationReplay *replay)
{
    double memory = replay->wire->first.normal * replay->wire->page_bytes;

    return replay->settings->log == MIGRATION_LOG_LAZY &&
                   migration_pass_is_first(replay)
               ? MAX(memory * replay->sweep.sent / LAZY_CHUNK_BYTES, 1)
               : 1;
}

/* The least left at which a rate of so much is taken to end it in time. */
static double
threshold_at(const MigrationReplay *replay, double rate)
{
    const MigrationSettings *settings = replay->settings;

    if (settings->switchover_bandwidth > 0) {
        rate = settings->switchover_bandwidth / MS_PER_S;
    }
    return rate * settings->downtime_limit / replay->wire->page_bytes;
}

/* Where the pages of the first pass lie: as was measured, or as is supposed. */
static void
start_sweep(MigrationReplay *replay)
{
    const MigrationChance *chance = replay->chance;
    MigrationSent first = replay->wire->first;
    MigrationSent parts[MIGRATION_SWEEP_PARTS] = {{0, 0}};
    guint n = MIGRATION_SWEEP_PARTS;

    if (!chance->has_parts) {
        parts[chance->zero_last ? 0 : 1].normal = first.normal;
        parts[chance->zero_last ? 1 : 0].zero = first.zero;
        n = 2;
    } else {
        for (guint i = 0; i < n; i++) {
            parts[i].normal = chance->normal[i] * first.normal;
            parts[i].zero = chance->zero[i] * first.zero;
        }
    }
    migration_sweep_init(&replay->sweep, parts, n);
}

/**
 * migration_pass_start: the state before the first pass
 * @replay: a replay with its arguments; the other members, and its outcome, are
 *   set
 */
void
migration_pass_start(MigrationReplay *replay)
{
    const MigrationSettings *settings = replay->settings;
    const MigrationWire *wire = replay->wire;

    start_sweep(replay);
    migration_brake_init(&replay->brake, settings, replay->chance->backlog);
    if (replay->brake.limited) {
        replay->curve = &replay->held->curve;
    }
    if (migration_send_is_held_back(replay)) {
        replay->quantum = MIGRATION_WINDOW_MS;
        replay->spread = WINDOW_SPREAD_MIN;
    } else {
        double wait = MIN(wire->woken_bytes / wire->stop_rate, WAKE_MAX_MS);

        replay->quantum = MAX_WAIT_MS + wait;
        replay->spread =
            hypot(WINDOW_SPREAD_MIN, EVEN_SPREAD * wait / MIGRATION_WINDOW_MS);
    }
    migration_send_start(replay);
    replay->usual_threshold = threshold_at(replay, wire->seen_rate);
    migration_timer_start(replay);
    replay->time_limit = migration_wire_patience(wire, settings);
    replay->random = replay->chance->seed;
    *replay->outcome = (MigrationOutcome){
        .verdict = MIGRATION_TIME_LIMIT,
        .total_time = INFINITY,
        .downtime = INFINITY,
        .passes = 1,
        .bytes = STREAM_OVERHEAD,
    };
    migration_send_wait(replay, wire->start_ms);
}

/* The guest is held to a rate from now on. */
static void
limit_guest(MigrationReplay *replay)
{
    migration_sweep_age(&replay->sweep, replay->curve, &replay->held->curve);
    replay->curve = &replay->held->curve;
}

/**
 * migration_pass_sync: asks the guest's log
 * @replay: the replay
 */
void
migration_pass_sync(MigrationReplay *replay)
{
    MigrationOutcome *outcome = replay->outcome;
    gboolean was_limited = replay->brake.limited;
    double dirty;

    replay->waited =
        migration_brake_wait(&replay->brake, replay->now - replay->last_sync);
    migration_send_wait(replay, replay->waited);
    dirty = migration_sweep_sync(&replay->sweep, replay->curve, replay->own,
                                 cleared_chunks(replay), FIRST_PASS_PARTS);
    outcome->longest = MAX(outcome->longest, replay->own);
    outcome->passes++;
    replay->n_slowed +=
        migration_brake_sync(&replay->brake, replay->now,
                             dirty * replay->wire->page_bytes, outcome->bytes);
    if (replay->brake.limited && !was_limited) {
        limit_guest(replay);
    }
    outcome->throttle =
        replay->brake.limited ? replay->held->loss : replay->brake.share;
    replay->last_sync = replay->now;
    replay->own = 0;
}

/**
 * migration_pass_is_late: whether to give up
 * @replay: the replay
 *
 * Return: TRUE if it has taken too long by the clock or by what it costs to
 *   replay.
 */
gboolean
migration_pass_is_late(const MigrationReplay *replay)
{
    return replay->now >= replay->time_limit ||
           replay->outcome->passes >= PASSES_MAX;
}

/* Sends until no more than so many pages are left, whole pages. */
static void
send_down_to(MigrationReplay *replay, double pages)
{
    while (replay->sweep.pages > pages && replay->n_flat < MIGRATION_FLAT_MAX &&
           !migration_pass_is_late(replay)) {
        double next = MIN(replay->sweep.pages - pages,
                          migration_sweep_next(&replay->sweep));

        next =
            MIN(next, migration_send_in(replay, migration_timer_left(replay)));
        migration_send_pages(replay, MAX(next, 1));
        migration_timer_run(replay);
    }
}

/*
 * Where QEMU had to wait for the log before a pass, the first window that it
 * measures is as slow as if it had sent all that time. It makes do with that
 * until the next window is over.
 */
static gboolean
ends_in_slow_window(MigrationReplay *replay)
{
    double pages = replay->sweep.pages;
    double sent;

    if (replay->waited < replay->quantum) {
        return FALSE;
    }
    migration_send_for(replay, replay->quantum);
    sent = (pages - replay->sweep.pages) * replay->wire->page_bytes;
    replay->threshold =
        threshold_at(replay, sent / (replay->waited + replay->quantum));
    if (replay->sweep.pages < replay->threshold || replay->sweep.pages <= 0) {
        return TRUE;
    }
    migration_send_for(replay, MIGRATION_WINDOW_MS);
    return FALSE;
}

/*
 * So is a window in which zero pages went. The last one that is over when a
 * pass ends covers from so long before its end on, on average, ms.
 */
static double
slowed_by_zero_pages(const MigrationReplay *replay)
{
    double zero_rate = replay->wire->zero_bytes / replay->wire->zero_ms;
    double share =
        CLAMP((replay->zero_run - replay->quantum) / MIGRATION_WINDOW_MS, 0, 1);

    return replay->wire->seen_rate * (1 - share) +
           MIN(zero_rate, replay->wire->seen_rate) * share;
}

/* How fast the last window was by how fast they are on average. */
static double
window_luck(MigrationReplay *replay)
{
    double luck = replay->chance->window;

    if (replay->random != 0) {
        luck *= 1 + replay->spread * migration_random_normal(&replay->random);
    }
    return luck;
}

/* What part of a quantum QEMU sends before it sees that it could stop. */
static double
quantum_luck(MigrationReplay *replay)
{
    return replay->random == 0 ? 0.5 : migration_random(&replay->random);
}

/*
 * How much is left at which QEMU asks the log has to do with what it has
 * measured: while zero pages go that is little, so it goes on with them.
 */
static void
finish_zero_pages(MigrationReplay *replay)
{
    for (;;) {
        double above;

        replay->threshold = threshold_at(replay, slowed_by_zero_pages(replay));
        above = replay->sweep.pages - replay->threshold;
        if (above <= 0 || replay->zero_run == 0) {
            break;
        }
        if (replay->zero_run > 2 * MIGRATION_WINDOW_MS &&
            migration_sweep_zero(&replay->sweep) > 0) {
            /* What is measured does not change any more. */
            migration_send_pages(
                replay, MIN(above, migration_sweep_next(&replay->sweep)));
        }
        migration_send_for(replay, replay->quantum);
    }
}

/* Whether the socket takes in more than it usually does at once. */
static gboolean
has_slack(const MigrationReplay *replay)
{
    return replay->slack > 0 &&
           replay->wire->link_normal_ms > replay->wire->cpu_normal_ms;
}

/*
 * A pass without zero pages, as most are: goes the short way if it can.
 *
 * Return: whether it did.
 */
static gboolean
sends_at_once(MigrationReplay *replay)
{
    double page_ms = replay->wire->normal_ms;
    double above = MAX(replay->sweep.pages - replay->usual_threshold, 0);
    double late = replay->quantum * quantum_luck(replay);
    double ms = above * page_ms + late;

    ms = MAX(ms, replay->quantum);
    if (migration_pass_is_first(replay) || has_slack(replay) ||
        replay->waited > 0 || replay->zero_run > 0 || replay->sweep.zero > 0 ||
        replay->next_tick <= replay->now + ms) {
        return FALSE;
    }
    migration_send_pages(replay, ms / page_ms);
    return TRUE;
}

/**
 * migration_pass_send: a pass, up to its sync
 * @replay: the replay
 *
 * QEMU asks the guest's log when less than the threshold is left, and finds
 * that out up to a quantum too late, on average half of one. However little is
 * missing, it sends for a quantum; at the very start for a window, before which
 * it has no threshold.
 */
void
migration_pass_send(MigrationReplay *replay)
{
    double least =
        migration_pass_is_first(replay) ? MIGRATION_WINDOW_MS : replay->quantum;
    double start = replay->now;

    if (sends_at_once(replay)) {
        /* Nothing happens on the way that would have to be looked at. */
        replay->threshold = replay->usual_threshold * window_luck(replay);
    } else if (!ends_in_slow_window(replay)) {
        send_down_to(replay, replay->usual_threshold);
        migration_send_for(replay, MAX(replay->quantum * quantum_luck(replay),
                                       least - (replay->now - start)));
        finish_zero_pages(replay);
        replay->threshold *= window_luck(replay);
    }
    migration_pass_sync(replay);
}
