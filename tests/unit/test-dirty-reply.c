/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests that a bad reply of query-dirty-rate gives one error that names what is wrong with it.
 */
#include "bad-reply.h"
#include "dirty-qmp.h"

#define VCPUS                                                                                      \
 "[{\"id\": 0, \"dirty-rate\": 5}, "                                                               \
 "{\"id\": 3, \"dirty-rate\": 6, \"n-dirty-pages\": [1, 2]}]"
#define ZEROS                                                                                      \
 "[0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "                                               \
 "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 4]"
#define METHODS                                                                                    \
 "[{\"method\": \"zlib\", \"n-pages\": 247, \"ratio\": 2, \"speed\": 75.5}, "                      \
 "{\"method\": \"zstd\", \"n-pages\": 247, \"ratio\": 2.25, \"speed\": 7e2}]"

/* A good reply. Every case below differs from it at one place. */
static const char good[] =
    "{\"return\": {\"status\": \"measured\", \"mode\": \"page-sampling\", \"start-time\": 1, "
    "\"calc-time\": 250, \"calc-time-unit\": \"millisecond\", \"sample-pages\": 512, "
    "\"dirty-rate\": 108, \"page-size\": 4096, \"n-total-pages\": 131072, "
    "\"n-sampled-pages\": 256, \"n-zero-pages\": 9, "
    "\"zero-pages-by-part\": " ZEROS ", \"periods\": [125, 250], "
    "\"n-dirty-pages\": [3, 14], \"rate\": 112, \"rate-low\": 60.5, \"rate-high\": 190.25, "
    "\"compression\": " METHODS ", \"vcpu-dirty-rate\": " VCPUS "}}";

