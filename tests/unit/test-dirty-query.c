/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of query-dirty-rate: replies of every QEMU since 5.2.
 */
#include "dirty-curve.h"
#include "fake-qmp.h"

typedef struct {
    const char *name;
    Exchange exchanges[2];
    DirtyMeasurement expected;
    int code; /* 0: must give @expected; else the error, which is never 0 here */
    const char *text;
} QueryCase;

G_STATIC_ASSERT(DIRTY_ERROR_INVALID == 0);

static const QueryCase query_cases[] = {
    {"5.2 unstarted",
     {{QUERY_MS, UNEXPECTED("calc-time-unit")},
      {QUERY_S, "{\"return\": {\"status\": \"unstarted\", \"dirty-rate\": -1, \"start-time\": 0, "
                "\"calc-time\": 0}}"}},
     {.status = DIRTY_STATUS_UNSTARTED},
     0,
     NULL},
    {"5.2 measured",
     {{QUERY_MS, UNEXPECTED("calc-time-unit")},
      {QUERY_S,
       "{\"return\": {\"status\": \"measured\", \"dirty-rate\": 108, \"start-time\": 2916750, "
       "\"calc-time\": 10}}"}},
     {.status = DIRTY_STATUS_MEASURED,
      .start_time = 0,
      .calc_time = 10000,
      .has_rate = TRUE,
      .rate = 108},
     0,
     NULL},
    {"6.2 measuring with a ring",
     {{QUERY_MS, UNEXPECTED("calc-time-unit")},
      {QUERY_S,
       "{\"return\": {\"status\": \"measuring\", \"sample-pages\": 512, \"mode\": \"dirty-ring\", "
       "\"start-time\": 3665220, \"calc-time\": 10}}"}},
     {.status = DIRTY_STATUS_MEASURING,
      .mode = DIRTY_MODE_DIRTY_RING,
      .start_time = 0,
      .calc_time = 10000},
     0,
     NULL},
    {"6.2 measured with a ring",
     {{QUERY_MS, UNEXPECTED("calc-time-unit")},
      {QUERY_S,
       "{\"return\": {\"status\": \"measured\", \"sample-pages\": 0, \"dirty-rate\": 12, "
       "\"mode\": \"dirty-ring\", \"start-time\": 3665220, \"calc-time\": 1, "
       "\"vcpu-dirty-rate\": [{\"id\": 0, \"dirty-rate\": 5}, {\"id\": 2, \"dirty-rate\": 7}]}}"}},
     {.status = DIRTY_STATUS_MEASURED,
      .mode = DIRTY_MODE_DIRTY_RING,
      .start_time = 0,
      .calc_time = 1000,
      .has_rate = TRUE,
      .rate = 12,
      .n_vcpus = 2,
      .vcpus = (DirtyVcpuRate[]){{0, 5, NULL}, {2, 7, NULL}}},
     0,
     NULL},
    {"8.2 measured with a bitmap",
     {{QUERY_MS, "{\"return\": {\"status\": \"measured\", \"sample-pages\": 0, \"dirty-rate\": 7, "
                 "\"mode\": \"dirty-bitmap\", \"start-time\": 1693900454, \"calc-time\": 501, "
                 "\"calc-time-unit\": \"millisecond\"}, \"id\": \"libvirt-12\"}"}},
     {.status = DIRTY_STATUS_MEASURED,
      .mode = DIRTY_MODE_DIRTY_BITMAP,
      .start_time = 1693900454,
      .calc_time = 501,
      .has_rate = TRUE,
      .rate = 7},
     0,
     NULL},
    {"10.0 measuring",
     {{QUERY_MS, "{\"return\": {\"status\": \"measuring\", \"sample-pages\": 512, \"mode\": "
                 "\"page-sampling\", \"start-time\": 1693900454, \"calc-time\": 10000, "
                 "\"calc-time-unit\": \"millisecond\"}}"}},
     {.status = DIRTY_STATUS_MEASURING,
      .start_time = 1693900454,
      .calc_time = 10000,
      .sample_pages = 512},
     0,
     NULL},
    {"ours",
     {{QUERY_MS,
       "{\"return\": {\"status\": \"measured\", \"sample-pages\": 512, \"dirty-rate\": 108, "
       "\"mode\": \"page-sampling\", \"start-time\": 1693900454, \"calc-time\": 251, "
       "\"calc-time-unit\": \"millisecond\", \"page-size\": 4096, \"n-total-pages\": 131072, "
       "\"n-sampled-pages\": 256, \"n-zero-pages\": 9, \"periods\": [125, 251], "
       "\"n-dirty-pages\": [3, 14], \"a-later-member\": {\"periods\": [null, true, 1.5e3]}}}"}},
     {.status = DIRTY_STATUS_MEASURED,
      .start_time = 1693900454,
      .calc_time = 251,
      .sample_pages = 512,
      .has_rate = TRUE,
      .rate = 108,
      .has_counts = TRUE,
      .page_size = 4096,
      .n_total = 131072,
      .n_sampled = 256,
      .n_zero = 9,
      .n_periods = 2,
      .periods = (gint64[]){125, 251},
      .n_dirty = (guint64[]){3, 14}},
     0,
     NULL},
    {"4.2",
     {{QUERY_MS, NOT_FOUND("query-dirty-rate")}, {QUERY_S, NOT_FOUND("query-dirty-rate")}},
     {0},
     DIRTY_ERROR_UNSUPPORTED,
     "it needs QEMU 5.2"},
    {"refused", {{QUERY_MS, QMP_ERROR("GenericError", "no")}}, {0}, DIRTY_ERROR_MONITOR, "no"},
    {"lost", {{QUERY_MS, NULL}}, {0}, DIRTY_ERROR_IO, "connection lost"},
    {"lost at the second",
     {{QUERY_MS, UNEXPECTED("calc-time-unit")}, {QUERY_S, NULL}},
     {0},
     DIRTY_ERROR_IO,
     "connection lost"},
    {"cut off", {{QUERY_MS, "{\"return\": {\"sta"}}, {0}, DIRTY_ERROR_BAD_REPLY, "JSON"},
};

