/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: what all vCPUs together dirty, by KVM's dirty log.
 *
 * Without dirty rings KVM has a bitmap for each memory slot and does not tell
 * who wrote, so the guest as a whole is charged and rests.  What devices write
 * is not in these bitmaps.  All vCPUs run in the same slices, and the first
 * that comes out of one looks at the bitmaps.
 *
 * Others read the same bitmaps, above all migration, and none of them may lose
 * a page:
 *
 * - Where reading a bitmap clears it (no manual protection), all that was read
 *   is handed over to the bitmaps of QEMU that the others take it from, as if
 *   they had read it.
 *
 * - With manual protection a bit stays until it is cleared, and looking in the
 *   middle of a window changes nothing for anybody.  At the window's end bits
 *   must be cleared, so that KVM traps writes anew.  First they are handed
 *   over, except for those in dirty_bmap: somebody has read these and they were
 *   handed over then, and as they were not cleared since, whoever migrates has
 *   not sent the pages since.  To hand them over again would have them sent
 *   twice.  They are taken out of dirty_bmap, for its owner clears what is in
 *   it without a look at what came since.  All this is done under the lock for
 *   the slots, which whoever clears takes.
 *
 *   KVM may begin a bitmap with all bits set: such ones are cleared before
 *   they are counted.
 */
#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "qemu/error-report.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "exec/memory.h"
#include "exec/ram_addr.h"
#include "system/dirty-limit-pages.h"
#include "system/kvm.h"
#include <linux/kvm.h>
#include "dirty-limit-kvm.h"
#include "dirty-limit-slice.h"
#include "dirty-limit-timer.h"

/*
 * A slice is at least so many times as long as a look at the bitmaps takes:
 * larger guests are looked at less often.  The longest ones, of guests that
 * are far from their limit, cost little; others lead to rests in any case.
 */
#define LOOK_SHARE 4
#define LOOK_SHARE_FAR 30

/* A look that took long counts for as little: the host may have been busy. */
#define LOOK_WEIGHT 16

/* How much KVM clears at once, bytes: vCPUs that fault wait for it. */
#define CLEAR_BYTES GiB

/* What was counted of a slot in the present window: little-endian bits. */
typedef struct SlotLog {
    size_t n_words;
    unsigned long seen[];
} SlotLog;

/* SlotLogs by slot_key(). */
static GHashTable *slot_logs;

/* Room for what KVM tells of the largest slot, and for work on it. */
static unsigned long *bitmap, *scratch;
static size_t bitmap_words;

/* By cpu_index; NULL while there is no limit. */
static DirtyLimitTimer *timers;

static DirtyLimitSlice slice;
static int64_t since;       /* when it began, ns */
static int64_t due;         /* when it ends, ns */
static bool has_run;        /* whether a vCPU has begun to run in it */
static int64_t look_ns;     /* how long a look takes */
static uint64_t n_pages;    /* counted, but not charged yet */

static gpointer slot_key(const KVMSlot *mem)
{
    return GUINT_TO_POINTER(mem->slot | mem->as_id << 16);
}

static uint64_t slot_pages(const KVMSlot *mem)
{
    return mem->memory_size / qemu_real_host_page_size();
}

/* Whole words of 64 bits, as KVM writes them. */
static size_t slot_words(const KVMSlot *mem)
{
    return ROUND_UP(slot_pages(mem), 64) / BITS_PER_LONG;
}

/* Counts what was not seen before in this window. */
static void count(SlotLog *log, const KVMSlot *mem, const unsigned long *words)
{
    for (size_t i = 0; i < log->n_words; i++) {
        scratch[i] = words[i] & ~log->seen[i];
        log->seen[i] |= words[i];
    }
    n_pages += dirty_limit_window_mark_bitmap(scratch, mem->ram_start_offset,
                                              slot_pages(mem));
}

