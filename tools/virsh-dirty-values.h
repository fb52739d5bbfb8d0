/*
 * virsh-dirty-values.h: takes values out of a dirty page rate measurement
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "virsh-dirty-call.h"

unsigned long long
virshDirtyGetULLong(virshDirtyCall *call,
                    const char *name);

double
virshDirtyGetDouble(virshDirtyCall *call,
                    const char *name);

unsigned int
virshDirtyGetUInt(virshDirtyCall *call,
                  const char *name);

double
virshDirtyGetDoubleAt(virshDirtyCall *call,
                      const char *prefix,
                      size_t i,
                      const char *suffix);

unsigned long long
virshDirtyGetULLongAt(virshDirtyCall *call,
                      const char *prefix,
                      size_t i,
                      const char *suffix);

bool
virshDirtyHas(virshDirtyCall *call,
              const char *name);

const char *
virshDirtyGetString(virshDirtyCall *call,
                    const char *name);

bool
virshDirtyIsExact(virshDirtyCall *call);

char *
virshDirtyFormat(double value);

char *
virshDirtyFormatBounds(double low,
                       double high);
