/* The guest's clock: the time stamp counter, its frequency taken from the timer chip (PIT). */
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

#define PIT_HZ 1193182ull
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND 0x43
#define PIT_LOAD_CHANNEL2 0xb0  /* low then high byte, mode 0: count down once */
#define PIT_LATCH_CHANNEL2 0x80
#define PORT_B 0x61
#define PORT_B_GATE2 0x01
#define PORT_B_SPEAKER 0x02
/* Long against the time one reading takes, short enough for the counter's 16 bits (54.9 ms). */
#define SPAN_TICKS 50000
/* Two runs have to agree this well, in parts per million: a host that took the CPU away in the
 * middle of a reading shows. */
#define AGREE_PPM 500
#define MAX_RUNS 20
#define READINGS 16

/* The counter's frequency, Hz. */
uint64_t clock_hz;

struct reading {
    uint64_t tsc;
    uint32_t pit;
    uint64_t doubt; /* TSC ticks the reading took */
};

/* Return: the reading that took the least time of several. */
static struct reading
read_both(void)
{
    struct reading best = {0, 0, UINT64_MAX};

    for (uint32_t i = 0; i < READINGS; i++) {
        uint64_t before = clock_now(), after;
        uint32_t pit;

        out8(PIT_COMMAND, PIT_LATCH_CHANNEL2);
        after = clock_now();
        pit = in8(PIT_CHANNEL2);
        pit |= (uint32_t) in8(PIT_CHANNEL2) << 8;
        if (after - before < best.doubt) {
            best.tsc = before + (after - before) / 2;
            best.pit = pit;
            best.doubt = after - before;
        }
    }
    return best;
}

/* Return: the TSC's frequency in Hz, or 0 when the chip ran out before a good reading. */
static uint64_t
measure(void)
{
    struct reading begin, end;

    out8(PORT_B, (uint8_t) ((in8(PORT_B) & ~PORT_B_SPEAKER) | PORT_B_GATE2));
    out8(PIT_COMMAND, PIT_LOAD_CHANNEL2);
    out8(PIT_CHANNEL2, 0xff);
    out8(PIT_CHANNEL2, 0xff);
    begin = read_both();
    do {
        end = read_both();
    } while (begin.pit > end.pit && begin.pit - end.pit < SPAN_TICKS);
    if (end.pit >= begin.pit) {
        return 0; /* wrapped around */
    }
    return (end.tsc - begin.tsc) * PIT_HZ / (begin.pit - end.pit);
}

/**
 * clock_calibrate:
 *
 * Sets clock_hz; ends the guest when no two runs agree.
 */
void
clock_calibrate(void)
{
    uint64_t previous = 0;

    for (uint32_t run = 0; run < MAX_RUNS; run++) {
        uint64_t hz = measure();
        uint64_t difference = hz > previous ? hz - previous : previous - hz;

        if (hz && previous && difference * 1000000 / hz <= AGREE_PPM) {
            clock_hz = (hz + previous) / 2;
            return;
        }
        previous = hz;
    }
    fail("the time stamp counter and the PIT do not agree, give the guest a stable host CPU");
}