static const BadCase bad_cases[] = {
    /* missing */
    {"\"status\": \"measured\", ", "", "'status' in QEMU's reply: missing"},
    {"\"start-time\": 1, ", "", "'start-time'"},
    {"\"calc-time\": 250, ", "", "'calc-time'"},
    {"\"dirty-rate\": 108, ", "", "'dirty-rate'"},
    {"\"page-size\": 4096, ", "", "'page-size'"},
    {"\"n-total-pages\": 131072, ", "", "'n-total-pages'"},
    {"\"n-sampled-pages\": 256, ", "", "'n-sampled-pages'"},
    {"\"n-zero-pages\": 9, ", "", "'n-zero-pages'"},
    {"\"periods\": [125, 250], ", "", "'periods'"},
    {"\"n-dirty-pages\": [3, 14], ", "", "'n-dirty-pages'"},
    {"\"id\": 0, ", "", "'vcpu-dirty-rate[0].id'"},
    {", \"dirty-rate\": 5", "", "'vcpu-dirty-rate[0].dirty-rate'"},
    {", \"rate-low\": 60.5", "", "'rate-low'"},
    {", \"rate-high\": 190.25", "", "'rate-high'"},
    {"\"method\": \"zlib\", ", "", "'compression[0].method'"},
    {"\"n-pages\": 247, ", "", "'compression[0].n-pages'"},
    {"\"ratio\": 2, ", "", "'compression[0].ratio'"},
    {", \"speed\": 7e2", "", "'compression[1].speed'"},
    /* of a wrong type */
    {": 112", ": \"112\"", "'rate' in QEMU's reply: not a number"},
    {": 60.5", ": null", "'rate-low'"},
    {ZEROS, "9", "'zero-pages-by-part' in QEMU's reply: not an array"},
    {METHODS, "{}", "'compression' in QEMU's reply: not an array"},
    {METHODS, "[[]]", "'compression[0]' in QEMU's reply: not an object"},
    {"\"zstd\"", "1", "'compression[1].method'"},
    {": 75.5", ": true", "'compression[0].speed'"},
    {"[1, 2]", "2", "'vcpu-dirty-rate[1].n-dirty-pages'"},
    {"[1, 2]", "[1, 2.5]", "'vcpu-dirty-rate[1].n-dirty-pages[1]'"},
    {"\"measured\"", "7", "'status' in QEMU's reply: not a string"},
    {"\"page-sampling\"", "null", "'mode'"},
    {"\"millisecond\"", "true", "'calc-time-unit'"},
    {": 250,", ": \"250\",", "'calc-time' in QEMU's reply: not an integer"},
    {": 250,", ": 250.0,", "'calc-time'"},
    {": 108", ": 1e400", "'dirty-rate'"},
    {": 108", ": [108]", "'dirty-rate'"},
    {": 108", ": true", "'dirty-rate'"},
    {": 512", ": {}", "'sample-pages'"},
    {": 131072", ": null", "'n-total-pages'"},
    {"[125, 250]", "125", "'periods' in QEMU's reply: not an array"},
    {"[125, 250]", "[125, \"250\"]", "'periods[1]'"},
    {"[3, 14]", "{}", "'n-dirty-pages'"},
    {"[3, 14]", "[3, [14]]", "'n-dirty-pages[1]'"},
    {VCPUS, "{}", "'vcpu-dirty-rate'"},
    {VCPUS, "[5]", "'vcpu-dirty-rate[0]'"},
    {"{\"return\": {", "{\"return\": 1, \"rest\": {", "'return' is not an object"},
    /* out of range */
    {"\"page-sampling\"", "\"auto\"", "unknown name 'auto'"},
    {"\"page-sampling\"", "\"dirty-ring\"", "n-sampled-pages is not n-total-pages"},
    {": 112", ": 1e400", "dirty-rate"},
    {": 112", ": -112", "dirty-rate"},
    {": 112", ": 200", "rate-high"},
    {": 60.5", ": 113", "rate-low"},
    {": 60.5", ": -1e400", "rate-low"},
    {": 190.25", ": 1e400", "rate-high"},
    {"[1, 2]", "[1]", "1 elements, but 'periods' has 2"},
    {"[1, 2]", "[2, 1]", "vcpu-dirty-rate falls"},
    {"[1, 2]", "[4, 4]", "together"},
    {"[1, 2]", "[-1, 2]", "'vcpu-dirty-rate[1].n-dirty-pages[0]'"},
    {"\"id\": 3", "\"id\": 0", "same id twice"},
    {"\"id\": 3", "\"id\": 2147483648", "not a vCPU's"},
    {"\"zlib\"", "\"\"", "method"},
    {"\"zlib\"", "\"zlib-zlib-zlib-z\"", "'zlib-zlib-zlib-z'"},
    {": 247", ": 0", "n-pages of compression"},
    {": 247", ": 257", "n-pages of compression"},
    {": 247", ": -1", "'compression[0].n-pages'"},
    {"\"ratio\": 2", "\"ratio\": 0", "ratio"},
    {"\"ratio\": 2.25", "\"ratio\": -2.25", "ratio"},
    {": 7e2", ": 7e400", "speed"},
    {"\"measured\"", "\"finished\"", "unknown name 'finished'"},
    {"\"measured\"", "\"meas\\nured\"", "unknown name 'meas ured'"},
    {"\"page-sampling\"", "\"\"", "'mode'"},
    {"\"millisecond\"", "\"fortnight\"", "unknown name 'fortnight'"},
    {": 1,", ": -1,", "'start-time' in QEMU's reply: -1 is less than 0"},
    {": 250,", ": -250,", "'calc-time'"},
    {": 250, \"calc-time-unit\": \"millisecond\"", ": 9223372036854775807", "too long a time"},
    {": 512", ": -1", "'sample-pages'"},
    {": 108", ": -1", "'dirty-rate'"},
    {": 108", ": 9223372036854775808", "'dirty-rate' has the integer 9223372036854775808"},
    {": 108", ": -9223372036854775808", "'dirty-rate' has the integer"},
    {": 108", ": 18446744073709551724", "'dirty-rate' has the integer"},
    {": 108", ": -18446744073709551508", "'dirty-rate' has the integer"},
    {"131072", "18446744073709551616", "'n-total-pages' has the integer"},
    {"131072", "9223372036854775807", "n-total-pages"},
    {"131072", "255", "n-sampled-pages"},
    {": 4096", ": 0", "page-size"},
    {": 4096", ": 4097", "page-size"},
    {": 4096", ": -4096", "'page-size'"},
    {": 4096", ": 4611686018427387904", "page-size"},
    {": 256", ": 0", "n-sampled-pages"},
    {": 256", ": 131073", "n-sampled-pages"},
    {": 9,", ": 257,", "n-zero-pages"},
    {": 9,", ": -9,", "'n-zero-pages'"},
    {": 9,", ": 8,", "zero-pages-by-part"},
    {": 9,", ": 10,", "zero-pages-by-part"},
    {"2, 4]", "4]", "'zero-pages-by-part' in QEMU's reply: 31 elements"},
    {"2, 4]", "2, 4, 0]", "zero-pages-by-part"},
    {"2, 4]", "2, -4]", "'zero-pages-by-part[31]'"},
    {"2, 4]", "9223372036854775807, 9223372036854775807]", "zero-pages-by-part"},
    {"[125, 250]", "[-1, 250]", "'periods[0]'"},
    {"[125, 250]", "[0, 250]", "periods"},
    {"[125, 250]", "[250, 250]", "periods"},
    {"[125, 250]", "[250, 125]", "periods"},
    {"[125, 250]", "[125, 250, 375]", "'n-dirty-pages' in QEMU's reply: 2 elements"},
    {"[125, 250], \"n-dirty-pages\": [3, 14]", "[], \"n-dirty-pages\": []", "periods"},
    {"[3, 14]", "[3]", "'n-dirty-pages'"},
    {"[3, 14]", "[14, 3]", "n-dirty-pages"},
    {"[3, 14]", "[3, -14]", "'n-dirty-pages[1]'"},
    {"[3, 14]", "[3, 257]", "n-dirty-pages"},
    {"[3, 14]", "[3, 18446744073709551615]", "'n-dirty-pages' has the integer"},
    {"\"id\": 0", "\"id\": -1", "'vcpu-dirty-rate[0].id'"},
    {": 5}", ": -5}", "'vcpu-dirty-rate[0].dirty-rate'"},
    /* not as JSON asks */
    {"\"page-size\": 4096", "\"page-size\": 4096, \"page-size\": 4096", "'page-size' twice"},
    {"\"page-size\": 4096", "\"page-size\": 4096, \"p\\u0061ge-size\": 2", "'page-size' twice"},
    {"\"id\": 0", "\"id\": 0, \"id\": 0", "'id' twice"},
    {"\"measured\"", "\"measured\\u0000\"", "NUL"},
    {"\"measured\"", "\"mea\nsured\"", "control character"},
    {"\"measured\"", "\"meas\xffured\"", "not UTF-8"},
    {"\"measured\"", "\"\\ud800\"", "JSON"},
    {"\"measured\"", "'measured'", "unexpected character"},
    {"\"measured\"", "measured", "unexpected character"},
    {": 512", ": 0512", "malformed number"},
    {": 512", ": 0x200", "malformed number"},
    {": 512", ": 512.", "malformed number"},
    {": 512", ": 5e", "malformed number"},
    {": 512", ": -", "malformed number"},
    {": 512", ": --1", "malformed number"},
    {": 512", ": +512", "unexpected character"},
    {": 512", ": NaN", "unexpected character"},
    {": 512", ": nullify", "unexpected character"},
    {": 512", ": /* many */ 512", "unexpected character"},
    {": 512", " 512", "JSON"},
    {": 512", ": 512]", "JSON"},
    {"[3, 14]", "[3, 14,]", "JSON"},
    {"[3, 14]", "[3 14]", "JSON"},
    {"]}}", "]}} {}", "more text"},
    {"]}}", "]}}}", "more text"},
    {"]}}", "]}", "ends before"},
    {"{\"return\"", "[{\"return\"", "no object"},
};

