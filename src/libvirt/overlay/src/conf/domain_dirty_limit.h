/*
 * domain_dirty_limit.h: limits of vCPUs' dirty page rates in a definition
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "domain_conf.h"

bool
virDomainDirtyLimitIsSet(const virDomainDef *def);

bool
virDomainDirtyLimitIsUniform(const virDomainDef *def);

int
virDomainDirtyLimitCheckVcpu(const virDomainDef *def,
                             int vcpu);

void
virDomainDirtyLimitSet(virDomainDef *def,
                       int vcpu,
                       unsigned long long rate);

unsigned long long *
virDomainDirtyLimitSave(const virDomainDef *def);

void
virDomainDirtyLimitLoad(virDomainDef *def,
                        const unsigned long long *limits);

bool
virDomainDirtyLimitEqual(const virDomainDef *def,
                         const unsigned long long *limits);

int
virDomainDirtyLimitParseXML(virDomainDef *def,
                            const char *xpath,
                            xmlXPathContextPtr ctxt);

void
virDomainDirtyLimitFormat(virBuffer *buf,
                          const virDomainDef *def);
