# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests whose vCPUs' dirty page rates are limited, and what they do then by their own count."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from dirtybench import memory, qemu
from dirtybench.bench import OURS, STOCK, Bench, need_memory
from dirtybench.clocks import WaitingShare
from dirtybench.pairs import Loss, Pair, loss, speed, speeds
from dirtybench.report import Table, Target
from dirtylab import truth
from dirtylab.errors import LabError
from dirtylab.guests import OWN_MIB, GuestSpec
from dirtylab.qmp import QmpError
from dirtylab.records import Counts, Records

Seen = TypeVar("Seen")
RINGS = (1024, 4096, 65536)
FREE_SECONDS = 2
# More than the quotas of a quick run.
QUICK_PART = 240
# A writer that could just write so much more than its limit is not known to be held by it.
LEAST_EXCESS = 1.15
# The longest a limit may hold a vCPU up at a time.
STANDSTILL_MS = 100


@dataclass(frozen=True)
class Setup:
    """A guest of writers that write as fast as they can, each in a part of its own. MiB."""
    accel: str
    ring: int | None = None
    writers: int = 1
    readers: int = 0
    part: int = 1152           # more than the largest quota's pages of a second
    first_rate: float | None = None  # MiB/s that vCPU 0 writes; None: as fast as it can, too
    hot: bool = False          # nine writes of ten go to a hundredth of the part

    def label(self) -> str:
        """For a table's first column."""
        kind = "TCG" if self.accel == "tcg" else f"KVM, ring {self.ring}" if self.ring else \
            "KVM, no ring"
        return kind + (", hot set" if self.hot else "")

    def guest_scope(self) -> bool:
        """Whether a limit there is one for all vCPUs together."""
        return self.accel == "kvm" and not self.ring

    def spec(self) -> GuestSpec:
        """The guest: its last vCPU has nothing to do but to report, so that nothing holds it."""
        workers = self.writers + self.readers
        if self.guest_scope():
            workers -= 1  # all would be held, and the limit be theirs too
        return GuestSpec(name="bench", accel=self.accel, rate=None, dirty_ring=self.ring,
                         memory=self.part * self.writers + OWN_MIB,
                         working_set=self.part * self.writers, vcpus=workers + 1,
                         writers=self.writers, readers=self.readers, read_max=True,
                         first_rate=self.first_rate,
                         pattern="hotcold" if self.hot else "seq", parts=True,
                         hot=1 if self.hot else None, hot_share=90 if self.hot else None,
                         reporter=workers)

    def mode(self) -> str:
        """The measurement that counts every page there."""
        return qemu.RING if self.ring else qemu.BITMAP


def kvm_part(bench: Bench, usual: int) -> int:
    """A part that a KVM that emulates fills in a reasonable time, MiB."""
    return min(usual, 480) if bench.kvm.emulates else usual


def setups(bench: Bench, rings: tuple[int, ...] = RINGS, **more) -> list[Setup]:
    """Guests with each of these rings if KVM works, and one under TCG."""
    part = bench.pick(Setup.part, QUICK_PART)
    found = [Setup("kvm", ring, part=kvm_part(bench, part), **more)
             for ring in rings if bench.kvm.works]
    return [*found, Setup("tcg", part=part, **more)]


class Writer:
    """A guest of such a setup, at work."""

    def __init__(self, setup: Setup, guest: qemu.Guest, records: Records) -> None:
        self.setup, self.guest, self._records = setup, guest, records
        self.qmp = guest.qmp

    def counts(self) -> Counts:
        """The guest's own count, now."""
        return self._records.read()

    def rates(self, since: Counts) -> list[float]:
        """What each writer has dirtied since then, MiB/s: each page once, though a hot set is
        written over and over."""
        return self.counts().since(since, writes=not self.setup.hot)[:self.setup.writers]

    def free(self, seconds: float = FREE_SECONDS) -> float:
        """What the slowest of the writers dirties now, MiB/s."""
        before = self.counts()
        time.sleep(seconds)
        return min(self.rates(before))

    def standstill(self, begin: float, vcpus: int | None = None) -> float:
        """The longest time a writer did nothing since begin (s since 1970), as the guest says, ms."""
        reports = [r for r in self.reports_until(time.time()) if r.time - r.dt / 1000 >= begin]
        return max((gap for r in reports for gap in r.gaps[:vcpus or self.setup.writers]),
                   default=0) / 1000

    def reports_until(self, when: float) -> list[truth.Report]:
        """The guest's reports, the one of that moment with them."""
        limit = time.monotonic() + 5
        while True:
            reports = self.guest.said().reports
            if reports and reports[-1].time >= when or time.monotonic() > limit:
                return reports
            time.sleep(0.02)

    def measured(self) -> float:
        """What QEMU measures in a second, MiB/s for each writer."""
        self.guest.begin(1000, mode=self.setup.mode())
        time.sleep(1)
        self.guest.end(1000)
        info = self.qmp.query_dirty_rate()
        vcpus = [vcpu for vcpu in info.get("vcpu-dirty-rate", ()) if vcpu["id"]
                 < self.setup.writers]
        return sum(vcpu["n-dirty-pages"][-1] / truth.PAGES_PER_MIB * 1000 / info["calc-time"]
                   if "n-dirty-pages" in vcpu else vcpu["dirty-rate"]
                   for vcpu in vcpus) / self.setup.writers if vcpus \
            else info.get("rate", info["dirty-rate"]) / self.setup.writers

    def queried(self) -> float:
        """What query-vcpu-dirty-limit says of a writer on average, MiB/s."""
        infos = self.qmp.query_dirty_limit()
        return sum(infos[vcpu]["rate"] for vcpu in range(self.setup.writers)) / self.setup.writers


