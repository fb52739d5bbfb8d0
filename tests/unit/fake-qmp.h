/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A monitor for tests: expects exact requests and gives the replies written for them.
 */
#ifndef FAKE_QMP_H
#define FAKE_QMP_H

#include <string.h>

#include "dirty-qmp.h"

/**
 * Exchange: one request that must come and the reply to it
 * @request: the exact request
 * @reply: the reply, or NULL to lose the connection
 */
typedef struct {
    const char *request;
    const char *reply;
} Exchange;

#define QUERY_MS                                                                                   \
 "{\"execute\":\"query-dirty-rate\",\"arguments\":{\"calc-time-unit\":\"millisecond\"}}"
#define QUERY_S "{\"execute\":\"query-dirty-rate\"}"
#define CANCEL "{\"execute\":\"cancel-dirty-rate\"}"
#define OK "{\"return\": {}, \"id\": \"libvirt-41\"}"
#define QMP_ERROR(class, desc) "{\"error\": {\"class\": \"" class "\", \"desc\": \"" desc "\"}}"
#define UNEXPECTED(arg) QMP_ERROR("GenericError", "Parameter '" arg "' is unexpected")
#define NOT_FOUND(cmd) QMP_ERROR("CommandNotFound", "The command " cmd " has not been found")

static inline char *
fake_send(const char *request, void *opaque, GError **error)
{
    const Exchange **next = opaque;
    const Exchange *exchange = (*next)++;

    g_assert_cmpstr(request, ==, exchange->request);
    if (!exchange->reply) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_IO, "connection lost");
        return NULL;
    }
    return g_strdup(exchange->reply);
}

static inline void
assert_error(const GError *error, int code, const char *text)
{
    g_assert_error(error, DIRTY_ERROR, code);
    if (!strstr(error->message, text)) {
        g_error("'%s' is not in the message '%s'", text, error->message);
    }
}

#endif
