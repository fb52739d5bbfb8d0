/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Predictions of live migrations: migratePredict().
 */
#include "predict.h"

#include <stdlib.h>
#include <string.h>

#include <libvirt/libvirt-dirty.h>

#include "indexed.h"
#include "measure.h"
#include "method.h"
#include "result.h"

const char migrate_predict_doc[] =
    "migratePredict(dom, params=None, flags=0)\n"
    "--\n"
    "\n"
    "Predict how long a live migration of a guest takes, and whether it ends.\n"
    "\n"
    "dom: a libvirt.virDomain of a running guest\n"
    "params: a dict with any of\n"
    "  'bandwidth': what the network carries of the migration's data, MiB/s, or a list of\n"
    "    that, up to 1024; default: the guest's maximum migration bandwidth, if it has one\n"
    "  'downtime': downtime limit, ms, or a list of that, up to 1024; 2**64 - 1 is any time;\n"
    "    default: the guest's current one\n"
    "  'calc-time', 'mode', 'sample-pages': as for getDirtyRate()\n"
    "  'max-age': use the last measurement if it ended at most so many s ago (default 0:\n"
    "    measure)\n"
    "  'bounds': False to leave out bounds and certainty\n"
    "  'max-bandwidth': limit of the migration's own bandwidth, MiB/s\n"
    "  'dirty-limit': dirty page rate each vCPU is held at before it starts, MiB/s\n"
    "  'latency': time to the destination and back, ms\n"
    "  and of virDomainMigrate3() 'auto_converge.initial', 'auto_converge.increment',\n"
    "    'parallel.connections', 'compression' (a str or a list), 'compression.zlib.level',\n"
    "    'compression.zstd.level', 'bandwidth.avail.switchover'\n"
    "flags: how it would be migrated, of libvirt.VIR_MIGRATE_AUTO_CONVERGE, _POSTCOPY,\n"
    "  _PARALLEL, _COMPRESSED; others that change nothing are accepted\n"
    "\n"
    "Returns a dict; what is not known is left out:\n"
    "  'measurement': what getDirtyRate() returns, and 'age', how long ago it ended, s\n"
    "  'settings': what was assumed: 'log', 'vcpus', 'device-state' in bytes, 'throttle' and\n"
    "    others\n"
    "  'cells': a list with a dict for each bandwidth with each downtime limit, the latter\n"
    "    changing faster:\n"
    "    'bandwidth', 'downtime-limit': what it is for, MiB/s and ms\n"
    "    'converges': whether it ends; 'verdict': or why not, in a word\n"
    "    'certainty': share of the measurements that could have been with this verdict, 0 to 1\n"
    "    'time', 'time.low', 'time.high': how long it takes with 95 % bounds, ms\n"
    "    'downtime', 'downtime.low', 'downtime.high': how long the guest stands still, ms; both\n"
    "      only if it ends\n"
    "    'passes', 'passes.low', 'passes.high': over the guest's memory\n"
    "    'bytes', 'bytes.low', 'bytes.high': sent\n"
    "    'throttle', 'throttle.low', 'throttle.high': share of its time that a vCPU loses in\n"
    "      the end, 0 to 1\n"
    "    'extrapolated': whether a pass takes longer than was measured\n"
    "    'switch-time', 'postcopy-time', 'postcopy-faults': with _POSTCOPY, ms until the\n"
    "      switch, ms after it, and pages the guest waits for\n"
    "  'plan': what would make the cell number 'cell' converge, that of the lowest bandwidth\n"
    "    with the shortest downtime limit; what would in 95 of 100 cases has '.sure' behind it:\n"
    "    'bandwidth', 'bandwidth.sure': at least, MiB/s\n"
    "    'downtime', 'downtime.sure': at least, ms\n"
    "    'throttle', 'throttle.sure': at least, share of the vCPUs' time\n"
    "    'dirty-limit', 'dirty-limit.sure': at most, MiB/s\n"
    "    'postcopy': whether post-copy is the better way\n"
    "    'recommendation': what to do, a sentence\n"
    "  'notes': sentences about what the predictions do not know\n"
    "\n"
    "It waits for the measurement; other threads run meanwhile. Ctrl-C, or any signal handler\n"
    "that raises, ends the wait within about 0.1 s and cancels the measurement.\n"
    "\n"
    "Raises libvirt.libvirtError when libvirt refuses, TypeError and ValueError when an\n"
    "argument is of the wrong type or its name is unknown.";

/* What migratePredict() can be asked for. */
static const InParam in_params[] = {
    {VIR_DOMAIN_MIGRATE_PREDICT_PARAM_BANDWIDTH, VIR_TYPED_PARAM_DOUBLE, true},
    {VIR_DOMAIN_MIGRATE_PREDICT_PARAM_DOWNTIME, VIR_TYPED_PARAM_ULLONG, true},
    {VIR_DOMAIN_MIGRATE_PREDICT_PARAM_CALC_TIME, VIR_TYPED_PARAM_UINT, false},
    {VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MODE, VIR_TYPED_PARAM_STRING, false},
    {VIR_DOMAIN_MIGRATE_PREDICT_PARAM_SAMPLE_PAGES, VIR_TYPED_PARAM_UINT, false},
    {VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MAX_AGE, VIR_TYPED_PARAM_UINT, false},
    {VIR_DOMAIN_MIGRATE_PREDICT_PARAM_BOUNDS, VIR_TYPED_PARAM_BOOLEAN, false},
    {VIR_DOMAIN_MIGRATE_PREDICT_PARAM_MAX_BANDWIDTH, VIR_TYPED_PARAM_ULLONG, false},
    {VIR_DOMAIN_MIGRATE_PREDICT_PARAM_DIRTY_LIMIT, VIR_TYPED_PARAM_ULLONG, false},
    {VIR_DOMAIN_MIGRATE_PREDICT_PARAM_LATENCY, VIR_TYPED_PARAM_DOUBLE, false},
    {VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL, VIR_TYPED_PARAM_INT, false},
    {VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT, VIR_TYPED_PARAM_INT, false},
    {VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS, VIR_TYPED_PARAM_INT, false},
    {VIR_MIGRATE_PARAM_COMPRESSION, VIR_TYPED_PARAM_STRING, true},
    {VIR_MIGRATE_PARAM_COMPRESSION_ZLIB_LEVEL, VIR_TYPED_PARAM_INT, false},
    {VIR_MIGRATE_PARAM_COMPRESSION_ZSTD_LEVEL, VIR_TYPED_PARAM_INT, false},
    {VIR_MIGRATE_PARAM_BANDWIDTH_AVAIL_SWITCHOVER, VIR_TYPED_PARAM_ULLONG, false},
};

