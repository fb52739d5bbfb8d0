/*
 * virsh-dirty-values.c: takes values out of a dirty page rate measurement
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "virsh-dirty-values.h"

#include "dirty-measurement.h"
#include "internal.h"

/* The getters give 0 or NULL for what the result does not have. */
unsigned long long
virshDirtyGetULLong(virshDirtyCall *call,
                    const char *name)
{
    unsigned long long value = 0;

    ignore_value(virTypedParamsGetULLong(call->result, call->nresult, name, &value));
    return value;
}


double
virshDirtyGetDouble(virshDirtyCall *call,
                    const char *name)
{
    double value = 0;

    ignore_value(virTypedParamsGetDouble(call->result, call->nresult, name, &value));
    return value;
}


unsigned int
virshDirtyGetUInt(virshDirtyCall *call,
                  const char *name)
{
    unsigned int value = 0;

    ignore_value(virTypedParamsGetUInt(call->result, call->nresult, name, &value));
    return value;
}


/* the parameter @suffix of entry @i of an array */
double
virshDirtyGetDoubleAt(virshDirtyCall *call,
                      const char *prefix,
                      size_t i,
                      const char *suffix)
{
    g_autofree char *name = g_strdup_printf("%s%zu%s", prefix, i, suffix);

    return virshDirtyGetDouble(call, name);
}


unsigned long long
virshDirtyGetULLongAt(virshDirtyCall *call,
                      const char *prefix,
                      size_t i,
                      const char *suffix)
{
    g_autofree char *name = g_strdup_printf("%s%zu%s", prefix, i, suffix);

    return virshDirtyGetULLong(call, name);
}


bool
virshDirtyHas(virshDirtyCall *call,
              const char *name)
{
    return virTypedParamsGet(call->result, call->nresult, name) != NULL;
}


const char *
virshDirtyGetString(virshDirtyCall *call,
                    const char *name)
{
    const char *value = NULL;

    ignore_value(virTypedParamsGetString(call->result, call->nresult, name, &value));
    return value;
}


/* whether every page was counted, so that there is no sampling error */
bool
virshDirtyIsExact(virshDirtyCall *call)
{
    DirtyMode mode;

    return dirty_mode_from_string(virshDirtyGetString(call, VIR_DOMAIN_DIRTY_RATE_PARAM_MODE),
                                  &mode, NULL) &&
        dirty_mode_counts_exactly(mode);
}


/* A rate or an amount with the digits that mean something: a guest at rest
 * dirties some KiB/s, a busy one some GiB/s. */
char *
virshDirtyFormat(double value)
{
    return g_strdup_printf("%.*f", value < 1 ? 3 : value < 10 ? 2 : 1, value);
}


char *
virshDirtyFormatBounds(double low,
                       double high)
{
    g_autofree char *lowStr = virshDirtyFormat(low);
    g_autofree char *highStr = virshDirtyFormat(high);

    return g_strdup_printf(_("%1$s to %2$s"), lowStr, highStr);
}
