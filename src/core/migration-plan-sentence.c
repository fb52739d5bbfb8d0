/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The recommendation: one sentence of what to do about a migration.
 */
#include <math.h>

#include "dirty-i18n.h"
#include "migration-plan-priv.h"
#include "migration-table.h"

#define MIB (1024.0 * 1024.0)
#define BITS_PER_KBIT 1e3
#define BITS_PER_MBIT 1e6
#define BITS_PER_GBIT 1e9

/* Digits of the values that are recommended: nobody sets 873 ms. */
#define DIGITS 2

/* A link's rate has no more digits than this; 2.5 Gbit/s has two. */
#define LINK_DIGITS 3

/*
 * How near a bandwidth must be to what a link of a round rate carries to be
 * taken for it, as a share. It only has to allow for rounding on the way.
 */
#define LINK_TOLERANCE 1e-12

/*
 * Longest downtime that is recommended while there is another way, ms: about
 * when clients of a guest give up waiting for it.
 */
#define DOWNTIME_BEARABLE_MS 10000.0

/* A link that is this share of the one asked about is worth mentioning. */
#define ENOUGH 0.8

/* Return: a value that a decimal place is taken off, up or down */
static double
round_digits(double value, int digits, double (*to)(double))
{
    double unit = pow(10, floor(log10(value)) + 1 - digits);

    /* What is round already must not be pushed on by the last bit. */
    return to(value / unit * (1 - copysign(1e-12, to(0.5) - 0.5))) * unit;
}

/* Return: the rate of the link that carries this, bits/s; 0: no round one */
static double
link_rate(double bandwidth)
{
    const guint frames[] = {MIGRATION_FRAME_ETHERNET, MIGRATION_FRAME_SHAPED};

    for (gsize i = 0; i < G_N_ELEMENTS(frames); i++) {
        double bits = bandwidth / migration_link_payload(
                                      1, MIGRATION_MTU_DEFAULT, frames[i]);
        double nearest = round_digits(bits, LINK_DIGITS, round);

        if (fabs(bits - nearest) <= nearest * LINK_TOLERANCE) {
            return nearest;
        }
    }
    return 0;
}

static char *
format_bits(double bits)
{
    if (bits < BITS_PER_MBIT) {
        return g_strdup_printf(_("%1$g kbit/s"), bits / BITS_PER_KBIT);
    }
    if (bits < BITS_PER_GBIT) {
        return g_strdup_printf(_("%1$g Mbit/s"), bits / BITS_PER_MBIT);
    }
    return g_strdup_printf(_("%1$g Gbit/s"), bits / BITS_PER_GBIT);
}

/* In the unit in which it was asked about, as far as that can be told. */
static char *
format_asked_bandwidth(double bandwidth)
{
    double bits = link_rate(bandwidth);

    return bits > 0 ? format_bits(bits)
                    : g_strdup_printf(
                          _("%1$g MiB/s"),
                          round_digits(bandwidth / MIB, LINK_DIGITS, round));
}

/* Rounded up, and in the unit of the bandwidth that was asked about. */
static char *
format_needed_bandwidth(double bandwidth, double asked)
{
    double bits = link_rate(asked);

    if (bits > 0) {
        return format_bits(
            round_digits(bandwidth * bits / asked, DIGITS, ceil));
    }
    return g_strdup_printf(_("%1$g MiB/s"),
                           round_digits(bandwidth / MIB, DIGITS, ceil));
}

static char *
format_downtime(double ms)
{
    return ms < DOWNTIME_BEARABLE_MS ? g_strdup_printf(_("%1$g ms"), ms)
                                     : migration_time_format(ms);
}

/* What to set: what suits nearly all cases, else what suits the likely one. */
static double
remedy_value(const MigrationPlan *plan, MigrationPlanWay way)
{
    const MigrationRemedy *remedy = &plan->ways[way];

    return remedy->sure > 0 ? remedy->sure : remedy->value;
}

/*
 * Whether a way helps. What is not sure to is named only where nothing is, and
 * never where it may converge without it.
 */
static gboolean
is_advisable(const MigrationPlan *plan, MigrationPlanWay way)
{
    gboolean any_sure = plan->has_postcopy;

    for (gsize i = 0; i < MIGRATION_PLAN_LAST; i++) {
        any_sure = any_sure || plan->ways[i].sure > 0;
    }
    return plan->ways[way].exists &&
           (plan->ways[way].sure > 0 ||
            (!any_sure && plan->asked.verdict != MIGRATION_CONVERGES));
}

