/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the dirty rate commands: exact requests, and replies of every QEMU since 5.2.
 */
#include <string.h>

#include "dirty-curve.h"
#include "dirty-qmp.h"

/**
 * Exchange: one request that must come and the reply to it
 * @request: the exact request
 * @reply: the reply, or NULL to lose the connection
 */
typedef struct {
    const char *request;
    const char *reply;
} Exchange;

#define QUERY_MS                                                                                   \
 "{\"execute\":\"query-dirty-rate\",\"arguments\":{\"calc-time-unit\":\"millisecond\"}}"
#define QUERY_S "{\"execute\":\"query-dirty-rate\"}"
#define CANCEL "{\"execute\":\"cancel-dirty-rate\"}"
#define OK "{\"return\": {}, \"id\": \"libvirt-41\"}"
#define QMP_ERROR(class, desc) "{\"error\": {\"class\": \"" class "\", \"desc\": \"" desc "\"}}"
#define UNEXPECTED(arg) QMP_ERROR("GenericError", "Parameter '" arg "' is unexpected")
#define NOT_FOUND(cmd) QMP_ERROR("CommandNotFound", "The command " cmd " has not been found")

static char *
fake_send(const char *request, void *opaque, GError **error)
{
    const Exchange **next = opaque;
    const Exchange *exchange = (*next)++;

    g_assert_cmpstr(request, ==, exchange->request);
    if (!exchange->reply) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_IO, "connection lost");
        return NULL;
    }
    return g_strdup(exchange->reply);
}

static void
assert_error(const GError *error, int code, const char *text)
{
    g_assert_error(error, DIRTY_ERROR, code);
    if (!strstr(error->message, text)) {
        g_error("'%s' is not in the message '%s'", text, error->message);
    }
}

typedef struct {
    DirtyMeasurementRequest request;
    Exchange exchange;
    int code; /* -1: must succeed */
    const char *text;
} CalcCase;

#define CALC(arguments) "{\"execute\":\"calc-dirty-rate\",\"arguments\":{" arguments "}}"

static const CalcCase calc_cases[] = {
    {{1000, DIRTY_MODE_PAGE_SAMPLING, 0, FALSE}, {CALC("\"calc-time\":1"), OK}, -1, NULL},
    {{60000, DIRTY_MODE_PAGE_SAMPLING, 0, FALSE}, {CALC("\"calc-time\":60"), OK}, -1, NULL},
    {{50, DIRTY_MODE_PAGE_SAMPLING, 16384, FALSE},
     {CALC("\"calc-time\":50,\"calc-time-unit\":\"millisecond\",\"sample-pages\":16384"), OK},
     -1,
     NULL},
    {{2000, DIRTY_MODE_DIRTY_BITMAP, 0, FALSE},
     {CALC("\"calc-time\":2,\"mode\":\"dirty-bitmap\""), OK},
     -1,
     NULL},
    {{2500, DIRTY_MODE_DIRTY_RING, 0, FALSE},
     {CALC("\"calc-time\":2500,\"calc-time-unit\":\"millisecond\",\"mode\":\"dirty-ring\""), OK},
     -1,
     NULL},
    /* What the caller got wrong is never sent. */
    {{49, DIRTY_MODE_PAGE_SAMPLING, 0, FALSE}, {NULL, NULL}, DIRTY_ERROR_INVALID, "49"},
    {{60001, DIRTY_MODE_PAGE_SAMPLING, 0, FALSE}, {NULL, NULL}, DIRTY_ERROR_INVALID, "60001"},
    {{-1, DIRTY_MODE_PAGE_SAMPLING, 0, FALSE}, {NULL, NULL}, DIRTY_ERROR_INVALID, "-1"},
    {{1000, DIRTY_MODE_PAGE_SAMPLING, 127, FALSE}, {NULL, NULL}, DIRTY_ERROR_INVALID, "127"},
    {{1000, DIRTY_MODE_PAGE_SAMPLING, -1, FALSE}, {NULL, NULL}, DIRTY_ERROR_INVALID, "-1"},
    {{1000, DIRTY_MODE_DIRTY_RING, 512, FALSE}, {NULL, NULL}, DIRTY_ERROR_INVALID, "dirty-ring"},
    {{1000, DIRTY_MODE_LAST, 0, FALSE}, {NULL, NULL}, DIRTY_ERROR_INVALID, "mode"},
    /* What QEMU answers. */
    {{1000, DIRTY_MODE_PAGE_SAMPLING, 0, FALSE},
     {CALC("\"calc-time\":1"), NOT_FOUND("calc-dirty-rate")},
     DIRTY_ERROR_UNSUPPORTED,
     "'calc-dirty-rate': it needs QEMU 5.2"},
    {{500, DIRTY_MODE_PAGE_SAMPLING, 0, FALSE},
     {CALC("\"calc-time\":500,\"calc-time-unit\":\"millisecond\""), UNEXPECTED("calc-time-unit")},
     DIRTY_ERROR_UNSUPPORTED,
     "'calc-time-unit' of 'calc-dirty-rate': it needs QEMU 8.2"},
    {{1000, DIRTY_MODE_DIRTY_RING, 0, FALSE},
     {CALC("\"calc-time\":1,\"mode\":\"dirty-ring\""), UNEXPECTED("mode")},
     DIRTY_ERROR_UNSUPPORTED,
     "'mode' of 'calc-dirty-rate': it needs QEMU 6.2"},
    {{1000, DIRTY_MODE_PAGE_SAMPLING, 128, FALSE},
     {CALC("\"calc-time\":1,\"sample-pages\":128"), UNEXPECTED("sample-pages")},
     DIRTY_ERROR_UNSUPPORTED,
     "'sample-pages' of 'calc-dirty-rate': it needs QEMU 6.1"},
    {{1000, DIRTY_MODE_PAGE_SAMPLING, 0, FALSE},
     {CALC("\"calc-time\":1"),
      QMP_ERROR("GenericError", "the dirty rate is already being measured.")},
     DIRTY_ERROR_BUSY,
     "already running"},
    {{1000, DIRTY_MODE_PAGE_SAMPLING, 0, FALSE},
     {CALC("\"calc-time\":1"),
      QMP_ERROR("GenericError", "dirty page rate is already being measured: wait for the result "
                                "or end it with cancel-dirty-rate")},
     DIRTY_ERROR_BUSY,
     "already running"},
    {{1000, DIRTY_MODE_DIRTY_RING, 0, FALSE},
     {CALC("\"calc-time\":1,\"mode\":\"dirty-ring\""),
      QMP_ERROR("GenericError", "mode dirty-ring is not enabled, use other method instead.")},
     DIRTY_ERROR_MONITOR,
     "mode dirty-ring is not enabled"},
    {{1000, DIRTY_MODE_PAGE_SAMPLING, 0, FALSE},
     {CALC("\"calc-time\":1"), "{}"},
     DIRTY_ERROR_BAD_REPLY,
     "'return'"},
    {{1000, DIRTY_MODE_PAGE_SAMPLING, 0, FALSE},
     {CALC("\"calc-time\":1"), "{\"return\": 1}"},
     DIRTY_ERROR_BAD_REPLY,
     "'return'"},
    {{1000, DIRTY_MODE_PAGE_SAMPLING, 0, FALSE},
     {CALC("\"calc-time\":1"), NULL},
     DIRTY_ERROR_IO,
     "lost"},
};

