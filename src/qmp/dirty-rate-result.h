/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the members of DirtyRateInfo that only a finished measurement has.
 */
#ifndef DIRTY_RATE_RESULT_H
#define DIRTY_RATE_RESULT_H

#include "dirty-json-members.h"
#include "dirty-measurement.h"

G_BEGIN_DECLS

gboolean dirty_rate_result_parse(const DirtyJsonMembers *info, DirtyMeasurement *measurement,
                                 GError **error);

G_END_DECLS

#endif
