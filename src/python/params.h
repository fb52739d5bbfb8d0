/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns a Python dict into what virDomainGetDirtyRate() is asked for.
 */
#ifndef LIBVIRT_DIRTY_PYTHON_PARAMS_H
#define LIBVIRT_DIRTY_PYTHON_PARAMS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <libvirt/libvirt.h>

int params_from_dict(PyObject *dict, virTypedParameterPtr *params, int *nparams);

#endif
