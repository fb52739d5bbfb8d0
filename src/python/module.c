/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The Python module libvirt_dirty: libvirt-dirty's functions for the domains of libvirt-python.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <libvirt/libvirt-dirty.h>

#include "call.h"
#include "limit.h"
#include "measure.h"
#include "method.h"
#include "predict.h"
#include "result.h"

static const struct {
    const char *name;
    int value;
} flag_constants[] = {
    {"VIR_DOMAIN_DIRTY_RATE_NOWAIT", VIR_DOMAIN_DIRTY_RATE_NOWAIT},
    {"VIR_DOMAIN_DIRTY_RATE_LAST", VIR_DOMAIN_DIRTY_RATE_LAST},
    {"VIR_DOMAIN_DIRTY_RATE_CANCEL", VIR_DOMAIN_DIRTY_RATE_CANCEL},
    /* For domainListGetStats() of a module libvirt that does not have it. */
    {"VIR_DOMAIN_STATS_DIRTYLIMIT", VIR_DOMAIN_STATS_DIRTYLIMIT},
};

#define PARAM(name)                                                                                \
 {                                                                                                 \
  "VIR_DOMAIN_DIRTY_RATE_PARAM_" #name, VIR_DOMAIN_DIRTY_RATE_PARAM_##name                         \
 }

/* Of the parameters only those that are keys of a dict here: vectors have keys of their own. */
static const struct {
    const char *name;
    const char *value;
} param_constants[] = {
    PARAM(CALC_TIME),   PARAM(MODE),        PARAM(SAMPLE_PAGES),  PARAM(STATUS),
    PARAM(START_TIME),  PARAM(RATE),        PARAM(RATE_LOW),      PARAM(RATE_HIGH),
    PARAM(PAGE_SIZE),   PARAM(PAGES_TOTAL), PARAM(PAGES_SAMPLED), PARAM(PAGES_ZERO),
    PARAM(COMPRESSION),
};

PyDoc_STRVAR(module_doc, "Dirty page rates of libvirt's guests, their limits, and predictions of "
                         "migrations: the Python\n"
                         "side of libvirt-dirty.\n"
                         "\n"
                         "Takes the domains of the module libvirt, raises libvirt.libvirtError.\n"
                         "Rates are in MiB/s, times in ms.");

PyDoc_STRVAR(get_dirty_rate_doc,
             "getDirtyRate(dom, params=None, flags=0)\n"
             "--\n"
             "\n"
             "Measure how fast a guest dirties its memory.\n"
             "\n"
             "dom: a libvirt.virDomain of a running guest\n"
             "params: what to measure, a dict with any of\n"
             "  'calc-time': length of the measurement, ms, 50 to 60000 (default 1000)\n"
             "  'mode': 'auto' (default), 'page-sampling', 'dirty-bitmap' or 'dirty-ring'\n"
             "  'sample-pages': sampled pages per GiB of guest memory, 128 to 16384\n"
             "    (default 512); only with 'page-sampling'\n"
             "  'compression': True to try as well how the sampled pages compress; only with\n"
             "    'page-sampling'\n"
             "flags: 0, or one of\n"
             "  VIR_DOMAIN_DIRTY_RATE_NOWAIT: start a measurement and return at once\n"
             "  VIR_DOMAIN_DIRTY_RATE_LAST: start nothing, read the last or running one\n"
             "  VIR_DOMAIN_DIRTY_RATE_CANCEL: end the running one; the result is {}\n"
             "\n"
             "Returns a dict. 'status' is 'unstarted', 'measuring' or 'measured'; what is not\n"
             "known is left out:\n"
             "  'mode': the one that was used, never 'auto'\n"
             "  'sample-pages': as above\n"
             "  'start-time': when it began, s since the epoch by the host's clock\n"
             "  'calc-time': time asked for while it runs, time it took after that, ms\n"
             "  'rate', 'rate.low', 'rate.high': dirty page rate with its 95 % bounds, MiB/s;\n"
             "    all the same in modes that count every page\n"
             "  'page-size': bytes\n"
             "  'pages.total': pages of guest memory\n"
             "  'pages.sampled': pages looked at\n"
             "  'pages.zero': of the sampled pages, those that held only zeros at the start\n"
             "  'periods': time of each reading after the start, ms, rising\n"
             "  'dirty-pages': of the sampled pages, those changed by each reading\n"
             "  'pages', 'pages.low', 'pages.high': the guest's pages changed by each reading,\n"
             "    estimated, with 95 % bounds\n"
             "  'vcpus', 'vcpu-rates': number of each vCPU, and its dirty page rate, MiB/s\n"
             "  'vcpu-dirty-pages': for each of them a list of the pages it was the first to\n"
             "    dirty by each reading\n"
             "  'compression-methods', 'compression-pages', 'compression-ratios',\n"
             "    'compression-speeds': name of each method tried, pages it was tried on, bytes\n"
             "    before by bytes after, and MiB of memory in one second of CPU time\n"
             "\n"
             "With flags 0 it waits for the measurement; other threads run meanwhile. Ctrl-C, or\n"
             "any signal handler that raises, ends the wait within about 0.1 s and cancels the\n"
             "measurement.\n"
             "\n"
             "Raises libvirt.libvirtError when libvirt refuses, TypeError and ValueError when an\n"
             "argument is of the wrong type or its name is unknown.");

