/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of predicted times: a row for each bandwidth, a column for each
 * downtime limit.
 */
#include "migration-table.h"

#include <math.h>

#include "dirty-i18n.h"

/* What stands where a migration does not converge. */
#define NEVER "-"
/* What stands behind a cell that the measurement leaves open. */
#define UNSURE "?"
/* What stands before a time that rests on more than was measured. */
#define EXTRAPOLATED "~"

/* Blanks between two columns, and before the first. */
#define GAP 3
#define INDENT 1

/**
 * migration_prediction_is_sure: whether the measurement settles the verdict
 * @prediction: a prediction
 *
 * Return: FALSE if another measurement could well have given another verdict
 */
gboolean
migration_prediction_is_sure(const MigrationPrediction *prediction)
{
    return prediction->certainty >= MIGRATION_SURE;
}

/**
 * migration_time_format: a time as people read it
 * @ms: the time, ms, not below 0; INFINITY for what never ends
 *
 * Return: such as "7.0s", "1m40s" or "1h02m", g_free() it
 */
char *
migration_time_format(double ms)
{
    /* Rounded first: 59.96 s are a minute and not 60.0 s. */
    double tenths = round(ms / 100);
    double seconds = round(ms / 1000);
    double minutes = round(ms / 60000);

    if (!isfinite(ms)) {
        return g_strdup(NEVER);
    }
    if (tenths < 600) {
        return g_strdup_printf("%.1fs", tenths / 10);
    }
    if (seconds < 3600) {
        return g_strdup_printf("%.0fm%02.0fs", floor(seconds / 60),
                               fmod(seconds, 60));
    }
    return g_strdup_printf("%.0fh%02.0fm", floor(minutes / 60),
                           fmod(minutes, 60));
}

/* Return: whether the cell's time rests on more than was measured */
static gboolean
is_extrapolated(const MigrationPrediction *cell)
{
    return cell->verdict == MIGRATION_CONVERGES && cell->extrapolated;
}

static gboolean
is_unsure(const MigrationPrediction *cell)
{
    return !migration_prediction_is_sure(cell);
}

static char *
cell_format(const MigrationPrediction *cell, gboolean bounds)
{
    const char *mark = is_unsure(cell) ? UNSURE : "";
    g_autofree char *value = NULL;
    g_autofree char *low = NULL;
    g_autofree char *high = NULL;
    g_autofree char *text = NULL;

    if (cell->verdict != MIGRATION_CONVERGES) {
        return g_strconcat(NEVER, mark, NULL);
    }
    value = migration_time_format(cell->total_time.value);
    text = g_strconcat(is_extrapolated(cell) ? EXTRAPOLATED : "", value, mark,
                       NULL);
    if (!bounds) {
        return g_steal_pointer(&text);
    }
    low = migration_time_format(cell->total_time.low);
    high = migration_time_format(cell->total_time.high);
    return g_strdup_printf(_("%1$s (%2$s to %3$s)"), text, low, high);
}

/* Return: columns of a terminal that a text takes */
static gsize
text_width(const char *text)
{
    gsize width = 0;

    for (; *text; text = g_utf8_next_char(text)) {
        gunichar c = g_utf8_get_char(text);

        width += g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
    }
    return width;
}

/* Return: the text of each cell, with the headings around them, row by row */
static GPtrArray *
table_texts(const MigrationTable *table, gsize n_columns)
{
    GPtrArray *texts = g_ptr_array_new_with_free_func(g_free);
    const MigrationPrediction *cell = table->cells;

    g_ptr_array_add(texts, g_strdup(_("Bandwidth")));
    for (gsize column = 1; column < n_columns; column++) {
        g_ptr_array_add(texts, g_strdup(table->downtimes[column - 1]));
    }
    for (gsize row = 0; table->bandwidths[row]; row++) {
        g_ptr_array_add(texts, g_strdup(table->bandwidths[row]));
        for (gsize column = 1; column < n_columns; column++) {
            g_ptr_array_add(texts, cell_format(cell++, table->bounds));
        }
    }
    return texts;
}

/* Return: how wide each column must be, g_free() it */
static gsize *
table_widths(const GPtrArray *texts, gsize n_columns)
{
    gsize *widths = g_new0(gsize, n_columns);

    for (gsize i = 0; i < texts->len; i++) {
        gsize *width = &widths[i % n_columns];

        *width = MAX(*width, text_width(g_ptr_array_index(texts, i)));
    }
    return widths;
}

static void
append_row(GString *out, char *const *texts, const gsize *widths,
           gsize n_columns)
{
    g_string_append_printf(out, "%*s", INDENT, "");
    for (gsize i = 0; i < n_columns; i++) {
        int fill = i + 1 < n_columns
                       ? (int)(widths[i] - text_width(texts[i])) + GAP
                       : 0;

        g_string_append_printf(out, "%s%*s", texts[i], fill, "");
    }
    g_string_append_c(out, '\n');
}

static void
append_rule(GString *out, const gsize *widths, gsize n_columns)
{
    gsize width = INDENT;

    for (gsize i = 0; i < n_columns; i++) {
        width += widths[i] + GAP;
    }
    for (gsize i = 0; i < width; i++) {
        g_string_append_c(out, '-');
    }
    g_string_append_c(out, '\n');
}

/* Says what a mark means, if a cell bears it. */
static void
append_legend(GString *out, const MigrationTable *table, gsize n_cells,
              gboolean (*is_marked)(const MigrationPrediction *cell),
              const char *legend)
{
    for (gsize i = 0; i < n_cells; i++) {
        if (is_marked(&table->cells[i])) {
            g_string_append_printf(out, "%*s%s\n", INDENT, "", legend);
            return;
        }
    }
}

/**
 * migration_table_format: the table as text
 * @table: what it shows, at least one row and one column
 *
 * Return: its lines, g_free() them
 */
char *
migration_table_format(const MigrationTable *table)
{
    gsize n_columns = g_strv_length((char **)table->downtimes) + 1;
    gsize n_rows = g_strv_length((char **)table->bandwidths);
    gsize n_cells = n_rows * (n_columns - 1);
    g_autoptr(GPtrArray) texts = table_texts(table, n_columns);
    g_autofree gsize *widths = table_widths(texts, n_columns);
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "%*s%s\n", (int)(INDENT + widths[0] + GAP), "",
                           _("Downtime limit"));
    append_row(out, (char *const *)texts->pdata, widths, n_columns);
    append_rule(out, widths, n_columns);
    for (gsize row = 1; row <= n_rows; row++) {
        append_row(out, (char *const *)&texts->pdata[row * n_columns], widths,
                   n_columns);
    }
    append_legend(out, table, n_cells, is_extrapolated,
                  _("~ a pass takes longer than the measurement has looked"));
    append_legend(out, table, n_cells, is_unsure,
                  _("? the measurement does not settle whether it converges"));
    return g_string_free(out, FALSE);
}
