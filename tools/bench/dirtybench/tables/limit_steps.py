# SPDX-License-Identifier: LGPL-2.1-or-later
"""A limit that is lowered and raised in steps: how well each step is held."""

import concurrent.futures
import time
from dataclasses import dataclass

from dirtybench import limits
from dirtybench.bench import OURS, STOCK, Bench
from dirtybench.limits import Nothing, Setup, Writer
from dirtybench.report import Table, Target

STEPS = (400, 100, 20, 150, 30)
QUICK_STEPS = (100, 20, 60)
SECONDS = 6
TOLERANCE = 0.10


@dataclass(frozen=True)
class Step:
    """What the writer dirtied: the whole step, its first second, and its farthest whole second,
    MiB/s."""
    mean: float
    first: float
    farthest: float

    def text(self) -> str:
        """For the table."""
        return f"{self.mean:.1f} ({self.first:.1f}, {self.farthest:.1f})"


def _step(one: Writer, quota: int, seconds: int) -> Step:
    one.qmp.set_dirty_limit(quota, 0)
    start = before = one.counts()
    rates = []
    for second in range(seconds):
        time.sleep(max(0, start.time + second + 1 - time.monotonic()))
        rates += one.rates(before)
        before = one.counts()
    return Step(*one.rates(start), rates[0], max(rates, key=lambda rate: abs(rate - quota)))


def _steps(bench: Bench) -> tuple[int, ...]:
    return bench.pick(STEPS, QUICK_STEPS)


@dataclass(frozen=True)
class Life:
    """All steps; the longest standstill, ms; what the writer dirties without a limit, MiB/s."""
    steps: dict[int, Step]
    standstill: float
    free: float

    def reached(self) -> dict[int, Step]:
        """The steps whose limit has anything to hold."""
        return {quota: step for quota, step in self.steps.items()
                if self.free >= limits.LEAST_EXCESS * quota}

    def cells(self) -> list[str]:
        """For the table."""
        return [*(step.text() if quota in self.reached() else "not reached"
                  for quota, step in self.steps.items()), f"{self.standstill:.0f}"]


def _life(bench: Bench, binary: str, setup: Setup) -> Life:
    with limits.writer(bench, binary, setup) as one:
        free = one.free()
        limits.need_limit(one)
        begin = time.time()
        steps = {quota: _step(one, quota, bench.pick(SECONDS, 2)) for quota in _steps(bench)}
        return Life(steps, one.standstill(begin), free)


def _add(bench: Bench, table: Table, setup: Setup, binary: str,
         found: Life | Nothing) -> None:
    if isinstance(found, Nothing):
        table.rows.append([setup.label(), binary, *[found.cell] * len(_steps(bench)), "-"])
        limits.note(table, binary, setup, found)
        return
    table.rows.append([setup.label(), binary, *found.cells()])
    errors = {quota: step.farthest / quota - 1 for quota, step in found.reached().items()}
    table.figures[f"{setup.label()} {binary}"] = {**errors, "standstill": found.standstill}
    if binary == OURS and errors:
        quota = max(errors, key=lambda quota: abs(errors[quota]))
        table.targets += [
            Target(f"{setup.label()}: each second of each step within {TOLERANCE:.0%} of the limit "
                   f"(farthest {errors[quota]:+.1%} at {quota})",
                   abs(errors[quota]) <= TOLERANCE),
            Target(f"{setup.label()}: no standstill longer than {limits.STANDSTILL_MS} ms "
                   f"({found.standstill:.0f} ms)", found.standstill <= limits.STANDSTILL_MS)]


def run(bench: Bench) -> Table:
    """Makes the table."""
    table = Table("limit-steps", "A limit changed in steps: what the vCPU dirties, MiB/s, and its "
                  "longest standstill, ms",
                  ["guest", "QEMU", *map(str, _steps(bench)), "standstill"])
    setups = limits.setups(bench, (*limits.RINGS, None))
    for i in bench.rounds("guests", len(setups)):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            runs = {binary: pool.submit(limits.attempt, binary, _life, bench, binary, setups[i])
                    for binary in (OURS, STOCK)}
        for binary, done in runs.items():
            _add(bench, table, setups[i], binary, done.result())
    table.notes[:0] = [
        f"The vCPU's own count in {bench.pick(SECONDS, 2)} s a step, from the command's answer on; "
        "in brackets the first second and the second that is farthest from the limit.",
        "Ours and stock at the same time. Not reached: the vCPU does not write much more than that "
        "anyway.", *limits.kvm_notes(bench)]
    return table
