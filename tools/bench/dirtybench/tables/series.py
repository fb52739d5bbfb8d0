# SPDX-License-Identifier: LGPL-2.1-or-later
"""The first series' table: three loads, running and migrating, every mode and the truth."""

import contextlib
import time
from dataclasses import dataclass

from dirtybench import qemu
from dirtybench.bench import OURS, STOCK, Bench, need_memory
from dirtybench.report import Table, Target
from dirtybench.stats import Spread, spread
from dirtylab import truth
from dirtylab.errors import LabError
from dirtylab.guests import GuestSpec
from dirtylab.qmp import QmpError

MS = 1000
# So slow that no migration ends while it is measured, bytes/s.
MIGRATION_BYTES_PER_SECOND = 4 << 20
# The guest's report of the last second of a measurement comes up to a second after it.
REPORT_SECONDS = 5
# Samples' error and a host that serves others: how far from the truth is still right.
TOLERANCE = 0.10
RING = 4096


@dataclass(frozen=True)
class Load:
    """What a guest does: MiB and MiB/s (None: as fast as it can)."""
    name: str
    rate: float | None


@dataclass(frozen=True)
class Kind:
    """A kind of guest: the accelerator and what it can do in a table of reasonable time."""
    accel: str
    working_set: int
    loads: tuple[Load, ...]
    modes: tuple[str, ...]
    ring: int | None = None


TCG = Kind("tcg", 4096, (Load("idle", 0), Load("1024 MiB/s", 1024), Load("4096 MiB/s", 4096)),
           (qemu.SAMPLING, qemu.BITMAP))
KVM_LOADS = (Load("idle", 0), Load("1024 MiB/s", 1024), Load("4096 MiB/s", 4096))
# An emulating KVM gets nowhere near 1024 MiB/s.
SLOW_KVM_LOADS = (Load("idle", 0), Load("100 MiB/s", 100), Load("as fast as it can", None))


@dataclass(frozen=True)
class Window:
    """One measurement: its rate in MiB/s, and when it was, s since 1970."""
    rate: float
    begin: float
    end: float


@dataclass(frozen=True)
class Seen:
    """One measurement and what the guest says it wrote meanwhile, MiB/s."""
    rate: float
    truth: float


def kinds(bench: Bench) -> list[Kind]:
    """The guests to measure on this host."""
    tcg = bench.pick(TCG, Kind("tcg", 128, (Load("idle", 0), Load("100 MiB/s", 100)), TCG.modes))
    if not bench.kvm.works:
        return [tcg]
    loads, working_set = (SLOW_KVM_LOADS, 256) if bench.kvm.emulates else (KVM_LOADS, 4096)
    if bench.quick:
        loads, working_set = loads[:2], 128
    return [tcg, Kind("kvm", working_set, loads, (qemu.SAMPLING, qemu.BITMAP)),
            Kind("kvm", working_set, loads, (qemu.RING,), RING)]


class _Measured:
    """A guest, and the QEMU it migrates to once that is asked for."""

    def __init__(self, bench: Bench, binary: str, kind: Kind, load: Load,
                 stack: contextlib.ExitStack) -> None:
        self._spec = GuestSpec(name="bench", accel=kind.accel, working_set=kind.working_set,
                               rate=load.rate, pattern="seq" if load.rate != 0 else "idle",
                               dirty_ring=kind.ring)
        self._program = bench.binaries[binary]
        self._image = bench.guest
        self._stack = stack
        self.guest = stack.enter_context(qemu.Guest(self._program, self._image, self._spec))

    def migrate(self) -> None:
        """Starts a migration that will not end."""
        target = self._stack.enter_context(
            qemu.Guest(self._program, self._image, self._spec, "-incoming", "defer"))
        address = f"unix:{target.path}/migration"
        target.qmp.execute("migrate-incoming", uri=address)
        self.guest.qmp.execute("migrate-set-parameters",
                               max_bandwidth=MIGRATION_BYTES_PER_SECOND)
        self.guest.qmp.execute("migrate", uri=address)
        limit = time.monotonic() + REPORT_SECONDS
        while self.migration() != "active":
            if time.monotonic() > limit:
                raise LabError(f"the migration is {self.migration()}, not active")
            time.sleep(0.05)

    def migration(self) -> str:
        """State of the migration."""
        return self.guest.qmp.execute("query-migrate").get("status", "none")

    def begin(self, mode: str) -> None:
        """Starts a measurement; QmpError if QEMU will not."""
        self._begun = time.time()
        self.guest.begin(MS, mode=mode)

    def end(self) -> Window:
        """Waits for the result."""
        result = self.guest.end(MS)
        return Window(result.rate, self._begun, self._begun + result.ms / 1000)

    def compare(self, windows: list[Window]) -> list[Seen]:
        """Sets beside each measurement what the guest says it wrote in that time."""
        limit = time.monotonic() + REPORT_SECONDS
        while True:
            reports = self.guest.said().reports
            if reports and reports[-1].time >= windows[-1].end:
                break
            if time.monotonic() > limit:
                raise LabError("the guest has not reported what it wrote while it was measured: "
                               f"is its migration over? It is {self.migration()}")
            time.sleep(0.05)
        most = self._spec.working_set / (MS / 1000)
        return [Seen(window.rate, min(most, written(reports, window.begin, window.end)))
                for window in windows]


