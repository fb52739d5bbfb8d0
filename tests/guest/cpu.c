/* The vCPUs: local APIC, interrupts, and starting all but the first. */
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

#define FW_CFG_SELECT 0x510
#define FW_CFG_DATA 0x511
#define FW_CFG_NB_CPUS 5
#define PIC_MASTER_MASK 0x21
#define PIC_SLAVE_MASK 0xa1
#define MSR_APIC_BASE 0x1b
#define APIC_BASE_ADDRESS 0xfffff000u
#define LAPIC_ID 0x20
#define LAPIC_SPURIOUS 0xf0
#define LAPIC_ENABLE 0x100
#define LAPIC_ICR 0x300
#define LAPIC_TIMER 0x320
#define LAPIC_TIMER_PERIODIC 0x20000
#define LAPIC_MASKED 0x10000
#define LAPIC_TIMER_COUNT 0x380
#define LAPIC_TIMER_DIVIDE 0x3e0
#define LAPIC_DIVIDE_BY_1 0xb
#define IPI_INIT_OTHERS 0xc4500
#define IPI_STARTUP_OTHERS (0xc4600 | AP_TRAMPOLINE / PAGE_SIZE)
/* QEMU's and KVM's APIC timers count ns. Elsewhere the ticks come at another pace, which changes
 * how finely the work is sliced, not how much is done: that goes by the TSC. */
#define TIMER_COUNTS_PER_US 1000
#define VECTOR_TIMER 0x20
#define VECTOR_SPURIOUS 0xff
#define FAULTS 32
#define FAULT_ENTRY_BYTES 16
#define STACK_BYTES 4096
#define START_LIMIT_MS 30000
#define SECOND_STARTUP_MS 200

struct gate {
    uint16_t offset_low, selector, flags, offset_middle;
    uint32_t offset_high, reserved;
};

extern char ap_trampoline[], ap_trampoline_end[], timer_entry[], spurious_entry[], fault_entries[];
extern volatile uint32_t ap_next;
extern uint8_t *ap_stacks;

uint32_t cpu_count;
struct cpu *cpus;
uint64_t lapic_base;

static struct gate idt[256] __attribute__((aligned(16)));
static volatile uint32_t arrived = 1;

static void
lapic_write(uint32_t reg, uint32_t value)
{
    *(volatile uint32_t *) (lapic_base + reg) = value;
}

static uint32_t
lapic_id(void)
{
    return *(volatile uint32_t *) (lapic_base + LAPIC_ID) >> 24;
}

static void
set_gate(uint32_t vector, const char *entry)
{
    uint64_t offset = (uint64_t) entry;

    idt[vector].offset_low = (uint16_t) offset;
    idt[vector].selector = 0x08;
    idt[vector].flags = 0x8e00; /* present, interrupt gate */
    idt[vector].offset_middle = (uint16_t) (offset >> 16);
    idt[vector].offset_high = (uint32_t) (offset >> 32);
}

/* What every vCPU has to set up for itself. */
static void
cpu_init_self(void)
{
    const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) pointer = {sizeof(idt) - 1, (uint64_t) idt};

    __asm__ volatile("lidt %0" : : "m"(pointer));
    lapic_write(LAPIC_SPURIOUS, LAPIC_ENABLE | VECTOR_SPURIOUS);
}

/**
 * cpu_tick:
 * @us: time between timer interrupts, µs; 0: none
 *
 * Sets this vCPU's timer.
 */
void
cpu_tick(uint32_t us)
{
    lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_DIVIDE_BY_1);
    lapic_write(LAPIC_TIMER, us ? LAPIC_TIMER_PERIODIC | VECTOR_TIMER : LAPIC_MASKED);
    lapic_write(LAPIC_TIMER_COUNT, us * TIMER_COUNTS_PER_US);
}

/**
 * cpu_wait_tick:
 *
 * Sleeps until the next timer interrupt. Interrupts are on here and nowhere else.
 */
