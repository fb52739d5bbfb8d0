/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Brings a measurement and the memory of the guest it is used for together.
 */
#ifndef DIRTY_MEASUREMENT_MEMORY_H
#define DIRTY_MEASUREMENT_MEMORY_H

#include "dirty-measurement.h"

G_BEGIN_DECLS

/*
 * What a measurement counts besides the memory that the guest was given, bytes:
 * video memory and firmware. More is no usual guest's.
 */
#define DIRTY_MEMORY_BESIDES_MAX (G_GUINT64_CONSTANT(256) * 1024 * 1024)

gboolean dirty_measurement_add_memory(DirtyMeasurement *measurement,
                                      guint64 bytes, GError **error);
gboolean dirty_measurement_join(DirtyMeasurement *measurement,
                                const DirtyMeasurement *other, GError **error);

G_END_DECLS

#endif
