/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns what virDomainGetDirtyRate() gives into a Python dict.
 */
#ifndef LIBVIRT_DIRTY_PYTHON_RESULT_H
#define LIBVIRT_DIRTY_PYTHON_RESULT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <libvirt/libvirt.h>

PyObject *param_to_object(const virTypedParameter *param);

int set_item(PyObject *dict, const char *key, PyObject *value);

PyObject *result_to_dict(virTypedParameterPtr params, int nparams);

#endif
