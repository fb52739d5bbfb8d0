# SPDX-License-Identifier: LGPL-2.1-or-later
"""10,000 measurements in a row, and 1,000 whose client drops half way: what grows."""

import random
import tempfile
import time
from pathlib import Path

from dirtybench import qemu
from dirtybench.bench import OURS, STOCK, Bench
from dirtybench.clocks import Resources, resources
from dirtybench.report import Table, Target
from dirtylab.guests import GuestSpec
from dirtylab.qmp import Qmp

MEASUREMENTS = 10000
DROPS = 1000
# Without cancel-dirty-rate each takes its whole time.
STOCK_MEASUREMENTS = 200
SHORTEST_MS = 50
# One in so many is left to end by itself; the others are cancelled when some of it has gone.
WHOLE_EVERY = 10
CANCEL_WITHIN_S = 0.015
LONG_MS = 60000
# Before counting starts: the first measurements allocate what later ones use again.
WARM_UP = 50
GROWTH_KIB = 1024
WORKING_SET_MIB, RATE = 64, 20


def _cancelled(guest: qemu.Guest, source: random.Random) -> None:
    guest.begin(LONG_MS)
    time.sleep(source.random() * CANCEL_WITHIN_S)
    guest.qmp.execute("cancel-dirty-rate")


def _one(guest: qemu.Guest, i: int, cancels: bool, source: random.Random) -> None:
    modes = (qemu.SAMPLING, qemu.SAMPLING, qemu.SAMPLING, qemu.BITMAP)
    if cancels and i % WHOLE_EVERY:
        _cancelled(guest, source)
    else:
        guest.measure(SHORTEST_MS, mode=modes[i // WHOLE_EVERY % len(modes)] if cancels
                      else qemu.SAMPLING)


def _dropped(guest: qemu.Guest, cancels: bool, source: random.Random) -> None:
    """A client starts a measurement and goes; the next one has to get its own all the same."""
    client = Qmp(guest.second_monitor)
    client.execute("calc-dirty-rate", calc_time=LONG_MS if cancels else SHORTEST_MS,
                   calc_time_unit="millisecond")
    time.sleep(source.random() * CANCEL_WITHIN_S)
    client.close()
    if cancels:
        guest.qmp.execute("cancel-dirty-rate")
    else:
        guest.end(SHORTEST_MS)


def _run(bench: Bench, table: Table, label: str, name: str, count: int, work) -> None:
    spec = GuestSpec(name="bench", working_set=WORKING_SET_MIB, rate=RATE)
    source = random.Random(1)
    with _EnduringGuest(bench, name, spec) as guest:
        guest.wait_ready()
        cancels = guest.has_command("cancel-dirty-rate")
        for i in range(WARM_UP):
            work(guest, i, cancels, source)
        before = resources(guest.pid)
        start = time.monotonic()
        for i in bench.rounds(f"{name}: {label}", count):
            work(guest, i, cancels, source)
        seconds = time.monotonic() - start
        _add(table, label, name, count, seconds, before, _settled(guest))


class _EnduringGuest(qemu.Guest):
    """A guest with a second monitor for clients that come and go."""

    def __init__(self, bench: Bench, name: str, spec: GuestSpec) -> None:
        self._sockets = tempfile.TemporaryDirectory(prefix="dirtybench-")
        self.second_monitor = Path(self._sockets.name) / "qmp"
        super().__init__(bench.binaries[name], bench.guest, spec,
                         "-qmp", f"unix:{self.second_monitor},server=on,wait=off")

    def __exit__(self, *_) -> None:
        super().__exit__()
        self._sockets.cleanup()


def _settled(guest: qemu.Guest) -> Resources:
    """What it holds once the last thread and connection are gone."""
    time.sleep(1)
    return resources(guest.pid)


def _add(table: Table, label: str, name: str, count: int, seconds: float, before: Resources,
         after: Resources) -> None:
    grown = {key: getattr(after, key) - value for key, value in vars(before).items()}
    table.rows.append([label, name, str(count), f"{seconds:.0f}",
                       *(f"{getattr(before, key)} {change:+d}" for key, change in grown.items())])
    table.figures[f"{label} {name}"] = grown
    if name == OURS:
        table.targets += [
            Target(f"{label}: memory does not grow ({grown['resident']:+d} KiB, {GROWTH_KIB} are "
                   "noise)", grown["resident"] <= GROWTH_KIB),
            Target(f"{label}: no thread and no descriptor stays ({grown['threads']:+d}, "
                   f"{grown['descriptors']:+d})",
                   grown["threads"] <= 0 and grown["descriptors"] <= 0)]


def run(bench: Bench) -> Table:
    """Makes the table."""
    table = Table("endurance", "Measurements in a row on a guest that writes, and what QEMU holds "
                  "before and how that changes",
                  ["what", "QEMU", "times", "s", "resident KiB", "page tables KiB", "threads",
                   "descriptors"])
    counts = {OURS: bench.pick(MEASUREMENTS, 100), STOCK: bench.pick(STOCK_MEASUREMENTS, 20)}
    drops = {OURS: bench.pick(DROPS, 20), STOCK: bench.pick(STOCK_MEASUREMENTS, 20)}
    for name in (OURS, STOCK):
        _run(bench, table, "in a row", name, counts[name], _one)
        _run(bench, table, "client drops", name, drops[name],
             lambda guest, _i, cancels, source: _dropped(guest, cancels, source))
    table.notes = [f"Ours: one in {WHOLE_EVERY} takes its whole {SHORTEST_MS} ms, every fourth of "
                   "these in dirty-bitmap mode, the others are cancelled in their first "
                   f"{CANCEL_WITHIN_S * 1000:.0f} ms; stock cannot cancel, so all take "
                   f"{SHORTEST_MS} ms.",
                   "Client drops: a monitor connection starts a measurement and is closed in its "
                   "middle; then it is cancelled (stock: it runs out) from another."]
    return table
