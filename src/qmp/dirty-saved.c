/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads measurements that were saved as QEMU gave them, one behind the other in one text.
 *
 * Where one ends and the next begins is all that is looked for here, in the text as a whole. Each
 * piece then goes through the reader that QEMU's replies go through, which trusts it no more.
 */
#include "dirty-saved.h"

#include <string.h>

#include "dirty-i18n.h"
#include "dirty-json.h"
#include "dirty-qmp.h"
#include "dirty-qmp-error.h"

static gboolean
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
skip_space(DirtySaved *saved)
{
    while (saved->pos < saved->len && is_space(saved->text[saved->pos])) {
        saved->pos++;
    }
}

/* Return: the place behind the string that begins at @pos, or @end where it has no end */
static gsize
skip_string(const char *text, gsize pos, gsize end)
{
    for (pos++; pos < end && text[pos] != '"'; pos++) {
        if (text[pos] == '\\') {
            pos++;
        }
    }
    return MIN(pos + 1, end);
}

/*
 * Finds where the object that begins at @saved's place ends: where its brackets are even. In a text
 * that is no JSON this is some place or other, and the reader of the piece says what is wrong.
 */
static gsize
find_end(const DirtySaved *saved)
{
    /* One byte more than is read, so that the reader sees that it is too much. */
    gsize end = MIN(saved->len, saved->pos + DIRTY_JSON_SIZE_MAX + 1);
    gsize pos = saved->pos;
    gsize depth = 0;

    while (pos < end) {
        switch (saved->text[pos]) {
        case '"':
            pos = skip_string(saved->text, pos, end);
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (depth <= 1) {
                return pos + 1;
            }
            depth--;
            break;
        default:
            if (depth == 0 && is_space(saved->text[pos])) {
                return pos;
            }
            break;
        }
        pos++;
    }
    return end;
}

static DirtyMeasurement *
parse_piece(const char *piece, gsize len, GError **error)
{
    g_autofree char *reply = NULL;

    if (memchr(piece, '\0', len)) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_BAD_REPLY,
                    _("not valid JSON: it has a NUL character"));
        return NULL;
    }
    reply = g_strndup(piece, len);
    return dirty_qmp_parse_dirty_rate(reply, error);
}

/**
 * dirty_saved_init: begin to read saved measurements
 * @saved: where to keep how far it has been read
 * @text: the text, of any content; it stays the caller's and must outlive the reading
 * @len: its length, bytes
 */
void
dirty_saved_init(DirtySaved *saved, const char *text, gsize len)
{
    *saved = (DirtySaved){.text = text, .len = len};
}

/**
 * dirty_saved_next: read the next saved measurement
 * @saved: a text of saved measurements: replies of query-dirty-rate, of stock QEMU or of ours,
 *   whole or only the object in "return", with any white space between them or none
 * @measurement: where to put the measurement, also one not finished, free with
 *   dirty_measurement_free(); NULL behind the last one
 * @error: where to put which one is wrong, from which byte on and how
 *
 * Return: TRUE; FALSE with an error as of dirty_qmp_parse_dirty_rate(), or DIRTY_ERROR_INVALID
 *   where the text holds no measurement at all. After an error there is no going on.
 */
gboolean
dirty_saved_next(DirtySaved *saved, DirtyMeasurement **measurement, GError **error)
{
    gsize end;

    *measurement = NULL;
    skip_space(saved);
    if (saved->pos == saved->len) {
        if (saved->n_read == 0) {
            g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                        _("there is no measurement in it: save the reply of '%1$s'"),
                        DIRTY_QMP_QUERY);
        }
        return saved->n_read > 0;
    }
    end = find_end(saved);
    *measurement = parse_piece(saved->text + saved->pos, end - saved->pos, error);
    if (!*measurement) {
        g_prefix_error(error, _("measurement %1$llu, from byte %2$zu: "),
                       (unsigned long long)saved->n_read + 1, saved->pos);
        return FALSE;
    }
    saved->n_read++;
    saved->pos = end;
    skip_space(saved);
    return TRUE;
}
