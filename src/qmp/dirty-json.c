/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads JSON text that nobody vouches for: strictly, bounded, and without silent changes.
 *
 * json-glib builds the tree, but it is made for texts one trusts. It wraps integers beyond 64 bits
 * to other numbers, takes the last of two members with one name, recurses without bound, and
 * accepts comments, octal numbers and whatever follows the first value. So the text is looked at
 * token by token first, and what json-glib would change or choke on is refused with its place.
 */
#include "dirty-json.h"

#include <errno.h>
#include <string.h>

#include "dirty-i18n.h"
#include "dirty-measurement.h"

/* Longest piece of foreign text an error message repeats, bytes. */
#define QUOTE_MAX 256

/**
 * DirtyJsonScan: where the token scan stands
 * @text: the whole text
 * @pos: the next byte
 * @depth: arrays and objects now open
 * @string: the last string seen, without its quotes; it names a member once a colon follows
 * @string_len: its length, bytes
 * @member: the last member name seen, NULL before the first
 * @member_len: its length, bytes
 */
typedef struct {
    const char *text;
    const char *pos;
    guint depth;
    const char *string;
    gsize string_len;
    const char *member;
    gsize member_len;
} DirtyJsonScan;

/**
 * DirtyJsonWatch: watches json-glib for members that replace an earlier one
 * @counts: members seen so far in each object now open (guint)
 * @duplicate: the first name seen twice in one object, NULL while there is none
 */
typedef struct {
    GArray *counts;
    char *duplicate;
} DirtyJsonWatch;

/**
 * dirty_json_quote: make foreign text fit for an error message
 * @text: any text
 * @len: its length, bytes, or -1 when it ends with a NUL
 *
 * Return: a copy without control characters, cut after QUOTE_MAX bytes; free with g_free()
 */
char *
dirty_json_quote(const char *text, gssize len)
{
    gsize size = len < 0 ? strlen(text) : (gsize)len;
    g_autofree char *cut = NULL;
    char *quoted;
    char *c;

    if (size > QUOTE_MAX) {
        /* The cut may split a character: make_valid below replaces the pieces. */
        cut = g_strdup_printf("%.*s...", QUOTE_MAX, text);
    } else {
        cut = g_strndup(text, size);
    }

    quoted = g_utf8_make_valid(cut, -1);
    for (c = quoted; *c; c++) {
        if (g_ascii_iscntrl(*c)) {
            *c = ' ';
        }
    }
    return quoted;
}

static gboolean
scan_fail(const DirtyJsonScan *scan, const char *what, GError **error)
{
    g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_BAD_REPLY,
                _("QEMU's reply is not valid JSON, byte %1$zu: %2$s"),
                (gsize)(scan->pos - scan->text), what);
    return FALSE;
}

static gboolean
scan_string(DirtyJsonScan *scan, GError **error)
{
    const char *c = scan->pos + 1;

    scan->string = c;
    for (; *c != '"'; c++) {
        if ((guchar)*c < 0x20) {
            return scan_fail(scan, _("a string without an end or with a control character"), error);
        }
        if (*c != '\\') {
            continue;
        }
        /* As a C string the rest would be cut off, and the value would become another one. */
        if (strncmp(c, "\\u0000", 6) == 0) {
            return scan_fail(scan, _("a string with a NUL character"), error);
        }
        if (*++c == '\0') {
            return scan_fail(scan, _("a string without an end"), error);
        }
    }
    scan->string_len = c - scan->string;
    scan->pos = c + 1;
    return TRUE;
}

static const char *
skip_digits(const char *c)
{
    while (g_ascii_isdigit(*c)) {
        c++;
    }
    return c;
}

static gboolean
scan_integer_range(const DirtyJsonScan *scan, const char *end, GError **error)
{
    gint64 value;

    errno = 0;
    value = g_ascii_strtoll(scan->pos, NULL, 10);
    /* json-glib reads the digits first and negates then, so the least integer is too long too. */
    if (errno == ERANGE || value == G_MININT64) {
        g_autofree char *number = dirty_json_quote(scan->pos, end - scan->pos);
        g_autofree char *member =
            scan->member ? dirty_json_quote(scan->member, scan->member_len) : g_strdup("");

        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_BAD_REPLY,
                    _("QEMU's reply is not valid: member '%1$s' has the integer %2$s, "
                      "which does not fit 64 bits with a sign"),
                    member, number);
        return FALSE;
    }
    return TRUE;
}

static gboolean
scan_number(DirtyJsonScan *scan, GError **error)
{
    const char *digits = scan->pos + (*scan->pos == '-');
    const char *end = skip_digits(digits);
    gboolean is_integer = TRUE;

    if (end == digits || (*digits == '0' && end > digits + 1)) {
        return scan_fail(scan, _("a malformed number"), error);
    }
    if (*end == '.') {
        digits = end + 1;
        end = skip_digits(digits);
        is_integer = FALSE;
    }
    if (end > digits && (*end == 'e' || *end == 'E')) {
        digits = end + 1;
        digits += *digits == '+' || *digits == '-';
        end = skip_digits(digits);
        is_integer = FALSE;
    }
    if (end == digits || g_ascii_isalnum(*end)) {
        return scan_fail(scan, _("a malformed number"), error);
    }
    if (is_integer && !scan_integer_range(scan, end, error)) {
        return FALSE;
    }
    scan->pos = end;
    return TRUE;
}

