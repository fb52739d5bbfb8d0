/*
 * qemu_dirty_limit_arrive.c: dirty page rate limits changed during a migration
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * If they changed, the source tells them as one element in the cookie at the
 * end of the migration:
 *
 *   <dirtylimits>
 *     <dirtylimit vcpus='0-3' rate='200' unit='MiB'/>
 *   </dirtylimits>
 */

#include <config.h>

#include "qemu_dirty_limit_arrive.h"
#include "qemu_dirty_limit_sync.h"
#include "qemu_dirty_state.h"
#include "domain_dirty_limit.h"
#include "virerror.h"
#include "virlog.h"
#include "virxml.h"

#define VIR_FROM_THIS VIR_FROM_QEMU

VIR_LOG_INIT("qemu.qemu_dirty_limit_arrive");

#define QEMU_DIRTY_LIMIT_ELEMENT "dirtylimits"

/**
 * qemuDirtyLimitNoteChanged:
 * @vm: domain whose live limits have been changed, with a job held
 *
 * Remembers when, and whether that was during a migration.
 */
void
qemuDirtyLimitNoteChanged(virDomainObj *vm)
{
    qemuDirty *dirty = qemuDirtyGet(vm);

    dirty->limitsChanged = g_get_real_time() / G_USEC_PER_SEC;

    if (vm->job->asyncJob == VIR_ASYNC_JOB_MIGRATION_OUT)
        dirty->limitsJob = vm->job->asyncStarted;
}


/**
 * qemuDirtyLimitDepart:
 * @vm: domain on the source, at the end of its migration
 *
 * Returns the element that tells its limits, or that it has none any more;
 * NULL if they have not changed since the migration began. The destination
 * knows them then, or was given others on purpose.
 */
char *
qemuDirtyLimitDepart(virDomainObj *vm)
{
    g_auto(virBuffer) buf = VIR_BUFFER_INITIALIZER;
    g_auto(virBuffer) limits = VIR_BUFFER_INIT_CHILD(&buf);

    if (qemuDirtyGet(vm)->limitsJob != vm->job->asyncStarted)
        return NULL;

    virDomainDirtyLimitFormat(&limits, vm->def);
    virXMLFormatElementEmpty(&buf, QEMU_DIRTY_LIMIT_ELEMENT, NULL, &limits);

    return virBufferContentAndReset(&buf);
}


/**
 * qemuDirtyLimitFindXML:
 * @ctxt: XPath context of a cookie
 *
 * Returns the element in it, or NULL if there is none.
 */
char *
qemuDirtyLimitFindXML(xmlXPathContextPtr ctxt)
{
    xmlNodePtr node = virXPathNode("./" QEMU_DIRTY_LIMIT_ELEMENT, ctxt);

    return node ? virXMLNodeToString(node->doc, node) : NULL;
}


static int
qemuDirtyLimitParse(virDomainDef *def,
                    const char *xml)
{
    g_autoptr(xmlDoc) doc = NULL;
    g_autoptr(xmlXPathContext) ctxt = NULL;

    if (!(doc = virXMLParseStringCtxt(xml, _("(dirty page rate limits)"), &ctxt)))
        return -1;

    virDomainDirtyLimitSet(def, -1, 0);

    return virDomainDirtyLimitParseXML(def, "./dirtylimit", ctxt);
}


/**
 * qemuDirtyLimitArrive:
 * @vm: domain about to run on the destination
 * @xml: element with the limits it has left the source with, or NULL
 *
 * Gives the domain these limits. If that fails it keeps those the migration
 * began with: it has arrived, and that matters more.
 */
void
qemuDirtyLimitArrive(virDomainObj *vm,
                     const char *xml)
{
    g_autofree unsigned long long *before = virDomainDirtyLimitSave(vm->def);

    if (!xml)
        return;

    if (qemuDirtyLimitParse(vm->def, xml) == 0 &&
        (virDomainDirtyLimitEqual(vm->def, before) || qemuDirtyLimitSync(vm) == 0))
        return;

    VIR_WARN("Unable to set the dirty page rate limits domain '%s' had on the source: %s",
             vm->def->name, virGetLastErrorMessage());
    virResetLastError();

    virDomainDirtyLimitLoad(vm->def, before);
    if (virDomainDirtyLimitIsSet(vm->def))
        qemuDirtyLimitReconnect(vm);
}
