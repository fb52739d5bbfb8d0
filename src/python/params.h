/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns a Python dict into what a function of libvirt-dirty is asked for.
 */
#ifndef LIBVIRT_DIRTY_PYTHON_PARAMS_H
#define LIBVIRT_DIRTY_PYTHON_PARAMS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>

#include <libvirt/libvirt.h>

/**
 * InParam: a parameter that a function takes
 * @name: its name
 * @type: its virTypedParameterType
 * @is_list: it can be given several times, so a list or a tuple of values will do as well as one
 */
typedef struct {
    const char *name;
    int type;
    bool is_list;
} InParam;

int params_from_dict(const InParam *known, size_t n_known, PyObject *dict,
                     virTypedParameterPtr *params, int *nparams);

#endif
