/*
 * domain_dirty_limit.c: limits of vCPUs' dirty page rates in a definition
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each vCPU of a definition, plugged or not, has a limit in MiB/s, where 0
 * stands for none. In XML one element covers all vCPUs with the same limit.
 */

#include <config.h>

#include "domain_dirty_limit.h"
#include "dirty-limit-range.h"
#include "virerror.h"
#include "virxml.h"

#define VIR_FROM_THIS VIR_FROM_DOMAIN

#define VIR_DOMAIN_DIRTY_LIMIT_UNIT "MiB"
#define VIR_DOMAIN_DIRTY_LIMIT_SCALE (1024ULL * 1024)

/**
 * virDomainDirtyLimitIsSet:
 * @def: domain definition
 *
 * Returns whether any vCPU has a limit.
 */
bool
virDomainDirtyLimitIsSet(const virDomainDef *def)
{
    size_t i;

    for (i = 0; i < def->maxvcpus; i++) {
        if (def->vcpus[i]->dirtyLimit > 0)
            return true;
    }

    return false;
}


/**
 * virDomainDirtyLimitIsUniform:
 * @def: domain definition
 *
 * Returns whether all vCPUs have the same limit or none of them has one.
 */
bool
virDomainDirtyLimitIsUniform(const virDomainDef *def)
{
    size_t i;

    for (i = 1; i < def->maxvcpus; i++) {
        if (def->vcpus[i]->dirtyLimit != def->vcpus[0]->dirtyLimit)
            return false;
    }

    return true;
}


/**
 * virDomainDirtyLimitCheckVcpu:
 * @def: domain definition
 * @vcpu: number of a vCPU, or -1 for all
 *
 * Returns 0 if @def has that vCPU, plugged or not, or -1 with an error
 * reported.
 */
int
virDomainDirtyLimitCheckVcpu(const virDomainDef *def,
                             int vcpu)
{
    if (vcpu < 0 || (unsigned int)vcpu < virDomainDefGetVcpusMax(def))
        return 0;

    virReportError(VIR_ERR_INVALID_ARG,
                   _("domain '%1$s' has no vCPU %2$d: its vCPUs are 0 to %3$u"),
                   def->name, vcpu, virDomainDefGetVcpusMax(def) - 1);
    return -1;
}


/**
 * virDomainDirtyLimitSet:
 * @def: domain definition
 * @vcpu: number of a vCPU that exists, or -1 for all
 * @rate: limit in MiB/s, 0 for none
 *
 * Sets the limit in @def.
 */
void
virDomainDirtyLimitSet(virDomainDef *def,
                       int vcpu,
                       unsigned long long rate)
{
    size_t i;

    if (vcpu >= 0) {
        def->vcpus[vcpu]->dirtyLimit = rate;
        return;
    }

    for (i = 0; i < def->maxvcpus; i++)
        def->vcpus[i]->dirtyLimit = rate;
}


/**
 * virDomainDirtyLimitSave:
 * @def: domain definition
 *
 * Returns the limits of @def's vCPUs, for virDomainDirtyLimitLoad().
 */
unsigned long long *
virDomainDirtyLimitSave(const virDomainDef *def)
{
    unsigned long long *limits = g_new0(unsigned long long, def->maxvcpus);
    size_t i;

    for (i = 0; i < def->maxvcpus; i++)
        limits[i] = def->vcpus[i]->dirtyLimit;

    return limits;
}


/**
 * virDomainDirtyLimitLoad:
 * @def: domain definition
 * @limits: limits that were saved from it
 *
 * Gives the vCPUs of @def these limits.
 */
void
virDomainDirtyLimitLoad(virDomainDef *def,
                        const unsigned long long *limits)
{
    size_t i;

    for (i = 0; i < def->maxvcpus; i++)
        def->vcpus[i]->dirtyLimit = limits[i];
}


/**
 * virDomainDirtyLimitEqual:
 * @def: domain definition
 * @limits: limits that were saved from it
 *
 * Returns whether the vCPUs of @def still have these limits.
 */
bool
virDomainDirtyLimitEqual(const virDomainDef *def,
                         const unsigned long long *limits)
{
    size_t i;

    for (i = 0; i < def->maxvcpus; i++) {
        if (def->vcpus[i]->dirtyLimit != limits[i])
            return false;
    }

    return true;
}


