/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What pages cost on the wire: bytes and time.
 */
#ifndef MIGRATION_WIRE_H
#define MIGRATION_WIRE_H

#include "migration-settings.h"
#include "migration-sweep.h"

G_BEGIN_DECLS

/**
 * MigrationWire: what pages cost
 * @page_bytes: bytes of guest memory in a page; what a pending page counts
 * @normal_bytes: bytes sent for a page with content
 * @zero_bytes: bytes sent for a page of zeros
 * @zero_share: share of the pages of the first pass that are zero pages
 * @normal_ms: least time that QEMU itself takes for a page with content, ms
 * @zero_ms: time that it takes for a page of zeros, ms
 * @live_rate: bytes/ms while the guest runs
 * @stop_rate: bytes/ms while it stands still
 * @buffered: bytes that count as sent while they still wait in this host
 */
typedef struct {
    double page_bytes;
    double normal_bytes;
    double zero_bytes;
    double zero_share;
    double normal_ms;
    double zero_ms;
    double live_rate;
    double stop_rate;
    double buffered;
} MigrationWire;

void migration_wire_init(MigrationWire *wire, const MigrationSettings *settings,
                         double page_bytes, double zero_share);
double migration_wire_bytes(const MigrationWire *wire, MigrationSent sent);
double migration_wire_time(const MigrationWire *wire, MigrationSent sent,
                           double rate);

G_END_DECLS

#endif
