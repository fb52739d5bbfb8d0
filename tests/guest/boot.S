/* Entry from the multiboot loader, the way into long mode, the other vCPUs' first steps, interrupts. */
/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "guest.h"

#define CODE64 0x08
#define DATA 0x10
#define CODE32 0x18

/* Present, writable, accessed, dirty: with the last two preset the CPU never writes to a table, so
 * the page tables add nothing to the guest's dirty pages. */
#define TABLE_FLAGS 0x23
#define LARGE_PAGE_FLAGS 0xe3

#define CR0_PROTECTED 0x00010031 /* WP, NE, ET, PE; caches on, which INIT leaves off */
#define CR0_PAGING 0x80000000
#define CR4_PAE 0x20
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define CPUID_EXT_EDX_LM (1 << 29)
#define COM1 0x3f8

        .section .multiboot, "a"
        .balign 4
        .long 0x1badb002, 0x2, -(0x1badb002 + 0x2)

        .text
        .code32
        .globl _start
_start:
        cli
        cld
        movl    $__bss_start, %edi
        movl    $__bss_end, %ecx
        subl    %edi, %ecx
        shrl    $2, %ecx
        xorl    %eax, %eax
        rep stosl
        movl    $boot_stack_top, %esp
        movl    %ebx, %ebp              /* cpuid overwrites ebx */
        movl    $0x80000001, %eax
        cpuid
        testl   $CPUID_EXT_EDX_LM, %edx
        jz      no_long_mode

        /* The first 4 GiB; memory_init() maps what lies above. */
        movl    $(page_pdpt + TABLE_FLAGS), page_pml4
        movl    $(page_pd + TABLE_FLAGS), %eax
        movl    $page_pdpt, %edi
        movl    $4, %ecx
1:      movl    %eax, (%edi)
        addl    $4096, %eax
        addl    $8, %edi
        loop    1b
        movl    $LARGE_PAGE_FLAGS, %eax
        movl    $page_pd, %edi
        movl    $2048, %ecx
2:      movl    %eax, (%edi)
        addl    $0x200000, %eax
        addl    $8, %edi
        loop    2b

        lgdt    gdt_pointer
        movl    $boot64, %esi
        jmp     enter_long_mode

no_long_mode:
        movl    $no_long_mode_text, %esi
        movw    $COM1, %dx
3:      lodsb
        testb   %al, %al
        jz      4f
        outb    %al, %dx
        jmp     3b
4:      cli
        hlt
        jmp     4b

/* Turns paging and long mode on and goes on at esi; ebp is kept. */
enter_long_mode:
        movl    $CR4_PAE, %eax
        movl    %eax, %cr4
        movl    $page_pml4, %eax
        movl    %eax, %cr3
        movl    $MSR_EFER, %ecx
        rdmsr
        orl     $EFER_LME, %eax
        wrmsr
        movl    $(CR0_PROTECTED | CR0_PAGING), %eax
        movl    %eax, %cr0
        ljmp    $CODE64, $in_long_mode

        .code64
in_long_mode:
        movl    $DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    %esi, %esi
        jmp     *%rsi

boot64:
        movl    $boot_stack_top, %esp
        movl    %ebp, %edi
        call    guest_main
5:      cli
        hlt
        jmp     5b

/* Every other vCPU draws a number, which gives it a stack of its own. */
ap64:
        movl    $1, %edi
        lock xaddl %edi, ap_next
        movl    %edi, %eax
        incl    %eax
        shll    $12, %eax
        addq    ap_stacks, %rax
        movq    %rax, %rsp
        call    ap_main
        jmp     5b

/* Copied below 1 MiB by smp_start(), where the start-up IPI can point to it. */
        .code16
        .globl ap_trampoline, ap_trampoline_end
ap_trampoline:
        cli
        cld
        xorw    %ax, %ax
        movw    %ax, %ds
        lgdtl   AP_TRAMPOLINE + (ap_gdt_pointer - ap_trampoline)
        movl    $CR0_PROTECTED, %eax
        movl    %eax, %cr0
        ljmpl   $CODE32, $ap32
        .balign 4
ap_gdt_pointer:
        .word   gdt_end - gdt - 1
        .long   gdt
ap_trampoline_end:

        .code32
ap32:
        movl    $DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    $ap64, %esi
        jmp     enter_long_mode

        .code64
        .globl timer_entry, spurious_entry, fault_entries
/* The timer only ends a hlt: acknowledge it, nothing else. */
timer_entry:
        pushq   %rax
        movq    lapic_base, %rax
        movl    $0, 0xb0(%rax)
        popq    %rax
spurious_entry:
        iretq

/* One entry of 16 bytes for each CPU exception; none is expected. */
        .balign 16
fault_entries:
        .set    vector, 0
        .rept   32
        .balign 16
        movl    $vector, %edi
        jmp     fault_common
        .set    vector, vector + 1
        .endr
fault_common:
        movq    %rsp, %rsi
        movq    %cr2, %rdx
        andq    $-16, %rsp
        call    fault_main

        .section .rodata
        .balign 8
gdt:
        .quad   0
        .quad   0x00af9b000000ffff      /* CODE64 */
        .quad   0x00cf93000000ffff      /* DATA */
        .quad   0x00cf9b000000ffff      /* CODE32 */
gdt_end:
gdt_pointer:
        .word   gdt_end - gdt - 1
        .long   gdt
no_long_mode_text:
        .asciz  "ERROR this guest needs a CPU model with long mode (64 bit)\n"

        .bss
        .globl page_pml4, page_pdpt, ap_next, ap_stacks
        .balign 4096
page_pml4:
        .skip   4096
page_pdpt:
        .skip   4096
page_pd:
        .skip   4 * 4096
        .skip   8192
boot_stack_top:
ap_stacks:
        .skip   8
ap_next:
        .skip   4

        .section .note.GNU-stack, "", @progbits
