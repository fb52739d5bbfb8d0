/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sends one QMP command and takes what it returned out of the reply.
 */
#ifndef DIRTY_QMP_COMMAND_H
#define DIRTY_QMP_COMMAND_H

#include <json-glib/json-glib.h>

#include "dirty-qmp.h"

G_BEGIN_DECLS

JsonObject *dirty_qmp_send_command(const DirtyQmp *qmp, const char *command, JsonObject *arguments,
                                   GError **error);
JsonObject *dirty_qmp_get_return(JsonObject *reply, const char *command, GError **error);
JsonArray *dirty_qmp_get_return_array(JsonObject *reply, const char *command, GError **error);
gboolean dirty_qmp_run_command(const DirtyQmp *qmp, const char *command, JsonObject *arguments,
                               GError **error);

G_END_DECLS

#endif
