/* The guest's command line: a table of options, their units and ranges. */
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DEFAULT_READ_RATE 25600 /* pages/s: 100 MiB/s, enough to be seen in any read count */
#define MAX_MIB (512ull * 1024) /* what one page directory pointer table maps */
#define MAX_RATE 100000000ull   /* pages/s: far above what any host reaches, and no overflow */
#define MAX_REPORT_MS 60000
#define UNSET UINT64_MAX

/* In enum pattern's order. */
const char *const pattern_names[PATTERN_LAST] = {"uniform", "hotcold", "seq", "idle"};

struct option {
    const char *name;
    uint64_t *value;
    uint64_t min, max;
    uint32_t factor; /* the stored value is what was given times this */
    bool or_max;     /* the word "max" is allowed too */
};

static bool
same_text(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

/* Return: false if @text is not a decimal number of at most 18 digits. */
static bool
parse_number(const char *text, uint64_t *value)
{
    uint32_t digits = 0;

    *value = 0;
    for (; *text >= '0' && *text <= '9' && digits < 19; text++, digits++) {
        *value = *value * 10 + (uint64_t) (*text - '0');
    }
    return !*text && digits > 0 && digits < 19;
}

static void
parse_value(const struct option *option, const char *text)
{
    uint64_t value;

    if (option->or_max && same_text(text, "max")) {
        *option->value = RATE_MAX;
        return;
    }
    if (!parse_number(text, &value) || value < option->min || value > option->max) {
        fail("%s=%s: a whole number from %lu to %lu%s is needed", option->name, text, option->min,
             option->max, option->or_max ? ", or max," : "");
    }
    *option->value = value * option->factor;
}

static void
parse_pattern(struct options *options, const char *text)
{
    for (uint32_t i = 0; i < PATTERN_LAST; i++) {
        if (same_text(text, pattern_names[i])) {
            options->pattern = (enum pattern) i;
            return;
        }
    }
    fail("pattern=%s: uniform, hotcold, seq or idle is needed", text);
}

/* The loader puts the kernel's file name first; it may hold spaces.
 * Return: where the options begin. */
static char *
skip_file_name(char *line)
{
    char *options = NULL;

    for (char *c = line; *c; c++) {
        if (c[0] == '.' && c[1] == 'e' && c[2] == 'l' && c[3] == 'f' && (!c[4] || c[4] == ' ')) {
            options = c + 4;
        }
    }
    if (options) {
        return options;
    }
    while (*line && *line != ' ') {
        line++;
    }
    return line;
}

static void
check(struct options *options)
{
    bool default_writers = options->writers == UNSET;

    if (options->readers > cpu_count) {
        fail("readers=%lu: the guest has only %u vCPUs", options->readers, cpu_count);
    }
    if (default_writers) {
        options->writers = cpu_count - options->readers;
    }
    if (options->writers + options->readers > cpu_count) {
        fail("writers=%lu and readers=%lu: the guest has only %u vCPUs", options->writers,
             options->readers, cpu_count);
    }
    if (options->reporter >= cpu_count) {
        fail("reporter=%lu: the guest has only vCPUs 0 to %u", options->reporter, cpu_count - 1);
    }
    if (options->parts == UNSET) {
        options->parts = options->pattern == PATTERN_SEQ;
    }
    if (options->pattern == PATTERN_IDLE) {
        options->rate = 0;
    }
    if (!options->readers) {
        options->read_rate = 0;
    }
    if (options->rate && !options->writers) {
        fail("rate=%lu: a vCPU that writes is needed, give writers=1 or less readers",
             options->rate);
    }
    if ((options->rate || options->readers) && !options->ws_mib) {
        fail("ws=0: a working set is needed to write to or to read from, give ws=MIB");
    }
}

/**
 * options_parse:
 * @options: where to store what the line says
 * @line: the multiboot command line; it is cut into words
 *
 * A wrong option ends the guest with an ERROR line.
 */
void
options_parse(struct options *options, char *line)
{
    const struct option table[] = {
        {"fill", &options->fill_mib, 0, MAX_MIB, 1, false},
        {"fillwords", &options->fill_words, 1, PAGE_SIZE / 8, 1, false},
        {"ws", &options->ws_mib, 0, MAX_MIB, 1, false},
        {"start", &options->start_mib, 0, MAX_MIB, 1, false},
        {"high", &options->high_mib, 0, MAX_MIB - 4096, 1, false},
        {"rate", &options->rate, 0, MAX_RATE, 1, true},
        {"mibs", &options->rate, 0, MAX_RATE / PAGES_PER_MIB, PAGES_PER_MIB, true},
        {"rate0", &options->rate0, 0, MAX_RATE, 1, true},
        {"readrate", &options->read_rate, 0, MAX_RATE, 1, true},
        {"writers", &options->writers, 0, MAX_CPUS, 1, false},
        {"readers", &options->readers, 0, MAX_CPUS, 1, false},
        {"hot", &options->hot, 1, 99, 1, false},
        {"hotshare", &options->hot_share, 0, 100, 1, false},
        {"seed", &options->seed, 0, UINT32_MAX, 1, false},
        {"check", &options->check, 0, 1, 1, false},
        {"parts", &options->parts, 0, 1, 1, false},
        {"report", &options->report_ms, 10, MAX_REPORT_MS, 1, false},
        {"reporter", &options->reporter, 0, MAX_CPUS - 1, 1, false},
    };

    options->fill_words = 1;
    options->rate0 = RATE_SHARED;
    options->read_rate = DEFAULT_READ_RATE;
    options->writers = UNSET;
    options->hot = 10;
    options->hot_share = 90;
    options->seed = 1;
    options->parts = UNSET;
    options->report_ms = 1000;

    for (char *c = skip_file_name(line); *c;) {
        const char *name, *value = "";
        uint32_t i;

        if (*c == ' ') {
            c++;
            continue;
        }
        for (name = c; *c && *c != ' ' && *c != '='; c++) {
        }
        if (*c == '=') {
            *c++ = '\0';
            value = c;
            while (*c && *c != ' ') {
                c++;
            }
        }
        if (*c) {
            *c++ = '\0';
        }
        if (same_text(name, "pattern")) {
            parse_pattern(options, value);
            continue;
        }
        for (i = 0; i < COUNT(table) && !same_text(name, table[i].name); i++) {
        }
        if (i == COUNT(table)) {
            fail("%s: unknown option, see README.md of the guest", name);
        }
        parse_value(&table[i], value);
    }
    check(options);
}
