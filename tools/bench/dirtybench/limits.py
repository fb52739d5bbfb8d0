# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests whose vCPUs' dirty page rates are limited, and what they do then by their own count."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from dirtybench import memory, qemu
from dirtybench.bench import Bench, need_memory
from dirtylab import truth
from dirtylab.guests import OWN_MIB, GuestSpec
from dirtylab.qmp import QmpError
from dirtylab.records import Counts, Records

RINGS = (1024, 4096, 65536)
FREE_SECONDS = 2
# A writer that could just write so much more than its limit is not known to be held by it.
LEAST_EXCESS = 1.15


@dataclass(frozen=True)
class Setup:
    """A guest of writers that write as fast as they can, each in a part of its own. MiB."""
    accel: str
    ring: int | None = None
    writers: int = 1
    readers: int = 0
    part: int = 1152           # more than the largest quota's pages of a second
    hot: bool = False          # nine writes of ten go to a hundredth of the part

    def label(self) -> str:
        """For a table's first column."""
        kind = "TCG" if self.accel == "tcg" else f"KVM, ring {self.ring}" if self.ring else \
            "KVM, no ring"
        return kind + (", hot set" if self.hot else "")

    def spec(self) -> GuestSpec:
        """The guest: its last vCPU has nothing to do but to report, so that nothing holds it."""
        workers = self.writers + self.readers
        return GuestSpec(name="bench", accel=self.accel, rate=None, dirty_ring=self.ring,
                         memory=self.part * self.writers + OWN_MIB,
                         working_set=self.part * self.writers, vcpus=workers + 1,
                         writers=self.writers, readers=self.readers, read_max=True,
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
    part = bench.pick(Setup.part, 64)
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


def refusal(one: Writer) -> str | None:
    """Why QEMU sets no limit for this guest, None if it does."""
    try:
        one.qmp.set_dirty_limit(1000)
    except QmpError as error:
        return str(error)
    one.qmp.cancel_dirty_limit()
    return None
