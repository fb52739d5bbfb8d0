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
 * zero and handing it to the socket. A zero page is often one that was never
 * there, and reading it makes the kernel map one. Measured in the lab, ms.
 */
#define NORMAL_PAGE_MS 0.0006
#define ZERO_PAGE_MS 0.0016

/*
 * What a socket takes in before its writer has to wait, bytes of payload each
 * connection: Linux lets a socket's buffer grow to 4 MiB (tcp_wmem), of which
 * its own books take a third. Measured in the lab.
 */
#define SOCKET_BUFFER 2.8e6
/* But no more than the link carries in this time, ms. */
#define SOCKET_BUFFER_MS 50.0

static double
lower_rate(double rate, double limit)
{
    return limit > 0 ? MIN(rate, limit) : rate;
}

/**
 * migration_wire_init: what pages cost in a migration
 * @wire: set to it
 * @settings: how the migration is run
 * @page_bytes: bytes of a page
 * @zero_share: share of the guest's pages that are zero, 0..1
 */
void
migration_wire_init(MigrationWire *wire, const MigrationSettings *settings,
                    double page_bytes, double zero_share)
{
    double header = settings->channels > 0 ? (double)PACKET_BYTES / PACKET_PAGES
                                           : PAGE_HEADER;
    double free_share = settings->free_page_share;

    wire->page_bytes = page_bytes;
    wire->normal_bytes = page_bytes / settings->compression_ratio + header;
    wire->zero_bytes = settings->channels > 0 ? header : header + ZERO_FILL;
    wire->normal_ms = NORMAL_PAGE_MS;
    if (settings->compression_speed > 0 && settings->compression_ratio != 1) {
        wire->normal_ms += page_bytes /
                           (settings->compression_speed * BYTES_PER_MIB) *
                           MS_PER_S;
    }
    wire->zero_ms = ZERO_PAGE_MS;
    /* Memory that was never used is both free and zero. */
    wire->zero_share =
        free_share < 1 ? MAX(zero_share - free_share, 0) / (1 - free_share) : 0;
    wire->stop_rate = settings->bandwidth / MS_PER_S;
    wire->live_rate =
        lower_rate(settings->bandwidth, settings->max_bandwidth) / MS_PER_S;
    wire->buffered = MIN(SOCKET_BUFFER * MAX(settings->channels, 1),
                         SOCKET_BUFFER_MS * wire->stop_rate);
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
    double zero = sent.first * wire->zero_share;

    return zero * wire->zero_bytes +
           (sent.first - zero + sent.dirty) * wire->normal_bytes;
}

/**
 * migration_wire_time: how long sending pages takes
 * @wire: what pages cost
 * @sent: the pages
 * @rate: bytes/ms that can be sent
 *
 * Return: ms.
 */
double
migration_wire_time(const MigrationWire *wire, MigrationSent sent, double rate)
{
    double zero = sent.first * wire->zero_share;
    double normal = sent.first - zero + sent.dirty;

    return zero * (wire->zero_ms + wire->zero_bytes / rate) +
           normal * MAX(wire->normal_bytes / rate, wire->normal_ms);
}