/* Takes over @next, and leaves it out where it is NULL. */
static void
append_choice(char **choices, char *next)
{
    g_autofree char *before = *choices;
    g_autofree char *behind = next;

    if (before && behind) {
        *choices = g_strdup_printf(_("%1$s, or %2$s"), before, behind);
    } else {
        *choices = before ? g_steal_pointer(&before) : g_steal_pointer(&behind);
    }
}

static char *
advise_downtime(const MigrationPlan *plan)
{
    double ms = remedy_value(plan, MIGRATION_PLAN_DOWNTIME);
    g_autofree char *text = NULL;

    if (!is_advisable(plan, MIGRATION_PLAN_DOWNTIME) ||
        ms > DOWNTIME_BEARABLE_MS) {
        return NULL;
    }
    text = format_downtime(round_digits(ms, DIGITS, ceil));
    return g_strdup_printf(_("allow %1$s downtime"), text);
}

static char *
advise_bandwidth(const MigrationPlan *plan, const MigrationSettings *settings)
{
    double value = remedy_value(plan, MIGRATION_PLAN_BANDWIDTH);
    g_autofree char *text = NULL;

    if (!is_advisable(plan, MIGRATION_PLAN_BANDWIDTH)) {
        return NULL;
    }
    if (migration_plan_is_held_back(settings) && value < settings->bandwidth) {
        text = format_needed_bandwidth(value, settings->max_bandwidth);
        return g_strdup_printf(_("raise the bandwidth limit to %1$s"), text);
    }
    text = format_needed_bandwidth(value, settings->bandwidth);
    return g_strdup_printf(_("use at least %1$s"), text);
}

static char *
advise_slowing(const MigrationPlan *plan)
{
    if (is_advisable(plan, MIGRATION_PLAN_DIRTY_LIMIT)) {
        double limit = remedy_value(plan, MIGRATION_PLAN_DIRTY_LIMIT);

        return g_strdup_printf(_("limit vCPUs to %1$.0f MiB/s"),
                               round_digits(limit, DIGITS, floor));
    }
    if (is_advisable(plan, MIGRATION_PLAN_THROTTLE)) {
        double share = remedy_value(plan, MIGRATION_PLAN_THROTTLE);

        return g_strdup_printf(_("throttle vCPUs by %1$.0f %%"), share * 100);
    }
    return NULL;
}

static char *
advise_postcopy(const MigrationSettings *settings)
{
    return g_strdup(settings->channels > 0
                        ? _("use post-copy in place of parallel connections")
                        : _("use post-copy"));
}

/* Return: all that helps, in one phrase; NULL where nothing does */
static char *
advise(const MigrationPlan *plan, const MigrationSettings *settings)
{
    char *choices = NULL;
    gboolean can_switch = plan->has_postcopy && !settings->postcopy;

    if (can_switch && plan->postcopy_better) {
        append_choice(&choices, advise_postcopy(settings));
    }
    append_choice(&choices, advise_downtime(plan));
    append_choice(&choices, advise_bandwidth(plan, settings));
    append_choice(&choices, advise_slowing(plan));
    if (can_switch && !plan->postcopy_better) {
        append_choice(&choices, advise_postcopy(settings));
    }
    return choices;
}

static char *
describe_bandwidth(const MigrationSettings *settings)
{
    g_autofree char *link = format_asked_bandwidth(settings->bandwidth);
    g_autofree char *limit = NULL;

    if (!migration_plan_is_held_back(settings)) {
        return g_steal_pointer(&link);
    }
    limit = format_asked_bandwidth(settings->max_bandwidth);
    return g_strdup_printf(_("%1$s limited to %2$s"), link, limit);
}

/* The case that was asked about: "at 1 Gbit/s with 300 ms downtime" */
static char *
describe_case(const MigrationSettings *settings)
{
    g_autofree char *bandwidth = describe_bandwidth(settings);
    g_autofree char *downtime = NULL;

    if (!isfinite(settings->downtime_limit)) {
        return g_strdup_printf(_("at %1$s with unlimited downtime"), bandwidth);
    }
    downtime = format_downtime(settings->downtime_limit);
    return g_strdup_printf(_("at %1$s with %2$s downtime"), bandwidth,
                           downtime);
}

