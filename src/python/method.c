/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Functions of the module that measure a domain and return what comes of it.
 */
#include "method.h"

#include "call.h"

/* Takes over @params. Return: what @method returns; NULL with a Python exception */
static PyObject *
call_and_convert(const Method *method, PyObject *module, virDomainPtr domain,
                 virTypedParameterPtr params, int nparams, unsigned int flags)
{
    virTypedParameterPtr result;
    virErrorPtr error;
    int nresult;
    PyObject *ret = NULL;

    if (method->call(domain, params, nparams, flags, &result, &nresult, &error) == 0) {
        ret = method->convert(result, nresult);
    } else if (error) {
        raise_libvirt_error(module, error);
    } else if (!PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    virFreeError(error);
    virTypedParamsFree(result, nresult);
    return ret;
}

/**
 * method_call: do what a function of the module is for
 * @method: the function
 * @module: the module
 * @args: the function's arguments by place
 * @kwargs: its arguments by name
 *
 * Return: what it returns; NULL with a Python exception
 */
PyObject *
method_call(const Method *method, PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"dom", "params", "flags", NULL};
    PyObject *object;
    PyObject *dict = Py_None;
    PyObject *ret = NULL;
    unsigned int flags = 0;
    virDomainPtr domain;
    virTypedParameterPtr params;
    int nparams;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, method->format, names, &object, &dict,
                                     convert_flags, &flags)) {
        return NULL;
    }
    domain = get_domain(object);
    if (!domain) {
        return NULL;
    }
    if (params_from_dict(method->in_params, method->n_in_params, dict, &params, &nparams) == 0) {
        ret = call_and_convert(method, module, domain, params, nparams, flags);
    }
    virDomainFree(domain);
    return ret;
}
