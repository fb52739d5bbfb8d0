/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's dirty rate commands: builds the requests and reads the replies, and does no I/O.
 *
 * Works with QEMU 5.2 and later, with our patch or without it.
 */
#ifndef DIRTY_QMP_H
#define DIRTY_QMP_H

#include "dirty-measurement.h"

G_BEGIN_DECLS

/**
 * DirtyQmpSend: sends one QMP request and waits for its reply
 * @request: the request, JSON text
 * @opaque: as given in DirtyQmp
 * @error: where to put why the request did not go through
 *
 * Return: the reply, JSON text with "return" or "error" in it, to be freed with g_free(); NULL with
 *   @error set (DIRTY_ERROR_IO) when none came back
 */
typedef char *(*DirtyQmpSend)(const char *request, void *opaque, GError **error);

/**
 * DirtyQmp: a way to one QEMU's monitor
 * @send: sends a request there
 * @opaque: what @send is given
 */
typedef struct {
    DirtyQmpSend send;
    void *opaque;
} DirtyQmp;

gboolean dirty_qmp_calc_dirty_rate(const DirtyQmp *qmp, const DirtyMeasurementRequest *request,
                                   GError **error);
DirtyMeasurement *dirty_qmp_query_dirty_rate(const DirtyQmp *qmp, GError **error);
gboolean dirty_qmp_query_patched(const DirtyQmp *qmp, gboolean *patched, GError **error);
gboolean dirty_qmp_cancel_dirty_rate(const DirtyQmp *qmp, GError **error);

DirtyMeasurement *dirty_qmp_parse_dirty_rate(const char *reply, GError **error);

G_END_DECLS

#endif
