# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cost of a measurement against memory size: guests that touched little of their memory."""

import time

from dirtybench import memory, qemu
from dirtybench.bench import OURS, STOCK, Bench
from dirtybench.clocks import MeasuringCpu, Resources, resources
from dirtybench.report import Table, Target
from dirtybench.stats import spread

SIZES_GIB = (1, 4, 16, 64)
TOUCHED_MIB = 256
MS = 200
# A measurement may take this much more memory than its samples need.
GROWTH_KIB = 1024
SAMPLES_PER_GIB = 512
SAMPLE_BYTES = 64


def _grown(before: Resources, after: Resources) -> tuple[int, int]:
    return after.resident - before.resident, after.page_tables - before.page_tables


def _measure(bench: Bench, name: str, mib: int, shared: bool) -> tuple[float, int, int]:
    """CPU time in ms of a measurement by a fresh QEMU, and by how many KiB its memory and its page
    tables grow."""
    touched = min(TOUCHED_MIB, mib)
    with memory.SharedFile(mib) as file, \
            qemu.bare(bench.binaries[name], mib, file.path if shared else None) as guest:
        memory.fill_as_guest(guest.pid, mib, touched)
        before = resources(guest.pid)
        cpu = MeasuringCpu(guest.pid)
        guest.measure(MS)
        time.sleep(0.01)
        return (cpu.ns() / 1e6, *_grown(before, resources(guest.pid)))


def run(bench: Bench) -> Table:
    """Makes the table."""
    sizes = bench.pick(SIZES_GIB, (1, 4))
    table = Table("size", f"A measurement's cost against memory size: {TOUCHED_MIB} MiB touched, "
                  "default number of samples",
                  ["memory", "GiB", "stock CPU ms", "ours CPU ms", "stock grows MiB",
                   "ours grows MiB", "stock page tables KiB", "ours page tables KiB"])
    for shared in (False, True):
        label = "a file, shared" if shared else "private"
        for gib in sizes:
            found = {STOCK: [], OURS: []}
            for _ in bench.rounds(f"{label}, {gib} GiB", bench.times()):
                for name, rows in found.items():
                    rows.append(_measure(bench, name, gib * 1024, shared))
            columns = {name: [spread(list(column)) for column in zip(*rows)]
                       for name, rows in found.items()}
            row = [label, str(gib)]
            for i, (digits, unit) in enumerate(((2, 1), (1, 1024), (0, 1))):
                for name in (STOCK, OURS):
                    value = columns[name][i]
                    row.append(type(value)(value.median / unit, value.low / unit,
                                           value.high / unit).text(digits))
            table.rows.append(row)
            cpu, grown, tables = (spread.median for spread in columns[OURS])
            table.figures[f"{label} {gib}"] = {"cpu": cpu, "grown": grown, "tables": tables}
            allowed = GROWTH_KIB + gib * SAMPLES_PER_GIB * SAMPLE_BYTES // 1024
            table.targets.append(Target(
                f"{label}, {gib} GiB: the guest's memory does not grow ({grown:.0f} KiB, "
                f"{allowed} KiB are allowed for samples and thread)", grown <= allowed))
    table.notes = [f"{bench.times()} rounds of a fresh QEMU each, whose first measurement of "
                   f"{MS} ms this is; ours takes two readings, stock one.",
                   "Grows: resident memory after less before; page tables likewise."]
    return table
