# SPDX-License-Identifier: LGPL-2.1-or-later
"""A prediction as the report takes it, whoever made it."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % bounds, None where whoever made the prediction gives none."""
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Prediction:
    """What was foretold of one migration. Times in ms; total is None where it is not to converge."""
    converges: bool
    verdict: str
    total: Interval | None = None
    downtime: Interval | None = None
    certainty: float | None = None
    passes: float | None = None
    bytes: float | None = None
    throttle: float | None = None   # share
    extrapolated: bool = False

    def as_dict(self) -> dict:
        """For a row."""
        return asdict(self)


def from_dict(data: dict) -> Prediction:
    """The opposite."""
    intervals = {name: Interval(**data[name]) for name in ("total", "downtime") if data.get(name)}
    return Prediction(**{**data, "total": None, "downtime": None, **intervals})
