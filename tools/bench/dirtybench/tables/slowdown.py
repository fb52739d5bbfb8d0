# SPDX-License-Identifier: LGPL-2.1-or-later
"""How much a guest slows down while it is measured once a second, in each mode."""

from dataclasses import dataclass

from dirtybench import pairs, qemu
from dirtybench.bench import LEAST_REPETITIONS, OURS, STOCK, Bench, need_memory
from dirtybench.clocks import WaitingShare
from dirtybench.pairs import Pair, Speed
from dirtybench.report import Table, Target
from dirtylab.guests import GuestSpec
from dirtylab.qmp import QmpError

PAIRS = 30
# Begins and ends within one second of the guest's, which it tells the pages of.
MS = 950
WORKING_SET_MIB = 768
MEMORY_MIB = 1024
# Under a KVM that emulates it takes the guest long to fill more.
KVM_WORKING_SET_MIB = 128
KVM_MEMORY_MIB = 256
RING = 4096
AT_MOST_PERCENT = 1.0


@dataclass(frozen=True)
class Row:
    """One guest and mode."""
    accel: str
    mode: str
    binary: str
    ring: bool = False


ROWS = (Row("tcg", qemu.SAMPLING, OURS), Row("tcg", qemu.SAMPLING, STOCK),
        Row("tcg", qemu.BITMAP, OURS),
        Row("kvm", qemu.SAMPLING, OURS), Row("kvm", qemu.SAMPLING, STOCK),
        Row("kvm", qemu.BITMAP, OURS), Row("kvm", qemu.BITMAP, STOCK),
        Row("kvm", qemu.RING, OURS, True), Row("kvm", qemu.RING, STOCK, True))


def _guest(bench: Bench, row: Row) -> qemu.Guest:
    kvm = row.accel == "kvm"
    spec = GuestSpec(name="bench", accel=row.accel, rate=None,
                     memory=KVM_MEMORY_MIB if kvm else MEMORY_MIB,
                     working_set=KVM_WORKING_SET_MIB if kvm else WORKING_SET_MIB,
                     dirty_ring=RING if row.ring else None)
    return qemu.Guest(bench.binaries[row.binary], bench.guest, spec)


def _speed(guest: qemu.Guest, thread: int, measured: Row | None) -> Speed:
    """The guest's next second, measured or not."""
    seen = len(guest.said().reports)
    # It has just reported, so the next report is about the second that begins now.
    waiting = WaitingShare(guest.pid, thread)
    if measured:
        guest.begin(MS, mode=measured.mode)
    report = guest.wait_reports(seen + 1)[seen]
    speed = pairs.speed(report.wrote / report.dt * 1000, waiting)
    if measured:
        guest.end(MS)
    return speed


def _pairs(bench: Bench, row: Row) -> list[Pair]:
    """Measures; which second of a pair comes first alternates."""
    times = bench.times(PAIRS if row.mode == qemu.SAMPLING else LEAST_REPETITIONS)
    found = []
    with _guest(bench, row) as guest:
        guest.wait_reports(2)
        guest.measure(MS, mode=row.mode)  # the first one may have to allocate
        guest.wait_reports(len(guest.said().reports) + 1)
        thread = guest.qmp.execute("query-cpus-fast")[0]["thread-id"]
        for i in bench.rounds(f"{row.accel} {row.mode} {row.binary}", times):
            order = [None, row] if i % 2 else [row, None]
            both = {bool(which): _speed(guest, thread, which) for which in order}
            found.append(Pair(both[False], both[True]))
    return found


def _row(bench: Bench, table: Table, row: Row) -> None:
    head = [f"{row.accel.upper()}{', ring' if row.ring else ''}", row.mode, row.binary]
    try:
        found = _pairs(bench, row)
    except QmpError as error:
        table.rows.append([*head, "-", "-", str(error), "-"])
        return
    loss = pairs.loss(found)
    table.rows.append([*head, *pairs.speeds(found), *loss.cells()])
    table.figures[f"{row.accel} {row.mode} {row.binary}"] = loss.figures()
    if row.mode == qemu.SAMPLING and row.binary == OURS:
        table.targets.append(Target(
            f"{row.accel.upper()}: page-sampling costs the guest less than {AT_MOST_PERCENT} % "
            f"({loss.text()})", loss.percent.median < AT_MOST_PERCENT))


def run(bench: Bench) -> Table:
    """Makes the table."""
    need_memory(MEMORY_MIB + 512)
    table = Table("slowdown", "Guest slowdown while it is measured once a second: the guest's own "
                  "page writes a second, as many as it can",
                  ["guest", "mode", "QEMU", "pages/s without", "pages/s with", "lost %",
                   "95 % bounds of the median"])
    for row in ROWS:
        if row.accel == "kvm" and not bench.kvm.works:
            continue
        _row(bench, table, row)
    table.notes = [f"{bench.times(PAIRS)} pairs of seconds, with a measurement of {MS} ms and "
                   f"without, in turns (other modes: {bench.times()} pairs); default number of "
                   "samples.",
                   "Lost: of the pages a second of time in which the vCPU did not wait for a CPU "
                   "that something else on the host had; on an idle host that is all time. The "
                   "measuring thread's own CPU time is in table pages.",
                   "Under TCG stock's dirty-bitmap mode does nothing, and answers 0."]
    if bench.kvm.emulates:
        table.notes.append("KVM emulates on this host: an instruction takes about 1 us, a fault "
                           "costs little beside it, and the ring gets an entry for each write.")
    if not bench.kvm.works:
        table.notes.append(f"No rows for KVM: {bench.kvm.reason}.")
    return table
