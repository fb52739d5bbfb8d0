/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shows predictions to a program: one JSON object for each measurement, one a line.
 *
 * A table has hundreds of numbers and there can be 100,000 of them, so they are written straight
 * into a text: a tree of JSON nodes takes as long as the predictions.
 */
#include "predict.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <stdio.h>

#define MIB (1024.0 * 1024)

/* Digits of a number: more than any prediction is sure of. */
#define DIGITS "10"

/* Whole numbers below it are told apart by a double. */
#define WHOLE_MAX 9e15

/* Separates a member or an element from what stands before it. */
static void
add_comma(GString *text)
{
    char last = text->len > 0 ? text->str[text->len - 1] : '{';

    if (last != '{' && last != '[') {
        g_string_append_c(text, ',');
    }
}

static void
add_name(GString *text, const char *name, const char *suffix)
{
    add_comma(text);
    g_string_append_c(text, '"');
    g_string_append(text, name);
    g_string_append(text, suffix);
    g_string_append(text, "\":");
}

/* JSON has no number for what never ends or has no limit. */
static void
add_number(GString *text, const char *name, const char *suffix, double value)
{
    add_name(text, name, suffix);
    if (!isfinite(value)) {
        g_string_append(text, "null");
    } else if (fabs(value) < WHOLE_MAX && value == trunc(value)) {
        g_string_append_printf(text, "%lld", (long long)value);
    } else {
        g_string_append_printf(text, "%." DIGITS "g", value);
    }
}

static void
add_boolean(GString *text, const char *name, gboolean value)
{
    add_name(text, name, "");
    g_string_append(text, value ? "true" : "false");
}

/* In quotes, with what JSON wants escaped. */
static void
add_quoted(GString *text, const char *string)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_VALUE);
    g_autofree char *quoted = NULL;

    json_node_set_string(node, string);
    quoted = json_to_string(node, FALSE);
    g_string_append(text, quoted);
}

static void
add_string(GString *text, const char *name, const char *value)
{
    add_name(text, name, "");
    add_quoted(text, value);
}

static void
add_estimate(GString *text, const char *name, const DirtyEstimate *estimate, gboolean bounds)
{
    add_number(text, name, "", estimate->value);
    if (bounds) {
        add_number(text, name, "-low", estimate->low);
        add_number(text, name, "-high", estimate->high);
    }
}

static void
add_prediction(GString *text, const MigrationPrediction *p, gboolean bounds)
{
    add_boolean(text, "converges", p->verdict == MIGRATION_CONVERGES);
    add_name(text, "verdict", "");
    g_string_append_printf(text, "\"%s\"", migration_verdict_to_string(p->verdict));
    add_number(text, "certainty", "", p->certainty);
    add_estimate(text, "time", &p->total_time, bounds);
    add_estimate(text, "downtime-actual", &p->downtime, bounds);
    add_estimate(text, "passes", &p->passes, bounds);
    add_estimate(text, "bytes", &p->bytes, bounds);
    add_estimate(text, "throttle", &p->throttle, bounds);
    add_boolean(text, "extrapolated", p->extrapolated);
    add_number(text, "switch-time", "", p->switch_time);
    add_number(text, "postcopy-time", "", p->postcopy_time);
    add_number(text, "postcopy-faults", "", p->postcopy_faults);
}

static void
add_cells(GString *text, const PredictResult *result)
{
    const PredictOptions *options = result->options;
    const MigrationPrediction *cell = result->cells;

    add_name(text, "cells", "");
    g_string_append_c(text, '[');
    for (gsize row = 0; row < options->bandwidths->n; row++) {
        for (gsize column = 0; column < options->downtimes->n; column++) {
            add_comma(text);
            g_string_append_c(text, '{');
            add_number(text, "bandwidth", "", options->bandwidths->values[row] / MIB);
            add_number(text, "downtime", "", options->downtimes->values[column]);
            add_prediction(text, cell++, options->bounds);
            g_string_append_c(text, '}');
        }
    }
    g_string_append_c(text, ']');
}

/* The settings by the names of their options, in their units. */
static double
in_unit(MigrationPlanWay way, double value)
{
    return way == MIGRATION_PLAN_BANDWIDTH ? value / MIB : value;
}

static void
add_plan(GString *text, const PredictResult *result)
{
    const MigrationPlan *plan = result->plan;

    add_name(text, "plan", "");
    g_string_append_c(text, '{');
    add_number(text, "bandwidth", "", result->settings.bandwidth / MIB);
    add_number(text, "downtime", "", result->settings.downtime_limit);
    add_boolean(text, "converges", plan->asked.verdict == MIGRATION_CONVERGES);
    add_number(text, "certainty", "", plan->asked.certainty);
    for (gsize i = 0; i < MIGRATION_PLAN_LAST; i++) {
        const MigrationRemedy *remedy = &plan->ways[i];
        const char *name = migration_plan_way_to_string((MigrationPlanWay)i);

        add_number(text, "needed-", name, remedy->exists ? in_unit(i, remedy->value) : INFINITY);
        add_number(text, "sure-", name, remedy->sure > 0 ? in_unit(i, remedy->sure) : INFINITY);
    }
    add_number(text, "postcopy-time", "",
               plan->has_postcopy ? plan->postcopy.total_time.value : INFINITY);
    add_boolean(text, "postcopy-better", plan->postcopy_better);
    add_string(text, "recommendation", plan->recommendation);
    g_string_append_c(text, '}');
}

static void
add_notes(GString *text, const PredictResult *result)
{
    g_autoptr(GPtrArray) notes = predict_notes(result);

    add_name(text, "notes", "");
    g_string_append_c(text, '[');
    for (guint i = 0; i < notes->len; i++) {
        add_comma(text);
        add_quoted(text, g_ptr_array_index(notes, i));
    }
    g_string_append_c(text, ']');
}

/**
 * predict_print_json: print predictions as one line of JSON
 * @result: the predictions
 */
void
predict_print_json(const PredictResult *result)
{
    g_autofree char *file = g_utf8_make_valid(result->file, -1);
    g_autoptr(GString) text = g_string_new("{");

    add_string(text, "file", file);
    add_number(text, "measurement", "", result->number);
    add_number(text, "memory", "", result->memory);
    add_number(text, "measured", "", result->longest);
    add_cells(text, result);
    add_plan(text, result);
    add_notes(text, result);
    g_string_append(text, "}\n");
    fwrite(text->str, 1, text->len, stdout);
}
