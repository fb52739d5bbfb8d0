/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of dirty page rate measurement: what their files share.
 */
#include "qemu/osdep.h"
#include <math.h>
#include "qapi/error.h"
#include "qobject/qjson.h"
#include "qobject/qnum.h"
#include "dirty-rate-util.h"

#define POLL_US (20 * 1000)

#define BIOS_SIZE (64 * KiB)
#define RESET_VECTOR (BIOS_SIZE - 16)

/* Parts of memory that are told apart. */
#define N_ZERO_PARTS 32

/* Rates are compared to this, for they are rounded in decimal. */
#define RATE_EPSILON 0.000001

char *write_bios(const uint8_t *program, size_t size)
{
    static const uint8_t reset[] = {
        0xea, 0x00, 0x00, 0x00, 0xf0,   /* jmp 0xf000:0 */
    };
    g_autofree uint8_t *bios = g_malloc0(BIOS_SIZE);
    char *name;
    int fd = g_file_open_tmp("dirty-rate-XXXXXX", &name, NULL);

    g_assert_cmpint(fd, >=, 0);
    memcpy(bios, program, size);
    memcpy(bios + RESET_VECTOR, reset, sizeof(reset));
    g_assert_cmpint(write(fd, bios, BIOS_SIZE), ==, BIOS_SIZE);
    close(fd);
    return name;
}

QTestState *start_bare(void)
{
    return qtest_initf("-nodefaults -machine none -cpu max,apic-id=0 -m %d",
                       (int)(RAM_SIZE / MiB));
}

QTestState *start_pc(const char *args)
{
    return qtest_initf("-nodefaults -machine pc -m %d %s",
                       (int)(RAM_SIZE / MiB), args);
}

void calc(QTestState *qts, const char *mode, int64_t ms)
{
    QDict *arguments = qdict_new();

    qdict_put_int(arguments, "calc-time", ms);
    qdict_put_str(arguments, "calc-time-unit", "millisecond");
    qdict_put_str(arguments, "mode", mode);
    if (g_str_equal(mode, "page-sampling")) {
        qdict_put_int(arguments, "sample-pages", SAMPLE_PAGES);
    }
    qtest_qmp_assert_success(qts, "{ 'execute': 'calc-dirty-rate',"
                             "  'arguments': %p }", arguments);
}

void cancel(QTestState *qts)
{
    qtest_qmp_assert_success(qts, "{ 'execute': 'cancel-dirty-rate' }");
}

QDict *query(QTestState *qts)
{
    return qtest_qmp_assert_success_ref(qts,
        "{ 'execute': 'query-dirty-rate',"
        "  'arguments': { 'calc-time-unit': 'millisecond' } }");
}

static bool has_status(const QDict *info, const char *status)
{
    return g_str_equal(qdict_get_str(info, "status"), status);
}

void assert_status(QTestState *qts, const char *status)
{
    QDict *info = query(qts);

    g_assert_cmpstr(qdict_get_str(info, "status"), ==, status);
    qobject_unref(info);
}

QDict *wait_measured(QTestState *qts)
{
    for (int64_t waited = 0; waited < PATIENCE_US; waited += POLL_US) {
        QDict *info = query(qts);

        if (has_status(info, "measured")) {
            return info;
        }
        /* All of a result, or nothing of it. */
        g_assert_cmpstr(qdict_get_str(info, "status"), ==, "measuring");
        g_assert_false(qdict_haskey(info, "dirty-rate"));
        g_assert_false(qdict_haskey(info, "rate"));
        g_assert_false(qdict_haskey(info, "periods"));
        g_assert_false(qdict_haskey(info, "vcpu-dirty-rate"));
        qobject_unref(info);
        g_usleep(POLL_US);
    }
    g_assert_not_reached();
}

QDict *measure(QTestState *qts, const char *mode, int64_t ms)
{
    QDict *info;

    calc(qts, mode, ms);
    info = wait_measured(qts);
    assert_consistent(info, mode, ms);
    return info;
}

uint64_t list_at(const QList *list, size_t index)
{
    const QListEntry *entry = qlist_first(list);

    while (index--) {
        entry = qlist_next(entry);
    }
    return qnum_get_uint(qobject_to(QNum, qlist_entry_obj(entry)));
}

uint64_t list_last(const QList *list)
{
    return list_at(list, qlist_size(list) - 1);
}

uint64_t last_dirty(const QDict *info)
{
    return list_last(qdict_get_qlist(info, "n-dirty-pages"));
}

QDict *vcpu_entry(const QDict *info, int64_t id)
{
    const QListEntry *entry;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(info, "vcpu-dirty-rate"), entry) {
        QDict *vcpu = qobject_to(QDict, qlist_entry_obj(entry));

        if (qdict_get_int(vcpu, "id") == id) {
            return vcpu;
        }
    }
    return NULL;
}

static double get_double(const QDict *info, const char *key)
{
    return qnum_get_double(qobject_to(QNum, qdict_get(info, key)));
}

/* Checks a list of page counts that belongs to @periods. */
static void assert_rises(const QList *n_dirty, const QList *periods,
                         uint64_t most)
{
    uint64_t before = 0;

    g_assert_nonnull(n_dirty);
    g_assert_cmpuint(qlist_size(n_dirty), ==, qlist_size(periods));
    for (size_t i = 0; i < qlist_size(n_dirty); i++) {
        g_assert_cmpuint(list_at(n_dirty, i), >=, before);
        g_assert_cmpuint(list_at(n_dirty, i), <=, most);
        before = list_at(n_dirty, i);
    }
}

