/*
 * virsh-domain-dirty.c: virsh commands about a domain's dirty page rate
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "virsh-domain-dirty.h"
#include "virsh-dirty-call.h"
#include "virsh-dirty-options.h"
#include "virsh-dirty-print.h"
#include "virsh-domain-dirty-limit.h"
#include "virsh-domain-dirty-predict.h"
#include "virsh-util.h"

#include "dirty-measurement.h"
#include "internal.h"
#include "virtypedparam.h"

/*
 * "getdirtyrate" command
 */
static const vshCmdInfo info_getdirtyrate = {
    .help = N_("measure a domain's dirty page rate"),
    .desc = N_("Measure how fast a running domain dirties its memory, which is "
               "what a live migration has to send again. Waits for the result; "
               "Ctrl-C cancels the measurement."),
};

static const vshCmdOptDef opts_getdirtyrate[] = {
    VIRSH_COMMON_OPT_DOMAIN_FULL(VIR_CONNECT_LIST_DOMAINS_ACTIVE),
    {.name = "seconds",
     .type = VSH_OT_INT,
     .positional = true,
     .help = N_("length of the measurement, 1 to 60 seconds, default 1")
    },
    {.name = "calc-time",
     .type = VSH_OT_INT,
     .help = N_("length of the measurement, 50 to 60000 milliseconds")
    },
    {.name = "mode",
     .type = VSH_OT_STRING,
     .completer = virshDirtyModeCompleter,
     .help = N_("how dirty pages are counted: auto (default), page-sampling, "
                "dirty-bitmap or dirty-ring")
    },
    {.name = "sample-pages",
     .type = VSH_OT_INT,
     .help = N_("sampled pages per GiB of memory, 128 to 16384, default 512; "
                "only with page-sampling")
    },
    {.name = "compression",
     .type = VSH_OT_BOOL,
     .help = N_("try as well how far and how fast the sampled pages can be "
                "compressed; only with page-sampling")
    },
    {.name = "periods",
     .type = VSH_OT_BOOL,
     .help = N_("print the readings taken during the measurement as well")
    },
    {.name = "nowait",
     .type = VSH_OT_BOOL,
     .help = N_("start the measurement and do not wait for its end")
    },
    {.name = "last",
     .type = VSH_OT_BOOL,
     .help = N_("measure nothing, print the last or the running measurement")
    },
    {.name = "cancel",
     .type = VSH_OT_BOOL,
     .help = N_("end the running measurement without a result")
    },
    {.name = NULL}
};


/* whether the mode is left to the daemon */
static bool
virshDirtyOptIsAutomatic(vshControl *ctl,
                         const vshCmd *cmd)
{
    const char *mode = NULL;

    ignore_value(vshCommandOptStringQuiet(ctl, cmd, "mode", &mode));

    if (mode)
        return STREQ(mode, DIRTY_MODE_AUTO_NAME);

    return !vshCommandOptBool(cmd, "sample-pages") && !vshCommandOptBool(cmd, "compression");
}


static bool
cmdGetDirtyRate(vshControl *ctl,
                const vshCmd *cmd)
{
    g_autoptr(virshDomain) dom = NULL;
    g_autoptr(virTypedParamList) params = virTypedParamListNew();
    unsigned int calcTime = DIRTY_CALC_TIME_DEFAULT_MS;
    virshDirtyCall call = { 0 };
    virshDirtyShow show = { 0 };
    bool ret = false;

    VSH_EXCLUSIVE_OPTIONS("seconds", "calc-time");
    VSH_EXCLUSIVE_OPTIONS("nowait", "last");
    VSH_EXCLUSIVE_OPTIONS("nowait", "cancel");
    VSH_EXCLUSIVE_OPTIONS("last", "cancel");
    VSH_EXCLUSIVE_OPTIONS("nowait", "periods");
    VSH_EXCLUSIVE_OPTIONS("cancel", "periods");

    if (vshCommandOptBool(cmd, "nowait"))
        call.flags |= VIR_DOMAIN_DIRTY_RATE_NOWAIT;
    if (vshCommandOptBool(cmd, "last"))
        call.flags |= VIR_DOMAIN_DIRTY_RATE_LAST;
    if (vshCommandOptBool(cmd, "cancel"))
        call.flags |= VIR_DOMAIN_DIRTY_RATE_CANCEL;

    if (!virshDirtyOptMeasure(ctl, cmd, params, &calcTime))
        return false;

    if (vshCommandOptBool(cmd, "compression"))
        virTypedParamListAddBoolean(params, true, "%s",
                                    VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION);

    if (!(dom = virshCommandOptDomain(ctl, cmd, NULL)))
        return false;

    call.func = virDomainGetDirtyRate;
    call.progress = call.flags == 0;
    call.dom = dom;
    call.params = params;
    show.automatic = !(call.flags & VIR_DOMAIN_DIRTY_RATE_LAST) &&
        virshDirtyOptIsAutomatic(ctl, cmd);
    show.periods = vshCommandOptBool(cmd, "periods");
    show.compression = vshCommandOptBool(cmd, "compression");

    if (virshDirtyCallWait(ctl, &call, calcTime) == 0) {
        if (call.flags & VIR_DOMAIN_DIRTY_RATE_CANCEL) {
            vshPrintExtra(ctl, "%s\n", _("No dirty page rate measurement is running any more"));
            ret = true;
        } else {
            ret = virshDirtyPrint(ctl, &call, &show);
        }
    }

    virTypedParamsFree(call.result, call.nresult);
    return ret;
}


const vshCmdDef domDirtyCmds[] = {
    {.name = "domdirtylimit",
     .handler = cmdDomDirtyLimit,
     .opts = opts_domdirtylimit,
     .info = &info_domdirtylimit,
     .flags = 0
    },
    {.name = "getdirtyrate",
     .handler = cmdGetDirtyRate,
     .opts = opts_getdirtyrate,
     .info = &info_getdirtyrate,
     .flags = 0
    },
    {.name = "migrate-predict",
     .handler = cmdMigratePredict,
     .opts = opts_migrate_predict,
     .info = &info_migrate_predict,
     .flags = 0
    },
    {.name = NULL}
};
