/* The guest's memory: the loader's map, page tables, and where working set and fill lie. */
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

#define INFO_HAS_COMMAND_LINE (1 << 2)
#define INFO_HAS_MEMORY_MAP (1 << 6)
#define MAP_AVAILABLE 1
#define FOUR_GIB (4096 * MIB)
#define GIB (1024 * MIB)
#define LARGE_PAGE (2 * MIB)
#define TABLE_FLAGS 0x23ull /* as in boot.S */
#define LARGE_PAGE_FLAGS 0xe3ull
#define ENTRIES 512

struct multiboot_info {
    uint32_t flags, mem_lower, mem_upper, boot_device, command_line, modules, modules_at;
    uint32_t symbols[4], map_length, map;
};

struct multiboot_map_entry {
    uint32_t size; /* of what follows */
    uint64_t address, length;
    uint32_t type;
} __attribute__((packed));

extern char __bss_end[];
extern uint64_t page_pdpt[ENTRIES];

static uint64_t low_end, high_end; /* of the memory below and above 4 GiB, bytes */
static uint64_t taken;             /* first byte not yet handed out by memory_take() */

static uint64_t
round_up(uint64_t value, uint64_t step)
{
    return (value + step - 1) / step * step;
}

/**
 * memory_init:
 * @multiboot_info: address of the loader's information
 *
 * Reads all that is needed of the loader's data: memory_take() may hand out where it lies.
 *
 * Return: the command line; use it before the first memory_take().
 */
char *
memory_init(uint32_t multiboot_info)
{
    const struct multiboot_info *info = (void *) (uintptr_t) multiboot_info;
    uint64_t kernel = (uintptr_t) __bss_end;
    static char none[1];

    if (!(info->flags & INFO_HAS_MEMORY_MAP)) {
        fail("the loader gave no memory map, use a multiboot loader such as QEMU's -kernel");
    }
    for (uint64_t at = info->map; at < (uint64_t) info->map + info->map_length;) {
        const struct multiboot_map_entry *entry = (void *) at;
        uint64_t end = (entry->address + entry->length) & ~(PAGE_SIZE - 1);

        if (entry->type == MAP_AVAILABLE && entry->address < kernel && end > kernel) {
            low_end = end;
        } else if (entry->type == MAP_AVAILABLE && entry->address == FOUR_GIB) {
            high_end = end;
        }
        at += entry->size + sizeof(entry->size);
    }
    if (!low_end) {
        fail("no memory behind the kernel, give the guest at least 16 MiB");
    }
    if (high_end > ENTRIES * GIB) {
        high_end = ENTRIES * GIB;
    }
    taken = round_up(kernel, PAGE_SIZE);
    return info->flags & INFO_HAS_COMMAND_LINE ? (char *) (uintptr_t) info->command_line : none;
}

/**
 * memory_take:
 * @bytes: how much
 *
 * Return: zeroed memory in whole pages, for good.
 */
void *
memory_take(uint64_t bytes)
{
    uint64_t *memory = (void *) taken;

    bytes = round_up(bytes, PAGE_SIZE);
    if (taken + bytes > low_end) {
        fail("the guest's memory is too small, give it at least 16 MiB");
    }
    taken += bytes;
    for (uint64_t i = 0; i < bytes / sizeof(*memory); i++) {
        memory[i] = 0;
    }
    return memory;
}

/* Memory that is plugged, such as DIMMs, is in ACPI's tables and not in the loader's map. */
static void
add_plugged(void)
{
    if (options.high_mib && FOUR_GIB + options.high_mib * MIB > high_end) {
        high_end = FOUR_GIB + options.high_mib * MIB;
    }
}

/* Maps what lies above 4 GiB, as boot.S has mapped what lies below. */
static void
map_high(void)
{
    for (uint64_t address = FOUR_GIB; address < high_end; address += GIB) {
        uint64_t *directory = memory_take(PAGE_SIZE);

        for (uint64_t i = 0; i < ENTRIES; i++) {
            directory[i] = (address + i * LARGE_PAGE) | LARGE_PAGE_FLAGS;
        }
        page_pdpt[address / GIB] = (uint64_t) directory | TABLE_FLAGS;
    }
}

/* Return: the number of the first page at @address or above. */
static uint64_t
page_at(uint64_t address)
{
    if (address <= ram.base) {
        return 0;
    }
    if (address < low_end) {
        return (address - ram.base) / PAGE_SIZE;
    }
    return ram.low_pages + (address > FOUR_GIB ? (address - FOUR_GIB) / PAGE_SIZE : 0);
}

/**
 * memory_address:
 * @page: number of a page, see struct ram
 *
 * Return: its guest-physical address.
 */
uint64_t
memory_address(uint64_t page)
{
    return ram.base + page * PAGE_SIZE + (page >= ram.low_pages ? ram.hole : 0);
}

/**
 * memory_layout:
 *
 * Places the working set and, behind it, the memory to fill. All memory the guest wants for
 * itself has to be taken before.
 */
void
memory_layout(void)
{
    uint64_t wanted = (options.ws_mib + options.fill_mib) * PAGES_PER_MIB;

    add_plugged();
    map_high();
    ram.base = round_up(taken, LARGE_PAGE);
    ram.low_pages = ram.base < low_end ? (low_end - ram.base) / PAGE_SIZE : 0;
    ram.pages = ram.low_pages + (high_end ? (high_end - FOUR_GIB) / PAGE_SIZE : 0);
    ram.hole = FOUR_GIB - (ram.base + ram.low_pages * PAGE_SIZE);

    working_set.first = page_at(options.start_mib * MIB);
    working_set.pages = options.ws_mib * PAGES_PER_MIB;
    fill.first = working_set.first + working_set.pages;
    fill.pages = options.fill_mib * PAGES_PER_MIB;
    if (working_set.first + wanted > ram.pages) {
        uint64_t room = ram.pages > working_set.first ? ram.pages - working_set.first : 0;

        fail("ws=%lu and fill=%lu (MiB) do not fit, %lu MiB are free from the start on",
             options.ws_mib, options.fill_mib, room / PAGES_PER_MIB);
    }
}
