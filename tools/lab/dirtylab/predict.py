# SPDX-License-Identifier: LGPL-2.1-or-later
"""What libvirt foretells of a migration that the lab is about to run, and how far off that was."""

import math
from dataclasses import dataclass

from dirtylab import migrate, network
from dirtylab.errors import LabError
from dirtylab.host import Host

MIB = 1 << 20

# A cell's members in libvirt's Python module, and their names here, times 1 unless a percentage.
MEMBERS = {"time": "total-ms", "downtime": "downtime-ms", "passes": "passes", "bytes": "bytes",
           "throttle": "throttle-percent", "switch-time": "postcopy-ms",
           "postcopy-faults": "postcopy-requests"}
BOUNDS = ("", ".low", ".high")
PERCENT = {"throttle": 100}


@dataclass(frozen=True)
class Measurement:
    """How the guest is measured before it is migrated."""
    seconds: float = 3
    mode: str = "page-sampling"
    sample_pages: int = 16384  # of each GiB: the lab's guests are small


def parameters(link: network.Link, request: migrate.Request, measurement: Measurement) -> dict:
    """What libvirt_dirty.migratePredict() is asked."""
    params = {"bandwidth": [link.payload() / MIB], "bounds": True, "mode": measurement.mode,
              "calc-time": round(measurement.seconds * 1000)}
    if measurement.mode == "page-sampling":
        params["sample-pages"] = measurement.sample_pages
    optional = {"downtime": [request.downtime] if request.downtime else None,
                "latency": 2 * link.latency, "max-bandwidth": request.bandwidth,
                "dirty-limit": request.dirty_limit, "parallel.connections": request.parallel,
                "compression": [request.compression] if request.compression else None}
    return {**params, **{name: value for name, value in optional.items() if value}}


def _flags(libvirt, request: migrate.Request) -> int:
    flags = libvirt.VIR_MIGRATE_LIVE
    for wanted, flag in ((request.auto_converge, libvirt.VIR_MIGRATE_AUTO_CONVERGE),
                         (request.postcopy, libvirt.VIR_MIGRATE_POSTCOPY),
                         (request.parallel, libvirt.VIR_MIGRATE_PARALLEL),
                         (request.compression, libvirt.VIR_MIGRATE_COMPRESSED)):
        flags |= flag if wanted else 0
    return flags


def _modules() -> tuple:
    # Not on top: the rest of the lab works without.
    # pylint: disable=import-outside-toplevel
    try:
        import libvirt
        import libvirt_dirty
    except ImportError as error:
        raise LabError(f"libvirt's Python modules cannot be used: {error}: run the lab under ./run "
                       "with /usr/bin/python3, or migrate with --no-predict") from None
    return libvirt, libvirt_dirty


def ask(source: Host, link: network.Link, request: migrate.Request,
        measurement: Measurement) -> dict:
    """Has libvirt measure the guest and foretell its migration. LabError where it does not.

    Returns all that libvirt_dirty.migratePredict() does, with one cell.
    """
    libvirt, libvirt_dirty = _modules()
    libvirt.registerErrorHandler(lambda *_: None, None)  # it would print what is raised anyway
    try:
        connection = libvirt.open(source.uri)
        try:
            return libvirt_dirty.migratePredict(connection.lookupByName(request.guest),
                                                parameters(link, request, measurement),
                                                _flags(libvirt, request))
        finally:
            connection.close()
    except libvirt.libvirtError as error:
        raise LabError(f"libvirt does not predict the migration: {error}; --no-predict runs it "
                       "without") from None


def predict(source: Host, link: network.Link, request: migrate.Request,
            measurement: Measurement) -> dict:
    """Measures the guest and foretells its migration. LabError where libvirt does not."""
    return summary(ask(source, link, request, measurement))


def summary(found: dict) -> dict:
    """The one cell that was asked for, with the rate that it rests on and what to do in the end."""
    cell, = found["cells"]
    result = {name: cell[name] for name in ("converges", "verdict", "certainty", "extrapolated")
              if name in cell}
    for theirs, ours in MEMBERS.items():
        for bound in BOUNDS:
            value = cell.get(theirs + bound)
            if value is not None:
                # JSON knows no infinity: no bound.
                result[ours + bound.replace(".", "-")] = \
                    round(value * PERCENT.get(theirs, 1), 1) if math.isfinite(value) else None
    measured = found["measurement"]
    result.update({f"rate{bound.replace('.', '-')}": round(measured[f"rate{bound}"], 2)
                   for bound in BOUNDS if f"rate{bound}" in measured})
    if "recommendation" in found.get("plan", {}):
        result["recommendation"] = found["plan"]["recommendation"]
    return result


def compare(predicted: dict, actual: dict) -> dict:
    """How far off a prediction was. Of a migration that has completed:

    "total-percent": of QEMU's total time; "downtime-ms": of the guest's standstill; "within": whether
    the total time is within its bounds; "as-foretold": whether it has completed just where that was
    foretold.
    """
    completed = actual["status"] == "completed"
    result = {"as-foretold": predicted["converges"] == completed}
    total = actual.get("qemu-total-ms")
    if not completed or not predicted["converges"] or not total:
        return result
    result["total-percent"] = round(100 * (predicted["total-ms"] - total) / total, 1)
    low = predicted.get("total-ms-low")
    if low is not None:
        high = predicted.get("total-ms-high")
        result["within"] = low <= total and (high is None or total <= high)
    if predicted.get("downtime-ms") is not None and "standstill-ms" in actual:
        result["downtime-ms"] = round(predicted["downtime-ms"] - actual["standstill-ms"], 1)
    return result
