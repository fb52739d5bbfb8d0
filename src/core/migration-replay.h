/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One migration on one dirty curve, pass by pass.
 */
#ifndef MIGRATION_REPLAY_H
#define MIGRATION_REPLAY_H

#include "migration-curve.h"
#include "migration-outcome.h"
#include "migration-sample.h"
#include "migration-wire.h"

G_BEGIN_DECLS

/**
 * MigrationHeld: a guest held to a dirty page rate
 * @curve: its dirty curve then
 * @loss: share of its time that it loses
 */
typedef struct {
    MigrationCurve curve;
    double loss;
} MigrationHeld;

void migration_replay(const MigrationSettings *settings,
                      const MigrationWire *wire, const MigrationCurve *curve,
                      const MigrationHeld *held, const MigrationChance *chance,
                      MigrationOutcome *outcome);

G_END_DECLS

#endif
