/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Limits of dirty page rates: setVcpuDirtyLimit() and getVcpuDirtyLimit().
 */
#ifndef LIBVIRT_DIRTY_PYTHON_LIMIT_H
#define LIBVIRT_DIRTY_PYTHON_LIMIT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

extern const char set_vcpu_dirty_limit_doc[];
extern const char get_vcpu_dirty_limit_doc[];

PyObject *set_vcpu_dirty_limit(PyObject *module, PyObject *args, PyObject *kwargs);

PyObject *get_vcpu_dirty_limit(PyObject *module, PyObject *args, PyObject *kwargs);

#endif
