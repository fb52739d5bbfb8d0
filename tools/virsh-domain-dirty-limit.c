/*
 * virsh-domain-dirty-limit.c: virsh command about limits of dirty page rates
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "virsh-completer.h"
#include "virsh-dirty-limit-list.h"
#include "virsh-dirty-limit-set.h"
#include "virsh-dirty-options.h"
#include "virsh-domain-dirty-limit.h"
#include "virsh-util.h"

#include "dirty-limit-range.h"
#include "internal.h"
#include "virstring.h"

/*
 * "domdirtylimit" command
 */
const vshCmdInfo info_domdirtylimit = {
    .help = N_("show or set the limits of the dirty page rates of a domain's vCPUs"),
    .desc = N_("Without --rate and --cancel, show for each vCPU the limit of its "
               "dirty page rate, the rate it has and how much of its time it is "
               "made to rest. A limit holds until it is changed or cancelled."),
};

/* completes the last number of a list */
static char **
virshDirtyLimitVcpuCompleter(vshControl *ctl,
                             const vshCmd *cmd,
                             unsigned int flags)
{
    g_auto(GStrv) vcpus = virshDomainVcpuCompleter(ctl, cmd, flags);

    if (!vcpus)
        return NULL;

    return virshDirtyListComplete(ctl, cmd, "vcpu", (const char **) vcpus);
}

const vshCmdOptDef opts_domdirtylimit[] = {
    VIRSH_COMMON_OPT_DOMAIN_FULL(0),
    {.name = "rate",
     .type = VSH_OT_INT,
     .help = N_("limit of each vCPU in MiB/s, 1 to 1048576; 0 ends the limit")
    },
    {.name = "vcpu",
     .type = VSH_OT_STRING,
     .completer = virshDirtyLimitVcpuCompleter,
     .help = N_("set or end the limits of these vCPUs only, such as 0-3,6; "
                "default: all, also those plugged later")
    },
    {.name = "cancel",
     .type = VSH_OT_BOOL,
     .help = N_("end the limits")
    },
    VIRSH_COMMON_OPT_CONFIG(N_("affect the persistent configuration, from the next start on")),
    VIRSH_COMMON_OPT_LIVE(N_("affect the running domain")),
    VIRSH_COMMON_OPT_CURRENT(N_("affect the domain as it is now, running or not (default)")),
    {.name = NULL}
};


/* reads --rate; returns false with an error reported */
static bool
virshDirtyLimitOptRate(vshControl *ctl,
                       const vshCmd *cmd,
                       unsigned long long *rate)
{
    const char *text = "";
    g_autoptr(GError) err = NULL;

    /* vsh's own error would not name the range */
    ignore_value(vshCommandOptStringQuiet(ctl, cmd, "rate", &text));

    if (virStrToLong_ullp(text, NULL, 10, rate) < 0) {
        vshError(ctl,
                 _("'%1$s' is no limit of a dirty page rate: give whole MiB/s, %2$d to %3$llu, or 0 to end the limit"),
                 text, DIRTY_LIMIT_MIN_MIBS, (unsigned long long) DIRTY_LIMIT_MAX_MIBS);
        return false;
    }

    if (!dirty_limit_check(*rate, &err)) {
        vshError(ctl, "%s", err->message);
        return false;
    }

    return true;
}


bool
cmdDomDirtyLimit(vshControl *ctl,
                 const vshCmd *cmd)
{
    g_autoptr(virshDomain) dom = NULL;
    g_autoptr(virshDirtyLimitList) list = NULL;
    bool set = vshCommandOptBool(cmd, "rate") || vshCommandOptBool(cmd, "cancel");
    unsigned int flags = VIR_DOMAIN_AFFECT_CURRENT;
    unsigned long long rate = 0;
    const char *vcpus = "";

    VSH_EXCLUSIVE_OPTIONS("rate", "cancel");
    VSH_EXCLUSIVE_OPTIONS("current", "live");
    VSH_EXCLUSIVE_OPTIONS("current", "config");

    if (!set) {
        /* a table of both would need a column more */
        VSH_EXCLUSIVE_OPTIONS("live", "config");
        if (vshCommandOptBool(cmd, "vcpu")) {
            vshError(ctl, "%s", _("--vcpu says whose limits to set or to end: give --rate or --cancel too"));
            return false;
        }
    }

    if (vshCommandOptBool(cmd, "live"))
        flags |= VIR_DOMAIN_AFFECT_LIVE;
    if (vshCommandOptBool(cmd, "config"))
        flags |= VIR_DOMAIN_AFFECT_CONFIG;

    if (vshCommandOptBool(cmd, "rate") &&
        !virshDirtyLimitOptRate(ctl, cmd, &rate))
        return false;

    if (!(dom = virshCommandOptDomain(ctl, cmd, NULL)))
        return false;

    if (!set) {
        return (list = virshDirtyLimitListGet(ctl, dom, flags)) &&
            virshDirtyLimitListPrint(ctl, list);
    }

    if (!vshCommandOptBool(cmd, "vcpu"))
        return virDomainSetVcpuDirtyLimit(dom, -1, rate, flags) == 0;

    /* an empty list is refused like any other that is none */
    ignore_value(vshCommandOptStringQuiet(ctl, cmd, "vcpu", &vcpus));
    return virshDirtyLimitSetVcpus(ctl, dom, vcpus, rate, flags);
}
