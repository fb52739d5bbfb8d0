# SPDX-License-Identifier: LGPL-2.1-or-later
"""What something costs a vCPU: seconds with it and without it in turns, and the loss in percent."""

from dataclasses import dataclass

from dirtybench.clocks import WaitingShare
from dirtybench.stats import Spread, bootstrap, spread

# A vCPU that waited all the time says nothing; no division by zero then.
LEAST_SHARE = 0.01


@dataclass(frozen=True)
class Speed:
    """The guest's own count of pages, pages/s: by the clock, and by the time its vCPU did not wait
    for a CPU that something else on the host had."""
    seen: float
    undisturbed: float


def speed(seen: float, waiting: WaitingShare) -> Speed:
    """The speed over the time that waiting has looked on."""
    return Speed(seen, seen / max(1 - waiting.share(), LEAST_SHARE))


@dataclass(frozen=True)
class Pair:
    """A time without and one with what is judged."""
    without: Speed
    with_it: Speed


@dataclass(frozen=True)
class Loss:
    """Percent; with 95 % bounds of the median."""
    percent: Spread
    low: float
    high: float

    def text(self) -> str:
        """For a sentence."""
        return f"{self.percent.median:.2f} %, 95 % bounds {self.low:.2f} to {self.high:.2f}"

    def figures(self) -> dict[str, float]:
        """For programs."""
        return {"loss": self.percent.median, "low": self.low, "high": self.high}

    def cells(self) -> list[str]:
        """For a table."""
        return [self.percent.text(2), f"{self.low:.2f} to {self.high:.2f}"]


def _losses(pairs: list[Pair]) -> list[float]:
    return [(1 - pair.with_it.undisturbed / pair.without.undisturbed) * 100 for pair in pairs]


def loss(pairs: list[Pair]) -> Loss:
    """What it costs."""
    return Loss(spread(_losses(pairs)), *bootstrap(pairs, lambda some: spread(_losses(some)).median))


def speeds(pairs: list[Pair]) -> list[str]:
    """Pages/s without and with it, for a table."""
    return [spread([pair.without.seen for pair in pairs]).text(0),
            spread([pair.with_it.seen for pair in pairs]).text(0)]
