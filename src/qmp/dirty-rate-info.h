/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns QEMU's DirtyRateInfo object into a measurement.
 */
#ifndef DIRTY_RATE_INFO_H
#define DIRTY_RATE_INFO_H

#include <json-glib/json-glib.h>

#include "dirty-measurement.h"

G_BEGIN_DECLS

DirtyMeasurement *dirty_rate_info_parse(JsonObject *object, GError **error);

G_END_DECLS

#endif