/* Checks counts of the parts of memory, of @n in all of it. */
static void assert_parts(const QList *parts, uint64_t n)
{
    uint64_t sum = 0;

    g_assert_nonnull(parts);
    g_assert_cmpuint(qlist_size(parts), ==, N_ZERO_PARTS);
    for (size_t i = 0; i < qlist_size(parts); i++) {
        sum += list_at(parts, i);
    }
    g_assert_cmpuint(sum, ==, n);
}

static void assert_periods(const QDict *info, int64_t asked_ms)
{
    QList *periods = qdict_get_qlist(info, "periods");
    uint64_t before = 0;

    g_assert_nonnull(periods);
    g_assert_cmpuint(qlist_size(periods), >, 0);
    for (size_t i = 0; i < qlist_size(periods); i++) {
        g_assert_cmpuint(list_at(periods, i), >, before);
        before = list_at(periods, i);
    }
    g_assert_cmpuint(before, >=, asked_ms);
    g_assert_cmpuint(qdict_get_int(info, "calc-time"), ==, before);
}

/* The rates are those of the last reading. */
static void assert_rates(const QDict *info, bool exact)
{
    double rate = (double)last_dirty(info) /
                  qdict_get_int(info, "n-sampled-pages") *
                  qdict_get_int(info, "n-total-pages") *
                  qdict_get_int(info, "page-size") / MiB * 1000 /
                  qdict_get_int(info, "calc-time");

    g_assert_cmpfloat(fabs(get_double(info, "rate") - rate), <, RATE_EPSILON);
    g_assert_cmpint(qdict_get_int(info, "dirty-rate"), ==,
                    (int64_t)get_double(info, "rate"));
    g_assert_cmpfloat(get_double(info, "rate-low"), <=,
                      get_double(info, "rate"));
    g_assert_cmpfloat(get_double(info, "rate-high"), >=,
                      get_double(info, "rate"));
    if (exact) {
        g_assert_cmpfloat(get_double(info, "rate-low"), ==,
                          get_double(info, "rate-high"));
    } else {
        g_assert_cmpfloat(get_double(info, "rate-low"), <,
                          get_double(info, "rate-high"));
    }
}

static void assert_vcpus(const QDict *info)
{
    QList *periods = qdict_get_qlist(info, "periods");
    QList *n_dirty = qdict_get_qlist(info, "n-dirty-pages");

    for (size_t i = 0; i < qlist_size(periods); i++) {
        const QListEntry *entry;
        uint64_t sum = 0;

        QLIST_FOREACH_ENTRY(qdict_get_qlist(info, "vcpu-dirty-rate"), entry) {
            QDict *vcpu = qobject_to(QDict, qlist_entry_obj(entry));
            QList *pages = qdict_get_qlist(vcpu, "n-dirty-pages");

            assert_rises(pages, periods, list_last(n_dirty));
            sum += list_at(pages, i);
        }
        g_assert_cmpuint(sum, <=, list_at(n_dirty, i));
    }
}

void assert_consistent(const QDict *info, const char *mode, int64_t asked_ms)
{
    bool exact = !g_str_equal(mode, "page-sampling");
    int64_t n_total = qdict_get_int(info, "n-total-pages");
    int64_t n_sampled = qdict_get_int(info, "n-sampled-pages");

    g_assert_cmpstr(qdict_get_str(info, "status"), ==, "measured");
    g_assert_cmpstr(qdict_get_str(info, "mode"), ==, mode);
    g_assert_cmpint(qdict_get_int(info, "start-time"), >, 0);
    g_assert_cmpint(qdict_get_int(info, "page-size"), ==, PAGE_SIZE);
    g_assert_cmpint(n_total, >, 0);
    if (exact) {
        g_assert_cmpint(n_sampled, ==, n_total);
    } else {
        g_assert_cmpint(n_sampled, ==, n_total * SAMPLE_PAGES * PAGE_SIZE /
                                       GiB);
    }
    g_assert_cmpint(qdict_get_int(info, "sample-pages"), ==,
                    exact ? 0 : SAMPLE_PAGES);
    g_assert_cmpint(qdict_get_int(info, "n-zero-pages"), <=, n_sampled);
    assert_parts(qdict_get_qlist(info, "zero-pages-by-part"),
                 qdict_get_int(info, "n-zero-pages"));

    assert_periods(info, asked_ms);
    assert_rises(qdict_get_qlist(info, "n-dirty-pages"),
                 qdict_get_qlist(info, "periods"), n_sampled);
    assert_rates(info, exact);
    if (qdict_haskey(info, "vcpu-dirty-rate")) {
        assert_vcpus(info);
    }
}

void assert_refused(QTestState *qts, const char *arguments, const char *words)
{
    QObject *object = qobject_from_json(arguments, &error_abort);
    QDict *error = qtest_qmp_assert_failure_ref(qts,
        "{ 'execute': 'calc-dirty-rate', 'arguments': %p }", object);

    if (!strstr(qdict_get_str(error, "desc"), words)) {
        g_test_message("%s: %s", arguments, qdict_get_str(error, "desc"));
        g_test_fail();
    }
    qobject_unref(error);
}
