# SPDX-License-Identifier: LGPL-2.1-or-later
"""What vCPUs dirty that may dirty so much: by their own count, by a measurement, by the query."""

import concurrent.futures
import time
from dataclasses import dataclass

from dirtybench import limits
from dirtybench.bench import OURS, STOCK, Bench
from dirtybench.limits import Nothing, Setup, Writer
from dirtybench.report import Table, Target

QUOTAS = (1000, 400, 100, 20, 5)
QUICK_QUOTAS = (100, 20)
# How many writers, and with which rings. Each vCPU has a ring of its own: one size shows whether
# several are held too.
WRITERS = ((1, limits.RINGS), (4, (4096,)))
SECONDS = 10
# After the end of a limit a stock vCPU may stand still for as long as it was told to sleep, s.
FREE_AGAIN_SECONDS = 30
MEAN, FIRST, MEASURED, QUERIED = "mean", "first second", "calc-dirty-rate", "query"
TOLERANCE = {MEAN: 0.03, FIRST: 0.10, MEASURED: 0.03, QUERIED: 0.05}


@dataclass(frozen=True)
class Held:
    """What was seen at a quota: MiB/s of a vCPU, ms."""
    rates: dict[str, float]
    worst: float         # mean of the vCPU that is farthest from the quota
    standstill: float

    def cells(self) -> list[str]:
        """For the table."""
        return [*(f"{rate:.1f}" for rate in self.rates.values()), f"{self.standstill:.0f}"]

    def error(self, what: str, quota: int) -> float:
        """How far a rate is from what it should be, as a share of that."""
        wanted = self.rates[MEAN] if what == QUERIED else quota
        seen = self.worst if what == MEAN else self.rates[what]
        return seen / wanted - 1 if wanted else 0


def _hold(one: Writer, quota: int, seconds: int) -> Held:
    """Sets a limit for all writers, looks on, and ends it."""
    measured, queried = [], []
    begin = time.time()
    for vcpu in range(one.setup.writers):
        one.qmp.set_dirty_limit(quota, vcpu)
    if one.setup.hot:
        # The guest counts a hot page once in each second of its own.
        one.guest.wait_reports(len(one.guest.said().reports) + 1)
    start = one.counts()
    time.sleep(1)
    first = one.rates(start)
    while not measured or time.monotonic() - start.time < seconds - 1.2:
        measured.append(one.measured())
        queried.append(one.queried())
    time.sleep(max(0, start.time + seconds - time.monotonic()))
    rates = one.rates(start)
    standstill = one.standstill(begin)
    one.qmp.cancel_dirty_limit()
    return Held({MEAN: sum(rates) / len(rates), FIRST: sum(first) / len(first),
                 MEASURED: sum(measured) / len(measured), QUERIED: sum(queried) / len(queried)},
                max(rates, key=lambda rate: abs(rate - quota)), standstill)


def _until_free(one: Writer, least: float) -> None:
    """Waits until no writer is held any more, but not for ever."""
    limit = time.monotonic() + FREE_AGAIN_SECONDS
    while one.free(0.5) < least and time.monotonic() < limit:
        pass


def _quotas(bench: Bench) -> tuple[int, ...]:
    return bench.pick(QUOTAS, QUICK_QUOTAS)


def _life(bench: Bench, binary: str, setup: Setup) -> dict[int, Held | Nothing]:
    """All quotas in one guest's life, the largest first."""
    found = {}
    with limits.writer(bench, binary, setup) as one:
        limits.need_limit(one)
        _until_free(one, limits.LEAST_EXCESS * _quotas(bench)[-1])
        free = one.free()
        for quota in _quotas(bench):
            if free < limits.LEAST_EXCESS * quota:
                found[quota] = Nothing("not reached", f"Not reached: {setup.label()}, "
                                       f"{setup.writers} writers, {binary}: without a limit one "
                                       f"dirties {free:.0f} MiB/s.")
                continue
            found[quota] = _hold(one, quota, bench.pick(SECONDS, 3))
            _until_free(one, free / 2)
    return found


