/*
 * remote_daemon_dirty.h: daemon side of the libvirt-dirty RPC program
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "remote_daemon.h"
#include "dirty_protocol.h"

extern virNetServerProgramProc dirtyProcs[];
extern size_t dirtyNProcs;

void
daemonDirtyClientClose(daemonClientPrivate *priv);