static gboolean
scan_literal(DirtyJsonScan *scan, GError **error)
{
    static const char *const literals[] = {"true", "false", "null"};
    gsize i;

    for (i = 0; i < G_N_ELEMENTS(literals); i++) {
        gsize len = strlen(literals[i]);

        if (strncmp(scan->pos, literals[i], len) == 0 && !g_ascii_isalnum(scan->pos[len])) {
            scan->pos += len;
            return TRUE;
        }
    }
    return scan_fail(scan, _("an unexpected character"), error);
}

static gboolean
scan_token(DirtyJsonScan *scan, GError **error)
{
    switch (*scan->pos) {
    case '{':
    case '[':
        if (++scan->depth > DIRTY_JSON_DEPTH_MAX) {
            return scan_fail(scan, _("too deep a nesting"), error);
        }
        scan->pos++;
        return TRUE;
    case '}':
    case ']':
        scan->depth--;
        scan->pos++;
        return TRUE;
    case ':':
        scan->member = scan->string;
        scan->member_len = scan->string_len;
        scan->pos++;
        return TRUE;
    case ',':
        scan->pos++;
        return TRUE;
    case '"':
        return scan_string(scan, error);
    default:
        if (*scan->pos == '-' || g_ascii_isdigit(*scan->pos)) {
            return scan_number(scan, error);
        }
        return scan_literal(scan, error);
    }
}

static void
skip_space(DirtyJsonScan *scan)
{
    scan->pos += strspn(scan->pos, " \t\r\n");
}

/*
 * Checks the tokens of one object and that nothing follows it. Whether they come in an order that
 * makes sense is json-glib's part.
 */
static gboolean
scan_object(const char *text, GError **error)
{
    DirtyJsonScan scan = {.text = text, .pos = text};

    skip_space(&scan);
    if (*scan.pos != '{') {
        return scan_fail(&scan, _("no object"), error);
    }
    do {
        if (!scan_token(&scan, error)) {
            return FALSE;
        }
        skip_space(&scan);
        if (*scan.pos == '\0' && scan.depth > 0) {
            return scan_fail(&scan, _("the text ends before the object does"), error);
        }
    } while (scan.depth > 0);

    if (*scan.pos != '\0') {
        return scan_fail(&scan, _("more text behind the object"), error);
    }
    return TRUE;
}

static void
on_object_start(JsonParser *parser G_GNUC_UNUSED, gpointer opaque)
{
    DirtyJsonWatch *members = opaque;
    guint count = 0;

    g_array_append_val(members->counts, count);
}

static void
on_object_member(JsonParser *parser G_GNUC_UNUSED, JsonObject *object, const char *name,
                 gpointer opaque)
{
    DirtyJsonWatch *members = opaque;
    guint *count;

    g_return_if_fail(members->counts->len > 0);
    count = &g_array_index(members->counts, guint, members->counts->len - 1);
    (*count)++;
    if (*count > json_object_get_size(object) && !members->duplicate) {
        members->duplicate = dirty_json_quote(name, -1);
    }
}

static void
on_object_end(JsonParser *parser G_GNUC_UNUSED, JsonObject *object G_GNUC_UNUSED, gpointer opaque)
{
    DirtyJsonWatch *members = opaque;

    g_return_if_fail(members->counts->len > 0);
    g_array_set_size(members->counts, members->counts->len - 1);
}

static JsonObject *
build_object(const char *text, GError **error)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(GArray) counts = g_array_new(FALSE, FALSE, sizeof(guint));
    g_autoptr(GError) cause = NULL;
    g_autofree char *duplicate = NULL;
    DirtyJsonWatch members = {.counts = counts};
    gboolean loaded;

    g_signal_connect(parser, "object-start", G_CALLBACK(on_object_start), &members);
    g_signal_connect(parser, "object-member", G_CALLBACK(on_object_member), &members);
    g_signal_connect(parser, "object-end", G_CALLBACK(on_object_end), &members);
    loaded = json_parser_load_from_data(parser, text, -1, &cause);
    duplicate = members.duplicate;

    if (!loaded) {
        /* The message repeats pieces of the text, and not always whole characters. */
        g_autofree char *quoted = dirty_json_quote(cause->message, -1);

        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_BAD_REPLY,
                    _("QEMU's reply is not valid JSON: %1$s"), quoted);
        return NULL;
    }
    if (duplicate) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_BAD_REPLY,
                    _("QEMU's reply is not valid: it has the member '%1$s' twice"), duplicate);
        return NULL;
    }
    return json_node_dup_object(json_parser_get_root(parser));
}

/**
 * dirty_json_parse_object: read a text that must be one JSON object and nothing else
 * @text: the text, of any content; not NULL
 * @error: where to put what is wrong and at which byte or member
 *
 * Integers beyond -2^63+1..2^63-1, members named twice and nesting deeper than
 * DIRTY_JSON_DEPTH_MAX are errors.
 *
 * Return: the object, drop it with json_object_unref(); NULL with DIRTY_ERROR_BAD_REPLY
 */
JsonObject *
dirty_json_parse_object(const char *text, GError **error)
{
    const char *bad = NULL;
    gsize len = strlen(text);

    if (len > DIRTY_JSON_SIZE_MAX) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_BAD_REPLY,
                    _("QEMU's reply is %1$zu bytes long, more than the %2$d that are read"), len,
                    DIRTY_JSON_SIZE_MAX);
        return NULL;
    }
    if (!g_utf8_validate(text, len, &bad)) {
        g_set_error(error, DIRTY_ERROR, DIRTY_ERROR_BAD_REPLY,
                    _("QEMU's reply is not valid JSON, byte %1$zu: not UTF-8"),
                    (gsize)(bad - text));
        return NULL;
    }
    if (!scan_object(text, error)) {
        return NULL;
    }
    return build_object(text, error);
}
