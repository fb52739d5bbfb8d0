# SPDX-License-Identifier: LGPL-2.1-or-later
"""A prediction as the report takes it, whoever made it."""

import math
from dataclasses import asdict, dataclass


def finite(data: dict) -> dict:
    """The same for JSON, which has no infinity: null stands for it."""
    return {key: finite(value) if isinstance(value, dict) else None if value == math.inf else value
            for key, value in data.items()}


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % bounds; infinite where a migration does not, or may not, converge.

    @bounded: whether there are bounds; without, low and high mean nothing
    """
    value: float
    low: float = 0.0
    high: float = math.inf
    bounded: bool = False

    def holds(self, value: float) -> bool:
        """Whether the bounds hold a value."""
        return self.low <= value <= self.high

    def outside(self, value: float) -> float:
        """How far a value is outside the bounds, as a share of the nearer one; 0 within them."""
        if math.isinf(self.low):
            return 0.0 if math.isinf(value) else 1.0
        return max(0.0, 1 - value / self.low if self.low > 0 else 0.0, value / self.high - 1)


@dataclass(frozen=True)
class Prediction:
    """What was foretold of one migration. Times in ms; None where nothing is said of them."""
    converges: bool
    verdict: str
    total: Interval | None = None
    downtime: Interval | None = None
    certainty: float | None = None
    passes: float | None = None
    bytes: float | None = None
    throttle: float | None = None   # share
    extrapolated: bool = False

    def completes_within(self, ms: float) -> bool:
        """Whether it is foretold to complete in so much time."""
        return self.converges and self.total.value <= ms

    def as_dict(self) -> dict:
        """For a row."""
        return finite(asdict(self))


def _interval(data: dict | None) -> Interval | None:
    return data and Interval(**{key: math.inf if value is None else value
                                for key, value in data.items()})


def from_dict(data: dict) -> Prediction:
    """The opposite."""
    return Prediction(**{**data, "total": _interval(data["total"]),
                         "downtime": _interval(data["downtime"])})
