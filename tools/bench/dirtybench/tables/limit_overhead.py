# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a limit costs that is never reached."""

from dataclasses import dataclass

from dirtybench import limits
from dirtybench.bench import OURS, STOCK, Bench
from dirtybench.limits import Setup
from dirtybench.report import Table, Target

AT_MOST_PERCENT = 1.0
# MiB/s no guest reaches, and the most that may be asked for.
NEVER = 1 << 20
# A new limit begins without credit: a hot set is written without a rest from when the credit that
# is left over each second is as large as the set, s.
HOT_MIB, HOT_LIMIT, HOT_SETTLE = 8, 20, 2.5
RING = 4096


@dataclass(frozen=True)
class Case:
    """A writer and a limit above what it dirties in a second."""
    load: str
    setup: Setup
    limit: int
    settle: float = 0


def _cases(bench: Bench) -> list[Case]:
    fresh = [Case("fresh pages", setup, NEVER) for setup in limits.setups(bench, (None, RING))]
    return [*fresh, Case(f"{HOT_MIB} MiB over and over", Setup("tcg", part=HOT_MIB), HOT_LIMIT,
                         HOT_SETTLE)]


def run(bench: Bench) -> Table:
    """Makes the table."""
    table = Table("limit-overhead", "What a limit costs that is never reached",
                  ["guest", "writes", "limit MiB/s", "QEMU", *limits.COST_COLUMNS])
    for case in _cases(bench):
        for binary in (OURS, STOCK):
            lost = limits.cost_row(bench, table, [case.setup.label(), case.load, str(case.limit)],
                                   binary, case.setup, 0, case.limit, case.settle)
            if binary == OURS and lost:
                table.targets.append(Target(
                    f"{case.setup.label()}, {case.load}: less than {AT_MOST_PERCENT:.0f} % "
                    f"({lost.text()})", lost.percent.median < AT_MOST_PERCENT))
    table.notes[:0] = limits.cost_notes(bench)
    return table
