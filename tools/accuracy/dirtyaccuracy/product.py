# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our predictions: by libvirt for a guest that runs, by virt-dirty for a measurement that was kept."""

import json
import math
import subprocess
from dataclasses import dataclass

from dirtyaccuracy.cases import MIB, Case
from dirtyaccuracy.prediction import Interval, Prediction, finite
from dirtylab import network
from dirtylab.errors import LabError

PROGRAM = "virt-dirty"
SECONDS = 60

# What the two call the members of a cell: this module's names, libvirt's, virt-dirty's.
LIBVIRT = {"total": "time", "downtime": "downtime", "low": ".low", "high": ".high"}
VIRT_DIRTY = {"total": "time", "downtime": "downtime-actual", "low": "-low", "high": "-high"}

# What libvirt says it has assumed, and virt-dirty's option that assumes the same.
SETTINGS = {"vcpus": "--vcpus", "log": "--log", "device-state": "--device-state",
            "vcpu-load": "--vcpu-load"}


@dataclass(frozen=True)
class Foretold:
    """A prediction and what it rests on, as a row keeps it."""
    prediction: Prediction
    settings: dict
    cell: dict      # as libvirt gave it, with more than a Prediction takes


def _number(cell: dict, name: str) -> float:
    """A member; what is infinite is left out by the one and null by the other."""
    value = cell.get(name)
    return math.inf if value is None else value


def _interval(cell: dict, name: str, names: dict) -> Interval:
    name = names[name]
    return Interval(_number(cell, name), _number(cell, name + names["low"]),
                    _number(cell, name + names["high"]), bounded=True)


def _prediction(cell: dict, names: dict) -> Prediction:
    return Prediction(
        converges=bool(cell["converges"]), verdict=cell["verdict"],
        total=_interval(cell, "total", names), downtime=_interval(cell, "downtime", names),
        certainty=cell.get("certainty"), passes=cell.get("passes"), bytes=cell.get("bytes"),
        throttle=cell.get("throttle"), extrapolated=bool(cell.get("extrapolated")))


def foretold(found: dict) -> Foretold:
    """Reads what libvirt_dirty.migratePredict() gives for one cell."""
    cell, = found["cells"]
    return Foretold(_prediction(cell, LIBVIRT), finite(found["settings"]), finite(cell))


def options(case: Case, settings: dict) -> list[str]:
    """The options of 'virt-dirty predict' for a case, with the settings that libvirt had assumed."""
    words = ["--bandwidth", f"{network.parse(case.link).payload() / MIB:.6f}", "--downtime",
             str(case.downtime_ms), "--bounds", "--json"]
    optional = {"--max-bandwidth": case.max_bandwidth, "--dirty-limit": case.dirty_limit,
                "--latency": 2 * case.latency_ms, "--parallel-connections": case.connections,
                "--comp-methods": case.compression}
    for name, value in optional.items():
        words += [name, str(value)] if value else []
    for name, option in SETTINGS.items():
        value = settings.get(name)
        # libvirt has bytes as a double; an option that takes a whole number wants no fraction.
        text = f"{value:.15g}" if isinstance(value, float) else str(value)
        words += [] if value is None else [option, text]
    words += ["--parallel"] * bool(case.connections)
    words += ["--auto-converge"] * (case.method == "auto-converge")
    words += ["--postcopy"] * (case.method == "postcopy")
    return words


def parse(text: str) -> Prediction:
    """Reads what virt-dirty prints for one measurement and one cell."""
    cell, = json.loads(text)["cells"]
    return _prediction(cell, VIRT_DIRTY)


def replay(case: Case, reply: dict, settings: dict, program: str = PROGRAM) -> Prediction:
    """Foretells a case's migration from a kept measurement. LabError where the program will not."""
    try:
        done = subprocess.run([program, "predict", *options(case, settings), "-"], text=True,
                              input=json.dumps(reply), capture_output=True, errors="replace",
                              timeout=SECONDS, check=False)
    except OSError as error:
        raise LabError(f"'{program}' cannot be run: {error.strerror}: run 'make accuracy', which "
                       "builds it") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"'{program} predict' has not ended in {SECONDS} s") from None
    if done.returncode != 0:
        raise LabError(f"'{program} predict' failed: {done.stderr.strip()}")
    try:
        return parse(done.stdout)
    except (ValueError, KeyError, TypeError) as error:
        raise LabError(f"'{program} predict' has printed something else than one prediction: "
                       f"{error}") from None
