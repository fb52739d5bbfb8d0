# SPDX-License-Identifier: LGPL-2.1-or-later
"""The published model, fed with the published measurement, gives the published table."""

import json
import math
import os
import unittest
from pathlib import Path

import published_model

ROOT = Path(os.environ.get("LIBVIRT_DIRTY_ROOT") or Path(__file__).resolve().parents[2])

GBPS = 2 ** 30 / 8
DOWNTIMES_MS = (125, 250, 500, 1000, 5000, math.inf)

# Seconds, None where it does not converge; rows in units of 2^30 bit/s (100 Mbps is 100/1024).
TABLE = {
    100 / 1024: (None, None, None, None, None, 16 * 60 + 59),
    1: (None, None, None, None, None, 100),
    2: (None, None, None, None, 101, 50),
    2.5: (None, None, None, None, 67, 40),
    5: (48, 46, 31, 28, 25, 20),
    10: (13, 12, 12, 12, 12, 10),
    25: (5, 5, 5, 5, 4, 4),
    40: (3, 3, 3, 3, 3, 3),
}


class PublishedModelTest(unittest.TestCase):
    """So that what ours is compared with is what was published."""

    def test_table(self):
        reply = json.loads((ROOT / "tests/data/published-sample.json").read_text())
        for gbps, row in TABLE.items():
            for downtime, seconds in zip(DOWNTIMES_MS, row):
                with self.subTest(gbps=gbps, downtime=downtime):
                    ms = published_model.migration_ms(reply, gbps * GBPS, downtime)
                    self.assertEqual(ms and math.ceil(ms / 1000), seconds)


if __name__ == "__main__":
    unittest.main()
