# SPDX-License-Identifier: LGPL-2.1-or-later
"""How good predictions were: one case, and many of them."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dirtyaccuracy.prediction import Prediction

# What counts as bad in the figures published for the model of 2023: off by so much or more, or success
# foretold and not met.
BAD_SHARE = 0.25
# What a downtime may be off: the larger of the two.
DOWNTIME_SHARE, DOWNTIME_MS = 0.2, 30
WANTED_COVERAGE = 0.95
COMPLETED = "completed"


@dataclass(frozen=True)
class Score:
    """One prediction beside what was.

    @error: of the total time, as a share of the real one, negative if too short; None where there
            is none to compare, as it did not converge or was not to
    @bad: by the predecessor's definition, or failure foretold of what completed
    @covered: whether the bounds of the total time hold the real one; None where there are none
    @outside: how far the real total time is outside its bounds, as a share of the nearer one; 0 within
              them, None as above
    @downtime_error: ms, negative if too short; None as above
    @downtime_good: whether that is within the limits; None as above
    @downtime_covered: as @covered
    """
    error: float | None
    bad: bool
    covered: bool | None
    outside: float | None = None
    downtime_error: float | None = None
    downtime_good: bool | None = None
    downtime_covered: bool | None = None


def _unfinished(prediction: Prediction, limit_ms: float) -> Score:
    """Of a migration that took longer than its time and was ended: how long is not known."""
    covered = None
    if prediction.converges and prediction.total.bounded:
        covered = prediction.total.high > limit_ms
    return Score(error=None, bad=prediction.completes_within(limit_ms), covered=covered)


def total_ms(actual: dict) -> float:
    """How long a completed migration took.

    A source that ends at once, as after post-copy, may not get its last event out: then libvirt's
    figure has to do, which is some 0.3 s longer.
    """
    return actual.get("qemu-total-ms", actual["total-ms"])


def score(prediction: Prediction, actual: dict, limit_ms: float) -> Score:
    """Compares a prediction with a migration's figures.

    @limit_ms: when a migration that had not completed was ended
    """
    if actual["status"] != COMPLETED:
        return _unfinished(prediction, limit_ms)
    total, downtime = total_ms(actual), actual.get("standstill-ms")
    foretold = prediction.total
    bounded = foretold is not None and foretold.bounded
    result = Score(error=None, bad=True, covered=foretold.holds(total) if bounded else None,
                   outside=foretold.outside(total) if bounded else None)
    if not prediction.converges:
        return result
    error = foretold.value / total - 1
    result = replace(result, error=error, bad=abs(error) >= BAD_SHARE)
    if downtime is None or not prediction.downtime:
        return result
    off = prediction.downtime.value - downtime
    return replace(result, downtime_error=off,
                   downtime_good=abs(off) <= max(DOWNTIME_MS, DOWNTIME_SHARE * downtime),
                   downtime_covered=prediction.downtime.holds(downtime)
                   if prediction.downtime.bounded else None)


def quantile(values: Sequence[float], share: float) -> float:
    """The least of some values that so large a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _share(flags: Sequence[bool]) -> float | None:
    return sum(flags) / len(flags) if flags else None


def wilson(bad: int, count: int) -> tuple[float, float]:
    """95 % bounds of a share of which a sample has shown so much."""
    z = statistics.NormalDist().inv_cdf(0.975)
    share = bad / count
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    whole = 1 + z * z / count
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)


@dataclass(frozen=True)
class Summary:
    """Many cases. Errors are absolute, as shares; None where no case has one."""
    cases: int
    compared: int                  # whose time was foretold and is known
    median: float | None
    p95: float | None
    bad: int
    coverage: float | None
    widening: float | None         # by what share bounds had to be wider to hold 95 % of the times
    downtime_median: float | None  # ms
    downtime_good: float | None
    downtime_coverage: float | None

    @property
    def bad_share(self) -> float:
        """Share of all cases that are bad."""
        return self.bad / self.cases if self.cases else 0.0


def summarize(scores: Sequence[Score]) -> Summary:
    """Sums scores up."""
    outside = [s.outside for s in scores if s.outside is not None]
    errors = [abs(s.error) for s in scores if s.error is not None]
    off = [abs(s.downtime_error) for s in scores if s.downtime_error is not None]
    return Summary(
        cases=len(scores), compared=len(errors),
        median=statistics.median(errors) if errors else None,
        p95=quantile(errors, 0.95) if errors else None,
        bad=sum(s.bad for s in scores),
        coverage=_share([s.covered for s in scores if s.covered is not None]),
        widening=quantile(outside, WANTED_COVERAGE) if outside else None,
        downtime_median=statistics.median(off) if off else None,
        downtime_good=_share([s.downtime_good for s in scores if s.downtime_good is not None]),
        downtime_coverage=_share([s.downtime_covered for s in scores
                                  if s.downtime_covered is not None]))