void
cpu_wait_tick(void)
{
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

/**
 * cpu_wait_ms:
 * @ms: time to sleep, ms; the timer has to tick
 */
void
cpu_wait_ms(uint32_t ms)
{
    uint64_t end = clock_now() + clock_hz / 1000 * ms;

    while (clock_now() < end) {
        cpu_wait_tick();
    }
}

/**
 * cpu_init:
 *
 * Sets up the first vCPU and counts all of them.
 */
void
cpu_init(void)
{
    uint32_t low, high;

    out8(PIC_MASTER_MASK, 0xff);
    out8(PIC_SLAVE_MASK, 0xff);
    for (uint32_t i = 0; i < FAULTS; i++) {
        set_gate(i, fault_entries + i * FAULT_ENTRY_BYTES);
    }
    set_gate(VECTOR_TIMER, timer_entry);
    set_gate(VECTOR_SPURIOUS, spurious_entry);
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_APIC_BASE));
    lapic_base = low & APIC_BASE_ADDRESS;
    cpu_init_self();

    out16(FW_CFG_SELECT, FW_CFG_NB_CPUS);
    cpu_count = in8(FW_CFG_DATA);
    cpu_count |= (uint32_t) in8(FW_CFG_DATA) << 8;
    if (cpu_count < 1 || cpu_count > MAX_CPUS) {
        fail("%u vCPUs: this guest can use 1 to %u", cpu_count, MAX_CPUS);
    }
}

/**
 * ap_main:
 * @number: order of arrival, from 0
 *
 * Life of every vCPU but the first, called from boot.S.
 */
_Noreturn void
ap_main(uint32_t number)
{
    uint32_t id = lapic_id(), i = 0;

    cpu_init_self();
    cpus[number + 1].apic_id = id;
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);

    cpu_tick(WAIT_TICK_US);
    while (!start_time) {
        cpu_wait_tick();
    }
    while (cpus[i].apic_id != id) {
        i++;
    }
    work_run(&cpus[i]);
}

/* vCPU n of the reports is vCPU n of the host: both go by APIC number. */
static void
sort_cpus(void)
{
    for (uint32_t i = 1; i < cpu_count; i++) {
        uint32_t id = cpus[i].apic_id, to = i;

        for (; to > 0 && cpus[to - 1].apic_id > id; to--) {
            cpus[to].apic_id = cpus[to - 1].apic_id;
        }
        cpus[to].apic_id = id;
    }
}

/**
 * cpu_start_others:
 *
 * Starts all vCPUs; they sleep until start_time is set. Fills in cpus[].apic_id.
 */
void
cpu_start_others(void)
{
    uint32_t waited = 0;

    cpus = memory_take(cpu_count * sizeof(*cpus));
    cpus[0].apic_id = lapic_id();
    if (cpu_count == 1) {
        return;
    }
    ap_stacks = memory_take((uint64_t) (cpu_count - 1) * STACK_BYTES);
    for (uint32_t i = 0; ap_trampoline + i < ap_trampoline_end; i++) {
        ((volatile char *) AP_TRAMPOLINE)[i] = ap_trampoline[i];
    }
    cpu_tick(WAIT_TICK_US);
    lapic_write(LAPIC_ICR, IPI_INIT_OTHERS);
    cpu_wait_ms(10);
    lapic_write(LAPIC_ICR, IPI_STARTUP_OTHERS);
    for (; arrived < cpu_count && waited < START_LIMIT_MS; waited += 10) {
        if (waited == SECOND_STARTUP_MS) {
            /* Running vCPUs ignore it. */
            lapic_write(LAPIC_ICR, IPI_STARTUP_OTHERS);
        }
        cpu_wait_ms(10);
    }
    if (arrived < cpu_count) {
        fail("only %u of %u vCPUs have started within 30 s", arrived, cpu_count);
    }
    sort_cpus();
}

/**
 * fault_main:
 * @vector: the exception
 * @frame: what the CPU put on the stack
 * @address: CR2
 *
 * Called from boot.S on any CPU exception: a bug of this guest.
 */
_Noreturn void
fault_main(uint32_t vector, const uint64_t *frame, uint64_t address)
{
    fail("exception %u, stack %lx %lx %lx, address %lx: this is a bug of the guest", vector,
         frame[0], frame[1], frame[2], address);
}
