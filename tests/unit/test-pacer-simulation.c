/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Simulates vCPUs that write in many ways, each held by a pacer, in a time of its own.
 */
#include "dirty-limit-range.h"
#include "dirty-pacer.h"

#define MS (G_GINT64_CONSTANT(1000) * 1000)
#define S (1000 * MS)
#define PAGE 4096

/* What an unlimited vCPU writes, MiB/s: the writer that stock QEMU was judged by. */
#define FULL_SPEED 900

/**
 * Writer: one simulated vCPU
 * @gap: how long it does not write after its @n-th page beyond what the page takes, ns; the time of
 *   that page is @now
 * @oversleep: most that the host lets it sleep too long, ns
 * @chunk: pages charged at once
 * @page_ns: what a page takes when nothing holds it, ns
 * @quota: its limit, MiB/s
 */
typedef struct Writer {
    gint64 (*gap)(const struct Writer *writer, gint64 now, guint64 n);
    gint64 oversleep;
    guint64 chunk;
    gint64 page_ns;
    guint64 quota;
} Writer;

#define MAX_SECONDS 32

/**
 * Run: what came of a simulated vCPU
 * @pages: pages it wrote in each second
 * @total: all of them
 * @rests: how often it rested
 * @longest: its longest rest, ns
 * @over: most 1e-9 pages above the limit's line that it was, from any time to any later one,
 *   before the last charge
 */
typedef struct {
    guint64 pages[MAX_SECONDS];
    guint64 total;
    guint64 rests;
    gint64 longest;
    gint64 over;
} Run;

static gint64
no_gap(const Writer *writer G_GNUC_UNUSED, gint64 now G_GNUC_UNUSED, guint64 n G_GNUC_UNUSED)
{
    return 0;
}

/* Writes for 200 ms, then not for 300 ms. */
static gint64
bursty_gap(const Writer *writer G_GNUC_UNUSED, gint64 now, guint64 n G_GNUC_UNUSED)
{
    gint64 phase = now % (500 * MS);

    return phase < 200 * MS ? 0 : 500 * MS - phase;
}

/* Changes its speed every 700 ms: at full speed, slowly, at a third, not at all. */
static gint64
phase_gap(const Writer *writer, gint64 now, guint64 n G_GNUC_UNUSED)
{
    switch (now / (700 * MS) % 4) {
    case 0:
        return 0;
    case 1:
        return 50 * writer->page_ns;
    case 2:
        return 2 * writer->page_ns;
    default:
        return 700 * MS - now % (700 * MS);
    }
}

/* A page now and then. */
static gint64
idle_gap(const Writer *writer G_GNUC_UNUSED, gint64 now G_GNUC_UNUSED, guint64 n G_GNUC_UNUSED)
{
    return 90 * MS;
}

/* 99 % of its limit, evenly. */
static gint64
below_gap(const Writer *writer, gint64 now G_GNUC_UNUSED, guint64 n G_GNUC_UNUSED)
{
    guint64 rate = dirty_limit_pages_per_s(writer->quota, PAGE) * 99 / 100;

    return S / (gint64)rate + 1 - writer->page_ns;
}

/* 99 % of its limit, all of it at the start of each window. */
static gint64
window_gap(const Writer *writer, gint64 now, guint64 n)
{
    guint64 rate = dirty_limit_pages_per_s(writer->quota, PAGE) * 99 / 100;

    return n % rate == 0 ? S - now % S : 0;
}

/* Lets @writer write from @from to @to by @pacer; adds to @run, whose seconds count from @from. */
static void
simulate(const Writer *writer, DirtyPacer *pacer, gint64 from, gint64 to, Run *run)
{
    guint64 rate = dirty_limit_pages_per_s(writer->quota, PAGE);
    gint64 now = from;
    gint64 lowest = 0; /* of pages written less pages earned, 1e-9 pages */
    guint64 before = run->total;

    for (guint64 n = 0;;) {
        gint64 rest;
        gint64 above;

        now += writer->page_ns * (gint64)writer->chunk;
        if (now >= to) {
            break;
        }
        above = (gint64)(run->total - before) * S - (now - from) * (gint64)rate;
        lowest = MIN(lowest, above);
        run->over = MAX(run->over, above - lowest);

        rest = dirty_pacer_charge(pacer, writer->chunk, now);
        n += writer->chunk;
        run->total += writer->chunk;
        run->pages[(now - from) / S] += writer->chunk;
        if (rest) {
            run->rests++;
            run->longest = MAX(run->longest, rest);
            now += rest;
            now += writer->oversleep ? g_test_rand_int_range(0, (gint32)writer->oversleep) : 0;
            if (now >= to) {
                break;
            }
            g_assert_cmpint(dirty_pacer_rest(pacer, now), ==, 0);
        }
        now += writer->gap(writer, now, n);
    }
}

