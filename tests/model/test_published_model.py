# SPDX-License-Identifier: LGPL-2.1-or-later
"""The published model, fed with the published measurement, gives the published table."""

import json
import math
import unittest

import published_model
from published_table import DOWNTIMES_MS, GBPS, PUBLISHED, SAMPLE


class PublishedModelTest(unittest.TestCase):
    """So that what ours is compared with is what was published."""

    def test_table(self):
        reply = json.loads(SAMPLE.read_text())
        for gbps, row in PUBLISHED.items():
            for downtime, seconds in zip(DOWNTIMES_MS, row):
                with self.subTest(gbps=gbps, downtime=downtime):
                    ms = published_model.migration_ms(reply, gbps * GBPS, downtime)
                    self.assertEqual(ms and math.ceil(ms / 1000), seconds)


if __name__ == "__main__":
    unittest.main()
