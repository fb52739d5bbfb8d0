/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the commands that limit vCPUs: exact requests, and what replies and errors mean.
 */
#include "bad-reply.h"
#include "dirty-qmp-limit.h"
#include "fake-qmp.h"

#define SET(arguments) "{\"execute\":\"set-vcpu-dirty-limit\",\"arguments\":{" arguments "}}"
#define END(arguments) "{\"execute\":\"cancel-vcpu-dirty-limit\",\"arguments\":{" arguments "}}"
#define QUERY "{\"execute\":\"query-vcpu-dirty-limit\"}"

/* What stock QEMU 10.0 says. */
#define STOCK_NO_RING                                                                              \
 QMP_ERROR("GenericError", "dirty page limit feature requires KVM with accelerator property "      \
                           "'dirty-ring-size' set'")
#define STOCK_MIGRATING                                                                            \
 QMP_ERROR("GenericError", "can't set dirty page rate limit while migration is running")
#define STOCK_CANCEL_MIGRATING                                                                     \
 QMP_ERROR("GenericError", "can't cancel dirty page rate limit while migration is running")
/* What ours says. */
#define PATCHED_MIGRATING                                                                          \
 QMP_ERROR("GenericError",                                                                         \
           "can't set dirty page rate limit while migration is running with capability "           \
           "'dirty-limit', which limits all vCPUs: wait for its end or cancel it")
#define PATCHED_NO_RING                                                                            \
 QMP_ERROR("GenericError",                                                                         \
           "a dirty page rate limit of one vCPU of several needs a dirty ring, which the KVM "     \
           "accelerator property 'dirty-ring-size' enables: without it only all vCPUs can be "     \
           "limited")
#define STOCK_BAD_INDEX QMP_ERROR("GenericError", "incorrect cpu index specified")

typedef struct {
    int vcpu;
    guint64 mibs;
    Exchange exchange;
    int code; /* -1: must succeed */
    const char *text;
} SetCase;

static const SetCase set_cases[] = {
    {DIRTY_VCPU_ALL, 1, {SET("\"dirty-rate\":1"), OK}, -1, NULL},
    {0, 200, {SET("\"cpu-index\":0,\"dirty-rate\":200"), OK}, -1, NULL},
    {7, DIRTY_LIMIT_MAX_MIBS, {SET("\"cpu-index\":7,\"dirty-rate\":1048576"), OK}, -1, NULL},
    {DIRTY_VCPU_ALL, 0, {END(""), OK}, -1, NULL},
    {3, 0, {END("\"cpu-index\":3"), OK}, -1, NULL},
    /* What the caller got wrong is never sent. */
    {0, DIRTY_LIMIT_MAX_MIBS + 1, {NULL, NULL}, DIRTY_ERROR_INVALID, "1048577 MiB/s"},
    {0, G_MAXUINT64, {NULL, NULL}, DIRTY_ERROR_INVALID, "1 to 1048576"},
    {-2, 5, {NULL, NULL}, DIRTY_ERROR_INVALID, "no vCPU -2"},
    {-2, 0, {NULL, NULL}, DIRTY_ERROR_INVALID, "no vCPU -2"},
    {G_MININT, 5, {NULL, NULL}, DIRTY_ERROR_INVALID, "no vCPU -2147483648"},
    /* What QEMU answers. */
    {0,
     5,
     {SET("\"cpu-index\":0,\"dirty-rate\":5"), STOCK_NO_RING},
     DIRTY_ERROR_UNSUPPORTED,
     "under KVM with the feature dirty-ring"},
    {0,
     5,
     {SET("\"cpu-index\":0,\"dirty-rate\":5"), NOT_FOUND("set-vcpu-dirty-limit")},
     DIRTY_ERROR_UNSUPPORTED,
     "'set-vcpu-dirty-limit': it needs QEMU 7.1"},
    {0,
     0,
     {END("\"cpu-index\":0"), NOT_FOUND("cancel-vcpu-dirty-limit")},
     DIRTY_ERROR_UNSUPPORTED,
     "'cancel-vcpu-dirty-limit': it needs QEMU 7.1"},
    {0,
     5,
     {SET("\"cpu-index\":0,\"dirty-rate\":5"), STOCK_MIGRATING},
     DIRTY_ERROR_BUSY,
     "limit of the migration: wait until it ends or cancel it"},
    {0,
     5,
     {SET("\"cpu-index\":0,\"dirty-rate\":5"), PATCHED_MIGRATING},
     DIRTY_ERROR_BUSY,
     "limit of the migration: wait until it ends or cancel it"},
    {0,
     5,
     {SET("\"cpu-index\":0,\"dirty-rate\":5"), PATCHED_NO_RING},
     DIRTY_ERROR_UNSUPPORTED,
     "one vCPU of several needs a dirty ring"},
    {DIRTY_VCPU_ALL, 0, {END(""), STOCK_CANCEL_MIGRATING}, DIRTY_ERROR_BUSY, "of the migration"},
    {9,
     5,
     {SET("\"cpu-index\":9,\"dirty-rate\":5"), STOCK_BAD_INDEX},
     DIRTY_ERROR_MONITOR,
     "QEMU refused 'set-vcpu-dirty-limit': incorrect cpu index"},
    {0, 5, {SET("\"cpu-index\":0,\"dirty-rate\":5"), NULL}, DIRTY_ERROR_IO, "lost"},
    {0,
     5,
     {SET("\"cpu-index\":0,\"dirty-rate\":5"), "{\"return\": []}"},
     DIRTY_ERROR_BAD_REPLY,
     "'return' is not an object"},
};

