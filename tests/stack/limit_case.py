# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests of virsh domdirtylimit share: the table it prints, and persistent guests."""

import re
import subprocess
import time
from dataclasses import dataclass

from lab_case import LabCase

# Until a new limit is in the table, s: a whole window of a second, and what is left of the one
# before. Where the host has stopped the guest for a while this catches up, which takes one more.
PATIENCE = 8


@dataclass(frozen=True)
class Row:
    """A row of the table; None is what it prints as '-'. MiB/s, share."""
    limit: int | None
    rate: float | None
    resting: float | None


@dataclass(frozen=True)
class Table:
    """What domdirtylimit prints."""
    scope: str | None
    rows: dict[int, Row]

    @property
    def limits(self) -> list[int | None]:
        """The limits in the order of their vCPUs, which have no holes."""
        assert sorted(self.rows) == list(range(len(self.rows))), self.rows
        return [self.rows[vcpu].limit for vcpu in sorted(self.rows)]


def parse(text: str) -> Table:
    """Reads the table; every line must be one of it."""
    scope = re.match(r"Scope: (\w+) ", text)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("Scope: ")]
    if lines[0].split("  ")[0].strip() != "vCPU" or set(lines[1]) != {"-"}:
        raise AssertionError(f"no table of vCPUs:\n{text}")
    rows = {}
    for line in lines[2:]:
        vcpu, limit, rate, resting = line.split()
        rows[int(vcpu)] = Row(None if limit == "-" else int(limit),
                              None if rate == "-" else float(rate),
                              None if resting == "-" else float(resting.removesuffix("%")) / 100)
    return Table(scope[1] if scope else None, rows)


class LimitCase(LabCase):
    """A lab whose guests are limited."""

    def limit(self, name: str, *options: str, check: bool = True) -> subprocess.CompletedProcess:
        done = self.virsh("domdirtylimit", name, *options, check=check)
        if check:
            self.assertEqual(done.stderr, "")
        return done

    def table(self, name: str, *options: str) -> Table:
        return parse(self.limit(name, *options).stdout)

    def held(self, name: str, *vcpus: int) -> Table:
        """The table once these vCPUs, which want more, are held to their limits."""
        until = time.monotonic() + PATIENCE
        while True:
            table = self.table(name)
            rows = [table.rows[vcpu] for vcpu in vcpus]
            if all(row.rate and abs(row.rate / row.limit - 1) < 0.1 for row in rows):
                return table
            self.assertLess(time.monotonic(), until, rows)
            time.sleep(0.2)

    def make_persistent(self, name: str) -> None:
        """Gives a guest of the lab, which is transient, a configuration."""
        xml = self.virsh("dumpxml", name).stdout
        self.virsh_with_input(xml, "define", "/dev/stdin")
        self.addCleanup(self.virsh, "undefine", name, check=False)

    def virsh_with_input(self, text: str, *args: str) -> None:
        subprocess.run(["virsh", "-c", self.uri, *args], input=text, text=True, check=True,
                       capture_output=True)
