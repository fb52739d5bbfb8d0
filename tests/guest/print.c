/* Text on the first serial port, and the end of the guest when something is wrong. */
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include "guest.h"

#define COM1 0x3f8
#define LINE_STATUS (COM1 + 5)
#define TRANSMITTER_EMPTY 0x20
/* The FIFO's depth: look whether there is room this often, in bytes. */
#define FIFO_BYTES 16

/* Each byte goes straight to the port: no buffer that would be dirty memory, and on hosts where KVM
 * emulates, the exits keep a dirty ring from overflowing. */
static void
print_char(char c)
{
    static uint32_t sent;

    if (sent++ % FIFO_BYTES == 0) {
        while (!(in8(LINE_STATUS) & TRANSMITTER_EMPTY)) {
            __builtin_ia32_pause();
        }
    }
    out8(COM1, (uint8_t) c);
}

static void
print_number(uint64_t value, uint32_t base)
{
    char digits[20];
    uint32_t n = 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    while (n) {
        print_char(digits[--n]);
    }
}

/* Knows %s, %u (32 bits), %lu and %lx (64 bits), and nothing else. */
static void
print_list(const char *format, va_list args)
{
    for (const char *c = format; *c; c++) {
        if (*c != '%') {
            print_char(*c);
            continue;
        }
        c++;
        if (*c == 's') {
            for (const char *text = va_arg(args, const char *); *text; text++) {
                print_char(*text);
            }
        } else if (*c == 'u') {
            print_number(va_arg(args, uint32_t), 10);
        } else if (*c == 'l') {
            c++;
            print_number(va_arg(args, uint64_t), *c == 'x' ? 16 : 10);
        }
    }
}

/**
 * print:
 * @format: text with %s, %u, %lu and %lx
 */
void
print(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_list(format, args);
    va_end(args);
}

/**
 * stop:
 *
 * Ends this vCPU's work for good, without using the host's CPU.
 */
void
stop(void)
{
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

/**
 * fail:
 * @format: what is wrong and what to do, without a line end
 *
 * Prints an ERROR line and stops the guest.
 */
void
fail(const char *format, ...)
{
    va_list args;

    print("ERROR ");
    va_start(args, format);
    print_list(format, args);
    va_end(args);
    print("\n");
    stop();
}