def _both(bench: Bench, setup: Setup) -> dict[str, dict[int, Held | Nothing]]:
    """By binary. Two guests with one writer each run at the same time."""
    together = 2 if setup.writers == 1 else 1
    with concurrent.futures.ThreadPoolExecutor(together) as pool:
        runs = {binary: pool.submit(limits.attempt, binary, _life, bench, binary, setup)
                for binary in (OURS, STOCK)}
    found = {binary: run.result() for binary, run in runs.items()}
    return {binary: dict.fromkeys(_quotas(bench), seen) if isinstance(seen, Nothing) else seen
            for binary, seen in found.items()}


def _cells(found: Held | Nothing) -> list[str]:
    return found.cells() if isinstance(found, Held) else [found.cell, *["-"] * 4]


def _setups(bench: Bench) -> list[Setup]:
    found = []
    for writers, rings in bench.pick(WRITERS, ((1, limits.RINGS),)):
        found += limits.setups(bench, rings, writers=writers)
        found += [setup for setup in limits.setups(bench, (), writers=writers, hot=True)]
    return found


def _targets(seen: list[tuple[str, int, Held]]) -> list[Target]:
    """One for each thing that has to be right, with the case that is farthest from it."""
    found = []
    for what, tolerance in TOLERANCE.items():
        errors = [(held.error(what, quota), f"{label}, {quota} MiB/s")
                  for label, quota, held in seen]
        error, case = max(errors, key=lambda one: abs(one[0]))
        beside = "the guest's count" if what == QUERIED else "the quota"
        found.append(Target(f"{what} within {tolerance:.0%} of {beside} (farthest {error:+.1%}: "
                            f"{case})", abs(error) <= tolerance))
    longest, case = max((held.standstill, f"{label}, {quota} MiB/s")
                        for label, quota, held in seen)
    found.append(Target(f"no standstill longer than {limits.STANDSTILL_MS} ms (longest "
                        f"{longest:.0f} ms: {case})", longest <= limits.STANDSTILL_MS))
    return found


def _note(table: Table, setup: Setup, found: dict[str, dict[int, Held | Nothing]]) -> None:
    """Says why rows have no figures."""
    for binary, quotas in found.items():
        for nothing in {seen for seen in quotas.values() if isinstance(seen, Nothing)}:
            # What a guest cannot do anyway is no fault of the limit.
            limits.note(table, STOCK if nothing.cell == "not reached" else binary, setup, nothing)


def run(bench: Bench) -> Table:
    """Makes the table."""
    table = Table("limit-held", "A limit held: what each of the limited vCPUs dirties, MiB/s, and "
                  "its longest standstill, ms",
                  ["guest", "writers", "quota",
                   *(f"{binary}: {what}" for binary in (OURS, STOCK)
                     for what in (*TOLERANCE, "standstill"))])
    seen = {"KVM": [], "TCG": []}
    setups = _setups(bench)
    for i in bench.rounds("guests", len(setups)):
        setup = setups[i]
        found = _both(bench, setup)
        for quota in found[OURS]:
            ours, stock = found[OURS][quota], found[STOCK][quota]
            table.rows.append([setup.label(), str(setup.writers), str(quota), *_cells(ours),
                               *_cells(stock)])
            if isinstance(ours, Held):
                label = f"{setup.label()}, {setup.writers} writers"
                seen[setup.accel.upper()].append((label, quota, ours))
                table.figures[f"{label}, {quota}"] = {**ours.rates, "standstill": ours.standstill}
        _note(table, setup, found)
    for accel, held in seen.items():
        if held:
            table.targets += [Target(f"{accel}: {target.text}", target.met)
                              for target in _targets(held)]
    table.notes[:0] = [
        f"Each quota for {bench.pick(SECONDS, 3)} s, all in one guest's life, free in between. "
        "Mean and first second are the guest's own count of what it dirtied since the command's "
        "answer, calc-dirty-rate the mean of measurements of 1 s meanwhile "
        "(dirty-ring, dirty-bitmap without a ring), query the mean of what "
        "query-vcpu-dirty-limit said after each. The target looks at the vCPU that is farthest.",
        "Writers walk over more memory than they may dirty in a second. Hot set: nine of ten "
        "writes go to a hundredth of it, counted once a second by the guest too.",
        "Guests with one writer: ours and stock at the same time. Hot sets are written under TCG "
        "only, as a ring may get an entry for each write.",
        *limits.kvm_notes(bench)]
    return table