static void
assert_measurement(const DirtyMeasurement *m, const DirtyMeasurement *expected)
{
    gsize i;

    g_assert_cmpint(m->status, ==, expected->status);
    g_assert_cmpint(m->mode, ==, expected->mode);
    g_assert_cmpint(m->start_time, ==, expected->start_time);
    g_assert_cmpint(m->calc_time, ==, expected->calc_time);
    g_assert_cmpuint(m->sample_pages, ==, expected->sample_pages);
    g_assert_cmpint(m->has_rate, ==, expected->has_rate);
    g_assert_cmpfloat(m->rate, ==, expected->rate);
    g_assert_cmpint(m->has_counts, ==, expected->has_counts);
    g_assert_cmpuint(m->page_size, ==, expected->page_size);
    g_assert_cmpuint(m->n_total, ==, expected->n_total);
    g_assert_cmpuint(m->n_sampled, ==, expected->n_sampled);
    g_assert_cmpuint(m->n_zero, ==, expected->n_zero);
    g_assert_cmpuint(m->n_periods, ==, expected->n_periods);
    for (i = 0; i < m->n_periods; i++) {
        g_assert_cmpint(m->periods[i], ==, expected->periods[i]);
        g_assert_cmpuint(m->n_dirty[i], ==, expected->n_dirty[i]);
    }
    g_assert_cmpuint(m->n_vcpus, ==, expected->n_vcpus);
    for (i = 0; i < m->n_vcpus; i++) {
        g_assert_cmpint(m->vcpus[i].id, ==, expected->vcpus[i].id);
        g_assert_cmpfloat(m->vcpus[i].rate, ==, expected->vcpus[i].rate);
    }
}

static void
test_query(gconstpointer data)
{
    const QueryCase *c = data;
    const Exchange *next = c->exchanges;
    DirtyQmp qmp = {fake_send, &next};
    g_autoptr(GError) error = NULL;
    g_autoptr(DirtyMeasurement) m = dirty_qmp_query_dirty_rate(&qmp, &error);

    g_assert_true(next == c->exchanges + (c->exchanges[1].request ? 2 : 1));
    if (c->code) {
        g_assert_null(m);
        assert_error(error, c->code, c->text);
    } else {
        g_assert_no_error(error);
        assert_measurement(m, &c->expected);
    }
}

static void
test_published_sample(void)
{
    g_autofree char *path = g_build_filename(g_getenv("TEST_DATA"), "published-sample.json", NULL);
    g_autofree char *bare = NULL;
    g_autofree char *wrapped = NULL;
    const char *texts[2];
    g_autoptr(GError) error = NULL;
    gsize i;

    g_assert_true(g_file_get_contents(path, &bare, NULL, &error));
    g_assert_no_error(error);
    wrapped = g_strdup_printf("{\"id\": 1, \"return\": %s}\r\n", bare);
    texts[0] = bare;
    texts[1] = wrapped;

    for (i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(DirtyMeasurement) m = dirty_qmp_parse_dirty_rate(texts[i], &error);
        g_autoptr(DirtyCurve) curve = NULL;

        g_assert_no_error(error);
        g_assert_cmpint(m->status, ==, DIRTY_STATUS_MEASURED);
        g_assert_cmpint(m->mode, ==, DIRTY_MODE_PAGE_SAMPLING);
        /* Without calc-time-unit it is from a QEMU that counts this from the start of the host. */
        g_assert_cmpint(m->start_time, ==, 0);
        g_assert_cmpint(m->calc_time, ==, 60000);
        g_assert_cmpuint(m->sample_pages, ==, 512);
        g_assert_cmpfloat(m->rate, ==, 98);
        g_assert_cmpuint(m->page_size, ==, 4096);
        g_assert_cmpuint(m->n_total, ==, 8392704);
        g_assert_cmpuint(m->n_sampled, ==, 16392);
        g_assert_cmpuint(m->n_zero, ==, 10060);
        g_assert_cmpuint(m->n_periods, ==, 22);
        g_assert_cmpint(m->periods[9], ==, 4001);
        g_assert_cmpint(m->periods[21], ==, 60000);
        g_assert_cmpuint(m->n_dirty[0], ==, 33);
        g_assert_cmpuint(m->n_dirty[21], ==, 2958);

        curve = dirty_curve_new(m, &error);
        g_assert_no_error(error);
        g_assert_nonnull(curve);
    }
}

int
main(int argc, char **argv)
{
    gsize i;

    g_test_init(&argc, &argv, NULL);
    for (i = 0; i < G_N_ELEMENTS(query_cases); i++) {
        g_autofree char *path = g_strdup_printf("/query/%s", query_cases[i].name);

        g_test_add_data_func(path, &query_cases[i], test_query);
    }
    g_test_add_func("/query/published-sample", test_published_sample);
    return g_test_run();
}
