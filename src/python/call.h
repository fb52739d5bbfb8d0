/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all functions of the module have in common: domains, flags and errors.
 */
#ifndef LIBVIRT_DIRTY_PYTHON_CALL_H
#define LIBVIRT_DIRTY_PYTHON_CALL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

/**
 * ModuleState: what the module keeps
 * @libvirt_error: the class libvirt.libvirtError
 */
typedef struct {
    PyObject *libvirt_error;
} ModuleState;

virDomainPtr get_domain(PyObject *object);

int convert_flags(PyObject *object, void *opaque);

PyObject *raise_libvirt_error(PyObject *module, const virError *error);

#endif
