/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One migration on one dirty curve, pass by pass.
 */
#include "migration-replay.h"

#include <math.h>

/*
 * QEMU looks whether little enough is left each time it has sent for this long,
 * ms (migration/ram.c, MAX_WAIT), or, held to a bandwidth, each time what it
 * may send in a window of 100 ms is sent (migration-stats.h, BUFFER_DELAY).
 * Where the socket is full it waits longer than it means to: a sender that is
 * woken finds a third of the buffer free. Measured at 60 MB/s: 65 ms.
 */
#define QUANTUM_MS 60.0
#define WINDOW_MS 100.0

/*
 * Passes that shrink by less than this much of what they are too large by go on
 * as they are; after so many of them in a row it is sure.
 */
#define STALL_SHRINK 0.02
#define STALL_PASSES 4

/* Stands for the end of a section (ram.c, RAM_SAVE_FLAG_EOS) and of the rest.
 */
#define STREAM_OVERHEAD 4096.0

/* Parts in which a log that is cleared lazily is cleared in the first pass. */
#define LAZY_PARTS_MAX 4
#define LAZY_CHUNK_BYTES 1073741824.0

typedef struct {
    const MigrationSettings *settings;
    const MigrationWire *wire;
    const MigrationCurve *curve;
    MigrationOutcome *outcome;

    MigrationSweep sweep;
    double now;
    double quantum;
    double threshold;
    guint first_parts;

    double excess;
    guint n_stalled;
} Replay;

static guint
first_pass_parts(const MigrationSettings *settings, double memory)
{
    if (settings->log != MIGRATION_LOG_LAZY) {
        return 1;
    }
    return CLAMP(ceil(memory / LAZY_CHUNK_BYTES), 1, LAZY_PARTS_MAX);
}

static void
replay_start(Replay *replay)
{
    const MigrationSettings *settings = replay->settings;
    const MigrationWire *wire = replay->wire;
    double measured = settings->switchover_bandwidth > 0
                          ? settings->switchover_bandwidth / 1000
                          : wire->live_rate;

    migration_sweep_init(&replay->sweep, replay->curve->n_total *
                                             (1 - settings->free_page_share));
    replay->quantum =
        wire->live_rate < wire->stop_rate ? WINDOW_MS : QUANTUM_MS;
    replay->threshold = measured * settings->downtime_limit / wire->page_bytes;
    replay->first_parts =
        first_pass_parts(settings, replay->curve->n_total * wire->page_bytes);
    replay->now = 0;
    replay->excess = INFINITY;
    replay->n_stalled = 0;
    *replay->outcome = (MigrationOutcome){
        .verdict = MIGRATION_TIME_LIMIT,
        .total_time = INFINITY,
        .downtime = INFINITY,
        .passes = 1,
        .bytes = STREAM_OVERHEAD,
    };
}

/* Pages that a time is enough for, of the kind that comes next. */
static double
pages_in(const Replay *replay, double ms)
{
    MigrationSent one = {0, 0};

    if (replay->outcome->passes == 1) {
        one.first = 1;
    } else {
        one.dirty = 1;
    }
    return ms / migration_wire_time(replay->wire, one, replay->wire->live_rate);
}

/*
 * QEMU asks the guest's log only when less than the threshold is left, and
 * finds that out up to a quantum too late: on average half of one. However
 * little is missing, it sends for a quantum. In the first pass there is no
 * threshold before the first window is over.
 */
static double
pages_to_send(const Replay *replay)
{
    double quantum = pages_in(replay, replay->quantum);
    double least =
        replay->outcome->passes == 1 ? pages_in(replay, WINDOW_MS) : quantum;
    double above = replay->sweep.pages - replay->threshold + quantum / 2;

    return MIN(MAX(above, least), replay->sweep.pages);
}

static void
send_live(Replay *replay)
{
    MigrationSent sent =
        migration_sweep_send(&replay->sweep, pages_to_send(replay));
    double ms =
        migration_wire_time(replay->wire, sent, replay->wire->live_rate);
    guint parts = replay->outcome->passes == 1 ? replay->first_parts : 1;

    /* What the buffer takes in at first is not waited for. */
    if (replay->outcome->passes == 1) {
        ms = MAX(ms - replay->wire->buffered / replay->wire->stop_rate, 0);
    }
    replay->now += ms;
    replay->outcome->bytes += migration_wire_bytes(replay->wire, sent);
    replay->outcome->longest = MAX(replay->outcome->longest, ms);
    migration_sweep_sync(&replay->sweep, replay->curve, ms, parts);
    replay->outcome->passes++;
}

/*
 * The guest stands still: all that is left goes at the link's rate
 * (migration.c, migration_switchover_start), then the devices; the target has
 * the guest run when it has read all that waited in between.
 */
static void
stop_and_copy(Replay *replay)
{
    MigrationOutcome *outcome = replay->outcome;
    const MigrationWire *wire = replay->wire;
    MigrationSent sent =
        migration_sweep_send(&replay->sweep, replay->sweep.pages);
    double bytes = migration_wire_bytes(wire, sent);

    outcome->passes++;
    outcome->bytes += bytes + replay->settings->device_state;
    outcome->downtime =
        migration_wire_time(wire, sent, wire->stop_rate) +
        (wire->buffered + replay->settings->device_state) / wire->stop_rate +
        replay->settings->downtime_fixed + replay->settings->latency;
    outcome->total_time = replay->now + outcome->downtime;
    outcome->verdict = MIGRATION_CONVERGES;
}

/* Whether passes go on as they are, so that no more of them need be tried. */
static gboolean
is_stalled(Replay *replay)
{
    double excess = replay->sweep.pages - replay->threshold;

    if (excess > replay->excess * (1 - STALL_SHRINK)) {
        replay->n_stalled++;
    } else {
        replay->n_stalled = 0;
    }
    replay->excess = excess;
    return replay->n_stalled >= STALL_PASSES;
}

/*
 * Of a migration that does not converge: whether the guest dirties more in a
 * while than can be sent in it, or only too much at once.
 */
static MigrationVerdict
why_stalled(const Replay *replay)
{
    double ms = migration_curve_last(replay->curve);

    return migration_curve_pages(replay->curve, ms) > pages_in(replay, ms)
               ? MIGRATION_DIRTIES_TOO_FAST
               : MIGRATION_DOWNTIME_TOO_SHORT;
}

/**
 * migration_replay: replays one migration
 * @settings: how it is run, checked
 * @wire: what pages cost in it
 * @curve: the guest's dirty curve
 * @outcome: set to how it ends
 */
void
migration_replay(const MigrationSettings *settings, const MigrationWire *wire,
                 const MigrationCurve *curve, MigrationOutcome *outcome)
{
    Replay replay = {
        .settings = settings,
        .wire = wire,
        .curve = curve,
        .outcome = outcome,
    };

    replay_start(&replay);
    while (replay.now < settings->time_limit) {
        send_live(&replay);
        if (replay.sweep.pages < replay.threshold || replay.sweep.pages <= 0) {
            stop_and_copy(&replay);
            return;
        }
        if (is_stalled(&replay)) {
            outcome->verdict = why_stalled(&replay);
            return;
        }
    }
}
