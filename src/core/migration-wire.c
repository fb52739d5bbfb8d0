/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What pages cost on the wire: bytes and time.
 */
#include "migration-wire.h"

#include <math.h>

#define BYTES_PER_MIB 1048576.0
#define MS_PER_S 1000.0

/*
 * A page's address and flags (migration/ram.c, save_page_header); the name of
 * its block, sent where the block changes, is less than a byte a page.
 */
#define PAGE_HEADER 8
/* After a zero page's header comes its fill byte (ram.c, save_zero_page). */
#define ZERO_FILL 1
/*
 * A packet of multifd is sent whole, whatever is in it: 320 bytes and 8 for
 * each of up to 128 pages, zero pages too (migration/multifd.h, MultiFDPacket_t
 * and multifd-nocomp.c). A zero page costs its part of it and nothing else.
 */
#define PACKET_BYTES (320 + 8 * 128)
#define PACKET_PAGES 128

/*
 * What goes through QEMU's hands a page: finding its bit, looking whether it is
 * zero and handing it to the socket. Measured in the lab, ms: 262,000 zero
 * pages took 70 ms, up to 150 while others used the machine too.
 */
#define NORMAL_PAGE_MS 0.0006
#define ZERO_PAGE_MS 0.00027

/*
 * Compressing goes slower than when it was tried, as its threads share the CPUs
 * with the guest, the sockets and, in the lab, the target; and a page has to be
 * put into a packet, taken out of it and put in its place, ms of one thread.
 * Measured with two connections: 55 and 63 us a page that took 46 and 47 when
 * it was tried, 54 for 24, 75 for 51, 110 for 92, 119 to 146 for 86 to 96; less
 * than 7 that took 2 and less than 16 that took 9.
 */
#define COMPRESS_SLOWER 1.25
#define COMPRESSED_PAGE_MS 0.006

/*
 * What a socket takes in before its writer has to wait, bytes of payload: Linux
 * lets a socket's buffer grow to 4 MiB (tcp_wmem), of which its own books take
 * a third. Measured in the lab: 2.0e6 at 24 MB/s, 2.8e6 to 3.2e6 at 60
 * MB/s, 2.9e6 at 120 MB/s. Connections that share a link each have less: 3.8e6
 * of three; but 9e6 of three where a round trip takes 10 or 20 ms (not 4).
 */
#define SOCKET_BUFFER 2.7e6
#define FURTHER_BUFFER_SHARE 0.25
#define FULL_BUFFER_LATENCY_MS 10.0
/*
 * A writer that waits is woken once a third of its buffer is free
 * (sk_stream_is_writeable), or sooner where the buffer has not grown to its
 * full size: what passes take in the lab is between. QEMU's main thread, in a
 * parallel migration, is when a channel has sent its packet, half of one on
 * average.
 */
#define WAKE_SHARE 0.25

static double
all_buffers(double latency, guint n_channels)
{
    double far = CLAMP(latency / FULL_BUFFER_LATENCY_MS * 2 - 1, 0, 1);
    double share = FURTHER_BUFFER_SHARE + (1 - FURTHER_BUFFER_SHARE) * far;

    return SOCKET_BUFFER * (1 + (n_channels - 1) * share);
}

/* What a connection starts with (Linux, TCP_INIT_CWND), bytes of payload. */
#define FIRST_WINDOW (10 * 1448.0)

/*
 * A connection carries what its buffer holds in each round trip, however fast
 * the link: the buffer has to keep it until it is acknowledged.
 */
static double
link_rate(const MigrationSettings *settings, double link, double window)
{
    double rate = settings->bandwidth * link / MS_PER_S;

    return settings->latency > 0 ? MIN(rate, window / settings->latency) : rate;
}

/*
 * TCP's slow start: a connection doubles what it carries with each round trip
 * until it fills the link. Return: what that takes longer, ms.
 */
static double
slow_start(double rate, double latency, guint n_channels)
{
    double windows = rate * latency / (FIRST_WINDOW * n_channels);

    return windows > 2 ? latency * (log2(windows) - 1) : 0;
}

/*
 * Held to a bandwidth QEMU sends a tenth of it in each window of a tenth of a
 * second (migration-stats.c, migration_rate_exceeded), and counts what it has
 * sent when a vector of 64 pieces is full: 32 pages and their headers
 * (qemu-file.c, MAX_IOV_SIZE). So it sends up to as much more. With multifd it
 * counts a packet when it is gone: those that the channels still have at the
 * end of a window are counted in none (measured: 78 MiB/s with four channels
 * became 99). It is woken for the next window a bit late: so measured by what
 * 13 migrations sent until the guest was stopped.
 */
#define WINDOWS_PER_S 10
#define WINDOW_REAL_MS 100.1
#define VECTOR_PAGES 32

/* What a bandwidth limit lets through, bytes/ms. */
static double
held_rate(const MigrationSettings *settings, double piece)
{
    double window = settings->max_bandwidth / WINDOWS_PER_S;

    return (floor(window / piece) + 1 + settings->channels) * piece /
           WINDOW_REAL_MS;
}

