/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests that saved measurements are read one after the other, and that a bad one is named.
 */
#include "dirty-json.h"
#include "dirty-saved.h"

#include <string.h>

#define STOCK                                                                                      \
 "{\"status\": \"measured\", \"start-time\": 5, \"calc-time\": 1, \"dirty-rate\": 42, "            \
 "\"sample-pages\": 512, \"mode\": \"page-sampling\"}"
#define OURS                                                                                       \
 "{\"return\": {\"status\": \"measured\", \"mode\": \"dirty-ring\", \"start-time\": 1, "           \
 "\"calc-time\": 250, \"calc-time-unit\": \"millisecond\", \"dirty-rate\": 7, "                    \
 "\"page-size\": 4096, \"n-total-pages\": 1024, \"n-sampled-pages\": 1024, \"n-zero-pages\": 9, "  \
 "\"periods\": [125, 250], \"n-dirty-pages\": [300, 450]}, \"id\": \"a }]\\\"{ name\"}"
#define MEASURING "{\"status\": \"measuring\", \"start-time\": 5, \"calc-time\": 1}"

/* Return: the rates of all of them, as text; an error as its message behind them */
static char *
read_all(const char *text, gsize len)
{
    g_autoptr(GString) seen = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    DirtyMeasurement *measurement = NULL;
    DirtySaved saved;

    dirty_saved_init(&saved, text, len);
    while (dirty_saved_next(&saved, &measurement, &error) && measurement) {
        g_string_append_printf(seen, "%g ", measurement->rate);
        g_clear_pointer(&measurement, dirty_measurement_free);
    }
    g_assert_null(measurement);
    if (error) {
        g_assert_true(error->domain == DIRTY_ERROR);
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
        g_string_append(seen, error->message);
    }
    return g_string_free(g_steal_pointer(&seen), FALSE);
}

static void
assert_reads(const char *text, const char *expected)
{
    g_autofree char *seen = read_all(text, strlen(text));

    g_assert_cmpstr(seen, ==, expected);
}

static void
assert_says(const char *text, gsize len, const char *expected)
{
    g_autofree char *seen = read_all(text, len);

    if (!strstr(seen, expected)) {
        g_error("'%s' is not in '%s'", expected, seen);
    }
}

static void
test_concatenated(void)
{
    assert_reads(STOCK, "42 ");
    assert_reads(OURS, "7 ");
    assert_reads(STOCK OURS STOCK, "42 7 42 ");
    assert_reads("\n\t " OURS "\r\n\n" STOCK "\n", "7 42 ");
    assert_reads(MEASURING STOCK, "0 42 ");
}

/* A mapped file ends at its last byte, and nothing stands behind it. */
static void
test_without_nul(void)
{
    const gsize len = strlen(STOCK);
    for (gsize cut = 0; cut <= len; cut++) {
        /* Of its very length, so that a sanitizer sees a byte read behind it. */
        g_autofree char *copy = g_malloc(cut);
        g_autofree char *seen = NULL;

        if (cut) {
            memcpy(copy, STOCK, cut);
        }
        seen = read_all(copy, cut);
        g_assert_cmpint(strcmp(seen, "42 ") == 0, ==, cut == len);
    }
}

static void
test_bad(void)
{
    static const char nul[] = "{\"status\": \"meas\0ured\"}";

    assert_says("", 0, "there is no measurement in it");
    assert_says(" \n", 2, "there is no measurement in it");
    assert_says(STOCK " {}", strlen(STOCK) + 3,
                "42 measurement 2, from byte 120: invalid member 'status'");
    assert_says("[" STOCK "]", strlen(STOCK) + 2, "measurement 1, from byte 0: QEMU's reply");
    assert_says("NaN", 3, "no object");
    assert_says("}", 1, "no object");
    assert_says(STOCK ",", strlen(STOCK) + 1, "42 measurement 2, from byte ");
    assert_says("{\"a\": \"", 7, "without an end");
    assert_says("{\"a\": \"\\", 8, "without an end");
    assert_says(nul, sizeof(nul) - 1, "NUL character");
    assert_says("\xff\xfe", 2, "not UTF-8");
    assert_says("{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}", 51, "no");
}

static void
test_too_long(void)
{
    g_autoptr(GString) text = g_string_new("{\"a\": \"");

    while (text->len <= DIRTY_JSON_SIZE_MAX) {
        g_string_append(text, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    }
    g_string_append(text, "\"}" STOCK);
    assert_says(text->str, text->len, "bytes long, more than the");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dirty-saved/concatenated", test_concatenated);
    g_test_add_func("/dirty-saved/without-nul", test_without_nul);
    g_test_add_func("/dirty-saved/bad", test_bad);
    g_test_add_func("/dirty-saved/too-long", test_too_long);
    return g_test_run();
}
