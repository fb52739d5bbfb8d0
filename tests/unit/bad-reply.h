/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes bad replies out of a good one, each by one change.
 */
#ifndef BAD_REPLY_H
#define BAD_REPLY_H

#include <glib.h>
#include <string.h>

/**
 * BadCase: a change that makes a good reply bad
 * @from: a piece of the good reply
 * @to: what stands there instead
 * @text: what the error must say
 */
typedef struct {
    const char *from;
    const char *to;
    const char *text;
} BadCase;

static inline char *
replace_first(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);

    g_assert_nonnull(at);
    return g_strdup_printf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

#endif
