/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * virt-dirty: what can be told about dirty pages without a guest or a host.
 */
#include "virt-dirty.h"

#include <glib/gi18n-lib.h>
#include <locale.h>
#include <stdio.h>

/* What completion scripts ask; no user does, so it is in no help. */
#define COMPLETE "complete"

static const VirtDirtyCommand *const commands[] = {
    &virt_dirty_predict,
    NULL,
};

/**
 * virt_dirty_commands: all subcommands
 *
 * Return: them, and NULL behind the last
 */
const VirtDirtyCommand *const *
virt_dirty_commands(void)
{
    return commands;
}

/**
 * virt_dirty_fail: say what went wrong
 * @status: the exit status for it
 * @error: what it was
 *
 * Return: @status
 */
int
virt_dirty_fail(int status, const GError *error)
{
    fprintf(stderr, "virt-dirty: %s\n", error->message);
    return status;
}

static int
misused(const char *what, const char *which)
{
    fprintf(stderr, "virt-dirty: ");
    fprintf(stderr, what, which);
    fprintf(stderr, "\n");
    return VIRT_DIRTY_MISUSED;
}

static void
print_help(void)
{
    printf(_("Usage: virt-dirty COMMAND [OPTION...] [ARGUMENT...]\n"));
    printf("\n%s\n", _("Commands:"));
    for (gsize i = 0; commands[i]; i++) {
        printf("  %-12s %s\n", commands[i]->name, _(commands[i]->summary));
    }
    printf("\n%s\n", _("'virt-dirty COMMAND --help' shows the options of a command."));
}

static int
run_command(const VirtDirtyCommand *command, char **argv)
{
    g_autofree char *name = g_strdup_printf("virt-dirty %s", command->name);
    g_autoptr(GOptionContext) context = g_option_context_new(command->arguments);
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) words = g_strdupv(argv);

    g_set_prgname(name);
    g_option_context_set_summary(context, _(command->summary));
    g_option_context_add_main_entries(context, command->options, GETTEXT_PACKAGE);
    if (!g_option_context_parse_strv(context, &words, &error)) {
        return virt_dirty_fail(VIRT_DIRTY_MISUSED, error);
    }
    return command->run(words + 1);
}

/* Output that could not be written, such as to a full disk, must not look like success. */
static int
finish(int status)
{
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == VIRT_DIRTY_DONE) {
        fprintf(stderr, "virt-dirty: %s\n", _("cannot write the output"));
        return VIRT_DIRTY_FAILED;
    }
    return status;
}

static int
run(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    if (!name) {
        return misused("%s", _("no command given: 'virt-dirty --help' lists them"));
    }
    if (g_str_equal(name, "--help") || g_str_equal(name, "-h") || g_str_equal(name, "help")) {
        print_help();
        return VIRT_DIRTY_DONE;
    }
    if (g_str_equal(name, "--version")) {
        printf("virt-dirty %s\n", VIRT_DIRTY_VERSION);
        return VIRT_DIRTY_DONE;
    }
    if (g_str_equal(name, COMPLETE)) {
        return virt_dirty_complete(argv + 2);
    }
    for (gsize i = 0; commands[i]; i++) {
        if (g_str_equal(commands[i]->name, name)) {
            return run_command(commands[i], argv + 1);
        }
    }
    return misused(_("there is no command '%1$s': 'virt-dirty --help' lists them"), name);
}

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    /* Numbers are read and shown as in lists and in JSON, whatever the language. */
    setlocale(LC_NUMERIC, "C");
    bindtextdomain(GETTEXT_PACKAGE, VIRT_DIRTY_LOCALEDIR);
    bind_textdomain_codeset(GETTEXT_PACKAGE, "UTF-8");
    g_set_prgname("virt-dirty");
    return finish(run(argc, argv));
}