static void
test_calc(gconstpointer data)
{
    const CalcCase *c = data;
    const Exchange *next = &c->exchange;
    DirtyQmp qmp = {fake_send, &next};
    g_autoptr(GError) error = NULL;
    gboolean ok = dirty_qmp_calc_dirty_rate(&qmp, &c->request, &error);

    g_assert_true(next == &c->exchange + (c->exchange.request ? 1 : 0));
    g_assert_cmpint(ok, ==, c->code == -1);
    if (ok) {
        g_assert_no_error(error);
    } else {
        assert_error(error, c->code, c->text);
    }
}

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
test_cancel(void)
{
    const Exchange exchanges[] = {
        {CANCEL, OK},
        {CANCEL, NOT_FOUND("cancel-dirty-rate")},
        {CANCEL, "[]"},
        {CANCEL, "{\"error\": {\"class\": \"GenericError\"}}"},
        {CANCEL, "{\"error\": null}"},
    };
    const Exchange *next = exchanges;
    DirtyQmp qmp = {fake_send, &next};
    GError *error = NULL;

    g_assert_true(dirty_qmp_cancel_dirty_rate(&qmp, &error));
    g_assert_no_error(error);
    g_assert_false(dirty_qmp_cancel_dirty_rate(&qmp, &error));
    assert_error(error, DIRTY_ERROR_UNSUPPORTED,
                 "'cancel-dirty-rate': it needs QEMU with the libvirt-dirty patch");
    g_clear_error(&error);
    g_assert_false(dirty_qmp_cancel_dirty_rate(&qmp, &error));
    assert_error(error, DIRTY_ERROR_BAD_REPLY, "no object");
    g_clear_error(&error);
    g_assert_false(dirty_qmp_cancel_dirty_rate(&qmp, &error));
    assert_error(error, DIRTY_ERROR_BAD_REPLY, "'class' and 'desc'");
    g_clear_error(&error);
    g_assert_false(dirty_qmp_cancel_dirty_rate(&qmp, &error));
    assert_error(error, DIRTY_ERROR_BAD_REPLY, "'class' and 'desc'");
    g_clear_error(&error);
    /* A caller that does not want to know why is served too. */
    next = exchanges + 1;
    g_assert_false(dirty_qmp_cancel_dirty_rate(&qmp, NULL));
}

/* The reply published with the 2023 series, bare and as a monitor would wrap it. */
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
    for (i = 0; i < G_N_ELEMENTS(calc_cases); i++) {
        g_autofree char *path = g_strdup_printf("/qmp/calc/%zu", i);

        g_test_add_data_func(path, &calc_cases[i], test_calc);
    }
    for (i = 0; i < G_N_ELEMENTS(query_cases); i++) {
        g_autofree char *path = g_strdup_printf("/qmp/query/%s", query_cases[i].name);

        g_test_add_data_func(path, &query_cases[i], test_query);
    }
    g_test_add_func("/qmp/cancel", test_cancel);
    g_test_add_func("/qmp/published-sample", test_published_sample);
    return g_test_run();
}
