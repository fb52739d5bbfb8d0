/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate measurement: what compression would make of pages.
 *
 * Pages are compressed as multifd does it: a stream for all of them, flushed
 * after each packet of pages, at the least level.
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "qapi/util.h"
#include "dirty-rate-compress.h"
#include <zlib.h>
#ifdef CONFIG_ZSTD
#include <zstd.h>
#endif

/* Pages of one packet: multifd's, for pages of 4 KiB. */
#define PACKET_PAGES 128

/* What multifd uses unless told otherwise, for either method. */
#define LEVEL 1

/*
 * One way to compress.  @begin returns what the others are given, or NULL if
 * it failed; @packet returns the bytes that came out, or 0 if it failed.
 */
typedef struct Method {
    MultiFDCompression name;
    void *(*begin)(void);
    size_t (*packet)(void *stream, const uint8_t *in, size_t n_pages,
                     size_t page_size, uint8_t *out, size_t out_size);
    void (*end)(void *stream);
} Method;

static void *zlib_begin(void)
{
    z_stream *stream = g_new0(z_stream, 1);

    if (deflateInit(stream, LEVEL) != Z_OK) {
        g_free(stream);
        return NULL;
    }
    return stream;
}

static size_t zlib_packet(void *opaque, const uint8_t *in, size_t n_pages,
                          size_t page_size, uint8_t *out, size_t out_size)
{
    z_stream *stream = opaque;

    stream->next_out = out;
    stream->avail_out = out_size;
    for (size_t i = 0; i < n_pages; i++) {
        stream->next_in = (uint8_t *)in + i * page_size;
        stream->avail_in = page_size;
        if (deflate(stream, i + 1 < n_pages ? Z_NO_FLUSH : Z_SYNC_FLUSH) !=
            Z_OK || stream->avail_in) {
            return 0;
        }
    }
    return out_size - stream->avail_out;
}

static void zlib_end(void *opaque)
{
    z_stream *stream = opaque;

    deflateEnd(stream);
    g_free(stream);
}

#ifdef CONFIG_ZSTD
static void *zstd_begin(void)
{
    ZSTD_CStream *stream = ZSTD_createCStream();

    if (stream && ZSTD_isError(ZSTD_initCStream(stream, LEVEL))) {
        ZSTD_freeCStream(stream);
        return NULL;
    }
    return stream;
}

static size_t zstd_packet(void *stream, const uint8_t *in, size_t n_pages,
                          size_t page_size, uint8_t *out, size_t out_size)
{
    ZSTD_outBuffer output = { .dst = out, .size = out_size };

    for (size_t i = 0; i < n_pages; i++) {
        ZSTD_inBuffer input = { .src = in + i * page_size, .size = page_size };
        bool last = i + 1 == n_pages;
        size_t left;

        do {
            left = ZSTD_compressStream2(stream, &output, &input,
                                        last ? ZSTD_e_flush : ZSTD_e_continue);
            if (ZSTD_isError(left) || output.pos == output.size) {
                return 0;
            }
        } while (input.pos < input.size || (last && left));
    }
    return output.pos;
}

static void zstd_end(void *stream)
{
    ZSTD_freeCStream(stream);
}
#endif

static const Method methods[] = {
    { MULTIFD_COMPRESSION_ZLIB, zlib_begin, zlib_packet, zlib_end },
#ifdef CONFIG_ZSTD
    { MULTIFD_COMPRESSION_ZSTD, zstd_begin, zstd_packet, zstd_end },
#endif
};

/* CPU time of this thread: a busy host must not look like a slow method. */
static int64_t cpu_ns(void)
{
#ifdef CLOCK_THREAD_CPUTIME_ID
    struct timespec ts;

    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts) == 0) {
        return ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
    }
#endif
    return g_get_monotonic_time() * 1000;
}

/* Bytes that came out of all pages; 0 if it failed or was told to stop. */
static uint64_t compress_all(const Method *method, const uint8_t *pages,
                             size_t n_pages, size_t page_size,
                             const bool *stop)
{
    /* No method makes content that cannot be compressed half as large again. */
    size_t out_size = PACKET_PAGES * page_size * 3 / 2;
    g_autofree uint8_t *out = g_malloc(out_size);
    void *stream = method->begin();
    uint64_t bytes = 0;

    if (!stream) {
        return 0;
    }
    for (size_t at = 0; at < n_pages; at += PACKET_PAGES) {
        size_t done = 0;

        if (!qatomic_read(stop)) {
            done = method->packet(stream, pages + at * page_size,
                                  MIN(n_pages - at, PACKET_PAGES), page_size,
                                  out, out_size);
        }
        if (!done) {
            bytes = 0;
            break;
        }
        bytes += done;
    }
    method->end(stream);
    return bytes;
}

static DirtyRateCompression *try_method(const Method *method,
                                        const uint8_t *pages, size_t n_pages,
                                        size_t page_size, const bool *stop)
{
    int64_t begin = cpu_ns();
    uint64_t bytes = compress_all(method, pages, n_pages, page_size, stop);
    int64_t spent = MAX(cpu_ns() - begin, 1);
    DirtyRateCompression *result;

    if (!bytes) {
        return NULL;
    }
    result = g_new0(DirtyRateCompression, 1);
    result->method = method->name;
    result->n_pages = n_pages;
    result->ratio = (double)n_pages * page_size / bytes;
    result->speed = (double)n_pages * page_size / MiB /
                    spent * NANOSECONDS_PER_SECOND;
    return result;
}

DirtyRateCompressionList *dirty_rate_compress(const uint8_t *pages,
                                              size_t n_pages, size_t page_size,
                                              const bool *stop)
{
    DirtyRateCompressionList *list = NULL;
    DirtyRateCompressionList **tail = &list;

    for (size_t i = 0; n_pages && i < ARRAY_SIZE(methods); i++) {
        DirtyRateCompression *result =
            try_method(&methods[i], pages, n_pages, page_size, stop);

        if (result) {
            QAPI_LIST_APPEND(tail, result);
        }
    }
    return list;
}
