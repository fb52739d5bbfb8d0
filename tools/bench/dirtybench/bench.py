# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every table is given: the programs, how often, and where to say how far it is."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dirtylab import accel
from dirtylab.errors import LabError

LEAST_REPETITIONS = 10
QUICK_REPETITIONS = 2
PROGRESS_SECONDS = 5
OURS, STOCK = "ours", "stock"


@dataclass
class Bench:
    """The settings of a run."""
    binaries: dict[str, Path]  # by OURS and STOCK
    guest: Path
    memory: Path               # the program bench-memory
    kvm: accel.Kvm
    repetitions: int | None
    quick: bool
    _shown: float = field(default=0.0)

    def times(self, usual: int = LEAST_REPETITIONS) -> int:
        """How often a table repeats what it measures."""
        return self.repetitions or (QUICK_REPETITIONS if self.quick else usual)

    def pick(self, usual, quick):
        """A size, or the small one of a quick run that only shows that all works."""
        return quick if self.quick else usual

    def rounds(self, label: str, count: int) -> Iterator[int]:
        """Counts rounds, and says how far it is."""
        for i in range(count):
            now = time.monotonic()
            if i == 0 or now - self._shown > PROGRESS_SECONDS:
                self._shown = now
                print(f"bench: {label}: {i + 1} of {count}", file=sys.stderr, flush=True)
            yield i


def need_memory(mib: int) -> None:
    """LabError if the host has not so much memory left."""
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:") and int(line.split()[1]) // 1024 < mib:
            raise LabError(f"{mib} MiB of memory are needed, {int(line.split()[1]) // 1024} MiB "
                           "are free: end something, or choose other tables")
