/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns a Python dict into what virDomainGetDirtyRate() is asked for.
 */
#include "params.h"

#include <limits.h>
#include <string.h>

#include <libvirt/libvirt-dirty.h>

/* What getDirtyRate() can be asked for. */
static const struct {
    const char *name;
    int type;
} in_params[] = {
    {VIR_DOMAIN_DIRTY_RATE_PARAM_CALC_TIME, VIR_TYPED_PARAM_UINT},
    {VIR_DOMAIN_DIRTY_RATE_PARAM_MODE, VIR_TYPED_PARAM_STRING},
    {VIR_DOMAIN_DIRTY_RATE_PARAM_SAMPLE_PAGES, VIR_TYPED_PARAM_UINT},
    {VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION, VIR_TYPED_PARAM_BOOLEAN},
};

#define N_IN_PARAMS (sizeof(in_params) / sizeof(in_params[0]))

static int
raise_unknown(PyObject *name)
{
    PyObject *known = PyUnicode_FromString("");
    size_t i;

    for (i = 0; known && i < N_IN_PARAMS; i++) {
        PyObject *longer =
            PyUnicode_FromFormat("%U%s'%s'", known, i ? ", " : "", in_params[i].name);

        Py_DECREF(known);
        known = longer;
    }
    if (known) {
        PyErr_Format(PyExc_ValueError, "unknown parameter %R: use %U", name, known);
        Py_DECREF(known);
    }
    return -1;
}

static int
add_uint(const char *name, PyObject *value, virTypedParameterPtr *params, int *nparams, int *max)
{
    PyObject *number;
    unsigned long long plain;

    /* A bool is an int to Python, but nobody who writes True means 1 ms. */
    if (PyBool_Check(value) || !PyIndex_Check(value)) {
        PyErr_Format(PyExc_TypeError, "parameter '%s' must be an int, not %.100s", name,
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    number = PyNumber_Index(value);
    if (!number) {
        return -1;
    }
    plain = PyLong_AsUnsignedLongLong(number);
    if ((PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_OverflowError)) || plain > UINT_MAX) {
        PyErr_Clear();
        PyErr_Format(PyExc_ValueError, "parameter '%s' is %S: use 0 to %u", name, number, UINT_MAX);
        Py_DECREF(number);
        return -1;
    }
    Py_DECREF(number);
    if (virTypedParamsAddUInt(params, nparams, max, name, plain) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static int
add_bool(const char *name, PyObject *value, virTypedParameterPtr *params, int *nparams, int *max)
{
    if (!PyBool_Check(value)) {
        PyErr_Format(PyExc_TypeError, "parameter '%s' must be a bool, not %.100s", name,
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    if (virTypedParamsAddBoolean(params, nparams, max, name, value == Py_True) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static int
add_string(const char *name, PyObject *value, virTypedParameterPtr *params, int *nparams, int *max)
{
    const char *text;
    Py_ssize_t len;

    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "parameter '%s' must be a str, not %.100s", name,
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    text = PyUnicode_AsUTF8AndSize(value, &len);
    if (!text) {
        return -1;
    }
    if (strlen(text) != (size_t)len) {
        PyErr_Format(PyExc_ValueError, "parameter '%s' has a NUL character in it", name);
        return -1;
    }
    if (virTypedParamsAddString(params, nparams, max, name, text) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static int
add_param(PyObject *name, PyObject *value, virTypedParameterPtr *params, int *nparams, int *max)
{
    size_t i;

    if (!PyUnicode_Check(name)) {
        PyErr_Format(PyExc_TypeError, "a parameter's name must be a str, not %.100s",
                     Py_TYPE(name)->tp_name);
        return -1;
    }
    for (i = 0; i < N_IN_PARAMS; i++) {
        if (PyUnicode_CompareWithASCIIString(name, in_params[i].name) != 0) {
            continue;
        }
        switch (in_params[i].type) {
        case VIR_TYPED_PARAM_UINT:
            return add_uint(in_params[i].name, value, params, nparams, max);
        case VIR_TYPED_PARAM_BOOLEAN:
            return add_bool(in_params[i].name, value, params, nparams, max);
        default:
            return add_string(in_params[i].name, value, params, nparams, max);
        }
    }
    return raise_unknown(name);
}

/**
 * params_from_dict: what a measurement shall be, for virDomainGetDirtyRate()
 * @dict: a dict, or None for no parameters
 * @params: where to put the parameters, virTypedParamsFree() them; NULL when there are none
 * @nparams: where to put their number
 *
 * Checks types only: which values make sense is libvirt's to say.
 *
 * Return: 0; -1 with a Python exception that names the parameter
 */
int
params_from_dict(PyObject *dict, virTypedParameterPtr *params, int *nparams)
{
    PyObject *copy;
    PyObject *name;
    PyObject *value;
    Py_ssize_t pos = 0;
    int max = 0;
    int ret = 0;

    *params = NULL;
    *nparams = 0;
    if (dict == Py_None) {
        return 0;
    }
    if (!PyDict_Check(dict)) {
        PyErr_Format(PyExc_TypeError, "params must be a dict or None, not %.100s",
                     Py_TYPE(dict)->tp_name);
        return -1;
    }
    /* A value's __index__() could change the dict while it is walked through. */
    copy = PyDict_Copy(dict);
    if (!copy) {
        return -1;
    }
    while (ret == 0 && PyDict_Next(copy, &pos, &name, &value)) {
        ret = add_param(name, value, params, nparams, &max);
    }
    Py_DECREF(copy);
    if (ret < 0) {
        virTypedParamsFree(*params, *nparams);
        *params = NULL;
        *nparams = 0;
    }
    return ret;
}
