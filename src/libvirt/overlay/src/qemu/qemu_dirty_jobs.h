/*
 * qemu_dirty_jobs.h: the short jobs that measuring a dirty page rate takes
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "domain_conf.h"
#include "qemu_dirty_state.h"
#include "dirty-measurement.h"

void
qemuDirtyReportCancelled(virDomainObj *vm,
                         qemuDirtyCall *call);

int
qemuDirtyCheckRunning(virDomainObj *vm);

int
qemuDirtyBeginJob(virDomainObj *vm);

DirtyMeasurement *
qemuDirtyStart(virDomainObj *vm,
               qemuDirtyCall *call,
               DirtyMeasurementRequest *request);

DirtyMeasurement *
qemuDirtyQuery(virDomainObj *vm);

int
qemuDirtyCancel(virDomainObj *vm);

int
qemuDirtyCancelForConn(virDomainObj *vm,
                       virConnectPtr conn);
