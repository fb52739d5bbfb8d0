/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preloaded into virsh: the second limit that is set fails, as when a migration with limits of its
 * own begins between two of them.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

typedef int (*SetLimit)(void *domain, int vcpu, unsigned long long rate, unsigned int flags);

int virDomainSetVcpuDirtyLimit(void *domain, int vcpu, unsigned long long rate, unsigned int flags);

int
virDomainSetVcpuDirtyLimit(void *domain, int vcpu, unsigned long long rate, unsigned int flags)
{
    static int calls;
    SetLimit set = (SetLimit)dlsym(RTLD_NEXT, "virDomainSetVcpuDirtyLimit");

    /* A call that libvirt refuses by itself, so that the error is a real one. */
    return ++calls == 2 ? set(NULL, vcpu, rate, flags) : set(domain, vcpu, rate, flags);
}
