# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random sequences of what can happen to a limited guest; 'make stress' runs a thousand."""

import random
import unittest

from limit_guest import LimitGuest
from limit_sequences import QmpSequence
from random_sequences import Failure, run_sequences

# So that all of them take some 20 s.
COUNT = 8


class LimitSequenceTest(unittest.TestCase):
    """Nobody stays held, nothing hangs and nothing crashes."""

    def run_some(self, accel: str, count: int):
        seed = str(random.SystemRandom().randrange(1 << 32))
        results = run_sequences(range(count), seed, lambda: LimitGuest(accel), QmpSequence)
        failures = [str(result) for result in results if isinstance(result, Failure)]
        self.assertEqual(failures, [], f"./run tests/stress/stress --accel {accel} --seed {seed}")

    def test_tcg(self):
        self.run_some("tcg", COUNT)


if __name__ == "__main__":
    unittest.main()