static void
assert_bad(const char *reply, const char *text)
{
    g_autoptr(GError) error = NULL;
    DirtyMeasurement *m = dirty_qmp_parse_dirty_rate(reply, &error);

    g_assert_null(m);
    g_assert_error(error, DIRTY_ERROR, DIRTY_ERROR_BAD_REPLY);
    if (!strstr(error->message, text)) {
        g_error("'%s' is not in the message '%s'", text, error->message);
    }
    g_assert_cmpuint(strlen(error->message), <, 1024);
    g_assert_true(g_utf8_validate(error->message, -1, NULL));
}

static void
test_bad(gconstpointer data)
{
    const BadCase *c = data;
    g_autofree char *reply = replace_first(good, c->from, c->to);

    assert_bad(reply, c->text);
}

static void
test_good(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DirtyMeasurement) m = dirty_qmp_parse_dirty_rate(good, &error);

    g_assert_no_error(error);
    g_assert_true(m->has_counts);
    g_assert_cmpfloat(m->rate, ==, 112);
    g_assert_true(m->has_rate_bounds);
    g_assert_cmpfloat(m->rate_low, ==, 60.5);
    g_assert_cmpfloat(m->rate_high, ==, 190.25);
    g_assert_cmpuint(m->n_vcpus, ==, 2);
    g_assert_null(m->vcpus[0].n_dirty);
    g_assert_cmpint(m->vcpus[1].id, ==, 3);
    g_assert_cmpuint(m->vcpus[1].n_dirty[0], ==, 1);
    g_assert_cmpuint(m->vcpus[1].n_dirty[1], ==, 2);
    g_assert_cmpuint(m->n_compressions, ==, 2);
    g_assert_cmpstr(m->compressions[0].method, ==, "zlib");
    g_assert_cmpuint(m->compressions[0].n_pages, ==, 247);
    g_assert_cmpfloat(m->compressions[0].ratio, ==, 2);
    g_assert_cmpfloat(m->compressions[0].speed, ==, 75.5);
    g_assert_cmpstr(m->compressions[1].method, ==, "zstd");
    g_assert_cmpfloat(m->compressions[1].speed, ==, 700);
}

