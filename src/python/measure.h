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

int measure(virDomainPtr domain, virTypedParameterPtr params, int nparams, unsigned int flags,
            virTypedParameterPtr *result, int *nresult, virErrorPtr *error);

#endif
