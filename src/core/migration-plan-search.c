/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inverts the model: the least or most of a setting under which a migration
 * converges.
 */
#include <math.h>

#include "dirty-limit-range.h"
#include "migration-list.h"
#include "migration-plan-priv.h"

/*
 * A value is found when it is known to five percent: no guest is as steady.
 * The nearer, the more passes it takes to see whether they get on.
 */
#define SEARCH_RATIO 1.05

/* Least bandwidth asked about, bytes/s: slower than any modem. */
#define BANDWIDTH_LEAST 1024.0

/*
 * More throttle is not always better: a sync may have to wait until the vCPUs
 * wake up. So where the most does not help, the guest is let run this much more
 * at a time, and so often.
 */
#define THROTTLE_LESS 2.0
#define THROTTLE_TRIES 6

/* One setting that can be searched. */
typedef struct {
    /* Its range, from where convergence is hardest to where it is easiest. */
    double hardest;
    double easiest;
    /* It takes whole multiples of this; 0: any value. */
    double step;
    /* Known to this quotient it is found, and to a step. */
    double ratio;
    /* How many milder values are tried where the easiest does not converge. */
    guint n_milder;
    void (*set)(MigrationSettings *settings, double value);
    /* What it is as asked; NULL where it is not used as long as none asks. */
    double (*get)(const MigrationSettings *settings);
    /* What it is to whoever reads the plan; NULL: the same. */
    double (*shown)(double value);
} PlanSetting;

/*
 * Where a rate limit holds the migration back, it is that limit that must be
 * higher, and the link only where it is slower still.
 */
static void
set_bandwidth(MigrationSettings *settings, double value)
{
    if (migration_plan_is_held_back(settings)) {
        settings->max_bandwidth = value;
        settings->bandwidth = MAX(settings->bandwidth, value);
        return;
    }
    settings->bandwidth = value;
    if (settings->max_bandwidth > 0) {
        settings->max_bandwidth = MAX(settings->max_bandwidth, value);
    }
}

static double
get_bandwidth(const MigrationSettings *settings)
{
    double value = migration_plan_is_held_back(settings)
                       ? settings->max_bandwidth
                       : settings->bandwidth;

    return CLAMP(value, BANDWIDTH_LEAST, MIGRATION_PLAN_BANDWIDTH_MAX);
}

static void
set_downtime(MigrationSettings *settings, double value)
{
    settings->downtime_limit = value;
}

static double
get_downtime(const MigrationSettings *settings)
{
    return CLAMP(settings->downtime_limit, 1, MIGRATION_DOWNTIME_MAX_MS);
}

/*
 * Throttles are searched by what percentage of its time a vCPU still runs: half
 * of that halves what it dirties, whatever it was.
 */
static double
throttle_of(double running)
{
    return (100 - running) / 100;
}

static void
set_running(MigrationSettings *settings, double value)
{
    if (value == 100) {
        settings->throttle = MIGRATION_THROTTLE_NONE;
        return;
    }
    settings->throttle = MIGRATION_THROTTLE_AUTO_CONVERGE;
    settings->throttle_initial = throttle_of(value);
    settings->throttle_max = throttle_of(value);
}

static void
set_dirty_limit(MigrationSettings *settings, double value)
{
    settings->throttle = MIGRATION_THROTTLE_DIRTY_LIMIT;
    settings->limit_from_start = TRUE;
    settings->vcpu_dirty_limit = value;
}

static const PlanSetting plan_settings[] = {
    [MIGRATION_PLAN_BANDWIDTH] = {BANDWIDTH_LEAST, MIGRATION_PLAN_BANDWIDTH_MAX,
                                  0, SEARCH_RATIO, 0, set_bandwidth,
                                  get_bandwidth},
    [MIGRATION_PLAN_DOWNTIME] = {1, MIGRATION_DOWNTIME_MAX_MS, 1, SEARCH_RATIO,
                                 0, set_downtime, get_downtime},
    [MIGRATION_PLAN_THROTTLE] = {100, 1, 1, 1, THROTTLE_TRIES, set_running,
                                 NULL, throttle_of},
    [MIGRATION_PLAN_DIRTY_LIMIT] = {DIRTY_LIMIT_MAX_MIBS, DIRTY_LIMIT_MIN_MIBS,
                                    1, SEARCH_RATIO, 0, set_dirty_limit, NULL},
};
G_STATIC_ASSERT(G_N_ELEMENTS(plan_settings) == MIGRATION_PLAN_LAST);