/* What getDirtyRate() can be asked for. */
static const InParam in_params[] = {
    {VIR_DOMAIN_DIRTY_RATE_PARAM_CALC_TIME, VIR_TYPED_PARAM_UINT, false},
    {VIR_DOMAIN_DIRTY_RATE_PARAM_MODE, VIR_TYPED_PARAM_STRING, false},
    {VIR_DOMAIN_DIRTY_RATE_PARAM_SAMPLE_PAGES, VIR_TYPED_PARAM_UINT, false},
    {VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION, VIR_TYPED_PARAM_BOOLEAN, false},
};

static const Method get_dirty_rate_method = {
    "O|OO&:getDirtyRate", in_params, sizeof(in_params) / sizeof(in_params[0]), measure,
    result_to_dict,
};

static PyObject *
get_dirty_rate(PyObject *module, PyObject *args, PyObject *kwargs)
{
    return method_call(&get_dirty_rate_method, module, args, kwargs);
}

static PyMethodDef methods[] = {
    {"getDirtyRate", (PyCFunction)(void (*)(void))get_dirty_rate, METH_VARARGS | METH_KEYWORDS,
     get_dirty_rate_doc},
    {"setVcpuDirtyLimit", (PyCFunction)(void (*)(void))set_vcpu_dirty_limit,
     METH_VARARGS | METH_KEYWORDS, set_vcpu_dirty_limit_doc},
    {"getVcpuDirtyLimit", (PyCFunction)(void (*)(void))get_vcpu_dirty_limit,
     METH_VARARGS | METH_KEYWORDS, get_vcpu_dirty_limit_doc},
    {"migratePredict", (PyCFunction)(void (*)(void))migrate_predict, METH_VARARGS | METH_KEYWORDS,
     migrate_predict_doc},
    {NULL, NULL, 0, NULL},
};

static int
add_constants(PyObject *module)
{
    size_t i;

    for (i = 0; i < sizeof(flag_constants) / sizeof(flag_constants[0]); i++) {
        if (PyModule_AddIntConstant(module, flag_constants[i].name, flag_constants[i].value) < 0) {
            return -1;
        }
    }
    for (i = 0; i < sizeof(param_constants) / sizeof(param_constants[0]); i++) {
        if (PyModule_AddStringConstant(module, param_constants[i].name, param_constants[i].value) <
            0) {
            return -1;
        }
    }
    return 0;
}

static int
module_exec(PyObject *module)
{
    ModuleState *state = PyModule_GetState(module);
    /* libvirt-python also initialises the library. */
    PyObject *libvirt = PyImport_ImportModule("libvirt");

    if (!libvirt) {
        return -1;
    }
    state->libvirt_error = PyObject_GetAttrString(libvirt, "libvirtError");
    Py_DECREF(libvirt);
    if (!state->libvirt_error) {
        return -1;
    }
    return add_constants(module);
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    ModuleState *state = PyModule_GetState(module);

    Py_VISIT(state->libvirt_error);
    return 0;
}

static int
module_clear(PyObject *module)
{
    ModuleState *state = PyModule_GetState(module);

    Py_CLEAR(state->libvirt_error);
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,         .m_name = "libvirt_dirty", .m_doc = module_doc,
    .m_size = sizeof(ModuleState), .m_methods = methods,      .m_slots = slots,
    .m_traverse = module_traverse, .m_clear = module_clear,
};

PyMODINIT_FUNC
PyInit_libvirt_dirty(void)
{
    return PyModuleDef_Init(&definition);
}
