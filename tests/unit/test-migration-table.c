/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of what a person sees of predictions: lists that are read, the table, the explanations.
 */
#include "migration-explain.h"
#include "migration-list.h"
#include "migration-table.h"

#include <math.h>
#include <string.h>

#define MIB (1024.0 * 1024.0)

/**
 * ListCase: a list that is read
 * @text: the list
 * @values: what it holds, ended by 0; none where it is no list
 * @labels: its labels with blanks and a bar between them, or what the error must say
 */
typedef struct {
    const char *text;
    double values[4];
    const char *labels;
} ListCase;

static const ListCase bandwidths[] = {
    {"100", {100 * MIB}, "100 MiB/s"},
    {"0.5,100MiB/s, 2 gib/s",
     {0.5 * MIB, 100 * MIB, 2048 * MIB},
     "0.5 MiB/s | 100 MiB/s | 2 GiB/s"},
    {"64KiB/s", {65536}, "64 KiB/s"},
    {"", {0}, "'' is no bandwidth"},
    {"100,", {0}, "'' is no bandwidth"},
    {",100", {0}, "'' is no bandwidth"},
    {"0", {0}, "'0' is no bandwidth: give MiB/s above 0 and below 953674316"},
    {"0gbit", {0}, "'0gbit' is no bandwidth"},
    {"-5", {0}, "'-5' is no bandwidth"},
    {"nan", {0}, "'nan' is no bandwidth"},
    {"inf", {0}, "'inf' is no bandwidth"},
    {"0x10", {0}, "'0x10' is no bandwidth"},
    {"1e3", {0}, "'1e3' is no bandwidth"},
    {"1.2.3", {0}, "'1.2.3' is no bandwidth"},
    {".", {0}, "'.' is no bandwidth"},
    {"5 bananas", {0}, "'5 bananas' is no bandwidth"},
    {"99999999999999999999", {0}, "'99999999999999999999' is no bandwidth"},
    {"0.0000000001", {0}, "'0.0000000001' is no bandwidth"},
};

static const ListCase downtimes[] = {
    {"300", {300}, "300 ms"},
    {"125,1s,unlimited", {125, 1000, INFINITY}, "125 ms | 1 s | unlimited"},
    {"1.5s, 20 ms", {1500, 20}, "1.5 s | 20 ms"},
    {"0", {0}, "'0' is no downtime limit: give whole milliseconds, 1 to 2000000"},
    {"0.5", {0}, "'0.5' is no downtime limit"},
    {"2000001", {0}, "'2000001' is no downtime limit"},
    {"-300", {0}, "'-300' is no downtime limit"},
    {"nan", {0}, "'nan' is no downtime limit"},
    {"300,,500", {0}, "'' is no downtime limit"},
};

static void
check_list(const ListCase *c, MigrationList *(*parse)(const char *, GError **))
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MigrationList) list = parse(c->text, &error);
    g_autofree char *labels = NULL;

    g_test_message("%s", c->text);
    if (c->values[0] == 0) {
        g_assert_null(list);
        g_assert_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, c->labels));
        return;
    }
    g_assert_no_error(error);
    labels = g_strjoinv(" | ", list->labels);
    g_assert_cmpstr(labels, ==, c->labels);
    for (gsize i = 0; i < list->n; i++) {
        g_assert_cmpfloat(list->values[i], ==, c->values[i]);
    }
    g_assert_cmpfloat(c->values[list->n], ==, 0);
}

static void
test_lists(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bandwidths); i++) {
        check_list(&bandwidths[i], migration_bandwidths_parse);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(downtimes); i++) {
        check_list(&downtimes[i], migration_downtimes_parse);
    }
}

/* A link is written in many ways, and loses what its packets' headers take. */
static void
test_links(void)
{
    static const struct {
        const char *text;
        double bits_per_s;
        const char *label;
    } links[] = {
        {"100mbit", 1e8, "100 Mbit/s"},    {"100Mbps", 1e8, "100 Mbit/s"},
        {"100 Mbit/s", 1e8, "100 Mbit/s"}, {"2.5gbit", 2.5e9, "2.5 Gbit/s"},
        {"10Gbps", 1e10, "10 Gbit/s"},     {"64kbit", 64000, "64 kbit/s"},
        {"64kbps", 64000, "64 kbit/s"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(links); i++) {
        g_autoptr(MigrationList) list = migration_bandwidths_parse(links[i].text, NULL);
        double payload = list->values[0];

        g_assert_cmpuint(list->n, ==, 1);
        g_assert_cmpstr(list->labels[0], ==, links[i].label);
        g_assert_cmpfloat(payload, <, links[i].bits_per_s / 8);
        g_assert_cmpfloat(payload, >, links[i].bits_per_s / 8 * 0.93);
    }
}

static void
test_long_lists(void)
{
    GString *text = g_string_new("1");
    g_autoptr(GError) error = NULL;
    MigrationList *list;

    for (int i = 1; i < MIGRATION_LIST_MAX; i++) {
        g_string_append_printf(text, ",%d", i + 1);
    }
    list = migration_bandwidths_parse(text->str, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(list->n, ==, MIGRATION_LIST_MAX);
    g_assert_cmpfloat(list->values[MIGRATION_LIST_MAX - 1], ==, MIGRATION_LIST_MAX * MIB);
    migration_list_free(list);

    for (int i = 0; i < 10000; i++) {
        g_string_append(text, ",1");
    }
    g_assert_null(migration_downtimes_parse(text->str, &error));
    g_assert_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "at most 1024 values"));
    g_string_free(text, TRUE);
}

