/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns parameters that carry a number in their names into a list of dicts.
 */
#include "indexed.h"

#include <stdlib.h>
#include <string.h>

#include "result.h"

/* Return: what stands behind the number and a dot; NULL if it is another parameter */
static const char *
split_field(const char *field, const char *prefix, unsigned long *index)
{
    size_t prefix_len = strlen(prefix);
    char *end;

    if (strncmp(field, prefix, prefix_len) != 0 || strspn(field + prefix_len, "0123456789") == 0) {
        return NULL;
    }
    *index = strtoul(field + prefix_len, &end, 10);
    return *end == '.' ? end + 1 : NULL;
}

/**
 * is_of_indexed: whether indexed_to_list() takes care of a parameter
 * @field: its name
 * @indexed: the things
 *
 * Return: true if it is their number, or tells of one of them
 */
bool
is_of_indexed(const char *field, const Indexed *indexed)
{
    unsigned long index;

    return strcmp(field, indexed->count) == 0 ||
           split_field(field, indexed->prefix, &index) != NULL;
}

/* Return: a list of empty dicts; NULL with a Python exception */
static PyObject *
new_dicts(const Indexed *indexed, virTypedParameterPtr params, int nparams)
{
    unsigned int count = 0;
    PyObject *list;
    unsigned int i;

    virTypedParamsGetUInt(params, nparams, indexed->count, &count);
    /* Each of them has parameters of its own. */
    if (count > (unsigned int)nparams) {
        return PyErr_Format(PyExc_RuntimeError, "libvirt returned %d parameters and '%s' %u",
                            nparams, indexed->count, count);
    }
    list = PyList_New(0);
    for (i = 0; list && i < count; i++) {
        PyObject *dict = PyDict_New();

        if (!dict || PyList_Append(list, dict) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(dict);
    }
    return list;
}

/* Puts a parameter where it belongs, if it does. Return: 0; -1 with a Python exception */
static int
add_param(PyObject *list, const Indexed *indexed, const virTypedParameter *param)
{
    unsigned long index;
    const char *name = split_field(param->field, indexed->prefix, &index);

    if (!name) {
        return 0;
    }
    if (index >= (size_t)PyList_GET_SIZE(list)) {
        PyErr_Format(PyExc_RuntimeError, "libvirt returned '%s' and '%s' %zd", param->field,
                     indexed->count, PyList_GET_SIZE(list));
        return -1;
    }
    return set_item(PyList_GET_ITEM(list, index), name, param_to_object(param));
}

/**
 * indexed_to_list: things of which libvirt gives several parameters each
 * @indexed: the things
 * @params: what libvirt returned
 * @nparams: their number
 *
 * Return: a list with a dict for each; NULL with a Python exception
 */
PyObject *
indexed_to_list(const Indexed *indexed, virTypedParameterPtr params, int nparams)
{
    PyObject *list = new_dicts(indexed, params, nparams);
    int i;

    for (i = 0; list && i < nparams; i++) {
        if (add_param(list, indexed, &params[i]) < 0) {
            Py_CLEAR(list);
        }
    }
    return list;
}