def written(reports: list[truth.Report], begin: float, end: float) -> float:
    """MiB/s a guest wrote between two times, of different pages: a sequential writer comes to no
    page again before it was at all others."""
    pages = 0.0
    for report in reports:
        from_ = report.time - report.dt / 1000
        overlap = min(end, report.time) - max(begin, from_)
        if overlap > 0:
            pages += report.wrote * overlap / (report.dt / 1000)
    return pages / qemu.PAGES_PER_MIB / (end - begin)


def _measure_mode(bench: Bench, label: str, measured: dict[str, _Measured],
                  mode: str) -> dict[str, list[Seen] | str]:
    """By binary: what was seen, or why QEMU refused. All are measured at the same time."""
    windows, refused = {name: [] for name in measured}, {}
    for _ in bench.rounds(f"{label}, {mode}", bench.times()):
        for name, one in measured.items():
            try:
                one.begin(mode)
            except QmpError as error:
                refused[name] = str(error)
        taken = [name for name in measured if name not in refused]
        if not taken:
            break
        time.sleep(MS / 1000)
        for name in taken:
            windows[name].append(measured[name].end())
    return {name: refused.get(name) or one.compare(windows[name])
            for name, one in measured.items()}


def _texts(found: list[Seen] | str) -> tuple[str, str]:
    """The truth and what was measured."""
    if isinstance(found, str):
        return "-", "refused"
    return (spread([seen.truth for seen in found]).text(0),
            spread([seen.rate for seen in found]).text(0))


def _error(found: list[Seen]) -> Spread | None:
    errors = [seen.rate / seen.truth - 1 for seen in found if seen.truth]
    return spread(errors) if errors else None


def _add(table: Table, kind: Kind, load: Load, state: str, mode: str,
         found: dict[str, list[Seen] | str]) -> None:
    (our_truth, our_rate), (stock_truth, stock_rate) = _texts(found[OURS]), _texts(found[STOCK])
    table.rows.append([kind.accel.upper(), load.name, state, mode, our_truth, our_rate,
                       stock_truth, stock_rate])
    name = f"{kind.accel.upper()}, {load.name}, {state}, {mode}"
    for binary in (OURS, STOCK):
        if isinstance(found[binary], str):
            note = f"{kind.accel.upper()}, {state}, {mode}: {binary} refuses: {found[binary]}."
            if note not in table.notes:
                table.notes.append(note)
    error = None if isinstance(found[OURS], str) else _error(found[OURS])
    if error:
        table.figures[name] = error.median
        table.targets.append(Target(
            f"{name}: within {TOLERANCE:.0%} of the truth ({error.median:+.1%})",
            abs(error.median) <= TOLERANCE))


def _measure_load(bench: Bench, table: Table, kind: Kind, load: Load) -> None:
    label = f"{kind.accel}{' with a ring' if kind.ring else ''}, {load.name}"
    with contextlib.ExitStack() as stack:
        measured = {name: _Measured(bench, name, kind, load, stack) for name in (STOCK, OURS)}
        for one in measured.values():
            one.guest.wait_reports(1)
        for state in ("running", "migrating"):
            if state == "migrating":
                for one in measured.values():
                    one.migrate()
            for mode in kind.modes:
                _add(table, kind, load, state, mode,
                     _measure_mode(bench, f"{label}, {state}", measured, mode))


def run(bench: Bench) -> Table:
    """Makes the table."""
    table = Table("series", "Dirty page rate in MiB/s beside what the guest says it wrote: running, "
                  "and while it migrates",
                  ["accelerator", "guest", "state", "mode", "truth (ours)", "ours",
                   "truth (stock)", "stock"])
    for kind in kinds(bench):
        need_memory(2 * (kind.working_set + 256) + 2048)
        for load in kind.loads:
            _measure_load(bench, table, kind, load)
    table.notes[:0] = [
        f"{bench.times()} measurements of {MS / 1000:g} s by each, default number of "
        "samples, both QEMUs at the same time, each beside its own guest's word.",
        "The guest writes page after page over its working set of "
        f"{kinds(bench)[0].working_set} MiB (KVM: {kinds(bench)[-1].working_set} MiB), "
        "so what it writes in a measurement is what gets dirty, up to all of it.",
        f"Migrating: to a second QEMU at {MIGRATION_BYTES_PER_SECOND >> 20} MiB/s, "
        "which never ends."]
    if not bench.kvm.works:
        table.notes.append(f"No rows for KVM, and so none for dirty-ring: {bench.kvm.reason}.")
    elif bench.kvm.emulates:
        table.notes.append("KVM emulates on this host, so its guests write slowly, and the ring "
                           "gets an entry for each write, also to pages already dirty.")
    return table
