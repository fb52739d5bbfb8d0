/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads a file of saved measurements, also one that is a pipe.
 */
#include "predict.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <sys/stat.h>
#include <unistd.h>

/* How standard input is named. */
#define STANDARD_INPUT "-"

/* Longest file read, bytes: a million measurements. */
#define FILE_MAX (G_GINT64_CONSTANT(1) << 30)

/* Read at once, bytes. */
#define CHUNK (G_GINT64_CONSTANT(1) << 18)

static gboolean
fail(GError **error, const char *name, int number)
{
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_IO, _("cannot read '%1$s': %2$s"), name,
                g_strerror(number));
    return FALSE;
}

static gboolean
fail_too_long(GError **error, const char *name)
{
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                _("'%1$s' is longer than the %2$lld MiB that are read: split it"), name,
                (long long)FILE_MAX >> 20);
    return FALSE;
}

/* What can be seen to be too long is not read first. */
static gboolean
check_size(int fd, const char *name, GError **error)
{
    struct stat status;

    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > FILE_MAX) {
        return fail_too_long(error, name);
    }
    return TRUE;
}

static gboolean
read_all(int fd, const char *name, GByteArray *text, GError **error)
{
    gssize n;

    do {
        guint old = text->len;

        g_byte_array_set_size(text, old + CHUNK);
        do {
            n = read(fd, text->data + old, CHUNK);
        } while (n < 0 && errno == EINTR);
        if (n < 0) {
            return fail(error, name, errno);
        }
        g_byte_array_set_size(text, old + n);
        if (text->len > FILE_MAX) {
            return fail_too_long(error, name);
        }
    } while (n > 0);
    return TRUE;
}

/**
 * predict_read_file: read a file
 * @name: its name, or "-" for standard input
 * @len: set to its length, bytes
 * @error: set to DIRTY_ERROR_IO where it cannot be read, DIRTY_ERROR_INVALID where it is too long
 *
 * Return: its bytes, g_free() them; NULL with @error set
 */
char *
predict_read_file(const char *name, gsize *len, GError **error)
{
    g_autoptr(GByteArray) text = g_byte_array_new();
    gboolean is_input = g_str_equal(name, STANDARD_INPUT);
    int fd = is_input ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    const char *shown = is_input ? _("standard input") : name;
    gboolean ok;

    if (fd < 0) {
        fail(error, name, errno);
        return NULL;
    }
    ok = check_size(fd, shown, error) && read_all(fd, shown, text, error);
    if (!is_input) {
        close(fd);
    }
    *len = text->len;
    return ok ? (char *)g_byte_array_free(g_steal_pointer(&text), FALSE) : NULL;
}
