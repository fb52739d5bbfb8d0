/*
 * qemu_dirty_predict_flags.h: which ways to migrate can be predicted
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "internal.h"

int
qemuDirtyPredictCheckFlags(unsigned int flags);
