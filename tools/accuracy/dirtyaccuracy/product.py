# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our prediction, by the program that users have: virt-dirty predict, fed with the measurement."""

import json
import subprocess

from dirtyaccuracy.cases import Case
from dirtyaccuracy.prediction import Interval, Prediction
from dirtyaccuracy.wire import link_payload
from dirtyaccuracy.cases import MIB
from dirtylab.errors import LabError

PROGRAM = "virt-dirty"
SECONDS = 60
PERCENT = 100


def options(case: Case) -> list[str]:
    """The options of 'virt-dirty predict' for a case."""
    words = ["--bandwidth", f"{link_payload(case) / MIB:.6f}", "--downtime", str(case.downtime_ms),
             "--vcpus", str(case.guest.get("vcpus", 1)), "--log", "tcg",
             "--time-limit", str(case.time_limit_s), "--bounds", "--json"]
    if case.latency_ms:
        words += ["--latency", f"{2 * case.latency_ms:g}"]
    if case.max_bandwidth:
        words += ["--max-bandwidth", str(case.max_bandwidth)]
    if case.method == "auto-converge":
        words += ["--auto-converge"]
    if case.dirty_limit:
        words += ["--dirty-limit", str(case.dirty_limit)]
    if case.method == "postcopy":
        words += ["--postcopy"]
    if case.connections:
        words += ["--parallel-connections", str(case.connections)]
    if case.compression:
        words += ["--comp-methods", case.compression]
    return words


def _interval(cell: dict, name: str) -> Interval | None:
    if cell.get(name) is None:
        return None
    return Interval(cell[name], cell.get(f"{name}-low"), cell.get(f"{name}-high"))


def parse(text: str) -> Prediction:
    """Reads what it prints for one measurement and one cell."""
    cell, = json.loads(text)["cells"]
    return Prediction(
        converges=cell["converges"], verdict=cell["verdict"], total=_interval(cell, "time"),
        downtime=_interval(cell, "downtime-actual"), certainty=cell.get("certainty"),
        passes=cell.get("passes"), bytes=cell.get("bytes"), throttle=cell.get("throttle"),
        extrapolated=bool(cell.get("extrapolated")))


def predict(case: Case, reply: dict, program: str = PROGRAM) -> Prediction:
    """Foretells a case's migration from its measurement. LabError where the program will not."""
    try:
        done = subprocess.run([program, "predict", "-", *options(case)], text=True,
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
