/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all functions of the module have in common: domains, flags and errors.
 */
#include "call.h"

#include <limits.h>

/* The name libvirt-python gives its capsules of domains. */
#define DOMAIN_CAPSULE "virDomainPtr"

/**
 * get_domain: the domain that a Python object stands for
 * @object: a libvirt.virDomain
 *
 * Return: a reference of its own, virDomainFree() it; NULL with TypeError
 */
virDomainPtr
get_domain(PyObject *object)
{
    PyObject *capsule = PyObject_GetAttrString(object, "_o");
    virDomainPtr domain = NULL;

    if (capsule && PyCapsule_IsValid(capsule, DOMAIN_CAPSULE)) {
        domain = PyCapsule_GetPointer(capsule, DOMAIN_CAPSULE);
        virDomainRef(domain);
    } else if (capsule || PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Format(PyExc_TypeError, "dom must be a libvirt.virDomain, not %.100s",
                     Py_TYPE(object)->tp_name);
    }
    Py_XDECREF(capsule);
    return domain;
}

/**
 * convert_flags: flags, for PyArg_ParseTuple(): its own format for unsigned ints sees no overflow
 * @object: an int
 * @opaque: where to put it, an unsigned int
 *
 * Return: 1; 0 with a Python exception
 */
int
convert_flags(PyObject *object, void *opaque)
{
    unsigned int *flags = opaque;
    unsigned long value = PyLong_AsUnsignedLong(object);

    if (PyErr_Occurred()) {
        return 0;
    }
    if (value > UINT_MAX) {
        PyErr_Format(PyExc_OverflowError, "flags do not fit an unsigned int");
        return 0;
    }
    *flags = value;
    return 1;
}

/**
 * raise_libvirt_error: raises libvirtError with what libvirt-python puts into it
 * @module: this module
 * @error: what virSaveLastError() gave in the thread that made the call
 *
 * libvirt-python takes libvirt's last error, which is kept per thread and so is not that of the
 * thread of a measurement.
 *
 * Return: NULL
 */
PyObject *
raise_libvirt_error(PyObject *module, const virError *error)
{
    ModuleState *state = PyModule_GetState(module);
    PyObject *exception;
    PyObject *fields;

    virResetLastError();
    exception = PyObject_CallFunction(state->libvirt_error, "s", error->message);
    fields =
        Py_BuildValue("(iisisssii)", error->code, error->domain, error->message, (int)error->level,
                      error->str1, error->str2, error->str3, error->int1, error->int2);
    if (exception && fields && PyObject_SetAttrString(exception, "err", fields) == 0) {
        PyErr_SetObject(state->libvirt_error, exception);
    }
    Py_XDECREF(fields);
    Py_XDECREF(exception);
    return NULL;
}
