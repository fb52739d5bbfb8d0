/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waits for a measurement so that Python's signal handlers run meanwhile.
 */
#ifndef LIBVIRT_DIRTY_PYTHON_MEASURE_H
#define LIBVIRT_DIRTY_PYTHON_MEASURE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

/* virDomainGetDirtyRate(), or another call that waits for a measurement. */
typedef int (*MeasureCall)(virDomainPtr domain, virTypedParameterPtr params, int nparams,
                           virTypedParameterPtr *result, int *nresult, unsigned int flags);

int measure_and_wait(MeasureCall call, virDomainPtr domain, virTypedParameterPtr params,
                     int nparams, unsigned int flags, virTypedParameterPtr *result, int *nresult,
                     virErrorPtr *error);

int measure(virDomainPtr domain, virTypedParameterPtr params, int nparams, unsigned int flags,
            virTypedParameterPtr *result, int *nresult, virErrorPtr *error);

#endif
