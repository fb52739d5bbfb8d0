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
 * Return: pages, if all are like those that come next.
 */
double
migration_send_in(const MigrationReplay *replay, double ms)
{
    const MigrationWire *wire = replay->wire;
    double zero = migration_sweep_zero(&replay->sweep);
    double normal = 1 - zero;
    double cpu = zero * wire->cpu_zero_ms + normal * wire->cpu_normal_ms;
    double link = zero * wire->link_zero_ms + normal * wire->link_normal_ms;

    return MIN(ms / cpu, (ms + replay->slack) / link);
}

static void
pass_time(MigrationReplay *replay, double ms)
{
    replay->now += ms;
    replay->own += ms * replay->brake.speed;
}

/* Time passes in which so much of the link's time is put into the socket. */
static void
use_socket(MigrationReplay *replay, double ms, double link)
{
    if (migration_send_is_held_back(replay)) {
        replay->slack -= MAX(link - ms, 0);
    } else {
        replay->slack = MIN(replay->slack + ms - link, full_slack(replay));
    }
}

/*
 * What takes the link a time and QEMU itself another: who sends waits for the
 * link only where the socket is full.
 *
 * Return: how long it takes, ms.
 */
static double
go_through_socket(MigrationReplay *replay, double link, double cpu)
{
    if (link - replay->slack >= cpu) {
        double ms = link - replay->slack;

        replay->slack = 0;
        return ms;
    }
    use_socket(replay, cpu, link);
    return cpu;
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
    use_socket(replay, ms, 0);
}

static gboolean
is_mostly_zero(const MigrationWire *wire, MigrationSent sent)
{
    return sent.normal * wire->normal_ms < sent.zero * wire->zero_ms;
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
    const MigrationWire *wire = replay->wire;
    double link =
        sent.normal * wire->link_normal_ms + sent.zero * wire->link_zero_ms;
    double cpu =
        sent.normal * wire->cpu_normal_ms + sent.zero * wire->cpu_zero_ms;
    double ms = go_through_socket(replay, link, cpu);

    pass_time(replay, ms);
    replay->zero_run = is_mostly_zero(wire, sent) ? replay->zero_run + ms : 0;
    replay->outcome->bytes += migration_wire_bytes(wire, sent);
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
 * migration_send_pause: a sender that had to wait for the socket is woken
 * @replay: the replay at the end of a pass
 *
 * Part of what was in it is gone then. Pages with content are what it waits
 * for.
 */
void
migration_send_pause(MigrationReplay *replay)
{
    double full = full_slack(replay);
    double free =
        MIN(replay->wire->woken_bytes / replay->wire->stop_rate, full);

    if (replay->zero_run == 0 && !migration_send_is_held_back(replay)) {
        migration_send_wait(replay, MAX(free - replay->slack, 0));
    }
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