static bool log_read(const KVMSlot *mem)
{
    struct kvm_dirty_log log = {
        .slot = mem->slot | mem->as_id << 16,
        .dirty_bitmap = bitmap,
    };
    int ret = kvm_vm_ioctl(kvm_state, KVM_GET_DIRTY_LOG, &log);

    /* Not every slot has a bitmap. */
    if (ret && ret != -ENOENT) {
        error_report_once("dirty page rate limit: cannot read the dirty log "
                          "of slot %d: %s", mem->slot, strerror(-ret));
    }
    return !ret;
}

static void log_clear(const KVMSlot *mem)
{
    uint64_t step = CLEAR_BYTES / qemu_real_host_page_size();
    uint64_t pages = slot_pages(mem);

    for (uint64_t first = 0; first < pages; first += step) {
        struct kvm_clear_dirty_log log = {
            .slot = mem->slot | mem->as_id << 16,
            .first_page = first,
            .num_pages = MIN(step, pages - first),
            .dirty_bitmap = bitmap + BIT_WORD(first),
        };
        int ret = kvm_vm_ioctl(kvm_state, KVM_CLEAR_DIRTY_LOG, &log);

        if (ret && ret != -ENOENT) {
            error_report_once("dirty page rate limit: cannot clear the dirty "
                              "log of slot %d: %s", mem->slot, strerror(-ret));
        }
    }
}

/* Tells all who want to know of dirty pages. */
static void hand_over(const KVMSlot *mem, unsigned long *words)
{
    cpu_physical_memory_set_dirty_lebitmap(words, mem->ram_start_offset,
                                           slot_pages(mem));
}

/* Has KVM trap the next write to every page that was read as dirty. */
static void protect(SlotLog *log, KVMSlot *mem)
{
    bitmap_zero(log->seen, log->n_words * BITS_PER_LONG);
    if (!kvm_state->manual_dirty_log_protect) {
        return;
    }
    for (size_t i = 0; i < log->n_words; i++) {
        scratch[i] = bitmap[i] & ~mem->dirty_bmap[i];
    }
    hand_over(mem, scratch);
    log_clear(mem);
    bitmap_zero(mem->dirty_bmap, log->n_words * BITS_PER_LONG);
}

static void make_room(size_t n_words)
{
    if (bitmap_words < n_words) {
        bitmap = g_renew(unsigned long, bitmap, n_words);
        scratch = g_renew(unsigned long, scratch, n_words);
        bitmap_words = n_words;
    }
}

static SlotLog *slot_log_new(const KVMSlot *mem)
{
    size_t n_words = slot_words(mem);
    SlotLog *log = g_malloc0(sizeof(*log) + n_words * sizeof(log->seen[0]));

    log->n_words = n_words;
    g_hash_table_insert(slot_logs, slot_key(mem), log);
    make_room(n_words);
    return log;
}

static void look_at_slot(KVMSlot *mem, bool at_end)
{
    SlotLog *log = g_hash_table_lookup(slot_logs, slot_key(mem));
    bool is_new = !log;

    if (is_new) {
        log = slot_log_new(mem);
    }
    if (!log_read(mem)) {
        return;
    }
    if (!is_new) {
        count(log, mem, bitmap);
    }
    if (!kvm_state->manual_dirty_log_protect) {
        hand_over(mem, bitmap);
    }
    if (is_new || at_end) {
        protect(log, mem);
    }
}

static void look_at_slots(bool at_end)
{
    QEMU_LOCK_GUARD(&kml_slots_lock);

    for (int i = 0; i < kvm_state->nr_as; i++) {
        KVMMemoryListener *listener = kvm_state->as[i].ml;

        for (int j = 0; j < listener->nr_slots_allocated; j++) {
            KVMSlot *mem = &listener->slots[j];

            if (mem->memory_size && mem->flags & KVM_MEM_LOG_DIRTY_PAGES) {
                look_at_slot(mem, at_end);
            }
        }
    }
}

static void charge(void)
{
    uint64_t n = n_pages;

    n_pages = 0;
    if (n) {
        dirty_limit_charge(NULL, n);
    }
}

