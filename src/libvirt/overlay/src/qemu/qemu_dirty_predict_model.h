/*
 * qemu_dirty_predict_model.h: predicts from a measurement
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "qemu_dirty_predict_guest.h"
#include "qemu_dirty_predict_params.h"
#include "virtypedparam.h"

virTypedParamList *
qemuDirtyPredictFrom(const qemuDirtyPredictRequest *request,
                     const qemuDirtyPredictGuest *guest,
                     const DirtyMeasurement *measurement,
                     unsigned long long age);