static void
test_set(gconstpointer data)
{
    const SetCase *c = data;
    const Exchange *next = &c->exchange;
    DirtyQmp qmp = {fake_send, &next};
    g_autoptr(GError) error = NULL;
    gboolean ok = dirty_qmp_set_vcpu_dirty_limit(&qmp, c->vcpu, c->mibs, &error);

    g_assert_true(next == &c->exchange + (c->exchange.request ? 1 : 0));
    g_assert_cmpint(ok, ==, c->code == -1);
    if (ok) {
        g_assert_no_error(error);
    } else {
        assert_error(error, c->code, c->text);
    }
}

static GArray *
query(const char *reply, GError **error)
{
    const Exchange exchange = {QUERY, reply};
    const Exchange *next = &exchange;
    DirtyQmp qmp = {fake_send, &next};

    return dirty_qmp_query_vcpu_dirty_limit(&qmp, error);
}

static void
assert_limit(GArray *limits, guint i, const DirtyVcpuLimit *expected)
{
    const DirtyVcpuLimit *limit = &g_array_index(limits, DirtyVcpuLimit, i);

    g_assert_cmpuint(limit->vcpu, ==, expected->vcpu);
    g_assert_cmpuint(limit->limit, ==, expected->limit);
    g_assert_cmpfloat(limit->rate, ==, expected->rate);
    g_assert_cmpint(limit->has_resting_share, ==, expected->has_resting_share);
    g_assert_cmpfloat(limit->resting_share, ==, expected->resting_share);
    g_assert_cmpint(limit->scope, ==, expected->scope);
}

static void
test_query_stock(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) limits =
        query("{\"return\": [{\"limit-rate\": 100, \"current-rate\": 256, \"cpu-index\": 2}, "
              "{\"limit-rate\": 20, \"current-rate\": 0, \"cpu-index\": 1}]}",
              &error);

    g_assert_no_error(error);
    g_assert_cmpuint(limits->len, ==, 2);
    assert_limit(limits, 0, &(DirtyVcpuLimit){.vcpu = 1, .limit = 20});
    assert_limit(limits, 1, &(DirtyVcpuLimit){.vcpu = 2, .limit = 100, .rate = 256});
}

static const char good[] =
    "{\"return\": [{\"cpu-index\": 0, \"limit-rate\": 200, \"current-rate\": 199, \"rate\": "
    "198.75, \"resting-share\": 0.5, \"scope\": \"vcpu\"}, {\"cpu-index\": 1, \"limit-rate\": 20, "
    "\"current-rate\": 3, \"rate\": 3, \"resting-share\": 0, \"scope\": \"guest\"}]}";

static void
test_query_patched(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) limits = query(good, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(limits->len, ==, 2);
    assert_limit(limits, 0,
                 &(DirtyVcpuLimit){.vcpu = 0,
                                   .limit = 200,
                                   .rate = 198.75,
                                   .has_resting_share = TRUE,
                                   .resting_share = 0.5,
                                   .scope = DIRTY_SCOPE_VCPU});
    assert_limit(limits, 1,
                 &(DirtyVcpuLimit){.vcpu = 1,
                                   .limit = 20,
                                   .rate = 3,
                                   .has_resting_share = TRUE,
                                   .scope = DIRTY_SCOPE_GUEST});
}

static void
test_query_none(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) limits = query("{\"return\": []}", &error);

    g_assert_no_error(error);
    g_assert_cmpuint(limits->len, ==, 0);
}

