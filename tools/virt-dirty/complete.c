/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Completes a command line of virt-dirty: its options stand in one place, and this reads them
 * there.
 */
#include "virt-dirty.h"

#include <stdio.h>
#include <string.h>

static const VirtDirtyCommand *
find_command(const char *name)
{
    const VirtDirtyCommand *const *commands = virt_dirty_commands();

    for (gsize i = 0; commands[i]; i++) {
        if (g_str_equal(commands[i]->name, name)) {
            return commands[i];
        }
    }
    return NULL;
}

static const GOptionEntry *
find_option(const VirtDirtyCommand *command, const char *word)
{
    if (!g_str_has_prefix(word, "--")) {
        return NULL;
    }
    for (const GOptionEntry *option = command->options; option->long_name; option++) {
        if (g_str_equal(option->long_name, word + 2)) {
            return option;
        }
    }
    return NULL;
}

static void
offer(const char *prefix, const char *word, const char *typed)
{
    g_autofree char *whole = g_strconcat(prefix, word, NULL);

    if (g_str_has_prefix(whole, typed)) {
        printf("%s\n", whole);
    }
}

static void
offer_values(const VirtDirtyCommand *command, const GOptionEntry *option, const char *typed)
{
    g_auto(GStrv) values = command->values(option->long_name);

    for (gsize i = 0; values && values[i]; i++) {
        offer("", values[i], typed);
    }
}

static void
offer_options(const VirtDirtyCommand *command, const char *typed)
{
    for (const GOptionEntry *option = command->options; option->long_name; option++) {
        offer("--", option->long_name, typed);
    }
}

/**
 * virt_dirty_complete: print what the last word of a command line can become
 * @words: "--", then the words behind virt-dirty, the last one perhaps empty
 *
 * Return: an exit status
 */
int
virt_dirty_complete(char **words)
{
    const VirtDirtyCommand *const *commands = virt_dirty_commands();
    const VirtDirtyCommand *command;
    const GOptionEntry *option;
    const char *typed;
    gsize n;

    if (!words[0] || !words[1]) {
        return VIRT_DIRTY_MISUSED;
    }
    words++;
    n = g_strv_length(words);
    typed = words[n - 1];
    if (n == 1) {
        for (gsize i = 0; commands[i]; i++) {
            offer("", commands[i]->name, typed);
        }
        return VIRT_DIRTY_DONE;
    }
    command = find_command(words[0]);
    if (!command) {
        return VIRT_DIRTY_DONE;
    }
    option = find_option(command, words[n - 2]);
    if (option && option->arg != G_OPTION_ARG_NONE) {
        offer_values(command, option, typed);
    } else if (g_str_has_prefix(typed, "-")) {
        offer_options(command, typed);
    }
    return VIRT_DIRTY_DONE;
}
