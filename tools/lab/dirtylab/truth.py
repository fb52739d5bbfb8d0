# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a guest says of itself on its serial port; tests/guest/README.md describes the test guest's
lines, tests/linux-guest/README.md those of a Linux guest."""

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from dirtylab.errors import LabError

PAGES_PER_MIB = 256
SETTLE_SECONDS = 2.0  # a line is on the port for far less


@dataclass(frozen=True)
class Report:
    """One SEC line. Lists have an entry for each vCPU."""
    number: int
    t: int           # ms since READY
    dt: int          # ms since the report before
    time: float      # the host's clock when it was printed, s since 1970
    wrote: int       # pages
    asked: int | None  # pages; None: as many as it can
    dropped: int     # pages
    late: int        # ms
    distinct: int    # pages
    read: int        # pages
    writes: list[int]
    reads: list[int]
    distincts: list[int]
    gaps: list[int]  # longest time between two writes or reads, µs
    wrote_total: int
    read_total: int
    intact: bool | None = None  # whether its memory holds what it wrote; None: it does not check


@dataclass(frozen=True)
class Tick:
    """One TICK line: a Linux guest keeps no count of its writes."""
    number: int
    t: int        # ms since its kernel started
    time: float   # as Report's
    idle: float   # s, all vCPUs together


@dataclass(frozen=True)
class Serial:
    """All the guest has said so far; a test guest has reports, a Linux guest ticks."""
    ready: dict[str, str] | None
    error: str | None
    reports: list[Report] | list[Tick]


def _words(line: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in line.split()[1:] if "=" in word)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _report(line: str) -> Report:
    words = _words(line)
    return Report(number=int(words["n"]), t=int(words["t"]), dt=int(words["dt"]), time=0.0,
                  wrote=int(words["wrote"]),
                  asked=None if words["asked"] == "max" else int(words["asked"]),
                  dropped=int(words["dropped"]), late=int(words["late"]),
                  distinct=int(words["distinct"]),
                  read=int(words["read"]), writes=_numbers(words["writes"]),
                  reads=_numbers(words["reads"]), distincts=_numbers(words["distincts"]),
                  gaps=_numbers(words["gaps"]), wrote_total=int(words["wrote_total"]),
                  read_total=int(words["read_total"]),
                  intact=words["intact"] != "0" if "intact" in words else None)


def _tick(line: str) -> Tick:
    words = _words(line)
    return Tick(int(words["n"]), round(float(words["t"]) * 1000), 0.0, float(words["idle"]))


def parse(text: str, last_time: float = 0.0) -> Serial:
    """Parses what came from the serial port.

    last_time is when the last line came, in s since 1970; the reports before it get their times by
    the guest's own clock. A last line without its end is left out. LabError on a line that cannot be
    read.
    """
    ready, error, reports = None, None, []
    for line in text.split("\n")[:-1]:
        line = line.strip("\r")
        try:
            if line.startswith("READY "):
                ready, reports = _words(line), []  # again after a reset
            elif line.startswith("ERROR "):
                error = line.removeprefix("ERROR ")
            elif line.startswith("SEC "):
                reports.append(_report(line))
            elif line.startswith("TICK "):
                reports.append(_tick(line))
        except (KeyError, ValueError):
            raise LabError(f"the guest's serial port has a line that is no report: '{line}': "
                           "does the guest belong to this lab?") from None
    if reports:
        end = reports[-1].t
        reports = [replace(report, time=last_time - (end - report.t) / 1000) for report in reports]
    return Serial(ready, error, reports)


def read(path: Path) -> Serial:
    """Reads a guest's serial file.

    The file's time is that of the last line, if the line is whole: waits a moment for that.
    """
    limit = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            with path.open("rb") as file:
                text = file.read().decode(errors="replace")
                written = os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return Serial(None, None, [])
        if not text or text.endswith("\n") or time.monotonic() > limit:
            return parse(text, written)
        time.sleep(0.02)


def summary(name: str, reports: list[Report] | list[Tick]) -> dict:
    """Sums reports up, for JSON: times in s since 1970, rates in MiB/s."""
    if isinstance(reports[0], Tick):
        return {"guest": name, "os": "linux", "from": round(reports[0].time, 3),
                "to": round(reports[-1].time, 3), "uptime": reports[-1].t / 1000,
                "idle": round(reports[-1].idle - reports[0].idle, 2)}
    ms = sum(report.dt for report in reports)

    def rate(pages: int) -> float:
        return round(pages / PAGES_PER_MIB * 1000 / ms, 3)

    wrote = sum(report.wrote for report in reports)
    writes = [sum(column) for column in zip(*(report.writes for report in reports))]
    reads = [sum(column) for column in zip(*(report.reads for report in reports))]
    return {
        "guest": name,
        "from": round(reports[0].time - reports[0].dt / 1000, 3),
        "to": round(reports[-1].time, 3),
        "seconds": ms / 1000,
        "pages": wrote,
        "rate": rate(wrote),
        "asked-rate": None if reports[0].asked is None else rate(sum(r.asked for r in reports)),
        "dropped-pages": sum(report.dropped for report in reports),
        "late-ms": max(report.late for report in reports),
        "distinct-pages": [report.distinct for report in reports],
        "read-pages": sum(report.read for report in reports),
        "intact": None if reports[-1].intact is None else all(r.intact for r in reports),
        "vcpus": [{"vcpu": i, "pages": written, "rate": rate(written), "read-pages": reads[i],
                   "read-rate": rate(reads[i])} for i, written in enumerate(writes)],
        "reports": [vars(report) for report in reports],
    }


def table(data: dict) -> str:
    """The same for people."""
    if data.get("os") == "linux":
        return (f"guest {data['guest']} works, {data['uptime']:.1f} s after its start; a Linux guest "
                "keeps no count of what it writes")
    asked = "as much as it can" if data["asked-rate"] is None else f"{data['asked-rate']:.1f} asked"
    lines = [f"guest {data['guest']}, {data['seconds']:.1f} s: wrote {data['pages']} pages, "
             f"{data['rate']:.1f} MiB/s ({asked})"]
    if data["dropped-pages"]:
        lines.append(f"{data['dropped-pages']} pages not written in time: "
                     "the host gave the guest too little CPU, or a limit holds it back")
    if data["intact"] is not None:
        lines.append("its memory is " + ("intact" if data["intact"] else
                                         "NOT intact: a page holds what it never wrote, or lost "
                                         "what it did"))
    lines.append(f"{'vCPU':>4} {'written MiB/s':>14} {'read MiB/s':>11}")
    lines += [f"{vcpu['vcpu']:>4} {vcpu['rate']:>14.1f} {vcpu['read-rate']:>11.1f}"
              for vcpu in data["vcpus"]]
    return "\n".join(lines)
