# SPDX-License-Identifier: LGPL-2.1-or-later
"""Types of the module libvirt_dirty; what each value means is in the functions' docstrings."""

from typing import Dict, List, Optional, TypedDict, Union

import libvirt

VIR_DOMAIN_DIRTY_RATE_NOWAIT: int
VIR_DOMAIN_DIRTY_RATE_LAST: int
VIR_DOMAIN_DIRTY_RATE_CANCEL: int

VIR_DOMAIN_STATS_DIRTYLIMIT: int

VIR_DOMAIN_DIRTY_RATE_PARAM_CALC_TIME: str
VIR_DOMAIN_DIRTY_RATE_PARAM_MODE: str
VIR_DOMAIN_DIRTY_RATE_PARAM_SAMPLE_PAGES: str
VIR_DOMAIN_DIRTY_RATE_PARAM_STATUS: str
VIR_DOMAIN_DIRTY_RATE_PARAM_START_TIME: str
VIR_DOMAIN_DIRTY_RATE_PARAM_RATE: str
VIR_DOMAIN_DIRTY_RATE_PARAM_RATE_LOW: str
VIR_DOMAIN_DIRTY_RATE_PARAM_RATE_HIGH: str
VIR_DOMAIN_DIRTY_RATE_PARAM_PAGE_SIZE: str
VIR_DOMAIN_DIRTY_RATE_PARAM_PAGES_TOTAL: str
VIR_DOMAIN_DIRTY_RATE_PARAM_PAGES_SAMPLED: str
VIR_DOMAIN_DIRTY_RATE_PARAM_PAGES_ZERO: str
VIR_DOMAIN_DIRTY_RATE_PARAM_COMPRESSION: str

DirtyRate = TypedDict(
    "DirtyRate",
    {
        "status": str,
        "mode": str,
        "start-time": int,
        "calc-time": int,
        "sample-pages": int,
        "rate": float,
        "rate.low": float,
        "rate.high": float,
        "page-size": int,
        "pages.total": int,
        "pages.sampled": int,
        "pages.zero": int,
        "periods": List[int],
        "dirty-pages": List[int],
        "pages": List[float],
        "pages.low": List[float],
        "pages.high": List[float],
        "vcpus": List[int],
        "vcpu-rates": List[float],
        "vcpu-dirty-pages": List[List[int]],
        "compression-methods": List[str],
        "compression-pages": List[int],
        "compression-ratios": List[float],
        "compression-speeds": List[float],
    },
    total=False,
)

def getDirtyRate(
    dom: libvirt.virDomain,
    params: Optional[Dict[str, Union[int, str, bool]]] = None,
    flags: int = 0,
) -> DirtyRate: ...

VcpuDirtyLimit = TypedDict(
    "VcpuDirtyLimit",
    {
        "id": int,
        "limit": int,
        "rate": float,
        "resting-share": float,
    },
    total=False,
)

VcpuDirtyLimits = TypedDict(
    "VcpuDirtyLimits",
    {
        "scope": str,
        "vcpus": List[VcpuDirtyLimit],
    },
    total=False,
)

def setVcpuDirtyLimit(
    dom: libvirt.virDomain,
    vcpu: int,
    rate: int,
    flags: int = 0,
) -> None: ...
def getVcpuDirtyLimit(dom: libvirt.virDomain, flags: int = 0) -> VcpuDirtyLimits: ...

class MigrateMeasurement(DirtyRate, total=False):
    age: int

MigrateCell = TypedDict(
    "MigrateCell",
    {
        "bandwidth": float,
        "downtime-limit": int,
        "converges": bool,
        "verdict": str,
        "certainty": float,
        "time": float,
        "time.low": float,
        "time.high": float,
        "downtime": float,
        "downtime.low": float,
        "downtime.high": float,
        "passes": float,
        "passes.low": float,
        "passes.high": float,
        "bytes": float,
        "bytes.low": float,
        "bytes.high": float,
        "throttle": float,
        "throttle.low": float,
        "throttle.high": float,
        "extrapolated": bool,
        "switch-time": float,
        "postcopy-time": float,
        "postcopy-faults": float,
    },
    total=False,
)

MigratePlan = TypedDict(
    "MigratePlan",
    {
        "cell": int,
        "bandwidth": float,
        "bandwidth.sure": float,
        "downtime": float,
        "downtime.sure": float,
        "throttle": float,
        "throttle.sure": float,
        "dirty-limit": float,
        "dirty-limit.sure": float,
        "postcopy": bool,
        "recommendation": str,
    },
    total=False,
)

MigratePrediction = TypedDict(
    "MigratePrediction",
    {
        "measurement": MigrateMeasurement,
        "settings": Dict[str, Union[int, float, str]],
        "cells": List[MigrateCell],
        "plan": MigratePlan,
        "notes": List[str],
    },
)

def migratePredict(
    dom: libvirt.virDomain,
    params: Optional[
        Dict[str, Union[int, float, str, bool, List[int], List[float], List[str]]]
    ] = None,
    flags: int = 0,
) -> MigratePrediction: ...
