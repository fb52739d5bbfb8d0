/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shows predictions to a program: one JSON object for each measurement, one a line.
 */
#include "predict.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <stdio.h>

#define MIB (1024.0 * 1024)

/* JSON has no number for what never ends or has no limit. */
static void
set_number(JsonObject *object, const char *name, double value)
{
    if (isfinite(value)) {
        json_object_set_double_member(object, name, value);
    } else {
        json_object_set_null_member(object, name);
    }
}

static void
set_estimate(JsonObject *object, const char *name, const DirtyEstimate *estimate, gboolean bounds)
{
    set_number(object, name, estimate->value);
    if (bounds) {
        g_autofree char *low = g_strconcat(name, "-low", NULL);
        g_autofree char *high = g_strconcat(name, "-high", NULL);

        set_number(object, low, estimate->low);
        set_number(object, high, estimate->high);
    }
}

static void
set_prediction(JsonObject *object, const MigrationPrediction *p, gboolean bounds)
{
    json_object_set_boolean_member(object, "converges", p->verdict == MIGRATION_CONVERGES);
    json_object_set_string_member(object, "verdict", migration_verdict_to_string(p->verdict));
    set_number(object, "certainty", p->certainty);
    set_estimate(object, "time", &p->total_time, bounds);
    set_estimate(object, "downtime-actual", &p->downtime, bounds);
    set_estimate(object, "passes", &p->passes, bounds);
    set_estimate(object, "bytes", &p->bytes, bounds);
    set_estimate(object, "throttle", &p->throttle, bounds);
    json_object_set_boolean_member(object, "extrapolated", p->extrapolated);
    set_number(object, "switch-time", p->switch_time);
    set_number(object, "postcopy-time", p->postcopy_time);
    set_number(object, "postcopy-faults", p->postcopy_faults);
}

static JsonArray *
make_cells(const PredictResult *result)
{
    const PredictOptions *options = result->options;
    const MigrationPrediction *cell = result->cells;
    JsonArray *cells = json_array_new();

    for (gsize row = 0; row < options->bandwidths->n; row++) {
        for (gsize column = 0; column < options->downtimes->n; column++) {
            JsonObject *object = json_object_new();

            set_number(object, "bandwidth", options->bandwidths->values[row] / MIB);
            set_number(object, "downtime", options->downtimes->values[column]);
            set_prediction(object, cell++, options->bounds);
            json_array_add_object_element(cells, object);
        }
    }
    return cells;
}

/* The settings by the names of their options, in their units. */
static double
in_unit(MigrationPlanWay way, double value)
{
    return way == MIGRATION_PLAN_BANDWIDTH ? value / MIB : value;
}

static JsonObject *
make_plan(const PredictResult *result)
{
    const MigrationPlan *plan = result->plan;
    JsonObject *object = json_object_new();

    set_number(object, "bandwidth", result->settings.bandwidth / MIB);
    set_number(object, "downtime", result->settings.downtime_limit);
    json_object_set_boolean_member(object, "converges", plan->asked.verdict == MIGRATION_CONVERGES);
    set_number(object, "certainty", plan->asked.certainty);
    for (gsize i = 0; i < MIGRATION_PLAN_LAST; i++) {
        const MigrationRemedy *remedy = &plan->ways[i];
        const char *name = migration_plan_way_to_string((MigrationPlanWay)i);
        g_autofree char *needed = g_strconcat("needed-", name, NULL);
        g_autofree char *sure = g_strconcat("sure-", name, NULL);

        set_number(object, needed, remedy->exists ? in_unit(i, remedy->value) : INFINITY);
        set_number(object, sure, remedy->sure > 0 ? in_unit(i, remedy->sure) : INFINITY);
    }
    if (plan->has_postcopy) {
        set_number(object, "postcopy-time", plan->postcopy.total_time.value);
    } else {
        json_object_set_null_member(object, "postcopy-time");
    }
    json_object_set_boolean_member(object, "postcopy-better", plan->postcopy_better);
    json_object_set_string_member(object, "recommendation", plan->recommendation);
    return object;
}

static JsonArray *
make_notes(const PredictResult *result)
{
    g_autoptr(GPtrArray) notes = predict_notes(result);
    JsonArray *array = json_array_new();

    for (guint i = 0; i < notes->len; i++) {
        json_array_add_string_element(array, g_ptr_array_index(notes, i));
    }
    return array;
}

/**
 * predict_print_json: print predictions as one line of JSON
 * @result: the predictions
 */
void
predict_print_json(const PredictResult *result)
{
    JsonObject *object = json_object_new();
    g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
    g_autofree char *file = g_utf8_make_valid(result->file, -1);
    g_autofree char *text = NULL;

    json_object_set_string_member(object, "file", file);
    json_object_set_int_member(object, "measurement", result->number);
    set_number(object, "memory", result->memory);
    set_number(object, "measured", result->longest);
    json_object_set_array_member(object, "cells", make_cells(result));
    json_object_set_object_member(object, "plan", make_plan(result));
    json_object_set_array_member(object, "notes", make_notes(result));
    json_node_take_object(root, object);
    text = json_to_string(root, FALSE);
    printf("%s\n", text);
}