/* Whether a migration converges. */
typedef enum { OUTLOOK_FAILS, OUTLOOK_DOUBTFUL, OUTLOOK_CONVERGES } Outlook;

/* A migration of which one setting is tried at several values. */
typedef struct {
    const MigrationModel *model;
    const MigrationSettings *settings;
    const PlanSetting *setting;
    gboolean sure;
} PlanTrial;

static gboolean
converges(const PlanTrial *trial, double value)
{
    MigrationSettings settings = *trial->settings;
    MigrationPrediction prediction;

    trial->setting->set(&settings, value);
    /* What cannot be combined with the other settings is no way out. */
    if (!migration_settings_check(&settings, NULL)) {
        return FALSE;
    }
    if (trial->sure) {
        return migration_model_is_sure(trial->model, &settings);
    }
    return migration_model_predict(trial->model, &settings, FALSE, &prediction,
                                   NULL) &&
           prediction.verdict == MIGRATION_CONVERGES;
}

static double
to_step(const PlanSetting *setting, double value, double (*to)(double))
{
    return setting->step > 0 ? to(value / setting->step) * setting->step
                             : value;
}

/* Return: a value between two, a whole step where the setting has steps */
static double
between(const PlanSetting *setting, double a, double b)
{
    return to_step(setting, sqrt(a * b), round);
}

/* Whether nothing worth a trial lies between two values. */
static gboolean
is_narrow(const PlanSetting *setting, double a, double b)
{
    return MAX(a, b) <= MIN(a, b) * setting->ratio ||
           fabs(a - b) < setting->step * 1.5;
}

/*
 * Halves the range on a log scale. The easier end has always been seen to
 * converge and the harder one not to, so the result holds whatever the curve
 * looks like in between.
 *
 * Return: the value nearest to @hard that converges; @easy must
 */
static double
search_between(const PlanTrial *trial, double hard, double easy)
{
    while (!is_narrow(trial->setting, hard, easy)) {
        double middle = between(trial->setting, hard, easy);

        if (converges(trial, middle)) {
            easy = middle;
        } else {
            hard = middle;
        }
    }
    return easy;
}

/* Return: whether there is a @value that converges; the easiest there is */
static gboolean
find_easy(const PlanTrial *trial, double *value)
{
    const PlanSetting *setting = trial->setting;

    guint n_milder =
        migration_log_asks_vcpus(trial->settings->log) ? setting->n_milder : 0;

    *value = setting->easiest;
    for (guint i = 0; !converges(trial, *value); i++) {
        if (i == n_milder) {
            return FALSE;
        }
        *value *= THROTTLE_LESS;
    }
    return TRUE;
}

/*
 * @asked: where to begin, between hardest and easiest
 * @asked_converges: whether it does there
 *
 * Return: whether there is a @value that converges
 */
static gboolean
search(const PlanTrial *trial, double asked, gboolean asked_converges,
       double *value)
{
    const PlanSetting *setting = trial->setting;

    if (!asked_converges) {
        if (!find_easy(trial, value)) {
            return FALSE;
        }
        *value = search_between(trial, asked, *value);
    } else if (asked == setting->hardest ||
               converges(trial, setting->hardest)) {
        *value = setting->hardest;
    } else {
        *value = search_between(trial, setting->hardest, asked);
    }
    return TRUE;
}

/* Return: a value made easier by a factor, at least by a step */
static double
ease(const PlanSetting *setting, double value, double factor)
{
    if (setting->easiest < setting->hardest) {
        return MAX(to_step(setting, value / factor, floor), setting->easiest);
    }
    return MIN(
        to_step(setting, MAX(value * factor, value + setting->step), ceil),
        setting->easiest);
}

/*
 * Tries with bounds take longer, and how much is added for safety needs no more
 * than one digit: so a few steps serve.
 *
 * Return: a value that is safe; 0 where none of the steps is
 */
static double
search_sure(const PlanTrial *trial, double value)
{
    static const double factors[] = {1.25, 1.8, 3};

    for (gsize i = 0; i < G_N_ELEMENTS(factors); i++) {
        double eased = ease(trial->setting, value, factors[i]);

        if (converges(trial, eased)) {
            return eased;
        }
    }
    return 0;
}

