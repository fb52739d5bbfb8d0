/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns a Python dict into what a function of libvirt-dirty is asked for.
 */
#include "params.h"

#include <limits.h>
#include <string.h>

/**
 * Params: the parameters so far
 * @list: they themselves
 * @n: their number
 * @max: how many there is room for
 */
typedef struct {
    virTypedParameterPtr list;
    int n;
    int max;
} Params;

static int
raise_unknown(const InParam *known, size_t n_known, PyObject *name)
{
    PyObject *names = PyUnicode_FromString("");
    size_t i;

    for (i = 0; names && i < n_known; i++) {
        PyObject *longer = PyUnicode_FromFormat("%U%s'%s'", names, i ? ", " : "", known[i].name);

        Py_DECREF(names);
        names = longer;
    }
    if (names) {
        PyErr_Format(PyExc_ValueError, "unknown parameter %R: use %U", name, names);
        Py_DECREF(names);
    }
    return -1;
}

static int
raise_type(const char *name, const char *wanted, PyObject *value)
{
    PyErr_Format(PyExc_TypeError, "parameter '%s' must be %s, not %.100s", name, wanted,
                 Py_TYPE(value)->tp_name);
    return -1;
}

/* Return: 0; -1 with MemoryError where libvirt could not add a parameter */
static int
check_added(int ret)
{
    if (ret < 0) {
        PyErr_NoMemory();
    }
    return ret;
}

/*
 * Reads a number that is not below 0 nor above max. Return: 0; -1 with a Python exception
 */
static int
get_number(const char *name, PyObject *value, unsigned long long max, unsigned long long *plain)
{
    PyObject *number;

    /* A bool is an int to Python, but nobody who writes True means 1 ms. */
    if (PyBool_Check(value) || !PyIndex_Check(value)) {
        return raise_type(name, "an int", value);
    }
    number = PyNumber_Index(value);
    if (!number) {
        return -1;
    }
    *plain = PyLong_AsUnsignedLongLong(number);
    if ((PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_OverflowError)) || *plain > max) {
        PyErr_Clear();
        PyErr_Format(PyExc_ValueError, "parameter '%s' is %S: use 0 to %llu", name, number, max);
        Py_DECREF(number);
        return -1;
    }
    Py_DECREF(number);
    return 0;
}

static int
add_int(const char *name, PyObject *value, Params *params)
{
    unsigned long long plain;

    if (get_number(name, value, INT_MAX, &plain) < 0) {
        return -1;
    }
    return check_added(
        virTypedParamsAddInt(&params->list, &params->n, &params->max, name, (int)plain));
}

static int
add_uint(const char *name, PyObject *value, Params *params)
{
    unsigned long long plain;

    if (get_number(name, value, UINT_MAX, &plain) < 0) {
        return -1;
    }
    return check_added(
        virTypedParamsAddUInt(&params->list, &params->n, &params->max, name, (unsigned int)plain));
}

static int
add_ullong(const char *name, PyObject *value, Params *params)
{
    unsigned long long plain;

    if (get_number(name, value, ULLONG_MAX, &plain) < 0) {
        return -1;
    }
    return check_added(
        virTypedParamsAddULLong(&params->list, &params->n, &params->max, name, plain));
}

static int
add_double(const char *name, PyObject *value, Params *params)
{
    double plain;

    if (PyBool_Check(value) || !PyNumber_Check(value)) {
        return raise_type(name, "a number", value);
    }
    plain = PyFloat_AsDouble(value);
    if (PyErr_Occurred()) {
        return -1;
    }
    return check_added(
        virTypedParamsAddDouble(&params->list, &params->n, &params->max, name, plain));
}

static int
add_bool(const char *name, PyObject *value, Params *params)
{
    if (!PyBool_Check(value)) {
        return raise_type(name, "a bool", value);
    }
    return check_added(
        virTypedParamsAddBoolean(&params->list, &params->n, &params->max, name, value == Py_True));
}

static int
add_string(const char *name, PyObject *value, Params *params)
{
    const char *text;
    Py_ssize_t len;

    if (!PyUnicode_Check(value)) {
        return raise_type(name, "a str", value);
    }
    text = PyUnicode_AsUTF8AndSize(value, &len);
    if (!text) {
        return -1;
    }
    if (strlen(text) != (size_t)len) {
        PyErr_Format(PyExc_ValueError, "parameter '%s' has a NUL character in it", name);
        return -1;
    }
    return check_added(
        virTypedParamsAddString(&params->list, &params->n, &params->max, name, text));
}

static int
add_value(const InParam *param, PyObject *value, Params *params)
{
    switch (param->type) {
    case VIR_TYPED_PARAM_INT:
        return add_int(param->name, value, params);
    case VIR_TYPED_PARAM_UINT:
        return add_uint(param->name, value, params);
    case VIR_TYPED_PARAM_ULLONG:
        return add_ullong(param->name, value, params);
    case VIR_TYPED_PARAM_DOUBLE:
        return add_double(param->name, value, params);
    case VIR_TYPED_PARAM_BOOLEAN:
        return add_bool(param->name, value, params);
    default:
        return add_string(param->name, value, params);
    }
}

static int
add_values(const InParam *param, PyObject *value, Params *params)
{
    PyObject *values;
    Py_ssize_t i;
    int ret = 0;

    if (!param->is_list || !(PyList_Check(value) || PyTuple_Check(value))) {
        return add_value(param, value, params);
    }
    /* A value's __float__() could change the list while it is walked through. */
    values = PySequence_Tuple(value);
    if (!values) {
        return -1;
    }
    if (PyTuple_GET_SIZE(values) == 0) {
        PyErr_Format(PyExc_ValueError, "parameter '%s' is empty: give a value or leave it out",
                     param->name);
        ret = -1;
    }
    for (i = 0; ret == 0 && i < PyTuple_GET_SIZE(values); i++) {
        ret = add_value(param, PyTuple_GET_ITEM(values, i), params);
    }
    Py_DECREF(values);
    return ret;
}

static int
add_param(const InParam *known, size_t n_known, PyObject *name, PyObject *value, Params *params)
{
    size_t i;

    if (!PyUnicode_Check(name)) {
        PyErr_Format(PyExc_TypeError, "a parameter's name must be a str, not %.100s",
                     Py_TYPE(name)->tp_name);
        return -1;
    }
    for (i = 0; i < n_known; i++) {
        if (PyUnicode_CompareWithASCIIString(name, known[i].name) == 0) {
            return add_values(&known[i], value, params);
        }
    }
    return raise_unknown(known, n_known, name);
}

/**
 * params_from_dict: what a function shall be asked for
 * @known: the parameters it takes
 * @n_known: their number
 * @dict: a dict, or None for no parameters
 * @params: where to put the parameters, virTypedParamsFree() them; NULL when there are none
 * @nparams: where to put their number
 *
 * Checks types only: which values make sense is libvirt's to say.
 *
 * Return: 0; -1 with a Python exception that names the parameter
 */
int
params_from_dict(const InParam *known, size_t n_known, PyObject *dict, virTypedParameterPtr *params,
                 int *nparams)
{
    Params added = {NULL, 0, 0};
    PyObject *copy;
    PyObject *name;
    PyObject *value;
    Py_ssize_t pos = 0;
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
        ret = add_param(known, n_known, name, value, &added);
    }
    Py_DECREF(copy);
    if (ret < 0) {
        virTypedParamsFree(added.list, added.n);
        return -1;
    }
    *params = added.list;
    *nparams = added.n;
    return 0;
}
