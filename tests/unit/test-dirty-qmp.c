/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the commands that start and end a measurement: exact requests, and what errors mean.
 */
#include "fake-qmp.h"

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
    {{2000, DIRTY_MODE_PAGE_SAMPLING, 0, TRUE},
     {CALC("\"calc-time\":2,\"compression\":true"), OK},
     -1,
     NULL},
    /* What the caller got wrong is never sent. */
    {{1000, DIRTY_MODE_AUTO, 0, FALSE}, {NULL, NULL}, DIRTY_ERROR_INVALID, "mode"},
    {{1000, DIRTY_MODE_DIRTY_BITMAP, 0, TRUE}, {NULL, NULL}, DIRTY_ERROR_INVALID, "compress"},
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
    {{1000, DIRTY_MODE_PAGE_SAMPLING, 0, TRUE},
     {CALC("\"calc-time\":1,\"compression\":true"), UNEXPECTED("compression")},
     DIRTY_ERROR_UNSUPPORTED,
     "'compression' of 'calc-dirty-rate': it needs QEMU with the libvirt-dirty patch"},
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
#define COMMANDS "{\"execute\":\"query-commands\"}"

static void
test_patched(void)
{
    const struct {
        const char *reply;
        int code; /* -1: must succeed */
        gboolean patched;
    } table[] = {
        {"{\"return\": [{\"name\": \"stop\"}, {\"name\": \"cancel-dirty-rate\"}]}", -1, TRUE},
        {"{\"return\": [{\"name\": \"stop\"}, {\"name\": \"calc-dirty-rate\"}]}", -1, FALSE},
        {"{\"return\": []}", -1, FALSE},
        {"{\"return\": [1, {}, {\"name\": 1}, [\"cancel-dirty-rate\"]]}", -1, FALSE},
        {"{\"return\": {\"name\": \"cancel-dirty-rate\"}}", DIRTY_ERROR_BAD_REPLY, FALSE},
        {"{}", DIRTY_ERROR_BAD_REPLY, FALSE},
        {QMP_ERROR("GenericError", "no"), DIRTY_ERROR_MONITOR, FALSE},
        {NULL, DIRTY_ERROR_IO, FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        const Exchange exchange = {COMMANDS, table[i].reply};
        const Exchange *next = &exchange;
        DirtyQmp qmp = {fake_send, &next};
        g_autoptr(GError) error = NULL;
        gboolean patched = !table[i].patched;
        gboolean ok = dirty_qmp_query_patched(&qmp, &patched, &error);

        g_assert_cmpint(ok, ==, table[i].code == -1);
        if (ok) {
            g_assert_no_error(error);
            g_assert_cmpint(patched, ==, table[i].patched);
        } else {
            g_assert_error(error, DIRTY_ERROR, table[i].code);
        }
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
    g_test_add_func("/qmp/patched", test_patched);
    g_test_add_func("/qmp/cancel", test_cancel);
    return g_test_run();
}
