/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A prediction in words: how a migration goes, or why it does not end.
 */
#include "migration-explain.h"

#include <math.h>

#include "dirty-i18n.h"
#include "migration-table.h"

#define MIB (1024.0 * 1024.0)

/* Return: an amount with the digits that mean something, g_free() it */
static char *
format_number(double value)
{
    return g_strdup_printf("%.*f", value < 10 ? 1 : 0, value);
}

static char *
format_bytes(double bytes)
{
    g_autofree char *mib = format_number(bytes / MIB);

    return g_strdup_printf(_("%1$s MiB"), mib);
}

static char *
format_count(double count)
{
    return g_strdup_printf("%.0f", count);
}

/* Downtimes are compared with limits in ms, so they stay in it. */
static char *
format_ms(double ms)
{
    return isfinite(ms) ? g_strdup_printf(_("%1$.0f ms"), ms) : g_strdup("-");
}

/* Return: "value (low to high)", the bounds only where there are any */
static char *
format_estimate(const DirtyEstimate *estimate, char *(*format)(double))
{
    g_autofree char *value = format(estimate->value);
    g_autofree char *low = NULL;
    g_autofree char *high = NULL;

    if (estimate->low == estimate->high) {
        return g_steal_pointer(&value);
    }
    low = format(estimate->low);
    high = format(estimate->high);
    return g_strdup_printf(_("%1$s (%2$s to %3$s)"), value, low, high);
}

static void
explain_course(GString *out, const MigrationPrediction *prediction)
{
    g_autofree char *time =
        format_estimate(&prediction->total_time, migration_time_format);
    g_autofree char *passes =
        format_estimate(&prediction->passes, format_count);
    g_autofree char *bytes = format_estimate(&prediction->bytes, format_bytes);
    g_autofree char *downtime =
        format_estimate(&prediction->downtime, format_ms);

    g_string_append_printf(out,
                           _("done after %1$s; passes: %2$s; sent: %3$s; "
                             "downtime: %4$s"),
                           time, passes, bytes, downtime);
}

static void
explain_throttle(GString *out, const MigrationPrediction *prediction)
{
    if (prediction->throttle.value > 0) {
        g_string_append_printf(out,
                               _("; vCPUs lose %1$.0f %% of their time in "
                                 "the end"),
                               prediction->throttle.value * 100);
    }
}

static void
explain_postcopy(GString *out, const MigrationPrediction *prediction)
{
    g_autofree char *switched = NULL;
    g_autofree char *rest = NULL;

    if (prediction->postcopy_time <= 0) {
        return;
    }
    switched = migration_time_format(prediction->switch_time);
    rest = migration_time_format(prediction->postcopy_time);
    g_string_append_printf(out,
                           _("; switches to post-copy after %1$s, then takes "
                             "%2$s in which the guest waits for %3$.0f pages"),
                           switched, rest, prediction->postcopy_faults);
}

static void
explain_failure(GString *out, const MigrationPrediction *prediction,
                double bandwidth, double downtime_limit)
{
    g_autofree char *left = format_bytes(bandwidth * downtime_limit / 1000);

    switch (prediction->verdict) {
    case MIGRATION_DIRTIES_TOO_FAST:
        g_string_append(out, _("does not converge: memory is dirtied faster "
                               "than it is sent"));
        return;
    case MIGRATION_DOWNTIME_TOO_SHORT:
        g_string_append_printf(
            out,
            _("does not converge: the downtime limit lets %1$s be left, and "
              "the guest dirties more while the least is sent"),
            left);
        return;
    case MIGRATION_THROTTLE_EXHAUSTED:
        g_string_append(out, _("does not converge: memory is dirtied faster "
                               "than it is sent, and the guest cannot be "
                               "slowed down further"));
        return;
    case MIGRATION_TIME_LIMIT:
        g_string_append(out, _("does not converge in reasonable time: each "
                               "pass leaves little less than the one before"));
        return;
    case MIGRATION_CONVERGES:
    case MIGRATION_VERDICT_LAST:
    default:
        g_return_if_reached();
    }
}

static void
explain_doubts(GString *out, const MigrationPrediction *prediction)
{
    if (!migration_prediction_is_sure(prediction)) {
        g_string_append_printf(out,
                               _("; not sure: %1$.0f %% of the curves that "
                                 "fit the measurement say so"),
                               prediction->certainty * 100);
    }
    if (prediction->extrapolated) {
        g_string_append(out, _("; a pass takes longer than the measurement "
                               "has looked"));
    }
}

/**
 * migration_explain: a prediction in words
 * @prediction: the prediction
 * @bandwidth: what it was made for, bytes/s
 * @downtime_limit: likewise, ms
 *
 * Return: one line without its end, g_free() it
 */
char *
migration_explain(const MigrationPrediction *prediction, double bandwidth,
                  double downtime_limit)
{
    GString *out = g_string_new(NULL);

    if (prediction->verdict == MIGRATION_CONVERGES) {
        explain_course(out, prediction);
    } else {
        explain_failure(out, prediction, bandwidth, downtime_limit);
    }
    explain_throttle(out, prediction);
    explain_postcopy(out, prediction);
    explain_doubts(out, prediction);
    return g_string_free(out, FALSE);
}
