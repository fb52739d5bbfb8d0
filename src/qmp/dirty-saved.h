/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads measurements that were saved as QEMU gave them, one behind the other in one text.
 */
#ifndef DIRTY_SAVED_H
#define DIRTY_SAVED_H

#include "dirty-measurement.h"

G_BEGIN_DECLS

/**
 * DirtySaved: a text of saved measurements, and how far it has been read
 * @text: the text, of any content; it need not end with a NUL
 * @len: its length, bytes
 * @pos: where the next measurement is looked for; once one was read, where it begins, and @len if
 *   there is none
 * @n_read: measurements read so far
 */
typedef struct {
    const char *text;
    gsize len;
    gsize pos;
    guint64 n_read;
} DirtySaved;

void dirty_saved_init(DirtySaved *saved, const char *text, gsize len);
gboolean dirty_saved_next(DirtySaved *saved, DirtyMeasurement **measurement, GError **error);

G_END_DECLS

#endif
