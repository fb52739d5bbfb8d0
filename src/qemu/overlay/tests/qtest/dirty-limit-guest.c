/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of dirty page rate limits: a guest that writes as it is told to.
 */
#include "qemu/osdep.h"
#include "qobject/qlist.h"
#include "qobject/qnum.h"
#include "dirty-limit-guest.h"

/* Where the test tells the guest what to do. */
#define SET_BYTES 0x6000        /* how many bytes each vCPU writes */
#define WAKE 0x6004             /* APIC id of a vCPU to wake, 0: none */

/* How many pages a vCPU has written, modulo 2^32: a page for each. */
#define COUNTER(vcpu) (0x9000 + (vcpu) * PAGE_SIZE)

static const uint8_t program[] = {
    0xfa,                               /*   cli */
    0x2e, 0x66, 0x0f, 0x01, 0x16,       /*   lgdt [cs:gdtr] */
    0x30, 0x00,
    0x0f, 0x20, 0xc0,                   /*   mov eax, cr0 */
    0x0c, 0x01,                         /*   or al, 1 */
    0x0f, 0x22, 0xc0,                   /*   mov cr0, eax */
    0x66, 0xea, 0x36, 0x00, 0x0f, 0x00, /*   jmp 8:0xf0000+entry */
    0x08, 0x00,
    /* gdt: nothing, 4 GiB of code, 4 GiB of data */
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xff, 0xff, 0x00, 0x00, 0x00, 0x9a, 0xcf, 0x00,
    0xff, 0xff, 0x00, 0x00, 0x00, 0x92, 0xcf, 0x00,
    /* gdtr: */
    0x17, 0x00, 0x18, 0x00, 0x0f, 0x00,
    /* entry: */
    0x66, 0xb8, 0x10, 0x00,             /*   mov ax, 0x10 */
    0x8e, 0xd8,                         /*   mov ds, ax */
    0x8b, 0x1d, 0x20, 0x00, 0xe0, 0xfe, /*   mov ebx, [0xfee00020] */
    0xc1, 0xeb, 0x18,                   /*   shr ebx, 24   ; APIC id */
    0x89, 0xde,                         /*   mov esi, ebx */
    0x46,                               /*   inc esi */
    0xc1, 0xe6, 0x18,                   /*   shl esi, 24   ; what it writes */
    0x89, 0xdd,                         /*   mov ebp, ebx */
    0xc1, 0xe5, 0x0c,                   /*   shl ebp, 12 */
    0x81, 0xc5, 0x00, 0x90, 0x00, 0x00, /*   add ebp, COUNTER(0) */
    /* round: */
    0xa1, 0x04, 0x60, 0x00, 0x00,       /*   mov eax, [WAKE] */
    0x85, 0xc0,                         /*   test eax, eax */
    0x74, 0x40,                         /*   jz go */
    0x85, 0xdb,                         /*   test ebx, ebx */
    0x75, 0x3c,                         /*   jnz go        ; vCPU 0 does it */
    0xc7, 0x05, 0x00, 0x80, 0x00, 0x00, /*   jmp 0xf000:0 to 0x8000 */
    0xea, 0x00, 0x00, 0x00,
    0xc6, 0x05, 0x04, 0x80, 0x00, 0x00, 0xf0,
    0xc1, 0xe0, 0x18,                   /*   shl eax, 24 */
    0xa3, 0x10, 0x03, 0xe0, 0xfe,       /*   mov [0xfee00310], eax */
    0xc7, 0x05, 0x00, 0x03, 0xe0, 0xfe, /*   mov [0xfee00300], INIT */
    0x00, 0x45, 0x00, 0x00,
    0xa3, 0x10, 0x03, 0xe0, 0xfe,       /*   mov [0xfee00310], eax */
    0xc7, 0x05, 0x00, 0x03, 0xe0, 0xfe, /*   mov [0xfee00300], SIPI 0x8000 */
    0x08, 0x46, 0x00, 0x00,
    0xc7, 0x05, 0x04, 0x60, 0x00, 0x00, /*   mov [WAKE], 0 */
    0x00, 0x00, 0x00, 0x00,
    /* go: */
    0x31, 0xff,                         /*   xor edi, edi */
    /* page: */
    0x3b, 0x3d, 0x00, 0x60, 0x00, 0x00, /*   cmp edi, [SET_BYTES] */
    0x73, 0xad,                         /*   jae round */
    0xff, 0x04, 0x3e,                   /*   inc dword [esi + edi] */
    0xff, 0x45, 0x00,                   /*   inc dword [ebp] */
    0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, /*   add edi, PAGE_SIZE */
    0xeb, 0xea,                         /*   jmp page */
};

