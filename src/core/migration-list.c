/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists of bandwidths and downtime limits as people write them.
 */
#include "migration-list.h"

#include <math.h>
#include <string.h>

#include "dirty-i18n.h"
#include "dirty-measurement.h"
#include "migration-settings.h"

#define MIB (1024.0 * 1024.0)

/**
 * Unit: what may stand behind a number
 * @name: as it is written, in whatever case
 * @label: as it is shown
 * @factor: what the number is multiplied by
 * @link: it is the bit rate of a link, of which headers take a part
 */
typedef struct {
    const char *name;
    const char *label;
    double factor;
    gboolean link;
} Unit;

/* A plain number is what virsh migrate --bandwidth takes. */
static const Unit bandwidth_units[] = {
    {"", "MiB/s", MIB, FALSE},       {"KiB/s", "KiB/s", MIB / 1024, FALSE},
    {"MiB/s", "MiB/s", MIB, FALSE},  {"GiB/s", "GiB/s", MIB * 1024, FALSE},
    {"kbit", "kbit/s", 1e3, TRUE},   {"kbit/s", "kbit/s", 1e3, TRUE},
    {"kbps", "kbit/s", 1e3, TRUE},   {"mbit", "Mbit/s", 1e6, TRUE},
    {"mbit/s", "Mbit/s", 1e6, TRUE}, {"mbps", "Mbit/s", 1e6, TRUE},
    {"gbit", "Gbit/s", 1e9, TRUE},   {"gbit/s", "Gbit/s", 1e9, TRUE},
    {"gbps", "Gbit/s", 1e9, TRUE},
};

static const Unit downtime_units[] = {
    {"", "ms", 1, FALSE},
    {"ms", "ms", 1, FALSE},
    {"s", "s", 1000, FALSE},
};

/* Reads one entry; returns FALSE with the error set. */
typedef gboolean (*ParseEntry)(const char *text, double *value, char **label,
                               GError **error);

/**
 * parse_number: a number with a unit
 * @text: the number with or without a unit behind it
 * @units: the units it can have
 * @n_units: their number
 * @number: where to put the digits, g_free() them
 * @value: where to put the number
 *
 * Return: its unit; NULL if it is no number or has another unit
 */
static const Unit *
parse_number(const char *text, const Unit *units, gsize n_units, char **number,
             double *value)
{
    const char *unit;
    char *end;

    /* Only these, as strtod() also takes nan, signs, exponents and 0x1p3. */
    *number = g_strndup(text, strspn(text, "0123456789."));
    *value = g_ascii_strtod(*number, &end);
    unit = text + strlen(*number);
    unit += strspn(unit, " ");
    for (gsize i = 0; i < n_units && *end == '\0' && end != *number; i++) {
        if (g_ascii_strcasecmp(unit, units[i].name) == 0) {
            return &units[i];
        }
    }
    return NULL;
}

static gboolean
parse_bandwidth(const char *text, double *value, char **label, GError **error)
{
    g_autofree char *number = NULL;
    const Unit *unit = parse_number(
        text, bandwidth_units, G_N_ELEMENTS(bandwidth_units), &number, value);

    if (unit) {
        *value *= unit->factor;
    }
    if (!unit || *value < MIGRATION_BANDWIDTH_MIN ||
        *value > MIGRATION_BANDWIDTH_MAX) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("'%1$s' is no bandwidth: give MiB/s above 0 and below "
                      "%2$.0f, or a link's rate such as 100mbit or 2.5gbit"),
                    text, MIGRATION_BANDWIDTH_MAX / MIB);
        return FALSE;
    }
    if (unit->link) {
        *value = migration_link_payload(*value, MIGRATION_MTU_DEFAULT,
                                        MIGRATION_FRAME_ETHERNET);
    }
    *label = g_strdup_printf("%s %s", number, unit->label);
    return TRUE;
}

static gboolean
parse_downtime(const char *text, double *value, char **label, GError **error)
{
    g_autofree char *number = NULL;
    const Unit *unit;

    if (g_ascii_strcasecmp(text, MIGRATION_DOWNTIME_UNLIMITED) == 0) {
        *value = INFINITY;
        *label = g_strdup(_("unlimited"));
        return TRUE;
    }
    unit = parse_number(text, downtime_units, G_N_ELEMENTS(downtime_units),
                        &number, value);
    if (unit) {
        *value *= unit->factor;
    }
    if (!unit || *value < 1 || *value > MIGRATION_DOWNTIME_MAX_MS ||
        *value != floor(*value)) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("'%1$s' is no downtime limit: give whole milliseconds, "
                      "1 to %2$d"),
                    text, MIGRATION_DOWNTIME_MAX_MS);
        return FALSE;
    }
    *label = g_strdup_printf("%s %s", number, unit->label);
    return TRUE;
}

/* Return: the list; NULL with @error set */
static MigrationList *
parse_list(const char *text, ParseEntry parse_entry, GError **error)
{
    g_auto(GStrv) entries = g_strsplit(text, ",", MIGRATION_LIST_MAX + 1);
    gsize n = g_strv_length(entries);
    g_autoptr(MigrationList) list = NULL;

    if (n > MIGRATION_LIST_MAX) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID,
                    _("the list is too long: give at most %1$d values"),
                    MIGRATION_LIST_MAX);
        return NULL;
    }
    list = g_new0(MigrationList, 1);
    list->values = g_new0(double, MAX(n, 1));
    list->labels = g_new0(char *, n + 1);
    /* An empty text has no entries, but is as wrong as an empty entry. */
    do {
        const char *entry = n ? g_strstrip(entries[list->n]) : "";

        if (!parse_entry(entry, &list->values[list->n], &list->labels[list->n],
                         error)) {
            return NULL;
        }
        list->n++;
    } while (list->n < n);
    return g_steal_pointer(&list);
}

/**
 * migration_bandwidths_parse: reads a list of bandwidths
 * @text: numbers with commas between them; each is MiB/s of payload, or has a
 *   unit: KiB/s, MiB/s, GiB/s of payload, or the bit rate of a link as kbit,
 *   mbit or gbit, also with /s, or as kbps, mbps or gbps, from which headers
 *   are taken off
 * @error: set to DIRTY_ERROR_INVALID for an entry that is none, and for more
 *   than MIGRATION_LIST_MAX
 *
 * Return: bytes/s of payload, migration_list_free() it; NULL with @error set
 */
MigrationList *
migration_bandwidths_parse(const char *text, GError **error)
{
    return parse_list(text, parse_bandwidth, error);
}

/**
 * migration_downtimes_parse: reads a list of downtime limits
 * @text: numbers with commas between them, each ms or with the unit ms or s, or
 *   MIGRATION_DOWNTIME_UNLIMITED
 * @error: set to DIRTY_ERROR_INVALID for an entry that is none, and for more
 *   than MIGRATION_LIST_MAX
 *
 * Return: ms, migration_list_free() it; NULL with @error set
 */
MigrationList *
migration_downtimes_parse(const char *text, GError **error)
{
    return parse_list(text, parse_downtime, error);
}

/**
 * migration_list_free: frees a list
 * @list: the list, or NULL
 */
void
migration_list_free(MigrationList *list)
{
    if (!list) {
        return;
    }
    g_free(list->values);
    g_strfreev(list->labels);
    g_free(list);
}
