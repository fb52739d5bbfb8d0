/*
 * virsh-domain-dirty-predict.c: virsh command that predicts a migration
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "virsh-dirty-call.h"
#include "virsh-dirty-options.h"
#include "virsh-dirty-predict-options.h"
#include "virsh-dirty-predict-print.h"
#include "virsh-domain-dirty-predict.h"
#include "virsh-util.h"

#include "internal.h"

/*
 * "migrate-predict" command
 */
const vshCmdInfo info_migrate_predict = {
    .help = N_("predict how long a domain's live migration takes, and whether it ends"),
    .desc = N_("Measure how fast a running domain dirties its memory and tell, "
               "for each bandwidth with each downtime limit, how long its live "
               "migration would take, or that it would not converge; then what "
               "would make it converge. Nothing is migrated. Ctrl-C cancels the "
               "measurement."),
};

/* completes the last entry of --bandwidth with links that are common */
static char **
virshDirtyPredictBandwidthCompleter(vshControl *ctl,
                                    const vshCmd *cmd,
                                    unsigned int flags)
{
    const char *links[] = {"100mbit", "1gbit", "2.5gbit", "10gbit", "25gbit", "40gbit",
                           "100gbit", NULL};

    virCheckFlags(0, NULL);

    return virshDirtyListComplete(ctl, cmd, "bandwidth", links);
}


/* completes the last entry of --downtime with limits that are common */
static char **
virshDirtyPredictDowntimeCompleter(vshControl *ctl,
                                   const vshCmd *cmd,
                                   unsigned int flags)
{
    const char *limits[] = {"50", "100", "300", "500", "1000", "2000", "5000",
                            MIGRATION_DOWNTIME_UNLIMITED, NULL};

    virCheckFlags(0, NULL);

    return virshDirtyListComplete(ctl, cmd, "downtime", limits);
}


/* completes with those that a parallel migration can use */
static char **
virshDirtyPredictCompMethodsCompleter(vshControl *ctl,
                                      const vshCmd *cmd,
                                      unsigned int flags)
{
    const char *methods[] = {"zlib", "zstd", NULL};

    virCheckFlags(0, NULL);

    return virshDirtyListComplete(ctl, cmd, "comp-methods", methods);
}


const vshCmdOptDef opts_migrate_predict[] = {
    VIRSH_COMMON_OPT_DOMAIN_FULL(VIR_CONNECT_LIST_DOMAINS_ACTIVE),
    {.name = "bandwidth",
     .type = VSH_OT_STRING,
     .completer = virshDirtyPredictBandwidthCompleter,
     .help = N_("what the network carries: a list of MiB/s, or of links such as "
                "1gbit,2.5gbit; default: the domain's maximum migration bandwidth")
    },
    {.name = "downtime",
     .type = VSH_OT_STRING,
     .completer = virshDirtyPredictDowntimeCompleter,
     .help = N_("list of downtime limits in milliseconds; default: the domain's")
    },
    {.name = "seconds",
     .type = VSH_OT_INT,
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
     .help = N_("sampled pages per GiB of memory, 128 to 16384, default: "
                "16384 in all, or 512 if that is more; only with page-sampling")
    },
    {.name = "max-age",
     .type = VSH_OT_INT,
     .help = N_("use the last measurement if it ended at most so many seconds ago")
    },
    {.name = "max-bandwidth",
     .type = VSH_OT_INT,
     .help = N_("limit of the migration's own bandwidth in MiB/s")
    },
    {.name = "available-switchover-bandwidth",
     .type = VSH_OT_INT,
     .help = N_("bandwidth (in MiB/s) available for the final phase of migration")
    },
    {.name = "latency",
     .type = VSH_OT_STRING,
     .help = N_("time to the destination and back in milliseconds, default 0")
    },
    {.name = "auto-converge",
     .type = VSH_OT_BOOL,
     .help = N_("predict for a migration that slows the vCPUs down if need be")
    },
    {.name = "auto-converge-initial",
     .type = VSH_OT_INT,
     .help = N_("initial CPU throttling rate for auto-convergence")
    },
    {.name = "auto-converge-increment",
     .type = VSH_OT_INT,
     .help = N_("CPU throttling rate increment for auto-convergence")
    },
    {.name = "dirty-limit",
     .type = VSH_OT_INT,
     .help = N_("predict for vCPUs held at so many MiB/s each, 1 to 1048576")
    },
    {.name = "postcopy",
     .type = VSH_OT_BOOL,
     .help = N_("predict for a migration that switches to post-copy after one pass")
    },
    {.name = "parallel",
     .type = VSH_OT_BOOL,
     .help = N_("predict for a parallel migration")
    },
    {.name = "parallel-connections",
     .type = VSH_OT_INT,
     .help = N_("number of connections for parallel migration")
    },
    {.name = "comp-methods",
     .type = VSH_OT_STRING,
     .completer = virshDirtyPredictCompMethodsCompleter,
     .help = N_("compression method of a parallel migration: zlib or zstd")
    },
    {.name = "comp-zlib-level",
     .type = VSH_OT_INT,
     .help = N_("compress level for zlib compression")
    },
    {.name = "comp-zstd-level",
     .type = VSH_OT_INT,
     .help = N_("compress level for zstd compression")
    },
    {.name = "bounds",
     .type = VSH_OT_BOOL,
     .help = N_("print the 95 % bounds of each time as well")
    },
    {.name = "explain",
     .type = VSH_OT_BOOL,
     .help = N_("print what was measured and assumed, and each prediction in "
                "words")
    },
    {.name = NULL}
};


bool
cmdMigratePredict(vshControl *ctl,
                  const vshCmd *cmd)
{
    g_auto(virshDirtyPredictOptions) options = { 0 };
    g_autoptr(virshDomain) dom = NULL;
    virshDirtyPredictShow show = {
        .bounds = vshCommandOptBool(cmd, "bounds"),
        .explain = vshCommandOptBool(cmd, "explain"),
    };
    virshDirtyCall call = { 0 };
    bool ret = false;

    VSH_EXCLUSIVE_OPTIONS("seconds", "calc-time");

    if (!virshDirtyPredictOptionsRead(ctl, cmd, &options))
        return false;

    if (!(dom = virshCommandOptDomain(ctl, cmd, NULL)))
        return false;

    call.func = virDomainMigratePredict;
    call.progress = true;
    call.dom = dom;
    call.params = options.params;
    call.flags = options.flags;

    if (virshDirtyCallWait(ctl, &call, options.calcTime) == 0)
        ret = virshDirtyPredictPrint(ctl, &call, &options, &show);

    virTypedParamsFree(call.result, call.nresult);
    return ret;
}