static char *
recommend_failing(const MigrationPlan *plan, const MigrationSettings *settings)
{
    g_autofree char *asked = describe_case(settings);
    g_autofree char *advice = advise(plan, settings);

    if (!advice) {
        return g_strdup_printf(_("does not converge %1$s, and no setting "
                                 "changes that: migrate when the guest "
                                 "writes less"),
                               asked);
    }
    if (plan->asked.certainty < MIGRATION_SURE) {
        return g_strdup_printf(_("probably does not converge %1$s: %2$s"),
                               asked, advice);
    }
    return g_strdup_printf(_("does not converge %1$s: %2$s"), asked, advice);
}

static char *
recommend_doubtful(const MigrationPlan *plan, const MigrationSettings *settings)
{
    g_autofree char *asked = describe_case(settings);
    g_autofree char *advice = advise(plan, settings);

    if (!advice) {
        return g_strdup_printf(_("may converge %1$s, which the measurement "
                                 "does not settle: measure for longer"),
                               asked);
    }
    return g_strdup_printf(_("may converge %1$s; to be sure, %2$s"), asked,
                           advice);
}

/* How it goes as asked: "converges at 1 Gbit/s with 300 ms downtime in 7.0s" */
static char *
describe_course(const MigrationPlan *plan, const MigrationSettings *settings)
{
    g_autofree char *asked = describe_case(settings);
    g_autofree char *time = migration_time_format(plan->asked.total_time.value);
    double slowed = plan->asked.throttle.value;

    if (settings->postcopy && plan->asked.postcopy_time > 0) {
        g_autofree char *moves = migration_time_format(plan->asked.switch_time);

        return g_strdup_printf(_("completes with post-copy %1$s in %2$s: the "
                                 "guest moves after %3$s"),
                               asked, time, moves);
    }
    if (slowed > 0) {
        return g_strdup_printf(_("converges %1$s in %2$s, with vCPUs slowed by "
                                 "%3$.0f %%"),
                               asked, time, slowed * 100);
    }
    return g_strdup_printf(_("converges %1$s in %2$s"), asked, time);
}

/* Whether it is worth saying that a slower link serves as well. */
static gboolean
serves_slower(const MigrationPlan *plan, const MigrationSettings *settings)
{
    /* With a throttle any link serves that the guest can be slowed down to. */
    return plan->ways[MIGRATION_PLAN_BANDWIDTH].exists && !settings->postcopy &&
           settings->throttle == MIGRATION_THROTTLE_NONE &&
           !migration_plan_is_held_back(settings) &&
           isfinite(settings->downtime_limit) &&
           remedy_value(plan, MIGRATION_PLAN_BANDWIDTH) <
               settings->bandwidth * ENOUGH;
}

static char *
recommend_converging(const MigrationPlan *plan,
                     const MigrationSettings *settings)
{
    g_autofree char *course = describe_course(plan, settings);

    if (plan->postcopy_better && !settings->postcopy) {
        g_autofree char *postcopy =
            migration_time_format(plan->postcopy.total_time.value);

        return g_strdup_printf(_("%1$s; post-copy would take %2$s and is "
                                 "better here"),
                               course, postcopy);
    }
    if (serves_slower(plan, settings)) {
        g_autofree char *enough = format_needed_bandwidth(
            remedy_value(plan, MIGRATION_PLAN_BANDWIDTH), settings->bandwidth);

        return g_strdup_printf(_("%1$s; %2$s would do"), course, enough);
    }
    return g_steal_pointer(&course);
}

/**
 * migration_plan_recommend: say what to do
 * @plan: the plan, all but its recommendation
 * @settings: how the migration is to go
 *
 * Return: one sentence, translated, g_free() it.
 */
char *
migration_plan_recommend(const MigrationPlan *plan,
                         const MigrationSettings *settings)
{
    if (plan->asked.verdict != MIGRATION_CONVERGES) {
        return recommend_failing(plan, settings);
    }
    if (plan->asked.certainty < MIGRATION_SURE) {
        return recommend_doubtful(plan, settings);
    }
    return recommend_converging(plan, settings);
}