static void begin_slice(int64_t now)
{
    int64_t ns = dirty_limit_slice_next(&slice, dirty_limit_rate(NULL),
                                        dirty_limit_allowance(NULL));
    int64_t share = ns < DIRTY_LIMIT_SLICE_MAX_NS ? LOOK_SHARE
                                                  : LOOK_SHARE_FAR;

    since = now;
    due = now + MAX(ns, look_ns * share);
    has_run = false;
}

static void note_look(int64_t ns)
{
    look_ns = ns < look_ns ? ns : look_ns + (ns - look_ns) / LOOK_WEIGHT;
}

/* Counts what vCPUs dirtied; at the end of a window also begins anew. */
static void look(bool at_end)
{
    int64_t begin = get_clock();
    int64_t end;

    look_at_slots(at_end);
    end = get_clock();
    note_look(end - begin);
    dirty_limit_slice_done(&slice, n_pages, begin - since, end);
    charge();
    begin_slice(end);
}

void kvm_dirty_limit_log_enter(CPUState *cpu)
{
    int64_t now;

    if (!timers) {
        return;
    }
    now = get_clock();
    if (now >= due && has_run) {
        look(false);
        now = get_clock();
    } else if (now >= due) {
        /* The guest has rested or was paused. */
        begin_slice(now);
    }
    has_run = true;
    dirty_limit_timer_arm(&timers[cpu->cpu_index], MAX(due - now, 1));
}

void kvm_dirty_limit_log_leave(CPUState *cpu)
{
    int64_t now;

    if (!timers) {
        return;
    }
    now = get_clock();
    dirty_limit_timer_disarm(&timers[cpu->cpu_index], now);
    if (now >= due) {
        look(false);
    }
}

void kvm_dirty_limit_log_end(CPUState *cpu)
{
    if (timers) {
        dirty_limit_timer_free(&timers[cpu->cpu_index]);
    }
}

void kvm_dirty_limit_synced(const KVMSlot *mem)
{
    SlotLog *log = timers ? g_hash_table_lookup(slot_logs, slot_key(mem))
                          : NULL;

    if (log) {
        count(log, mem, mem->dirty_bmap);
    }
}

void kvm_dirty_limit_unmapped(const KVMSlot *mem)
{
    if (timers) {
        g_hash_table_remove(slot_logs, slot_key(mem));
    }
}

static bool log_usable(void)
{
    return kvm_enabled() && !kvm_dirty_ring_enabled();
}

static bool log_start(Error **errp)
{
    if (!memory_global_dirty_log_start(GLOBAL_DIRTY_LIMIT, errp)) {
        return false;
    }
    slot_logs = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    timers = g_new0(DirtyLimitTimer, kvm_dirty_limit_max_vcpus());
    slice = (DirtyLimitSlice){};
    n_pages = 0;
    look_ns = 0;
    /* All slots are new: this counts nothing. */
    look(false);
    return true;
}

static void log_stop(void)
{
    for (unsigned int i = 0; i < kvm_dirty_limit_max_vcpus(); i++) {
        dirty_limit_timer_free(&timers[i]);
    }
    g_clear_pointer(&timers, g_free);
    g_clear_pointer(&slot_logs, g_hash_table_unref);
    g_clear_pointer(&bitmap, g_free);
    g_clear_pointer(&scratch, g_free);
    bitmap_words = 0;
    memory_global_dirty_log_stop(GLOBAL_DIRTY_LIMIT);
}

static void log_end_window(void)
{
    look(true);
}

static void log_limit_changed(CPUState *unused)
{
    /* What was right for another limit may be too long now. */
    slice.length = 0;
    due = 0;
}

static const DirtyLimitBackend log_backend = {
    .scope = DIRTY_LIMIT_SCOPE_GUEST,
    .usable = log_usable,
    .start = log_start,
    .stop = log_stop,
    .end_window = log_end_window,
    .limit_changed = log_limit_changed,
};

static void log_register(void)
{
    dirty_limit_register_backend(&log_backend);
}

type_init(log_register)
