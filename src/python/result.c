/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns what virDomainGetDirtyRate() gives into a Python dict.
 */
#include "result.h"

#include <string.h>

#include <libvirt/libvirt-dirty.h>

/* Longest name of a vector's element: libvirt's own limit of a field's name. */
#define NAME_SIZE VIR_TYPED_PARAM_FIELD_LENGTH

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
#define COMPRESSION_VECTOR(key, suffix)                                                            \
 {                                                                                                 \
  key, VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_COUNT,                                              \
      VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_PREFIX,                                              \
      VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION_SUFFIX_##suffix                                      \
 }
#define VCPU_VECTOR(key, suffix)                                                                   \
 {                                                                                                 \
  key, VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_COUNT, VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_PREFIX,            \
      VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_##suffix                                             \
 }

static const Vector vectors[] = {
    PERIOD_VECTOR("periods", TIME),
    PERIOD_VECTOR("dirty-pages", DIRTY_PAGES),
    PERIOD_VECTOR("pages", PAGES),
    PERIOD_VECTOR("pages.low", PAGES_LOW),
    PERIOD_VECTOR("pages.high", PAGES_HIGH),
    VCPU_VECTOR("vcpus", ID),
    VCPU_VECTOR("vcpu-rates", RATE),
    COMPRESSION_VECTOR("compression-methods", METHOD),
    COMPRESSION_VECTOR("compression-pages", PAGES),
    COMPRESSION_VECTOR("compression-ratios", RATIO),
    COMPRESSION_VECTOR("compression-speeds", SPEED),
};

#define N_VECTORS (sizeof(vectors) / sizeof(vectors[0]))

/*
 * Each vCPU has readings of its own, which become a list of lists: of what stands between the
 * vCPU's number and the reading's, and behind that.
 */
#define VCPU_CURVES_KEY "vcpu-dirty-pages"
#define VCPU_CURVES_MIDDLE VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_SUFFIX_PERIOD
#define VCPU_CURVES_SUFFIX VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_SUFFIX_DIRTY_PAGES

/**
 * param_to_object: a parameter's value
 * @param: the parameter
 *
 * Return: a new object; NULL with a Python exception
 */
PyObject *
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

/**
 * set_item: puts a value into a dict
 * @dict: the dict
 * @key: its key
 * @value: taken over; NULL where it could not be made
 *
 * Return: 0; -1 with a Python exception
 */
int
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

/* Whether a parameter is a reading of one vCPU. */
static int
is_of_vcpu_curve(const char *field)
{
    const char *at = field + strlen(VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_PREFIX);

    if (strncmp(field, VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_PREFIX, at - field) != 0) {
        return 0;
    }
    at += strspn(at, "0123456789");
    if (strncmp(at, VCPU_CURVES_MIDDLE, strlen(VCPU_CURVES_MIDDLE)) != 0) {
        return 0;
    }
    at += strlen(VCPU_CURVES_MIDDLE);
    at += strspn(at, "0123456789");
    return strcmp(at, VCPU_CURVES_SUFFIX) == 0;
}

static int
is_of_any_vector(const char *field)
{
    size_t i;

    if (is_of_vcpu_curve(field)) {
        return 1;
    }

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

static PyObject *
vector_to_list(const Vector *vector, unsigned int count, virTypedParameterPtr params, int nparams)
{
    PyObject *list = PyList_New(0);
    unsigned int i;

    for (i = 0; list && i < count; i++) {
        if (append_element(list, vector, i, params, nparams) < 0) {
            Py_CLEAR(list);
        }
    }
    return list;
}

/* Adds the vector's list, or nothing when libvirt does not give its length. */
static int
set_vector(PyObject *dict, const Vector *vector, virTypedParameterPtr params, int nparams)
{
    unsigned int count;

    if (virTypedParamsGetUInt(params, nparams, vector->count, &count) <= 0) {
        return 0;
    }
    return set_item(dict, vector->key, vector_to_list(vector, count, params, nparams));
}

/* Return: the readings of the vCPU at place i; NULL with a Python exception */
static PyObject *
vcpu_curve(unsigned int i, unsigned int n_periods, virTypedParameterPtr params, int nparams)
{
    char prefix[NAME_SIZE];
    Vector vector = {NULL, NULL, prefix, VCPU_CURVES_SUFFIX};

    snprintf(prefix, sizeof(prefix), "%s%u%s", VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_PREFIX, i,
             VCPU_CURVES_MIDDLE);
    return vector_to_list(&vector, n_periods, params, nparams);
}

/* Adds the readings of each vCPU, or nothing when there are none. */
static int
set_vcpu_curves(PyObject *dict, virTypedParameterPtr params, int nparams)
{
    PyObject *curves;
    PyObject *curve;
    unsigned int n_vcpus;
    unsigned int n_periods;
    unsigned int i;
    int ret = 0;

    if (virTypedParamsGetUInt(params, nparams, VIR_DOMAIN_DIRTY_RATE_PARAM_VCPU_COUNT, &n_vcpus) <=
            0 ||
        virTypedParamsGetUInt(params, nparams, VIR_DOMAIN_DIRTY_RATE_PARAM_PERIOD_COUNT,
                              &n_periods) <= 0) {
        return 0;
    }
    curves = PyList_New(0);
    for (i = 0; curves && ret == 0 && i < n_vcpus; i++) {
        curve = vcpu_curve(i, n_periods, params, nparams);
        ret = curve ? PyList_Append(curves, curve) : -1;
        Py_XDECREF(curve);
    }
    if (ret < 0) {
        Py_CLEAR(curves);
    }
    return set_item(dict, VCPU_CURVES_KEY, curves);
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
    if (ret == 0) {
        ret = set_vcpu_curves(dict, params, nparams);
    }
    if (ret < 0) {
        Py_CLEAR(dict);
    }
    return dict;
}
