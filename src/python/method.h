/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Functions of the module that measure a domain and return what comes of it.
 */
#ifndef LIBVIRT_DIRTY_PYTHON_METHOD_H
#define LIBVIRT_DIRTY_PYTHON_METHOD_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "params.h"

/**
 * Method: a function of the module, of a domain, parameters and flags
 * @format: of its arguments, "O|OO&:" and its name
 * @in_params: the parameters that it takes
 * @n_in_params: their number
 * @call: what it calls, as measure()
 * @convert: makes an object of the result; NULL with a Python exception
 */
typedef struct {
    const char *format;
    const InParam *in_params;
    size_t n_in_params;
    int (*call)(virDomainPtr domain, virTypedParameterPtr params, int nparams, unsigned int flags,
                virTypedParameterPtr *result, int *nresult, virErrorPtr *error);
    PyObject *(*convert)(virTypedParameterPtr result, int nresult);
} Method;

PyObject *method_call(const Method *method, PyObject *module, PyObject *args, PyObject *kwargs);

#endif