@contextlib.contextmanager
def writer(bench: Bench, binary: str, setup: Setup) -> Iterator[Writer]:
    """A guest whose memory is a file, so that its counters can be read."""
    spec = setup.spec()
    need_memory(spec.memory_mib() + 512)
    with memory.SharedFile(spec.memory_mib()) as file, \
            qemu.Guest(bench.binaries[binary], bench.guest, spec,
                       "-machine", "memory-backend=ram", "-object",
                       f"memory-backend-file,id=ram,size={spec.memory_mib()}M,"
                       f"mem-path={file.path},share=on") as guest:
        guest.wait_reports(1)
        records = Records(file.path, guest.said())
        try:
            yield Writer(setup, guest, records)
        finally:
            records.close()


def in_turns(one: Writer, vcpu: int, mibs: int, rounds: Iterable[int],
             settle: float) -> list[Pair]:
    """
    Seconds of a vCPU's work with the limit of vCPU 0 and without one; which comes first alternates.

    @settle: what is not looked at after a command, s
    """
    thread = one.qmp.execute("query-cpus-fast")[vcpu]["thread-id"]
    found = []
    for i in rounds:
        both = {}
        for limited in (False, True) if i % 2 else (True, False):
            if limited:
                one.qmp.set_dirty_limit(mibs, 0)
            else:
                one.qmp.cancel_dirty_limit(0)
            time.sleep(settle)
            before, waiting = one.counts(), WaitingShare(one.guest.pid, thread)
            time.sleep(1)
            both[limited] = speed(one.counts().since(before)[vcpu] * truth.PAGES_PER_MIB, waiting)
        found.append(Pair(both[False], both[True]))
    one.qmp.cancel_dirty_limit(0)
    return found


class Refused(LabError):
    """QEMU sets no limit for this guest."""


def need_limit(one: Writer) -> None:
    """Refused if QEMU sets no limit for this guest."""
    try:
        one.qmp.set_dirty_limit(1000)
    except QmpError as error:
        raise Refused(str(error).rstrip(".'")) from None
    one.qmp.cancel_dirty_limit()


@dataclass(frozen=True)
class Nothing:
    """What a table shows where there are no figures, and why there are none."""
    cell: str
    why: str


def attempt(binary: str, life: Callable[..., Seen], *arguments) -> Seen | Nothing:
    """Has a guest lead its life; if that fails, the rest of the table is made all the same."""
    try:
        return life(*arguments)
    except Refused as error:
        return Nothing("no limit", f"No limit: {binary} refuses: {error}.")
    except LabError as error:
        return Nothing("failed", f"Failed: {binary}: {error}.")


def note(table: Table, binary: str, setup: Setup, nothing: Nothing) -> None:
    """Says once why there are no figures; there have to be some of ours."""
    if nothing.why not in table.notes:
        table.notes.append(nothing.why)
    if binary == OURS:
        table.targets.append(Target(f"{setup.label()}, {setup.writers} writers: has a limit",
                                    False))


def kvm_notes(bench: Bench) -> list[str]:
    """What a reader has to know of the rows with KVM."""
    if not bench.kvm.works:
        return [f"No rows for KVM: {bench.kvm.reason}."]
    return ["KVM emulates on this host: a guest writes slowly, and the ring gets an entry for each "
            "write."] if bench.kvm.emulates else []


# Of cost_row(): pairs, and what is not looked at after a command, s, by binary. A stock vCPU that is
# told to go on may sleep for a while yet.
PAIRS = {OURS: 24, STOCK: 8}
SETTLE = {OURS: 0.1, STOCK: 1.5}
COST_COLUMNS = ["pages/s without it", "with it", "lost %", "95 % bounds of the median"]


def cost_row(bench: Bench, table: Table, head: list[str], binary: str, setup: Setup, vcpu: int,
             mibs: int, settle: float = 0) -> Loss | None:
    """Adds a row: what the limit of vCPU 0 costs a vCPU. None if QEMU refuses it.

    @settle: what is not looked at after a command at least, s
    """
    label = " ".join([*head, binary])

    def life() -> list[Pair]:
        with writer(bench, binary, setup) as one:
            need_limit(one)
            times = min(bench.times(PAIRS[binary]), PAIRS[binary])
            return in_turns(one, vcpu, mibs, bench.rounds(label, times),
                            max(settle, SETTLE[binary]))

    found = attempt(binary, life)
    if isinstance(found, Nothing):
        table.rows.append([*head, binary, "-", "-", found.cell, "-"])
        note(table, binary, setup, found)
        return None
    lost = loss(found)
    table.rows.append([*head, binary, *speeds(found), *lost.cells()])
    table.figures[label] = lost.figures()
    return lost


def cost_notes(bench: Bench) -> list[str]:
    """How such rows came about."""
    return [f"{min(bench.times(PAIRS[OURS]), PAIRS[OURS])} pairs of seconds (stock: at most "
            f"{PAIRS[STOCK]}), with the limit and without, in turns.",
            "Lost: of the pages a second of time in which the vCPU did not wait for a CPU that "
            "something else on the host had.", *kvm_notes(bench)]