static void
test_times(void)
{
    static const struct {
        double ms;
        const char *text;
    } times[] = {
        {0, "0.0s"},         {49, "0.0s"},       {51, "0.1s"},       {6960, "7.0s"},
        {59940, "59.9s"},    {59960, "1m00s"},   {100000, "1m40s"},  {1019000, "16m59s"},
        {3599400, "59m59s"}, {3599600, "1h00m"}, {3720000, "1h02m"}, {360000000, "100h00m"},
        {INFINITY, "-"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(times); i++) {
        g_autofree char *text = migration_time_format(times[i].ms);

        g_assert_cmpstr(text, ==, times[i].text);
    }
}

static MigrationPrediction
converging(double ms, double low, double high)
{
    return (MigrationPrediction){
        .verdict = MIGRATION_CONVERGES,
        .certainty = 1,
        .total_time = {ms, low, high},
        .downtime = {120, 100, 140},
        .passes = {4, 4, 4},
        .bytes = {300 * MIB, 300 * MIB, 310 * MIB},
    };
}

static MigrationPrediction
failing(MigrationVerdict verdict)
{
    MigrationPrediction prediction = converging(INFINITY, INFINITY, INFINITY);

    prediction.verdict = verdict;
    return prediction;
}

static void
test_table(void)
{
    static const char *const rows[] = {"100 Mbit/s", "2.5 Gbit/s", NULL};
    static const char *const columns[] = {"125 ms", "unlimited", NULL};
    MigrationPrediction cells[] = {
        failing(MIGRATION_DIRTIES_TOO_FAST),
        converging(1019000, 1018000, 1020000),
        failing(MIGRATION_TIME_LIMIT),
        converging(7000, 6800, INFINITY),
    };
    MigrationTable table = {rows, columns, cells, FALSE};
    g_autofree char *plain = migration_table_format(&table);
    g_autofree char *bounds = NULL;
    g_autofree char *marked = NULL;

    g_assert_cmpstr(plain, ==,
                    "              Downtime limit\n"
                    " Bandwidth    125 ms   unlimited\n"
                    "-----------------------------------\n"
                    " 100 Mbit/s   -        16m59s\n"
                    " 2.5 Gbit/s   -        7.0s\n");
    table.bounds = TRUE;
    bounds = migration_table_format(&table);
    g_assert_nonnull(strstr(bounds, " 100 Mbit/s   -        16m59s (16m58s to 17m00s)\n"));
    g_assert_nonnull(strstr(bounds, " 2.5 Gbit/s   -        7.0s (6.8s to -)\n"));

    table.bounds = FALSE;
    cells[1].extrapolated = TRUE;
    cells[2].certainty = 0.7;
    cells[3].certainty = 0.9;
    marked = migration_table_format(&table);
    g_assert_nonnull(strstr(marked, " 100 Mbit/s   -        ~16m59s\n"
                                    " 2.5 Gbit/s   -?       7.0s?\n"
                                    " ~ "));
    g_assert_nonnull(strstr(marked, "\n ? "));
}

/* Columns stay under each other where a translation has wide or composed letters. */
static void
test_table_width(void)
{
    static const char *const rows[] = {"a\xcc\x8a", "\xe5\xb8\xaf", NULL};
    static const char *const columns[] = {"1 ms", NULL};
    MigrationPrediction cells[] = {converging(1000, 1000, 1000), converging(2000, 2000, 2000)};
    MigrationTable table = {rows, columns, cells, FALSE};
    g_autofree char *text = migration_table_format(&table);

    g_assert_nonnull(strstr(text, "\n a\xcc\x8a           1.0s\n"));
    g_assert_nonnull(strstr(text, "\n \xe5\xb8\xaf          2.0s\n"));
}

static void
assert_explains(const MigrationPrediction *prediction, const char *text)
{
    g_autofree char *line = migration_explain(prediction, 100 * MIB, 300);

    g_assert_null(strchr(line, '\n'));
    if (!strstr(line, text)) {
        g_error("'%s' is not in '%s'", text, line);
    }
}

static void
test_explanations(void)
{
    MigrationPrediction p = converging(7000, 6800, 7300);

    assert_explains(&p, "done after 7.0s (6.8s to 7.3s); passes: 4; sent: 300 MiB (300 MiB to "
                        "310 MiB); downtime: 120 ms (100 ms to 140 ms)");
    p.throttle.value = 0.5;
    assert_explains(&p, "; vCPUs lose 50 % of their time");
    p.switch_time = 3000;
    p.postcopy_time = 4000;
    p.postcopy_faults = 1234;
    assert_explains(&p, "; switches to post-copy after 3.0s, then takes 4.0s in which the guest "
                        "waits for 1234 pages");
    p.certainty = 0.9;
    assert_explains(&p, "; not sure: 90 % of the curves");
    p.extrapolated = TRUE;
    assert_explains(&p, "; a pass takes longer than the measurement");

    for (int i = MIGRATION_CONVERGES + 1; i < MIGRATION_VERDICT_LAST; i++) {
        p = failing(i);
        assert_explains(&p, "does not converge");
    }
    p = failing(MIGRATION_DOWNTIME_TOO_SHORT);
    assert_explains(&p, "lets 30 MiB be left");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration-list/values", test_lists);
    g_test_add_func("/migration-list/links", test_links);
    g_test_add_func("/migration-list/long", test_long_lists);
    g_test_add_func("/migration-table/times", test_times);
    g_test_add_func("/migration-table/text", test_table);
    g_test_add_func("/migration-table/width", test_table_width);
    g_test_add_func("/migration-table/explanations", test_explanations);
    return g_test_run();
}
