/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tells what QEMU's error replies mean, and which QEMU would not give them.
 */
#ifndef DIRTY_QMP_ERROR_H
#define DIRTY_QMP_ERROR_H

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* Commands and arguments by the names QMP has for them. */
#define DIRTY_QMP_CALC "calc-dirty-rate"
#define DIRTY_QMP_QUERY "query-dirty-rate"
#define DIRTY_QMP_CANCEL "cancel-dirty-rate"
#define DIRTY_QMP_SET_LIMIT "set-vcpu-dirty-limit"
#define DIRTY_QMP_CANCEL_LIMIT "cancel-vcpu-dirty-limit"
#define DIRTY_QMP_QUERY_LIMIT "query-vcpu-dirty-limit"
#define DIRTY_QMP_MIGRATE_PARAMETERS "query-migrate-parameters"
#define DIRTY_QMP_MEMORY_SIZE "query-memory-size-summary"
#define DIRTY_QMP_CALC_TIME_UNIT "calc-time-unit"
#define DIRTY_QMP_SAMPLE_PAGES "sample-pages"
#define DIRTY_QMP_MODE "mode"
#define DIRTY_QMP_COMPRESSION "compression"

void dirty_qmp_error_translate(JsonObject *reply, const char *command, GError **error);

G_END_DECLS

#endif
