/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How pages leave: through a socket that takes in some of them at once.
 */
#include "migration-replay-priv.h"

/**
 * migration_send_is_held_back: whether QEMU sends less than the link carries
 * @replay: the replay
 *
 * Return: TRUE if it is told to; then nothing waits in the socket.
 */
gboolean
migration_send_is_held_back(const MigrationReplay *replay)
{
    return replay->wire->live_rate < replay->wire->stop_rate;
}

static double
full_slack(const MigrationReplay *replay)
{
    return replay->wire->buffered / replay->wire->stop_rate;
}

/**
 * migration_send_start: nothing has been sent
 * @replay: the replay; what has to do with sending is set
 *
 * Held back, QEMU sends what is for a window at once, as fast as the link goes,
 * and then waits for the next: it is ahead by the wait that follows the last.
 */
void
migration_send_start(MigrationReplay *replay)
{
    const MigrationWire *wire = replay->wire;

    replay->slack =
        migration_send_is_held_back(replay)
            ? MIGRATION_WINDOW_MS * (1 - wire->live_rate / wire->stop_rate)
            : full_slack(replay);
    replay->zero_run = 0;
}

/**
 * migration_send_in: how many pages go in a time
 * @replay: the replay
 * @ms: the time
 *
 * Return: pages of the kind that comes next.
 */
double
migration_send_in(const MigrationReplay *replay, double ms)
{
    if (migration_sweep_at_zero(&replay->sweep)) {
        return ms / replay->wire->zero_ms;
    }
    return (ms + replay->slack) / replay->wire->normal_ms;
}

static void
pass_time(MigrationReplay *replay, double ms)
{
    replay->now += ms;
    replay->own += ms * replay->brake.speed;
}

/* While nothing is sent what waits in the socket leaves it. */
static void
fill_slack(MigrationReplay *replay, double ms)
{
    if (!migration_send_is_held_back(replay)) {
        replay->slack = MIN(replay->slack + ms, full_slack(replay));
    }
}

/**
 * migration_send_wait: time passes in which nothing is sent
 * @replay: the replay
 * @ms: how much
 */
void
migration_send_wait(MigrationReplay *replay, double ms)
{
    pass_time(replay, ms);
    fill_slack(replay, ms);
}

/* The buffer's part is not waited for; it empties while zero pages go. */
static double
time_with_slack(MigrationReplay *replay, MigrationSent sent)
{
    const MigrationWire *wire = replay->wire;
    double ms = sent.normal * wire->normal_ms;
    double used = MIN(ms, replay->slack);
    double pause = sent.zero * wire->zero_ms;

    replay->slack -= used;
    fill_slack(replay, pause);
    return ms - used + pause;
}

/**
 * migration_send_pages: the next pages go
 * @replay: the replay
 * @pages: how many; all that are left where these are fewer
 */
void
migration_send_pages(MigrationReplay *replay, double pages)
{
    MigrationSent sent = migration_sweep_send(&replay->sweep, pages);
    double ms = time_with_slack(replay, sent);

    pass_time(replay, ms);
    replay->zero_run = sent.normal > 0 ? 0 : replay->zero_run + ms;
    replay->outcome->bytes += migration_wire_bytes(replay->wire, sent);
}

/**
 * migration_send_for: sends for a time, without regard to the timer
 * @replay: the replay
 * @ms: how long; less where all has been sent
 */
void
migration_send_for(MigrationReplay *replay, double ms)
{
    double end = replay->now + ms;

    /* At least once: after aeons the time is too short to be told at all. */
    do {
        double next = MIN(migration_send_in(replay, end - replay->now),
                          migration_sweep_next(&replay->sweep));

        migration_send_pages(replay, MAX(next, 1));
    } while (replay->sweep.pages > 0 && replay->now < end);
}

/**
 * migration_send_queued: how long what waits in this host takes to leave it
 * @replay: the replay
 *
 * Return: ms.
 */
double
migration_send_queued(const MigrationReplay *replay)
{
    return migration_send_is_held_back(replay)
               ? 0
               : full_slack(replay) - replay->slack;
}
