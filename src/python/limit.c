/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Limits of dirty page rates: setVcpuDirtyLimit() and getVcpuDirtyLimit().
 */
#include "limit.h"

#include <limits.h>

#include <libvirt/libvirt-dirty.h>

#include "call.h"
#include "indexed.h"
#include "result.h"

/* The key of the list of vCPUs in a result. */
#define VCPUS_KEY "vcpus"

const char set_vcpu_dirty_limit_doc[] =
    "setVcpuDirtyLimit(dom, vcpu, rate, flags=0)\n"
    "--\n"
    "\n"
    "Limit the dirty page rate of a guest's vCPUs, or end the limit.\n"
    "\n"
    "dom: a libvirt.virDomain\n"
    "vcpu: number of the vCPU; -1 for all, also those plugged later\n"
    "rate: MiB/s, 1 to 1048576; 0 ends the limit\n"
    "flags: libvirt.VIR_DOMAIN_AFFECT_LIVE and _CONFIG, or 0 for _CURRENT\n"
    "\n"
    "Raises libvirt.libvirtError when libvirt refuses, TypeError and ValueError when an\n"
    "argument is of the wrong type or cannot be handed to it.";

const char get_vcpu_dirty_limit_doc[] =
    "getVcpuDirtyLimit(dom, flags=0)\n"
    "--\n"
    "\n"
    "Tell the limits of the dirty page rates of a guest's vCPUs.\n"
    "\n"
    "dom: a libvirt.virDomain\n"
    "flags: libvirt.VIR_DOMAIN_AFFECT_LIVE or _CONFIG, or 0 for _CURRENT\n"
    "\n"
    "Returns a dict; what is not known is left out:\n"
    "  'scope': what a running guest's limits hold for, if it has any: 'vcpu' for each vCPU\n"
    "    by itself, 'guest' for all together, with the sum of their limits\n"
    "  'vcpus': a list with a dict for each vCPU:\n"
    "    'id': its number\n"
    "    'limit': MiB/s, 0 for none\n"
    "    'rate': its dirty page rate over the last whole second, MiB/s; only with a limit\n"
    "    'resting-share': share of that second it was made to rest, 0 to 1; only with a limit\n"
    "\n"
    "Raises libvirt.libvirtError when libvirt refuses, TypeError when an argument is of the\n"
    "wrong type.";

/* Return: 0; -1 with a Python exception if @value is not an int: a bool is none here */
static int
check_int(const char *name, PyObject *value)
{
    if (!PyBool_Check(value) && PyLong_Check(value)) {
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "%s must be an int, not %.100s", name, Py_TYPE(value)->tp_name);
    return -1;
}

/* Return: 0; -1 with a Python exception */
static int
get_vcpu(PyObject *value, int *vcpu)
{
    int overflow;
    long number;

    if (check_int("vcpu", value) < 0) {
        return -1;
    }
    number = PyLong_AsLongAndOverflow(value, &overflow);
    if (overflow || number < INT_MIN || number > INT_MAX) {
        PyErr_Format(PyExc_ValueError, "vcpu is %S: use the number of a vCPU, or -1 for all",
                     value);
        return -1;
    }
    *vcpu = number;
    return 0;
}

/* Return: 0; -1 with a Python exception. Which rates make sense is libvirt's to say. */
static int
get_rate(PyObject *value, unsigned long long *rate)
{
    if (check_int("rate", value) < 0) {
        return -1;
    }
    *rate = PyLong_AsUnsignedLongLong(value);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        PyErr_Format(PyExc_ValueError,
                     "rate is %S: use MiB/s of at most 64 bits without a sign, 0 to end the limit",
                     value);
        return -1;
    }
    return 0;
}

/**
 * set_vcpu_dirty_limit: libvirt_dirty.setVcpuDirtyLimit()
 * @module: this module
 * @args: its arguments by place
 * @kwargs: its arguments by name
 *
 * Return: None; NULL with a Python exception
 */
PyObject *
set_vcpu_dirty_limit(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"dom", "vcpu", "rate", "flags", NULL};
    PyObject *object;
    PyObject *vcpu_object;
    PyObject *rate_object;
    unsigned long long rate;
    unsigned int flags = 0;
    virErrorPtr error = NULL;
    virDomainPtr domain;
    int vcpu;
    int ret;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO|O&:setVcpuDirtyLimit", names, &object,
                                     &vcpu_object, &rate_object, convert_flags, &flags) ||
        get_vcpu(vcpu_object, &vcpu) < 0 || get_rate(rate_object, &rate) < 0) {
        return NULL;
    }
    domain = get_domain(object);
    if (!domain) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    ret = virDomainSetVcpuDirtyLimit(domain, vcpu, rate, flags);
    if (ret < 0) {
        error = virSaveLastError();
    }
    virDomainFree(domain);
    Py_END_ALLOW_THREADS;

    if (ret == 0) {
        Py_RETURN_NONE;
    }
    if (!error) {
        return PyErr_NoMemory();
    }
    raise_libvirt_error(module, error);
    virFreeError(error);
    return NULL;
}

/* Return: what getVcpuDirtyLimit() returns; NULL with a Python exception */
static PyObject *
limits_to_dict(virTypedParameterPtr params, int nparams)
{
    static const Indexed vcpus = {VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_COUNT,
                                  VIR_DOMAIN_VCPU_DIRTY_LIMIT_PARAM_VCPU_PREFIX};
    PyObject *dict = PyDict_New();
    int ret = dict ? 0 : -1;
    int i;

    for (i = 0; ret == 0 && i < nparams; i++) {
        if (!is_of_indexed(params[i].field, &vcpus)) {
            ret = set_item(dict, params[i].field, param_to_object(&params[i]));
        }
    }
    if (ret == 0) {
        ret = set_item(dict, VCPUS_KEY, indexed_to_list(&vcpus, params, nparams));
    }
    if (ret < 0) {
        Py_CLEAR(dict);
    }
    return dict;
}

/**
 * get_vcpu_dirty_limit: libvirt_dirty.getVcpuDirtyLimit()
 * @module: this module
 * @args: its arguments by place
 * @kwargs: its arguments by name
 *
 * Return: a new dict; NULL with a Python exception
 */
PyObject *
get_vcpu_dirty_limit(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"dom", "flags", NULL};
    virTypedParameterPtr params = NULL;
    unsigned int flags = 0;
    virErrorPtr error = NULL;
    virDomainPtr domain;
    PyObject *object;
    PyObject *dict = NULL;
    int nparams = 0;
    int ret;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O&:getVcpuDirtyLimit", names, &object,
                                     convert_flags, &flags)) {
        return NULL;
    }
    domain = get_domain(object);
    if (!domain) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    ret = virDomainGetVcpuDirtyLimit(domain, &params, &nparams, flags);
    if (ret < 0) {
        error = virSaveLastError();
    }
    virDomainFree(domain);
    Py_END_ALLOW_THREADS;

    if (ret == 0) {
        dict = limits_to_dict(params, nparams);
    } else if (error) {
        raise_libvirt_error(module, error);
    } else {
        PyErr_NoMemory();
    }
    virTypedParamsFree(params, nparams);
    virFreeError(error);
    return dict;
}
