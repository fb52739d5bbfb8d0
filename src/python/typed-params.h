/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns Python dicts into libvirt's typed parameters and back.
 */
#ifndef LIBVIRT_DIRTY_PYTHON_TYPED_PARAMS_H
#define LIBVIRT_DIRTY_PYTHON_TYPED_PARAMS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <libvirt/libvirt.h>

int params_from_dict(PyObject *dict, virTypedParameterPtr *params, int *nparams);
PyObject *result_to_dict(virTypedParameterPtr params, int nparams);

#endif
