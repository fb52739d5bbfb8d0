# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random sequences of steps with a guest whose vCPUs are limited, and what must hold after each."""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from dirtylab.errors import LabError

# What shows that limits hold, MiB/s.
HELD_MIBS = 1
# Far below the pace, at it, and never reached, MiB/s.
LIMITS = (1, 2, 4, 8, 100, 1 << 20)
# vCPUs that are limited, and that come and go; more would leave each one little of it.
VCPUS = 4
STEPS = (4, 14)
# Between two steps, s: mostly at once, as that is where races are.
PAUSES = (0, 0, 0.01, 0.05, 0.2)


class Sequence:
    """One of them: a guest, and what is done to it, told by a random number generator.

    A guest has writers, as PacedWriters, vcpus_differ, whether each can be limited alone,
    set_limit(vcpu, MiB/s), check() of what must hold at any time, settle() that ends all limits and
    whatever else is under way, as_new() that says whether another sequence can begin, and ended()
    that says how QEMU has ended, if it has.
    """

    # What can be done, and how often.
    actions: ClassVar[dict[str, int]] = {}

    def __init__(self, guest, seed: str) -> None:
        self.guest = guest
        self.random = random.Random(seed)
        # What was done, for who has to find out why it went wrong.
        self.steps: list[str] = []
        self._start = time.monotonic()

    def run(self) -> None:
        """All of it, and what must hold after it."""
        for _ in range(self.random.randint(*STEPS)):
            self._step()
            self.guest.check()
            self.pause()
        self.say("settle")
        self.guest.settle()
        self.say("  the guest must be free")
        self.guest.writers.check_free()

    def say(self, text: str) -> None:
        """Takes note of what is done."""
        self.steps.append(f"{time.monotonic() - self._start:6.2f} s  {text}")

    def pause(self) -> None:
        """Between two steps."""
        time.sleep(self.random.choice(PAUSES))

    def some_vcpu(self) -> int | None:
        """A vCPU, there or not, or None for all."""
        vcpu = self.random.choice((None, *range(VCPUS)))
        return vcpu if self.guest.vcpus_differ else None

    def _step(self) -> None:
        name = self.random.choices(list(self.actions), list(self.actions.values()))[0]
        self.say(name)
        getattr(self, f"do_{name}")()

    def do_set(self) -> None:
        """A limit that can be."""
        vcpu, mibs = self.some_vcpu(), self.random.choice(LIMITS)
        self.say(f"  {mibs} MiB/s, vCPU {vcpu}")
        self.guest.set_limit(vcpu, mibs)

    def do_cancel(self) -> None:
        """None."""
        vcpu = self.some_vcpu()
        self.say(f"  vCPU {vcpu}")
        self.guest.set_limit(vcpu, 0)


@dataclass(frozen=True)
class Failure:
    """A sequence that has shown a fault: its number, what went wrong, and what was done."""
    number: int
    error: str
    steps: list[str]

    def __str__(self) -> str:
        steps = "\n    ".join(self.steps)
        return f"sequence {self.number}: {self.error}\n    {steps}"


def _prove(guest) -> None:
    """That limits hold the guest, and that it can be seen: else no sequence could fail."""
    guest.writers.check_free()
    guest.set_limit(None, HELD_MIBS)
    guest.writers.check_held(HELD_MIBS)
    guest.settle()
    guest.writers.check_free()


def run_sequences(numbers: Iterable[int], seed: str, start: Callable,
                  sequence_class: type[Sequence]) -> Iterator[Failure | int]:
    """Runs sequences, in a guest of start()'s for as long as it is as new.

    Gives each one's number, or how it has failed. A number and a seed are always the same sequence.
    """
    guest = None
    proved = False
    try:
        for number in numbers:
            sequence = None
            try:
                if not guest:
                    guest = start().__enter__()
                    guest.start()
                if not proved:
                    _prove(guest)
                    proved = True
                sequence = sequence_class(guest, f"{seed}/{number}")
                sequence.run()
                fit = guest.as_new()
                yield number
            except (AssertionError, LabError, OSError) as error:
                fit = False
                # Where QEMU has ended: how, and not that its socket is closed.
                yield Failure(number, (guest and guest.ended()) or str(error),
                              sequence.steps if sequence else [])
            if guest and not fit:
                guest.__exit__(None, None, None)
                guest = None
    finally:
        if guest:
            guest.__exit__(None, None, None)
