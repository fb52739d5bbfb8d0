# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whole measurements with all readings on guests that write, against hashing every page."""

import contextlib
import time
from dataclasses import dataclass

from dirtybench import qemu
from dirtybench.bench import OURS, STOCK, Bench, need_memory
from dirtybench.clocks import MeasuringCpu
from dirtybench.report import Table, Target
from dirtybench.stats import Spread, spread
from dirtylab.guests import GuestSpec

MS = 60000
SAMPLES_PER_GIB = 16384
MIB = 512
# Measured with the guest stopped, for the cost of a page that is hashed; the median of some.
STOPPED_MS = 250
STOPPED_TIMES = 5
AT_MOST = 1 / 3


@dataclass(frozen=True)
class Work:
    """What the guests do, MiB and MiB/s; the rest of their memory is never touched."""
    meaning: str
    working_set: int
    fill: int
    rate: int
    has_target: bool


WORKS = (Work("writes 7/8 of its memory, once over a second", 448, 0, 448, True),
         Work("writes half of its memory, the rest is full and quiet", 224, 224, 224, False))


@dataclass(frozen=True)
class Cost:
    """CPU time of one measurement, ms: what it took, and what hashing all would have."""
    took: float
    readings: int
    hashing_all: float
    hashing_all_as_stock: float


def _cpu_per_page_once(guest: qemu.Guest) -> float:
    cpu = MeasuringCpu(guest.pid)
    result = guest.measure(STOPPED_MS, SAMPLES_PER_GIB)
    time.sleep(0.01)
    passes = 1 + len(result.periods) if result.periods else 2
    pages = result.sampled - result.zero if result.sampled else MIB * SAMPLES_PER_GIB // 1024
    return cpu.ns() / passes / pages


def _cpu_per_page(guest: qemu.Guest) -> float:
    """CPU time for a page and pass with the guest stopped, ns; pages of zeros cost nothing worth
    counting where they are recognised without reading."""
    return spread([_cpu_per_page_once(guest) for _ in range(STOPPED_TIMES)]).median


def _measure_all(guests: list[qemu.Guest], ms: int, stock_ns: float) -> list[Cost]:
    """Measures all guests at the same time."""
    hashing = [_cpu_per_page(guest) for guest in guests]
    clocks = [MeasuringCpu(guest.pid) for guest in guests]
    for guest in guests:
        guest.resume()
        guest.begin(ms, SAMPLES_PER_GIB)
    time.sleep(ms / 1000)
    costs = []
    for guest, cpu, per_page in zip(guests, clocks, hashing):
        result = guest.end(ms)
        guest.pause()
        time.sleep(0.01)
        passes = 1 + len(result.periods)
        costs.append(Cost(cpu.ns() / 1e6, len(result.periods),
                          passes * result.sampled * per_page / 1e6,
                          passes * result.sampled * stock_ns / 1e6))
    return costs


def _guest(bench: Bench, name: str, work: Work) -> qemu.Guest:
    spec = GuestSpec(name="bench", memory=MIB, working_set=work.working_set, fill=work.fill,
                     fill_words=512, rate=work.rate)
    return qemu.Guest(bench.binaries[name], bench.guest, spec)


def _measure_work(bench: Bench, work: Work, ms: int) -> list[Cost]:
    with contextlib.ExitStack() as stack:
        guests = []
        for name in bench.rounds("guests that start", bench.times() + 1):
            guest = stack.enter_context(_guest(bench, OURS if name else STOCK, work))
            guest.wait_ready()
            guest.pause()
            guests.append(guest)
        stock_ns = _cpu_per_page(guests[0])
        return _measure_all(guests[1:], ms, stock_ns)


def _column(costs: list[Cost], value) -> Spread:
    return spread([value(cost) for cost in costs])


def run(bench: Bench) -> Table:
    """Makes the table."""
    ms = bench.pick(MS, 2000)
    need_memory((bench.times() + 1) * (MIB + 128))
    table = Table("readings", f"CPU time of measurements of {ms / 1000:g} s with all readings: "
                  f"{MIB} MiB, {SAMPLES_PER_GIB} samples a GiB",
                  ["guest", "readings", "ours ms", "hashing every page ms", "share %",
                   "the same with stock's hash ms"])
    for work in WORKS:
        costs = _measure_work(bench, work, ms)
        share = _column(costs, lambda cost: cost.took / cost.hashing_all)
        table.rows.append([work.meaning, str(max(cost.readings for cost in costs)),
                           _column(costs, lambda cost: cost.took).text(1),
                           _column(costs, lambda cost: cost.hashing_all).text(1),
                           Spread(*(100 * value for value in vars(share).values())).text(0),
                           _column(costs, lambda cost: cost.hashing_all_as_stock).text(1)])
        table.figures[work.meaning] = {"share": share.median}
        if work.has_target:
            table.targets.append(Target(f"{work.meaning}: at most a third "
                                        f"({share.median * 100:.0f} %)", share.median <= AT_MOST))
    table.notes = [f"{bench.times()} guests under TCG at the same time, each measured once.",
                   "Hashing every page: readings + 1 passes over all sampled pages, each page at "
                   "the cost the same QEMU needs for it while the guest is stopped; with stock's "
                   "hash: at the cost stock QEMU needs. Stock itself takes one reading, and gives "
                   "no curve.",
                   "A page seen dirty is not read again, so the share falls with the part of "
                   "memory that is written, and with the time it takes."]
    return table
