# SPDX-License-Identifier: LGPL-2.1-or-later
"""What vCPUs lose that have no limit or only read, while another vCPU is held to its limit."""

from dataclasses import dataclass

from dirtybench import limits
from dirtybench.bench import OURS, STOCK, Bench
from dirtybench.report import Table, Target

LIMIT, WANTS = 5, 10  # MiB/s
RING = 4096


@dataclass(frozen=True)
class Bystander:
    """What vCPU 1 does, and how much of its speed it may lose, percent."""
    name: str
    writers: int
    readers: int
    most: float


BYSTANDERS = (Bystander("reads", 1, 1, 1.0), Bystander("writes", 2, 0, 2.0))


def run(bench: Bench) -> Table:
    """Makes the table."""
    table = Table("limit-bystanders", "What a vCPU without a limit loses while another is limited to "
                  f"{LIMIT} MiB/s", ["guest", "it", "QEMU", *limits.COST_COLUMNS])
    for who in BYSTANDERS:
        for setup in limits.setups(bench, (RING,), writers=who.writers, readers=who.readers,
                                   first_rate=WANTS):
            for binary in (OURS, STOCK):
                lost = limits.cost_row(bench, table, [setup.label(), who.name], binary, setup, 1,
                                       LIMIT)
                if binary == OURS and lost:
                    table.targets.append(Target(
                        f"{setup.label()}: a vCPU that {who.name} loses less than {who.most:.0f} % "
                        f"({lost.text()})", lost.percent.median < who.most))
    table.notes[:0] = [
        f"The limited vCPU wants to write {WANTS} MiB/s, so that it takes next to no CPU either way; "
        "the other does as much as it can, and counts.", *limits.cost_notes(bench)]
    return table