static uint32_t counter(QTestState *qts, unsigned int vcpu)
{
    return qtest_readl(qts, COUNTER(vcpu));
}

static void wait_running(QTestState *qts, unsigned int vcpu)
{
    uint32_t before = counter(qts, vcpu);

    while (counter(qts, vcpu) == before) {
        g_usleep(1000);
    }
}

QTestState *start_writers(const char *accel)
{
    g_autofree char *bios = write_bios(program, sizeof(program));
    QTestState *qts = qtest_initf("-accel %s -nodefaults -machine pc -m 128 "
                                  "-smp %d,maxcpus=%d,sockets=%d,cores=1 "
                                  "-bios %s", accel, N_VCPUS, MAX_VCPUS,
                                  MAX_VCPUS, bios);

    write_set(qts, 16 * PAGES_PER_MIB);
    wait_running(qts, 0);
    unlink(bios);
    return qts;
}

void write_set(QTestState *qts, unsigned int n_pages)
{
    qtest_writel(qts, SET_BYTES, n_pages * PAGE_SIZE);
}

void wake_vcpu(QTestState *qts, unsigned int vcpu)
{
    qtest_writel(qts, WAKE, vcpu);
    wait_running(qts, vcpu);
}

double guest_rate(QTestState *qts, unsigned int vcpu, unsigned int ms)
{
    int64_t begin = g_get_monotonic_time();
    uint32_t before = counter(qts, vcpu);
    uint32_t pages;

    g_usleep(ms * 1000);
    pages = counter(qts, vcpu) - before;
    return pages / PAGES_PER_MIB * G_USEC_PER_SEC /
           (g_get_monotonic_time() - begin);
}

void set_limit(QTestState *qts, int vcpu, int mibs)
{
    qtest_qmp_assert_success(qts, "{ 'execute': 'set-vcpu-dirty-limit',"
                             "  'arguments': { 'cpu-index': %d,"
                             "                 'dirty-rate': %d } }",
                             vcpu, mibs);
}

void cancel_limit(QTestState *qts, int vcpu)
{
    qtest_qmp_assert_success(qts, "{ 'execute': 'cancel-vcpu-dirty-limit',"
                             "  'arguments': { 'cpu-index': %d } }", vcpu);
}

QDict *limit_entry(QTestState *qts, int vcpu)
{
    QDict *reply = qtest_qmp(qts, "{ 'execute': 'query-vcpu-dirty-limit' }");
    const QListEntry *entry;
    QDict *found = NULL;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(reply, "return"), entry) {
        QDict *info = qobject_to(QDict, qlist_entry_obj(entry));

        if (qdict_get_int(info, "cpu-index") == vcpu) {
            found = qobject_ref(info);
        }
    }
    qobject_unref(reply);
    return found;
}

void assert_limit(QTestState *qts, int vcpu, int mibs)
{
    QDict *entry = limit_entry(qts, vcpu);

    g_assert_cmpint(entry ? qdict_get_int(entry, "limit-rate") : 0, ==, mibs);
    qobject_unref(entry);
}

double entry_double(const QDict *entry, const char *key)
{
    return qnum_get_double(qobject_to(QNum, qdict_get(entry, key)));
}