static void
test_query_refused(void)
{
    static const struct {
        const char *reply;
        int code;
        const char *text;
    } table[] = {
        {NOT_FOUND("query-vcpu-dirty-limit"), DIRTY_ERROR_UNSUPPORTED, "it needs QEMU 7.1"},
        {QMP_ERROR("GenericError", "no"), DIRTY_ERROR_MONITOR, "'query-vcpu-dirty-limit': no"},
        {NULL, DIRTY_ERROR_IO, "lost"},
        {"{\"return\": {}}", DIRTY_ERROR_BAD_REPLY, "'return' is not an array"},
        {"{}", DIRTY_ERROR_BAD_REPLY, "'return' is not an array"},
        {"[]", DIRTY_ERROR_BAD_REPLY, "no object"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(query(table[i].reply, &error));
        assert_error(error, table[i].code, table[i].text);
    }
}

static const BadCase bad_cases[] = {
    /* missing */
    {"\"cpu-index\": 0, ", "", "'return[0].cpu-index' in QEMU's reply: missing"},
    {"\"limit-rate\": 200, ", "", "'return[0].limit-rate'"},
    {", \"current-rate\": 199", "", "'return[0].current-rate'"},
    /* of a wrong type */
    {"{\"cpu-index\": 1,", "7, {\"cpu-index\": 1,", "'return[1]' in QEMU's reply: not"},
    {"\"cpu-index\": 0", "\"cpu-index\": \"0\"", "'return[0].cpu-index'"},
    {"\"limit-rate\": 200", "\"limit-rate\": 200.5", "'return[0].limit-rate'"},
    {"\"current-rate\": 199", "\"current-rate\": null", "'return[0].current-rate'"},
    {"198.75", "\"fast\"", "'return[0].rate'"},
    {"0.5", "true", "'return[0].resting-share'"},
    {"\"vcpu\"", "1", "'return[0].scope'"},
    /* out of range */
    {"\"cpu-index\": 0", "\"cpu-index\": -1", "'return[0].cpu-index'"},
    {"\"cpu-index\": 0", "\"cpu-index\": 2147483648", "2147483648 is more than 2147483647"},
    {"\"cpu-index\": 0", "\"cpu-index\": 1", "vCPU 1 is there twice"},
    {"\"limit-rate\": 200", "\"limit-rate\": -1", "'return[0].limit-rate'"},
    /* what stock QEMU 10.0 answers once it was given -1 by hand */
    {"\"limit-rate\": 200", "\"limit-rate\": 18446744073709551615", "'limit-rate' has the integer"},
    {"\"current-rate\": 199", "\"current-rate\": -199", "'return[0].current-rate'"},
    {"198.75", "-0.25", "'return[0].rate' in QEMU's reply: -0.25 is not in the range"},
    {"198.75", "1e400", "'return[0].rate'"},
    {"0.5", "1.0000001", "'return[0].resting-share'"},
    {"0.5", "-1e-9", "'return[0].resting-share'"},
    {"\"vcpu\"", "\"host\"", "unknown name 'host'"},
};

static void
assert_bad(const char *reply, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(query(reply, &error));
    assert_error(error, DIRTY_ERROR_BAD_REPLY, text);
}

static void
test_bad(gconstpointer data)
{
    const BadCase *c = data;
    g_autofree char *reply = replace_first(good, c->from, c->to);

    assert_bad(reply, c->text);
}

static void
test_too_many(void)
{
    GString *reply = g_string_new("{\"return\": [0");

    for (gint i = 0; i < 65536; i++) {
        g_string_append(reply, ",0");
    }
    g_string_append(reply, "]}");
    assert_bad(reply->str, "65537 elements are more than 65536");
    g_string_free(reply, TRUE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(set_cases); i++) {
        g_autofree char *path = g_strdup_printf("/limit/set/%zu", i);

        g_test_add_data_func(path, &set_cases[i], test_set);
    }
    g_test_add_func("/limit/query/stock", test_query_stock);
    g_test_add_func("/limit/query/patched", test_query_patched);
    g_test_add_func("/limit/query/none", test_query_none);
    g_test_add_func("/limit/query/refused", test_query_refused);
    for (gsize i = 0; i < G_N_ELEMENTS(bad_cases); i++) {
        g_autofree char *path = g_strdup_printf("/limit/bad/%zu", i);

        g_test_add_data_func(path, &bad_cases[i], test_bad);
    }
    g_test_add_func("/limit/too-many", test_too_many);
    return g_test_run();
}
