/*
 * virsh-dirty-limit-set.c: sets the dirty page rate limit of several vCPUs
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "virsh-dirty-limit-list.h"
#include "virsh-dirty-limit-set.h"

#include "internal.h"
#include "virbitmap.h"
#include "virerror.h"

/* Many more than any domain can have, so that a number too many is told from
 * a text that is no list; still a small bitmap. */
#define VIRSH_DIRTY_LIMIT_MAX_VCPUS (1 << 20)

/* The limits a domain has in its running and in its persistent configuration:
 * what a list of vCPUs is checked against and put back to. */
typedef struct _virshDirtyLimitBefore virshDirtyLimitBefore;
struct _virshDirtyLimitBefore {
    size_t n;
    struct {
        unsigned int flag; /* of virDomainModificationImpact */
        virshDirtyLimitList *list;
    } parts[2];
};


static void
virshDirtyLimitBeforeClear(virshDirtyLimitBefore *before)
{
    size_t i;

    for (i = 0; i < before->n; i++)
        virshDirtyLimitListFree(before->parts[i].list);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(virshDirtyLimitBefore, virshDirtyLimitBeforeClear);


static bool
virshDirtyLimitBeforeAdd(vshControl *ctl,
                         virDomainPtr dom,
                         virshDirtyLimitBefore *before,
                         unsigned int flag)
{
    virshDirtyLimitList *list = virshDirtyLimitListGet(ctl, dom, flag);

    if (!list)
        return false;

    before->parts[before->n].flag = flag;
    before->parts[before->n++].list = list;
    return true;
}


static bool
virshDirtyLimitBeforeGet(vshControl *ctl,
                         virDomainPtr dom,
                         virshDirtyLimitBefore *before,
                         unsigned int flags)
{
    if (flags == VIR_DOMAIN_AFFECT_CURRENT)
        return virshDirtyLimitBeforeAdd(ctl, dom, before, flags);

    return (!(flags & VIR_DOMAIN_AFFECT_LIVE) ||
            virshDirtyLimitBeforeAdd(ctl, dom, before, VIR_DOMAIN_AFFECT_LIVE)) &&
        (!(flags & VIR_DOMAIN_AFFECT_CONFIG) ||
         virshDirtyLimitBeforeAdd(ctl, dom, before, VIR_DOMAIN_AFFECT_CONFIG));
}


/* returns the vCPUs of a list such as "0-3,6" in a bitmap, or NULL with an
 * error reported */
static virBitmap *
virshDirtyLimitParseVcpus(vshControl *ctl,
                          const char *vcpus)
{
    g_autoptr(virBitmap) bitmap = NULL;

    /* the parser lets a trailing comma pass, but then a number is missing */
    if (g_str_has_suffix(vcpus, ",") ||
        virBitmapParse(vcpus, &bitmap, VIRSH_DIRTY_LIMIT_MAX_VCPUS) < 0 ||
        virBitmapIsAllClear(bitmap)) {
        vshResetLibvirtError();
        vshError(ctl,
                 _("'%1$s' is no list of vCPUs: give numbers and rising ranges, such as 0-3,6"),
                 vcpus);
        return NULL;
    }

    return g_steal_pointer(&bitmap);
}


static bool
virshDirtyLimitCheckVcpus(vshControl *ctl,
                          const virshDirtyLimitBefore *before,
                          virBitmap *vcpus)
{
    size_t i;

    for (i = 0; i < before->n; i++) {
        const virshDirtyLimitList *list = before->parts[i].list;
        ssize_t vcpu = -1;

        while ((vcpu = virBitmapNextSetBit(vcpus, vcpu)) >= 0) {
            g_autofree char *present = NULL;

            if (virshDirtyLimitListFind(list, vcpu))
                continue;

            present = virshDirtyLimitListVcpus(list);
            vshError(ctl, _("the domain has no vCPU %1$zd: choose from %2$s"),
                     vcpu, present);
            return false;
        }
    }

    return true;
}


/* gives the vCPUs before @end the limits they had, and says which it cannot */
static void
virshDirtyLimitPutBack(vshControl *ctl,
                       virDomainPtr dom,
                       const virshDirtyLimitBefore *before,
                       virBitmap *vcpus,
                       ssize_t end)
{
    virErrorPtr failure = NULL;
    ssize_t vcpu = -1;
    size_t i;

    virErrorPreserveLast(&failure);

    while ((vcpu = virBitmapNextSetBit(vcpus, vcpu)) < end) {
        for (i = 0; i < before->n; i++) {
            const virshDirtyLimit *old = virshDirtyLimitListFind(before->parts[i].list, vcpu);

            if (virDomainSetVcpuDirtyLimit(dom, vcpu, old->limit, before->parts[i].flag) < 0)
                vshError(ctl, _("vCPU %1$zd cannot be given its limit of before, %2$llu MiB/s: %3$s"),
                         vcpu, old->limit, virGetLastErrorMessage());
        }
    }

    virErrorRestore(&failure);
    vshSaveLibvirtError();
}


/**
 * virshDirtyLimitSetVcpus:
 * @ctl: virsh
 * @dom: the domain
 * @vcpus: list of vCPUs such as "0-3,6"
 * @rate: the limit of each in MiB/s, 0 for none
 * @flags: virDomainModificationImpact
 *
 * Sets the limits of all of them or of none: the API sets one at a time.
 *
 * Returns true, or false with an error reported.
 */
bool
virshDirtyLimitSetVcpus(vshControl *ctl,
                        virDomainPtr dom,
                        const char *vcpus,
                        unsigned long long rate,
                        unsigned int flags)
{
    g_auto(virshDirtyLimitBefore) before = { 0 };
    g_autoptr(virBitmap) bitmap = virshDirtyLimitParseVcpus(ctl, vcpus);
    ssize_t vcpu = -1;

    if (!bitmap ||
        !virshDirtyLimitBeforeGet(ctl, dom, &before, flags) ||
        !virshDirtyLimitCheckVcpus(ctl, &before, bitmap))
        return false;

    while ((vcpu = virBitmapNextSetBit(bitmap, vcpu)) >= 0) {
        if (virDomainSetVcpuDirtyLimit(dom, vcpu, rate, flags) < 0) {
            virshDirtyLimitPutBack(ctl, dom, &before, bitmap, vcpu);
            return false;
        }
    }

    return true;
}