static const Indexed cells = {VIR_DOMAIN_MIGRATE_PREDICT_CELL_COUNT,
                              VIR_DOMAIN_MIGRATE_PREDICT_CELL_PREFIX};

/* What stands before the names of what was assumed and of the plan. */
#define SETTINGS_PREFIX "setting."
#define PLAN_PREFIX "plan."

/**
 * take_part: the parameters of one kind
 * @params: all of them
 * @nparams: their number
 * @prefix: what their names begin with
 * @n: where to put their number
 *
 * Return: them with the rest of their names, with values that stay those of @params, free() the
 *   array; NULL with a Python exception
 */
static virTypedParameterPtr
take_part(const virTypedParameter *params, int nparams, const char *prefix, int *n)
{
    size_t len = strlen(prefix);
    virTypedParameterPtr part = calloc(nparams + 1, sizeof(*part));
    int i;

    *n = 0;
    if (!part) {
        PyErr_NoMemory();
        return NULL;
    }
    for (i = 0; i < nparams; i++) {
        if (strncmp(params[i].field, prefix, len) == 0) {
            part[*n] = params[i];
            memmove(part[*n].field, part[*n].field + len, strlen(part[*n].field + len) + 1);
            (*n)++;
        }
    }
    return part;
}

/* Return: the parameters of one kind in a dict; NULL with a Python exception */
static PyObject *
part_to_dict(virTypedParameterPtr params, int nparams, const char *prefix)
{
    PyObject *dict = NULL;
    int n;
    virTypedParameterPtr part = take_part(params, nparams, prefix, &n);

    if (part) {
        dict = result_to_dict(part, n);
    }
    free(part);
    return dict;
}

/* Return: the notes, in their order; NULL with a Python exception */
static PyObject *
notes_to_list(virTypedParameterPtr params, int nparams)
{
    unsigned int count = 0;
    PyObject *list = PyList_New(0);
    unsigned int i;

    virTypedParamsGetUInt(params, nparams, VIR_DOMAIN_MIGRATE_PREDICT_NOTE_COUNT, &count);
    for (i = 0; list && i < count; i++) {
        char name[VIR_TYPED_PARAM_FIELD_LENGTH];
        virTypedParameterPtr note;
        PyObject *text = NULL;

        snprintf(name, sizeof(name), "%s%u", VIR_DOMAIN_MIGRATE_PREDICT_NOTE_PREFIX, i);
        note = virTypedParamsGet(params, nparams, name);
        if (note) {
            text = param_to_object(note);
        } else {
            PyErr_Format(PyExc_RuntimeError, "libvirt returned no '%s'", name);
        }
        if (!text || PyList_Append(list, text) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(text);
    }
    return list;
}

/* Return: what migratePredict() returns; NULL with a Python exception */
static PyObject *
predictions_to_dict(virTypedParameterPtr params, int nparams)
{
    PyObject *dict = PyDict_New();

    if (dict && (set_item(dict, "measurement",
                          part_to_dict(params, nparams,
                                       VIR_DOMAIN_MIGRATE_PREDICT_MEASUREMENT_PREFIX)) < 0 ||
                 set_item(dict, "settings", part_to_dict(params, nparams, SETTINGS_PREFIX)) < 0 ||
                 set_item(dict, "cells", indexed_to_list(&cells, params, nparams)) < 0 ||
                 set_item(dict, "plan", part_to_dict(params, nparams, PLAN_PREFIX)) < 0 ||
                 set_item(dict, "notes", notes_to_list(params, nparams)) < 0)) {
        Py_CLEAR(dict);
    }
    return dict;
}

/* measure() for predictions, which always wait. */
static int
predict(virDomainPtr domain, virTypedParameterPtr params, int nparams, unsigned int flags,
        virTypedParameterPtr *result, int *nresult, virErrorPtr *error)
{
    return measure_and_wait(virDomainMigratePredict, domain, params, nparams, flags, result,
                            nresult, error);
}

static const Method migrate_predict_method = {
    "O|OO&:migratePredict", in_params, sizeof(in_params) / sizeof(in_params[0]), predict,
    predictions_to_dict,
};

/**
 * migrate_predict: libvirt_dirty.migratePredict()
 * @module: this module
 * @args: its arguments by place
 * @kwargs: its arguments by name
 *
 * Return: a new dict; NULL with a Python exception
 */
PyObject *
migrate_predict(PyObject *module, PyObject *args, PyObject *kwargs)
{
    return method_call(&migrate_predict_method, module, args, kwargs);
}
