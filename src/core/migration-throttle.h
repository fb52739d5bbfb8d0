/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When QEMU slows down a guest that dirties memory too fast, and how much.
 */
#ifndef MIGRATION_THROTTLE_H
#define MIGRATION_THROTTLE_H

#include "migration-settings.h"

G_BEGIN_DECLS

/**
 * MigrationBrake: the state of what slows the guest down
 * @settings: how the migration is run
 * @backlog: what a vCPU makes up for by what it usually does, a factor
 * @share: share of its time that the guest loses to auto-converge, 0..1
 * @speed: the guest's own time by time, above 0 up to 1: a vCPU that idles
 *   anyway makes up for a pause
 * @limited: whether its dirty page rate is limited
 * @n_high: periods with too much dirtied since it was last slowed down
 * @n_calm: periods on end that changed nothing
 * @period_start: when the present period began, ms
 * @period_dirty: bytes newly dirty in it
 * @period_sent: bytes sent before it began
 */
typedef struct {
    const MigrationSettings *settings;
    double backlog;
    double share;
    double speed;
    gboolean limited;
    guint n_high;
    guint n_calm;
    double period_start;
    double period_dirty;
    double period_sent;
} MigrationBrake;

void migration_brake_init(MigrationBrake *brake,
                          const MigrationSettings *settings, double backlog);
gboolean migration_brake_sync(MigrationBrake *brake, double now, double dirty,
                              double sent);
gboolean migration_brake_is_spent(const MigrationBrake *brake);
double migration_brake_wait(const MigrationBrake *brake, double since);

G_END_DECLS

#endif