/**
 * migration_wire_init: what pages cost in a migration
 * @wire: set to it
 * @settings: how the migration is run
 * @page_bytes: bytes of a page
 * @n_total: pages of the guest
 * @zero_share: share of them that are zero, 0..1
 * @chance: what is particular to it
 */
void
migration_wire_init(MigrationWire *wire, const MigrationSettings *settings,
                    double page_bytes, double n_total, double zero_share,
                    const MigrationChance *chance)
{
    guint n_channels = MAX(settings->channels, 1);
    double header = settings->channels > 0 ? (double)PACKET_BYTES / PACKET_PAGES
                                           : PAGE_HEADER;
    double free_share = settings->free_page_share;

    wire->page_bytes = page_bytes;
    wire->normal_bytes = page_bytes / settings->compression_ratio + header;
    if (settings->compression_ratio != 1) {
        wire->normal_bytes *= chance->squeeze;
    }
    wire->zero_bytes = settings->channels > 0 ? header : header + ZERO_FILL;
    wire->packet_bytes = wire->normal_bytes *
                         (settings->channels > 0 ? PACKET_PAGES : VECTOR_PAGES);
    wire->cpu_normal_ms = NORMAL_PAGE_MS / n_channels;
    if (settings->compression_speed > 0 && settings->compression_ratio != 1) {
        double tried_ms = page_bytes /
                          (settings->compression_speed * BYTES_PER_MIB) *
                          MS_PER_S;

        wire->cpu_normal_ms +=
            (tried_ms * COMPRESS_SLOWER + COMPRESSED_PAGE_MS / n_channels) *
            chance->work;
    }
    wire->cpu_zero_ms = ZERO_PAGE_MS / n_channels;
    wire->buffered = all_buffers(settings->latency, n_channels);
    wire->woken_bytes = settings->channels > 0 ? wire->packet_bytes / 2
                                               : SOCKET_BUFFER * WAKE_SHARE;
    wire->stop_rate =
        link_rate(settings, chance->link, SOCKET_BUFFER * n_channels);
    wire->live_rate = wire->stop_rate;
    if (settings->max_bandwidth > 0) {
        wire->live_rate =
            MIN(wire->stop_rate, held_rate(settings, wire->packet_bytes));
    }
    wire->link_normal_ms = wire->normal_bytes / wire->live_rate;
    wire->link_zero_ms = wire->zero_bytes / wire->live_rate;
    wire->normal_ms = MAX(wire->link_normal_ms, wire->cpu_normal_ms);
    wire->zero_ms = MAX(wire->link_zero_ms, wire->cpu_zero_ms);
    wire->seen_rate = wire->normal_bytes / wire->normal_ms;
    wire->start_ms = slow_start(wire->live_rate, settings->latency, n_channels);
    /* Memory that was never used is both free and zero. */
    wire->first.zero = n_total * MAX(zero_share - free_share, 0);
    wire->first.normal = n_total * (1 - MAX(zero_share, free_share));
}

/**
 * migration_wire_bytes: what pages take on the wire
 * @wire: what pages cost
 * @sent: the pages
 *
 * Return: bytes.
 */
double
migration_wire_bytes(const MigrationWire *wire, MigrationSent sent)
{
    return sent.zero * wire->zero_bytes + sent.normal * wire->normal_bytes;
}

/**
 * migration_wire_live_time: how long sending pages takes while the guest runs
 * @wire: what pages cost
 * @sent: the pages
 *
 * Return: ms.
 */
double
migration_wire_live_time(const MigrationWire *wire, MigrationSent sent)
{
    return sent.zero * wire->zero_ms + sent.normal * wire->normal_ms;
}

/**
 * migration_wire_stop_time: how long sending pages takes without a limit
 * @wire: what pages cost
 * @sent: the pages
 *
 * Return: ms.
 */
double
migration_wire_stop_time(const MigrationWire *wire, MigrationSent sent)
{
    double rate = wire->stop_rate;

    return sent.zero * MAX(wire->zero_bytes / rate, wire->cpu_zero_ms) +
           sent.normal * MAX(wire->normal_bytes / rate, wire->cpu_normal_ms);
}

/**
 * migration_wire_patience: when a migration is given up
 * @wire: what pages cost in it
 * @settings: how it is run, checked
 *
 * Where nobody sets a limit: an hour, or what is much compared with how long
 * sending each page once takes. Terabytes take hours and are no less sure.
 *
 * Return: ms of its total time.
 */
double
migration_wire_patience(const MigrationWire *wire,
                        const MigrationSettings *settings)
{
    if (settings->time_limit > 0) {
        return settings->time_limit;
    }
    return MAX(MIGRATION_TIME_LIMIT_MS,
               MIGRATION_TIME_LIMIT_PASSES *
                   migration_wire_live_time(wire, wire->first));
}
