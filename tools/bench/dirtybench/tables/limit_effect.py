# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long it takes until a limit that is set, changed or ended is what the vCPU goes by."""

import time
from dataclasses import dataclass

from dirtybench import limits
from dirtybench.bench import OURS, STOCK, Bench
from dirtybench.limits import Nothing, Setup, Writer
from dirtybench.report import Table, Target
from dirtybench.stats import spread

LOW, HIGH = 5, 100
RING = 65536
POLL_SECONDS = 0.002
# The rate is looked at over this time, s. So much of a wrong one must be in it to show.
WINDOW = 0.1
LEAST_SHARE, MOST_SHARE = 0.5, 1.5
# A vCPU that is not held goes as fast as the host lets it.
LEAST_FREE_SHARE = 0.25
# Rates that have been right for this long count as in force, s.
SETTLED = 1.0
# Not looked at for longer than this, s.
PATIENCE = {OURS: 5, STOCK: 30}
AT_MOST_MS = 100
ROUNDS = {OURS: 10, STOCK: 2}


@dataclass(frozen=True)
class Change:
    """A command, and between which rates in MiB/s the vCPU then writes; free: its free speed."""
    name: str
    limit: int | None
    least: float
    most: float

    def bounds(self, free: float) -> tuple[float, float]:
        """The rates between which it is obeyed."""
        if self.limit is None:
            return LEAST_FREE_SHARE * free, float("inf")
        return self.limit * self.least, self.limit * self.most


CHANGES = (Change(f"set to {LOW}", LOW, 0, MOST_SHARE),
           Change(f"raised from {LOW} to {HIGH}", HIGH, LEAST_SHARE, MOST_SHARE),
           Change(f"lowered from {HIGH} to {LOW}", LOW, 0, MOST_SHARE),
           Change(f"ended at {LOW}", None, 0, 0))


def _apply(one: Writer, change: Change) -> float:
    """Gives the command. Returns when, on the monotonic clock."""
    when = time.monotonic()
    if change.limit is None:
        one.qmp.cancel_dirty_limit(0)
    else:
        one.qmp.set_dirty_limit(change.limit, 0)
    return when


def _effect(one: Writer, change: Change, free: float, patience: float) -> float:
    """Gives a command. Returns when every rate from then on was right, s after it."""
    least, most = change.bounds(free)
    begin = _apply(one, change)
    samples = [one.counts()]
    first, right_since = 0, None
    while True:
        time.sleep(POLL_SECONDS)
        now = one.counts()
        samples.append(now)
        while now.time - samples[first + 1].time >= WINDOW:
            first += 1
        if now.time - samples[first].time < WINDOW:
            continue
        rate = now.since(samples[first])[0]
        if least <= rate <= most:
            # The window was right, so it was from its begin on.
            right_since = samples[first].time if right_since is None else right_since
        else:
            right_since = None
        if right_since is not None and now.time - right_since > SETTLED:
            return max(0.0, right_since - begin)
        if now.time - begin > patience:
            return patience


def _life(bench: Bench, binary: str, setup: Setup) -> dict[str, list[float]]:
    """By change: how long each took, ms."""
    found = {change.name: [] for change in CHANGES}
    with limits.writer(bench, binary, setup) as one:
        limits.need_limit(one)
        free = one.free()
        for _ in range(min(bench.times(ROUNDS[binary]), ROUNDS[binary])):
            for change in CHANGES:
                found[change.name].append(
                    1000 * _effect(one, change, free, PATIENCE[binary]))
    return found


def _cell(seen: dict[str, list[float]] | Nothing, change: Change, binary: str) -> str:
    if isinstance(seen, Nothing):
        return seen.cell
    times = seen[change.name]
    text = spread(times).text(0)
    return text + (f", given up after {PATIENCE[binary]} s"
                   if max(times) >= 1000 * PATIENCE[binary] else "")


def run(bench: Bench) -> Table:
    """Makes the table."""
    table = Table("limit-effect", "Time until a limit that is set, changed or ended is in force, ms",
                  ["guest", "change", "ours", "stock"])
    setups = limits.setups(bench, (RING, None))
    for i in bench.rounds("guests", len(setups)):
        label = setups[i].label()
        found = {binary: limits.attempt(binary, _life, bench, binary, setups[i])
                 for binary in (OURS, STOCK)}
        for binary, seen in found.items():
            if isinstance(seen, Nothing):
                limits.note(table, binary, setups[i], seen)
        for change in CHANGES:
            table.rows.append([label, change.name,
                               *(_cell(seen, change, binary) for binary, seen in found.items())])
            if not isinstance(found[OURS], Nothing):
                ours = found[OURS][change.name]
                table.figures[f"{label}, {change.name}"] = ours
                table.targets.append(Target(
                    f"{label}, {change.name}: within {AT_MOST_MS} ms ({max(ours):.0f} ms)",
                    max(ours) <= AT_MOST_MS))
    table.notes[:0] = [
        f"Changes {bench.times(ROUNDS[OURS])} times by ours, {ROUNDS[STOCK]} times by stock, MiB/s; "
        "smallest and largest in brackets.",
        f"From giving the command until the writer's rate over each {WINDOW * 1000:.0f} ms, read "
        f"from the guest's memory every {POLL_SECONDS * 1000:.0f} ms, is right and stays so for "
        f"{SETTLED:.0f} s: at most {MOST_SHARE} of the limit and, after it was raised, at least "
        f"{LEAST_SHARE} of it; at least {LEAST_FREE_SHARE} of the free speed after its end.",
        *limits.kvm_notes(bench)]
    return table