static Run
simulate_new(const Writer *writer, gint64 seconds)
{
    DirtyPacer pacer;
    gint64 start = g_test_rand_int_range(0, 1000) * S;
    Run run = {0};

    dirty_pacer_init(&pacer, dirty_limit_pages_per_s(writer->quota, PAGE), start);
    simulate(writer, &pacer, start, start + seconds * S, &run);
    return run;
}

static Writer
writer_of(gint64 (*gap)(const Writer *, gint64, guint64), guint64 quota)
{
    return (Writer){
        .gap = gap,
        .chunk = 1,
        .page_ns = S / (gint64)dirty_limit_pages_per_s(FULL_SPEED, PAGE),
        .quota = quota,
    };
}

static void
assert_within(double value, double expected, double share, const char *what)
{
    if (value < expected * (1 - share) || value > expected * (1 + share)) {
        g_error("%s: %g is not within %g %% of %g", what, value, share * 100, expected);
    }
}

/* What holds for any writer. */
static void
assert_bounded(const Writer *writer, const Run *run)
{
    gint64 rate = (gint64)dirty_limit_pages_per_s(writer->quota, PAGE);
    gint64 charge_ns = (gint64)writer->chunk * S / rate + 1;

    g_assert_cmpint(run->over, <=, rate * (DIRTY_PACER_BURST_MS * MS));
    g_assert_cmpint(run->longest, <=, DIRTY_PACER_REST_MIN_NS + charge_ns);
    if (writer->chunk == 1) {
        g_assert_cmpint(run->longest, <=, 100 * MS);
    }
}

static const guint64 quotas[] = {1, 5, 20, 100, 400, 800};

/* A writer that wants more gets the limit, from the first second on. */
static void
test_constant(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(quotas); i++) {
        double rate = dirty_limit_pages_per_s(quotas[i], PAGE);
        Writer writer = writer_of(no_gap, quotas[i]);
        Run run = simulate_new(&writer, 10);

        assert_bounded(&writer, &run);
        assert_within(run.total, 10 * rate, 0.005, "mean");
        for (gint second = 0; second < 10; second++) {
            assert_within(run.pages[second], rate, 0.01, "one second");
        }
        g_assert_cmpuint(run.rests, <=, 10 * S / DIRTY_PACER_REST_MIN_NS);
    }
}

/* A host that lets vCPUs sleep too long slows them no further, as it pays for what it takes. */
static void
test_oversleep(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(quotas); i++) {
        Writer writer = writer_of(no_gap, MIN(quotas[i], 400));
        double rate = dirty_limit_pages_per_s(writer.quota, PAGE);
        Run run;

        writer.oversleep = i % 2 ? 4 * MS : 60 * MS;
        run = simulate_new(&writer, 30);
        assert_bounded(&writer, &run);
        assert_within(run.total, 30 * rate, 0.005, "mean");
    }
}

/* Charges of many pages, as where they are counted in batches. */
static void
test_chunks(void)
{
    const guint64 chunks[] = {7, 64, 512, 65536};

    for (gsize i = 0; i < G_N_ELEMENTS(chunks); i++) {
        double rate = dirty_limit_pages_per_s(400, PAGE);
        Writer writer = writer_of(no_gap, 400);
        Run run;

        writer.chunk = chunks[i];
        run = simulate_new(&writer, 30);
        assert_bounded(&writer, &run);
        assert_within(run.total, 30 * rate, 0.03, "mean");
    }
}

/* Who stays below the limit does not rest, also where all comes at once. */
static void
test_below(void)
{
    for (gsize i = 0; i < 2 * G_N_ELEMENTS(quotas); i++) {
        Writer writer = writer_of(i % 2 ? below_gap : window_gap, quotas[i / 2]);
        guint64 rate = dirty_limit_pages_per_s(writer.quota, PAGE);
        DirtyPacer pacer;
        Run run = {0};

        /* From the second window on: it saves up in the first. */
        dirty_pacer_init(&pacer, rate, 0);
        simulate(&writer, &pacer, S, 11 * S, &run);
        g_assert_cmpuint(run.rests, ==, 0);
        assert_within(run.total, 9.9 * (double)rate, 0.01, "below the limit");
    }
}

