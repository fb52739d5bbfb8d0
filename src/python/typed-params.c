/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns Python dicts into libvirt's typed parameters and back.
 */
#include "typed-params.h"

#include <limits.h>
#include <string.h>

#include <libvirt/libvirt-dirty.h>

/* Longest name of a vector's element: libvirt's own limit of a field's name. */
#define NAME_SIZE VIR_TYPED_PARAM_FIELD_LENGTH

/* What getDirtyRate() can be asked for. */
static const struct {
    const char *name;
    int type;
} in_params[] = {
    {VIR_DOMAIN_DIRTY_RATE_PARAM_CALC_TIME, VIR_TYPED_PARAM_UINT},
    {VIR_DOMAIN_DIRTY_RATE_PARAM_MODE, VIR_TYPED_PARAM_STRING},
    {VIR_DOMAIN_DIRTY_RATE_PARAM_SAMPLE_PAGES, VIR_TYPED_PARAM_UINT},
};

#define N_IN_PARAMS (sizeof(in_params) / sizeof(in_params[0]))

/**
 * Vector: a list in Python that libvirt spells out as one parameter for each element
 * @key: the list's key in the result
 * @count: the parameter that holds its length
 * @prefix: what stands before an element's number
 * @suffix: what stands behind it
 */
typedef struct {
    const char *key;
    const char *count;
    const char *prefix;
    const char *suffix;
} Vector;

#define PERIOD_VECTOR(key, suffix)                                                                 \
 {                                                                                                 \
  key, VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_COUNT, VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_PREFIX,        \
      VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_##suffix                                           \
 }
#define VCPU_VECTOR(key, suffix)                                                                   \
 {                                                                                                 \
  key, VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_COUNT, VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_PREFIX,            \
      VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_##suffix                                             \
 }

static const Vector vectors[] = {
    PERIOD_VECTOR("periods", TIME),          PERIOD_VECTOR("dirty-pages", DIRTY_PAGES),
    PERIOD_VECTOR("pages", PAGES),           PERIOD_VECTOR("pages.low", PAGES_LOW),
    PERIOD_VECTOR("pages.high", PAGES_HIGH), VCPU_VECTOR("vcpus", ID),
    VCPU_VECTOR("vcpu-rates", RATE),
};

#define N_VECTORS (sizeof(vectors) / sizeof(vectors[0]))

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
        if (in_params[i].type == VIR_TYPED_PARAM_UINT) {
            return add_uint(in_params[i].name, value, params, nparams, max);
        }
        return add_string(in_params[i].name, value, params, nparams, max);
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

static PyObject *
param_to_object(const virTypedParameter *param)
{
    switch (param->type) {
    case VIR_TYPED_PARAM_INT:
        return PyLong_FromLong(param->value.i);
    case VIR_TYPED_PARAM_UINT:
        return PyLong_FromUnsignedLong(param->value.ui);
    case VIR_TYPED_PARAM_LLONG:
        return PyLong_FromLongLong(param->value.l);
    case VIR_TYPED_PARAM_ULLONG:
        return PyLong_FromUnsignedLongLong(param->value.ul);
    case VIR_TYPED_PARAM_DOUBLE:
        return PyFloat_FromDouble(param->value.d);
    case VIR_TYPED_PARAM_BOOLEAN:
        return PyBool_FromLong(param->value.b);
    case VIR_TYPED_PARAM_STRING:
        return PyUnicode_DecodeUTF8(param->value.s, strlen(param->value.s), "replace");
    default:
        return PyErr_Format(PyExc_RuntimeError, "libvirt returned '%.80s' with the unknown type %d",
                            param->field, param->type);
    }
}

static int
set_item(PyObject *dict, const char *key, PyObject *value)
{
    int ret;

    if (!value) {
        return -1;
    }
    ret = PyDict_SetItemString(dict, key, value);
    Py_DECREF(value);
    return ret;
}

/* Whether a parameter is the length of a vector or one of its elements. */
static int
is_of_vector(const char *field, const Vector *vector)
{
    size_t prefix_len = strlen(vector->prefix);
    size_t digits;

    if (strcmp(field, vector->count) == 0) {
        return 1;
    }
    if (strncmp(field, vector->prefix, prefix_len) != 0) {
        return 0;
    }
    digits = strspn(field + prefix_len, "0123456789");
    return digits > 0 && strcmp(field + prefix_len + digits, vector->suffix) == 0;
}

static int
is_of_any_vector(const char *field)
{
    size_t i;

    for (i = 0; i < N_VECTORS; i++) {
        if (is_of_vector(field, &vectors[i])) {
            return 1;
        }
    }
    return 0;
}

static int
append_element(PyObject *list, const Vector *vector, unsigned int i, virTypedParameterPtr params,
               int nparams)
{
    char name[NAME_SIZE];
    virTypedParameterPtr param;
    PyObject *value;
    int ret;

    snprintf(name, sizeof(name), "%s%u%s", vector->prefix, i, vector->suffix);
    param = virTypedParamsGet(params, nparams, name);
    if (!param) {
        PyErr_Format(PyExc_RuntimeError, "libvirt returned no '%s'", name);
        return -1;
    }
    value = param_to_object(param);
    if (!value) {
        return -1;
    }
    ret = PyList_Append(list, value);
    Py_DECREF(value);
    return ret;
}

/* Adds the vector's list, or nothing when libvirt does not give its length. */
static int
set_vector(PyObject *dict, const Vector *vector, virTypedParameterPtr params, int nparams)
{
    PyObject *list;
    unsigned int count;
    unsigned int i;

    if (virTypedParamsGetUInt(params, nparams, vector->count, &count) <= 0) {
        return 0;
    }
    list = PyList_New(0);
    for (i = 0; list && i < count; i++) {
        if (append_element(list, vector, i, params, nparams) < 0) {
            Py_CLEAR(list);
        }
    }
    return set_item(dict, vector->key, list);
}

/**
 * result_to_dict: what virDomainGetDirtyRate() returned, as Python likes it
 * @params: its parameters
 * @nparams: their number
 *
 * Vectors become lists; every other parameter keeps its name, also one this version does not know.
 *
 * Return: a new dict; NULL with a Python exception
 */
PyObject *
result_to_dict(virTypedParameterPtr params, int nparams)
{
    PyObject *dict = PyDict_New();
    int ret = dict ? 0 : -1;
    size_t v;
    int i;

    for (i = 0; ret == 0 && i < nparams; i++) {
        if (!is_of_any_vector(params[i].field)) {
            ret = set_item(dict, params[i].field, param_to_object(&params[i]));
        }
    }
    for (v = 0; ret == 0 && v < N_VECTORS; v++) {
        ret = set_vector(dict, &vectors[v], params, nparams);
    }
    if (ret < 0) {
        Py_CLEAR(dict);
    }
    return dict;
}