/*
 * Where it only may converge as asked, what is sure has to be easier than that,
 * whatever serves by the best estimate.
 *
 * Return: as search_sure()
 */
static double
search_surer(const PlanTrial *trial, double asked)
{
    double value;

    if (trial->setting->get) {
        return search_sure(trial, asked);
    }
    return search(trial, asked, FALSE, &value) ? value : 0;
}

/* Return: as search_sure(), where @value serves by the best estimate */
static double
search_safe(const PlanTrial *trial, double asked, Outlook outlook, double value)
{
    if (outlook == OUTLOOK_DOUBTFUL) {
        return search_surer(trial, asked);
    }
    /* Where nothing is needed nothing has to be safer. */
    if (outlook == OUTLOOK_CONVERGES && !trial->setting->get) {
        return value;
    }
    return search_sure(trial, value);
}

static void
search_way(PlanTrial *trial, double asked, Outlook outlook,
           MigrationRemedy *remedy)
{
    double (*shown)(double) = trial->setting->shown;

    *remedy = (MigrationRemedy){FALSE, 0, 0};
    trial->sure = FALSE;
    remedy->exists =
        search(trial, asked, outlook != OUTLOOK_FAILS, &remedy->value);
    if (!remedy->exists) {
        return;
    }
    trial->sure = TRUE;
    remedy->sure = search_safe(trial, asked, outlook, remedy->value);
    if (shown) {
        remedy->value = shown(remedy->value);
        remedy->sure = remedy->sure > 0 ? shown(remedy->sure) : 0;
    }
}

static Outlook
outlook_of(const MigrationPrediction *prediction)
{
    if (prediction->verdict != MIGRATION_CONVERGES) {
        return OUTLOOK_FAILS;
    }
    return prediction->certainty < MIGRATION_SURE ? OUTLOOK_DOUBTFUL
                                                  : OUTLOOK_CONVERGES;
}

static Outlook
predict_outlook(const MigrationModel *model, const MigrationSettings *settings)
{
    MigrationPrediction prediction;

    return migration_model_predict(model, settings, TRUE, &prediction, NULL)
               ? outlook_of(&prediction)
               : OUTLOOK_FAILS;
}

/**
 * migration_plan_search: find what each setting must be
 * @model: the model of the guest
 * @settings: settings that passed migration_settings_check()
 * @asked: how it goes with them, with bounds
 * @ways: set to what it takes in each way, without post-copy
 */
void
migration_plan_search(const MigrationModel *model,
                      const MigrationSettings *settings,
                      const MigrationPrediction *asked,
                      MigrationRemedy ways[MIGRATION_PLAN_LAST])
{
    MigrationSettings precopy = *settings;
    MigrationSettings slower;
    MigrationSettings plain;
    Outlook precopy_outlook;
    Outlook plain_outlook;

    precopy.postcopy = FALSE;
    plain = precopy;
    plain.throttle = MIGRATION_THROTTLE_NONE;
    plain.limit_from_start = FALSE;
    precopy_outlook = settings->postcopy ? predict_outlook(model, &precopy)
                                         : outlook_of(asked);
    /* Nobody waits longer for it because the link is slower. */
    slower = precopy;
    if (precopy_outlook != OUTLOOK_FAILS) {
        slower.time_limit = migration_model_patience(model, &precopy);
    }
    plain_outlook = precopy.throttle == MIGRATION_THROTTLE_NONE
                        ? precopy_outlook
                        : predict_outlook(model, &plain);
    for (gsize i = 0; i < MIGRATION_PLAN_LAST; i++) {
        const PlanSetting *setting = &plan_settings[i];
        PlanTrial trial = {
            .model = model,
            .settings = i == MIGRATION_PLAN_BANDWIDTH ? &slower : &precopy,
            .setting = setting,
        };
        /* What has no value of its own begins where it is not used at all. */
        gboolean own = setting->get != NULL;
        double from = own ? setting->get(&precopy) : setting->hardest;

        if (i == MIGRATION_PLAN_DIRTY_LIMIT && !settings->limitable) {
            ways[i] = (MigrationRemedy){FALSE, 0, 0};
            continue;
        }
        search_way(&trial, from, own ? precopy_outlook : plain_outlook,
                   &ways[i]);
    }
}
