# SPDX-License-Identifier: LGPL-2.1-or-later
"""CPU time per sampled page and pass on cold memory, beside merely reading the pages."""

import time
from dataclasses import dataclass

from dirtybench import memory, qemu
from dirtybench.bench import OURS, STOCK, Bench, need_memory
from dirtybench.clocks import MeasuringCpu, huge_mib
from dirtybench.report import Table, Target
from dirtybench.stats import Spread, spread

MIB = 3072
SAMPLES_PER_GIB = 16384
# So short that ours takes one reading, as stock QEMU always does: two passes with the first.
MS = 124
PASSES = 2
# Read between the passes: the last-level caches of today hold less.
EVICT_MIB = 512
EVICT_AFTER_S = 0.06  # the first pass is over by then
READING = "reading"
AT_MOST_OF_STOCK, AT_MOST_OF_READING = 0.6, 1.4


def _us_per_page(guest: qemu.Qemu, reader: memory.Memory, pages: int) -> float:
    reader.tell("evict", EVICT_MIB)
    cpu = MeasuringCpu(guest.pid)
    guest.begin(MS, SAMPLES_PER_GIB)
    time.sleep(EVICT_AFTER_S)
    reader.tell("evict", EVICT_MIB)
    guest.end(MS)
    # The result is there a moment before the thread that took it has ended.
    time.sleep(0.01)
    return cpu.ns() / 1000 / pages / PASSES


@dataclass(frozen=True)
class Found:
    """CPU time, us, and huge pages, MiB, by who took or had them."""
    cpu: dict[str, Spread]
    huge: dict[str, int]


def _rounds(bench: Bench, label: str, mib: int, guests: dict[str, qemu.Qemu],
            reader: memory.Memory) -> Found:
    pages = mib * SAMPLES_PER_GIB // 1024
    found = {name: [] for name in (*guests, READING)}
    reader.tell("read", mib * qemu.PAGES_PER_MIB)  # the first touch of shared memory maps it
    for guest in guests.values():
        _us_per_page(guest, reader, pages)
    for _ in bench.rounds(label, bench.times()):
        for name, guest in guests.items():
            found[name].append(_us_per_page(guest, reader, pages))
        for _ in range(PASSES):
            reader.tell("evict", EVICT_MIB)
            found[READING].append(reader.tell("read", pages) / 1000 / pages)
    return Found({name: spread(values) for name, values in found.items()},
                 {name: huge_mib(one.pid) for name, one in {**guests, READING: reader}.items()})


def _shared(bench: Bench, mib: int) -> Found:
    """All three look at the same pages of one file."""
    with memory.SharedFile(mib) as file, memory.Memory(bench.memory, mib, file.path) as reader, \
            qemu.bare(bench.binaries[OURS], mib, file.path) as ours, \
            qemu.bare(bench.binaries[STOCK], mib, file.path) as stock:
        for guest in (ours, stock):
            memory.fill_as_guest(guest.pid, mib, mib)
        return _rounds(bench, "shared memory", mib, {STOCK: stock, OURS: ours}, reader)


def _private(bench: Bench, mib: int) -> Found:
    """Each has memory of its own, with huge pages where the host gives them."""
    with memory.Memory(bench.memory, mib, None) as reader, \
            qemu.bare(bench.binaries[OURS], mib) as ours, \
            qemu.bare(bench.binaries[STOCK], mib) as stock:
        reader.tell("fill", mib)
        for guest in (ours, stock):
            memory.fill_as_guest(guest.pid, mib, mib)
        return _rounds(bench, "private memory", mib, {STOCK: stock, OURS: ours}, reader)


def run(bench: Bench) -> Table:
    """Makes the table."""
    mib = bench.pick(MIB, 256)
    need_memory(3 * mib + EVICT_MIB)
    table = Table("pages", f"CPU time per sampled page and pass, us: {mib} MiB, all filled, "
                  f"{SAMPLES_PER_GIB} samples a GiB, guest stopped",
                  ["memory", "stock QEMU", "ours", "one load a cache line", "ours / stock",
                   "ours / reading"])
    for label, measure in (("a file, shared", _shared), ("private", _private)):
        seen = measure(bench, mib)
        found = seen.cpu
        of_stock = found[OURS].median / found[STOCK].median
        of_reading = found[OURS].median / found[READING].median
        table.rows.append([label, found[STOCK].text(3), found[OURS].text(3),
                           found[READING].text(3), f"{of_stock:.2f}", f"{of_reading:.2f}"])
        # The least is the figure that other work on the host touches least.
        table.figures[label] = {name: {"median": value.median, "least": value.low}
                                for name, value in found.items()}
        if seen.huge[READING]:
            # The host gives huge pages as it has them, and a page in one costs less to come by.
            table.notes.append(f"{label}: MiB in huge pages: " + ", ".join(
                f"{name} {huge}" for name, huge in seen.huge.items()) + ".")
        table.targets += [
            Target(f"{label}: at most {AT_MOST_OF_STOCK} of stock's ({of_stock:.2f})",
                   of_stock <= AT_MOST_OF_STOCK),
            Target(f"{label}: at most {AT_MOST_OF_READING} of merely reading ({of_reading:.2f})",
                   of_reading <= AT_MOST_OF_READING)]
    table.notes[:0] = [
        f"{bench.times()} rounds, in each a measurement of {MS} ms by stock, one by "
        f"ours (each reads every sampled page in {PASSES} passes), and as many passes "
        f"of plain reading; {EVICT_MIB} MiB of other memory are read before every pass.",
        "CPU time is that of the threads QEMU makes for the measurement."]
    return table
