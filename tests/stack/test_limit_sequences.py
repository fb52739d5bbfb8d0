# SPDX-License-Identifier: LGPL-2.1-or-later
"""Some random sequences of what can happen to a limited guest; 'make stress' runs a thousand."""

import random
import unittest
from collections.abc import Callable

from guest_machine import ring_works
from lab_sequences import LabLimitGuest, LabSequence
from limit_guest import LimitGuest
from limit_sequences import QmpSequence
from random_sequences import Failure, Sequence, run_sequences

RING = "kvm,dirty-ring-size=4096"


class LimitSequenceTest(unittest.TestCase):
    """Nobody stays held, nothing hangs and nothing crashes."""

    def run_some(self, count: int, options: str, start: Callable, kind: type[Sequence]):
        seed = str(random.SystemRandom().randrange(1 << 32))
        failures = [str(result) for result in run_sequences(range(count), seed, start, kind)
                    if isinstance(result, Failure)]
        self.assertEqual(failures, [], f"again: ./run tests/stress/stress {options} --seed {seed}")

    def test_tcg(self):
        self.run_some(6, "", LimitGuest, QmpSequence)

    def test_ring(self):
        reason = ring_works()
        if reason:
            self.skipTest(reason)
        self.run_some(3, f"--accel {RING}", lambda: LimitGuest(RING), QmpSequence)

    def test_libvirt(self):
        self.run_some(2, "--libvirt", LabLimitGuest, LabSequence)


if __name__ == "__main__":
    unittest.main()
