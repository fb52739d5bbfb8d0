/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Predictions of live migrations: migratePredict().
 */
#ifndef LIBVIRT_DIRTY_PYTHON_PREDICT_H
#define LIBVIRT_DIRTY_PYTHON_PREDICT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

extern const char migrate_predict_doc[];

PyObject *migrate_predict(PyObject *module, PyObject *args, PyObject *kwargs);

#endif
