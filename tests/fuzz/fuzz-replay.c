/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a fuzz target once over each file of the directories named on the command line.
 */
#include <glib.h>

#include "fuzz-target.h"

static gsize
replay_directory(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(path, 0, &error);
    const char *name;
    gsize n = 0;

    if (!dir) {
        g_error("%s", error->message);
    }
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        g_autofree char *data = NULL;
        gsize size;

        if (!g_file_get_contents(file, &data, &size, &error)) {
            g_error("%s", error->message);
        }
        LLVMFuzzerTestOneInput((const uint8_t *)data, size);
        n++;
    }
    return n;
}

int
main(int argc, char **argv)
{
    gsize n = 0;
    int i;

    for (i = 1; i < argc; i++) {
        n += replay_directory(argv[i]);
    }
    printf("%zu inputs replayed\n", n);
    /* Nothing replayed is nothing tested: a moved corpus must not pass. */
    return n > 0 ? 0 : 1;
}
