/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What pages cost on the wire: bytes and time.
 */
#ifndef MIGRATION_WIRE_H
#define MIGRATION_WIRE_H

#include "migration-sample.h"
#include "migration-settings.h"
#include "migration-sweep.h"

G_BEGIN_DECLS

/**
 * MigrationWire: what pages cost
 * @page_bytes: bytes of guest memory in a page; what a pending page counts
 * @normal_bytes: bytes sent for a page with content
 * @zero_bytes: bytes sent for a page of zeros
 * @cpu_normal_ms: least time that QEMU itself takes for a page with content,
 *   ms
 * @cpu_zero_ms: the same for a page of zeros
 * @link_normal_ms: what a page with content takes of the link, ms
 * @link_zero_ms: the same of a page of zeros
 * @normal_ms: time a page with content takes while the guest runs, ms
 * @zero_ms: the same for a page of zeros
 * @live_rate: bytes/ms while the guest runs
 * @seen_rate: bytes/ms that QEMU measures of it where compression is slower
 * @stop_rate: bytes/ms while it stands still
 * @woken_bytes: bytes that are gone of those before a sender is woken
 * @packet_bytes: bytes sent at a time: a vector of pages, or multifd's packet
 * @start_ms: what it takes longer because connections start slowly, ms
 * @buffered: bytes that count as sent while they still wait in this host
 * @first: pages of the first pass
 */
typedef struct {
    double page_bytes;
    double normal_bytes;
    double zero_bytes;
    double cpu_normal_ms;
    double cpu_zero_ms;
    double link_normal_ms;
    double link_zero_ms;
    double normal_ms;
    double zero_ms;
    double live_rate;
    double seen_rate;
    double stop_rate;
    double woken_bytes;
    double packet_bytes;
    double start_ms;
    double buffered;
    MigrationSent first;
} MigrationWire;

void migration_wire_init(MigrationWire *wire, const MigrationSettings *settings,
                         double page_bytes, double n_total, double zero_share,
                         const MigrationChance *chance);
double migration_wire_bytes(const MigrationWire *wire, MigrationSent sent);
double migration_wire_live_time(const MigrationWire *wire, MigrationSent sent);
double migration_wire_stop_time(const MigrationWire *wire, MigrationSent sent);
double migration_wire_patience(const MigrationWire *wire,
                               const MigrationSettings *settings);

G_END_DECLS

#endif