/* whole MiB/s, as that is what hypervisors take */
static int
virDomainDirtyLimitParseRate(xmlXPathContextPtr ctxt,
                             unsigned long long *rate)
{
    g_autoptr(GError) err = NULL;
    unsigned long long bytes;

    if (virParseScaledValue("./@rate", "./@unit", ctxt, &bytes,
                            VIR_DOMAIN_DIRTY_LIMIT_SCALE, ULLONG_MAX, true) < 0)
        return -1;

    if (bytes == 0 || bytes % VIR_DOMAIN_DIRTY_LIMIT_SCALE != 0) {
        virReportError(VIR_ERR_XML_ERROR,
                       _("the rate of a <dirtylimit> is %1$llu bytes/s, but has to be a whole number of MiB/s and at least one: leave the element out if there is no limit"),
                       bytes);
        return -1;
    }

    *rate = bytes / VIR_DOMAIN_DIRTY_LIMIT_SCALE;

    if (!dirty_limit_check(*rate, &err)) {
        virReportError(VIR_ERR_XML_ERROR, "%s", err->message);
        return -1;
    }

    return 0;
}


static int
virDomainDirtyLimitParseElement(virDomainDef *def,
                                xmlXPathContextPtr ctxt)
{
    g_autofree char *text = NULL;
    g_autoptr(virBitmap) vcpus = NULL;
    unsigned long long rate;
    ssize_t i = -1;

    if (!(text = virXMLPropStringRequired(ctxt->node, "vcpus")) ||
        virBitmapParse(text, &vcpus, VIR_DOMAIN_CPUMASK_LEN) < 0)
        return -1;

    if (virBitmapIsAllClear(vcpus)) {
        virReportError(VIR_ERR_XML_ERROR,
                       _("attribute 'vcpus' of a <dirtylimit> is '%1$s', which names no vCPU"),
                       text);
        return -1;
    }

    if (virDomainDirtyLimitParseRate(ctxt, &rate) < 0)
        return -1;

    while ((i = virBitmapNextSetBit(vcpus, i)) >= 0) {
        virDomainVcpuDef *vcpu = virDomainDefGetVcpu(def, i);

        if (!vcpu) {
            virReportError(VIR_ERR_XML_ERROR,
                           _("a <dirtylimit> is for vCPU %1$zd, but the domain's vCPUs are 0 to %2$u"),
                           i, virDomainDefGetVcpusMax(def) - 1);
            return -1;
        }

        if (vcpu->dirtyLimit > 0) {
            virReportError(VIR_ERR_XML_ERROR,
                           _("more than one <dirtylimit> is for vCPU %1$zd"), i);
            return -1;
        }

        vcpu->dirtyLimit = rate;
    }

    return 0;
}


/**
 * virDomainDirtyLimitParseXML:
 * @def: domain definition; its vCPUs are known and have no limits
 * @xpath: where the elements are
 * @ctxt: XPath context
 *
 * Gives the vCPUs the limits that the elements tell.
 *
 * Returns 0, or -1 with an error reported.
 */
int
virDomainDirtyLimitParseXML(virDomainDef *def,
                            const char *xpath,
                            xmlXPathContextPtr ctxt)
{
    VIR_XPATH_NODE_AUTORESTORE(ctxt)
    g_autofree xmlNodePtr *nodes = NULL;
    int n;
    size_t i;

    if ((n = virXPathNodeSet(xpath, ctxt, &nodes)) < 0)
        return -1;

    for (i = 0; i < n; i++) {
        ctxt->node = nodes[i];

        if (virDomainDirtyLimitParseElement(def, ctxt) < 0)
            return -1;
    }

    return 0;
}


/* the vCPUs with the same limit as @first, which is the first of them; NULL
 * if another one is */
static virBitmap *
virDomainDirtyLimitGroup(const virDomainDef *def,
                         size_t first)
{
    unsigned long long rate = def->vcpus[first]->dirtyLimit;
    g_autoptr(virBitmap) vcpus = NULL;
    size_t i;

    for (i = 0; i < first; i++) {
        if (def->vcpus[i]->dirtyLimit == rate)
            return NULL;
    }

    vcpus = virBitmapNew(def->maxvcpus);

    for (; i < def->maxvcpus; i++) {
        if (def->vcpus[i]->dirtyLimit == rate)
            ignore_value(virBitmapSetBit(vcpus, i));
    }

    return g_steal_pointer(&vcpus);
}


/**
 * virDomainDirtyLimitFormat:
 * @buf: buffer to add to
 * @def: domain definition
 *
 * Adds an element for each limit that vCPUs of @def have.
 */
void
virDomainDirtyLimitFormat(virBuffer *buf,
                          const virDomainDef *def)
{
    size_t i;

    for (i = 0; i < def->maxvcpus; i++) {
        g_autoptr(virBitmap) vcpus = NULL;
        g_autofree char *text = NULL;

        if (def->vcpus[i]->dirtyLimit == 0 ||
            !(vcpus = virDomainDirtyLimitGroup(def, i)))
            continue;

        text = virBitmapFormat(vcpus);
        virBufferAsprintf(buf, "<dirtylimit vcpus='%s' rate='%llu' unit='"
                          VIR_DOMAIN_DIRTY_LIMIT_UNIT "'/>\n",
                          text, def->vcpus[i]->dirtyLimit);
    }
}
