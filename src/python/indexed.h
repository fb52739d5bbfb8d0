/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns parameters that carry a number in their names into a list of dicts.
 */
#ifndef LIBVIRT_DIRTY_PYTHON_INDEXED_H
#define LIBVIRT_DIRTY_PYTHON_INDEXED_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>

#include <libvirt/libvirt.h>

/**
 * Indexed: things of which libvirt gives several parameters each
 * @count: the parameter that holds how many there are
 * @prefix: what stands before the number of one in its parameters' names
 */
typedef struct {
    const char *count;
    const char *prefix;
} Indexed;

bool is_of_indexed(const char *field, const Indexed *indexed);

PyObject *indexed_to_list(const Indexed *indexed, virTypedParameterPtr params, int nparams);

#endif
