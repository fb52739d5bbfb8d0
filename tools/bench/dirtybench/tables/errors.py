# SPDX-License-Identifier: LGPL-2.1-or-later
"""Error of the estimated dirty pages against the exact count, at equal numbers of samples."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from dirtybench import memory, qemu
from dirtybench.bench import OURS, STOCK, Bench
from dirtybench.clocks import has_new_sleeper, living_threads_cpu
from dirtybench.memory import MIB, PAGE
from dirtybench.report import Table, Target
from dirtybench.stats import bootstrap, rms
from dirtylab.errors import LabError

MEMORY_MIB = 1024
SAMPLES_PER_GIB = 512
MEASUREMENTS = 100
# Long enough that writing falls between first and last pass on a busy host.
MS = 150
# By then it has to be done, s after the start; what is later is measured again.
WRITTEN_BY_S = 0.11
# The first pass takes more than this, and the thread sleeps after it.
FIRST_PASS_NS = 100_000
POLL_SECONDS = 0.002
ATTEMPTS = 20
AT_MOST_OF_STOCK = 0.5
# Where both err alike only many measurements show which errs less.
MORE = 4


@dataclass(frozen=True)
class Pattern:
    """How a guest writes; write(memory, pages, source) does it and returns the pages written."""
    name: str
    meaning: str
    write: Callable[[memory.Memory, int, random.Random], int]
    half_of_stock: bool
    more: int = 1


def _uniform(guest: memory.Memory, pages: int, _source: random.Random) -> int:
    return guest.tell("write", 0, pages, pages // 10)


def _clustered(guest: memory.Memory, pages: int, source: random.Random) -> int:
    hot = pages // 10
    return guest.tell("write", source.randrange(pages), hot, 3 * hot)


def _sequential(guest: memory.Memory, pages: int, source: random.Random) -> int:
    return guest.tell("walk", source.randrange(pages), pages // 10)


def _mixed(guest: memory.Memory, pages: int, source: random.Random) -> int:
    hot = pages // 20
    guest.tell("write", source.randrange(pages), hot, 3 * hot)
    guest.tell("walk", source.randrange(pages), pages // 20)
    return guest.tell("write", 0, pages, pages // 40)


PATTERNS = (
    Pattern("uniform", "writes to random pages, a tenth as many as there are pages", _uniform,
            False, MORE),
    Pattern("clustered", "3 writes a page, at random, in a hot region of a tenth of memory",
            _clustered, True),
    Pattern("sequential", "a tenth of memory, page after page", _sequential, True),
    Pattern("mixed", "a twentieth clustered, a twentieth sequential, writes to a fortieth uniform",
            _mixed, False),
)


@dataclass(frozen=True)
class Errors:
    """One measurement by each QEMU of the same writes; errors as shares of the truth."""
    truth: int
    stock: float
    ours: float


def _begin(guest: qemu.Qemu, by: float) -> bool:
    """Starts a measurement. Returns whether its first pass is over in time."""
    known = living_threads_cpu(guest.pid)
    guest.begin(MS, SAMPLES_PER_GIB)
    while not has_new_sleeper(guest.pid, known, FIRST_PASS_NS):
        if time.monotonic() > by:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _measure(guests: dict[str, qemu.Qemu], writer: memory.Memory, pattern: Pattern, pages: int,
             source: random.Random) -> Errors:
    for _ in range(ATTEMPTS):
        writer.tell("begin")
        by = time.monotonic() + WRITTEN_BY_S
        begun = [_begin(guest, by) for guest in guests.values()]
        truth = pattern.write(writer, pages, source)
        in_time = all(begun) and time.monotonic() < by
        found = {name: guest.end(MS) for name, guest in guests.items()}
        if in_time:
            return Errors(truth, *(found[name].pages / truth - 1 for name in (STOCK, OURS)))
    raise LabError(f"the host is too busy: {ATTEMPTS} times in a row, a first pass and writing "
                   f"{pattern.name} took longer than {WRITTEN_BY_S * 1000:.0f} ms")


def _ratio(rows: list[Errors]) -> float:
    return rms([row.ours for row in rows]) / rms([row.stock for row in rows])


def _judge(pattern: Pattern, ratio: float, low: float) -> Target:
    if pattern.half_of_stock:
        return Target(f"{pattern.name}: at most half of stock's error ({ratio:.2f})",
                      ratio <= AT_MOST_OF_STOCK)
    return Target(f"{pattern.name}: not worse than stock's (1 is within, or above, the bounds of "
                  f"the ratio, which begin at {low:.2f})", low <= 1)


def run(bench: Bench) -> Table:
    """Makes the table."""
    mib = bench.pick(MEMORY_MIB, 128)
    pages = mib * MIB // PAGE
    times = bench.times(MEASUREMENTS)
    source = random.Random(1)
    table = Table("errors", f"RMSE of the estimated dirty pages over {times} measurements: "
                  f"{mib} MiB, {SAMPLES_PER_GIB} samples a GiB",
                  ["guest", "dirty pages (mean)", "stock RMSE %", "ours RMSE %", "ours / stock",
                   "95 % bounds", "stock bias %", "ours bias %"])
    with memory.SharedFile(mib) as file, memory.Memory(bench.memory, mib, file.path) as writer, \
            qemu.bare(bench.binaries[STOCK], mib, file.path) as stock, \
            qemu.bare(bench.binaries[OURS], mib, file.path) as ours:
        for guest in (stock, ours):
            memory.fill_as_guest(guest.pid, mib, mib)
        for pattern in PATTERNS:
            count = times * pattern.more
            rows = [_measure({STOCK: stock, OURS: ours}, writer, pattern, pages, source)
                    for _ in bench.rounds(pattern.name, count)]
            ratio = _ratio(rows)
            low, high = bootstrap(rows, _ratio)
            mean = {name: sum(getattr(row, name) for row in rows) / count * 100
                    for name in (STOCK, OURS)}
            rmse = {name: rms([getattr(row, name) for row in rows]) * 100
                    for name in (STOCK, OURS)}
            table.rows.append([pattern.name, f"{sum(row.truth for row in rows) / count:.0f}",
                               f"{rmse[STOCK]:.2f}", f"{rmse[OURS]:.2f}", f"{ratio:.2f}",
                               f"{low:.2f} to {high:.2f}", f"{mean[STOCK]:+.2f}",
                               f"{mean[OURS]:+.2f}"])
            table.figures[pattern.name] = {"stock": rmse[STOCK], "ours": rmse[OURS],
                                           "ratio": ratio, "low": low, "high": high}
            table.targets.append(_judge(pattern, ratio, low))
    table.notes = [
        *(f"{pattern.name}: {pattern.meaning}." for pattern in PATTERNS),
        f"uniform: {times * MORE} measurements, so that noise is not taken for a difference.",
        "Both QEMUs measure the same memory at the same time; a program writes to it between "
        "their first and last pass and counts the pages exactly.",
        f"Errors are in % of the exact count. Stock QEMU's result is cut to whole MiB/s, at "
        f"{MS} ms {MS * 256 // 1000} pages.",
        "Bounds: bootstrap over the measurements, paired."]
    return table
