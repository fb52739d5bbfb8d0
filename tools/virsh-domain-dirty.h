/*
 * virsh-domain-dirty.h: virsh commands about a domain's dirty page rate
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "virsh.h"

extern const vshCmdDef domDirtyCmds[];
