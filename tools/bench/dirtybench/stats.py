# SPDX-License-Identifier: LGPL-2.1-or-later
"""The few figures a table shows of many measurements."""

import math
import random
import statistics
from dataclasses import dataclass

RESAMPLES = 2000
COVERAGE = 0.95


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of some values."""
    median: float
    low: float
    high: float

    def text(self, digits: int = 2) -> str:
        """As a table shows it."""
        return f"{self.median:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"


def spread(values: list[float]) -> Spread:
    """Median and range of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def rms(values: list[float]) -> float:
    """Root of the mean square."""
    return math.sqrt(sum(value * value for value in values) / len(values))


def bootstrap(rows: list, statistic) -> tuple[float, float]:
    """Bounds of a statistic of paired rows: what 95 of 100 repetitions would give.

    The seed is fixed: the same measurements give the same bounds.
    """
    source = random.Random(1)
    found = sorted(statistic(source.choices(rows, k=len(rows))) for _ in range(RESAMPLES))
    cut = int(RESAMPLES * (1 - COVERAGE) / 2)
    return found[cut], found[-1 - cut]