static void
test_no_object(void)
{
    static const char *const texts[] = {"",   " \n",           "null", "42", "\"measured\"",
                                        "[]", "\xef\xbb\xbf{}"};
    gsize i;

    for (i = 0; i < G_N_ELEMENTS(texts); i++) {
        assert_bad(texts[i], "no object");
    }
    assert_bad("{}", "'status'");
}

/* Members of a finished measurement mean nothing before it is finished. */
static void
test_unfinished(void)
{
    g_autofree char *measuring = replace_first(good, "measured", "measuring");
    g_autofree char *reply = replace_first(measuring, ": 108", ": -1");
    g_autoptr(GError) error = NULL;
    g_autoptr(DirtyMeasurement) m = dirty_qmp_parse_dirty_rate(reply, &error);

    g_assert_no_error(error);
    g_assert_cmpint(m->status, ==, DIRTY_STATUS_MEASURING);
    g_assert_false(m->has_rate);
    g_assert_false(m->has_counts);
    g_assert_cmpuint(m->n_vcpus, ==, 0);
}

static char *
repeat(const char *head, const char *piece, gsize n, const char *tail)
{
    GString *text = g_string_new(head);
    gsize i;

    for (i = 0; i < n; i++) {
        g_string_append(text, piece);
    }
    g_string_append(text, tail);
    return g_string_free(text, FALSE);
}

static void
test_huge(void)
{
    const gsize million = 1000 * 1000;
    g_autofree char *periods = repeat("[1", ",2", million, "]");
    g_autofree char *many_periods = replace_first(good, "[125, 250]", periods);
    g_autofree char *vcpus = repeat("[{}", ",{}", 65536, "]");
    g_autofree char *many_vcpus = replace_first(good, VCPUS, vcpus);
    g_autofree char *deep_array = repeat("{\"a\": ", "[", million, "");
    g_autofree char *deep_object = repeat("", "{\"a\": ", million, "");
    g_autofree char *name = repeat("\"", "\xc3\xa9", million, "\"");
    g_autofree char *long_name = replace_first(good, "\"measured\"", name);
    g_autofree char *digits = repeat(": ", "9", million, "");
    g_autofree char *long_number = replace_first(good, ": 108", digits);
    g_autofree char *long_text = repeat("{", " ", 17 * million, "}");

    assert_bad(many_periods, "'periods' in QEMU's reply: 1000001 elements");
    assert_bad(many_vcpus, "'vcpu-dirty-rate' in QEMU's reply: 65537 elements");
    assert_bad(deep_array, "too deep");
    assert_bad(deep_object, "too deep");
    assert_bad(long_name, "'status'");
    assert_bad(long_number, "'dirty-rate' has the integer");
    assert_bad(long_text, "bytes long");
}

/* A reply that was cut is never taken for a whole one. */
static void
test_every_prefix(void)
{
    gsize len;

    for (len = 0; len < strlen(good); len++) {
        g_autofree char *reply = g_strndup(good, len);

        assert_bad(reply, "JSON");
    }
}

/* With any one byte changed there is a consistent measurement or an error, never both, never none.
 */
static void
test_every_byte(void)
{
    static const char bytes[] = "\x01\x7f\xff\"\\{}[]:,-.0e9 ";
    gsize i;
    const char *byte;

    for (i = 0; i < strlen(good); i++) {
        for (byte = bytes; *byte; byte++) {
            g_autofree char *reply = g_strdup(good);
            g_autoptr(GError) error = NULL;
            g_autoptr(DirtyMeasurement) m = NULL;

            reply[i] = *byte;
            m = dirty_qmp_parse_dirty_rate(reply, &error);
            g_assert_true(!m == !!error);
            if (m) {
                g_assert_true(dirty_measurement_check(m, &error));
            } else {
                g_assert_true(error->domain == DIRTY_ERROR);
            }
        }
    }
}

int
main(int argc, char **argv)
{
    gsize i;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/reply/good", test_good);
    for (i = 0; i < G_N_ELEMENTS(bad_cases); i++) {
        g_autofree char *path = g_strdup_printf("/reply/bad/%zu", i);

        g_test_add_data_func(path, &bad_cases[i], test_bad);
    }
    g_test_add_func("/reply/no-object", test_no_object);
    g_test_add_func("/reply/unfinished", test_unfinished);
    g_test_add_func("/reply/huge", test_huge);
    g_test_add_func("/reply/every-prefix", test_every_prefix);
    g_test_add_func("/reply/every-byte", test_every_byte);
    return g_test_run();
}