/* The limit changes under the writer's hand: each second after it keeps the new one. */
static void
test_steps(void)
{
    const guint64 steps[] = {400, 100, 20, 150, 30, 800, 1, 5, 1000, 5, 400};
    DirtyPacer pacer;
    gint64 now = 0;

    dirty_pacer_init(&pacer, dirty_limit_pages_per_s(steps[0], PAGE), now);
    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++, now += 3 * S) {
        Writer writer = writer_of(no_gap, steps[i]);
        double rate = dirty_limit_pages_per_s(MIN(steps[i], FULL_SPEED), PAGE);
        gint64 rest;
        Run run = {0};

        dirty_pacer_set_rate(&pacer, dirty_limit_pages_per_s(steps[i], PAGE), now);
        /* What is left of the old limit's last rest. */
        rest = dirty_pacer_rest(&pacer, now);
        g_assert_cmpint(rest, <=, 100 * MS);
        simulate(&writer, &pacer, now + rest, now + 3 * S, &run);
        for (gint second = 0; second < 2; second++) {
            assert_within(run.pages[second], rate, 0.06, "one second after a step");
        }
    }
}

/* An idle vCPU is not slowed, and bursts no further than allowed afterwards. */
static void
test_idle_then_busy(void)
{
    Writer idle = writer_of(idle_gap, 20);
    Writer busy = writer_of(no_gap, 20);
    double rate = dirty_limit_pages_per_s(20, PAGE);
    DirtyPacer pacer;
    Run run = {0};

    dirty_pacer_init(&pacer, (guint64)rate, 0);
    simulate(&idle, &pacer, 0, 30 * S, &run);
    g_assert_cmpuint(run.rests, ==, 0);
    run = (Run){0};
    simulate(&busy, &pacer, 30 * S, 40 * S, &run);
    assert_bounded(&busy, &run);
    assert_within(run.pages[0], 2 * rate, 0.01, "burst");
    for (gint second = 1; second < 10; second++) {
        assert_within(run.pages[second], rate, 0.01, "one second after the burst");
    }
}

/* Guests of 1 to 1024 vCPUs that write in all ways, each vCPU with a limit of its own. */
static void
test_vcpus(void)
{
    static gint64 (*const gaps[])(const Writer *, gint64, guint64) = {
        no_gap, bursty_gap, phase_gap, idle_gap, below_gap, window_gap,
    };

    for (gint n_vcpus = 1; n_vcpus <= 1024; n_vcpus *= 4) {
        for (gint vcpu = 0; vcpu < n_vcpus; vcpu++) {
            Writer writer = writer_of(gaps[g_test_rand_int_range(0, G_N_ELEMENTS(gaps))],
                                      (guint64)g_test_rand_int_range(1, n_vcpus > 64 ? 12 : 400));
            Run run;

            writer.oversleep = g_test_rand_bit() ? 2 * MS : 0;
            run = simulate_new(&writer, 5);
            assert_bounded(&writer, &run);
            if (writer.gap == no_gap) {
                assert_within(run.total, 5.0 * dirty_limit_pages_per_s(writer.quota, PAGE), 0.01,
                              "mean");
            }
        }
    }
}

/* vCPUs that share one limit rest together; the sum keeps it. */
static void
test_shared(void)
{
    for (gint n_vcpus = 1; n_vcpus <= 1024; n_vcpus *= 4) {
        const guint64 rate = dirty_limit_pages_per_s(20, PAGE) * (guint64)n_vcpus;
        const gint64 page_ns = writer_of(no_gap, 20).page_ns;
        DirtyPacer pacer;
        guint64 pages = 0;
        gint64 end = 10 * S / n_vcpus + S;

        dirty_pacer_init(&pacer, rate, 0);
        for (gint64 now = page_ns; now < end; now += page_ns) {
            gint64 rest = 0;

            /* All see the rest only when each has written one page more. */
            for (gint vcpu = 0; vcpu < n_vcpus; vcpu++, pages++) {
                rest = dirty_pacer_charge(&pacer, 1, now + vcpu * page_ns / n_vcpus);
            }
            now += rest;
        }
        assert_within(pages, (double)rate * end / S, 0.01, "sum");
        assert_within(dirty_pacer_rested(&pacer, end), (1 - 20.0 / FULL_SPEED) * end, 0.01, "rest");
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pacer-simulation/constant", test_constant);
    g_test_add_func("/pacer-simulation/oversleep", test_oversleep);
    g_test_add_func("/pacer-simulation/chunks", test_chunks);
    g_test_add_func("/pacer-simulation/below", test_below);
    g_test_add_func("/pacer-simulation/steps", test_steps);
    g_test_add_func("/pacer-simulation/idle-then-busy", test_idle_then_busy);
    g_test_add_func("/pacer-simulation/vcpus", test_vcpus);
    g_test_add_func("/pacer-simulation/shared", test_shared);
    return g_test_run();
}
