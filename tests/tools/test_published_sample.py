# SPDX-License-Identifier: LGPL-2.1-or-later
"""
The published sample as a test vector: ours gives the published table within the differences that
docs/prediction.md explains, and what the docs show is what is predicted today.
"""

import math
import re
import subprocess
import unittest

import published_table
from published_table import BEGIN, END, ROOT

# Times in the docs may be this far from today's predictions, as a share, before they must be
# brought up to date.
DOCS_TOLERANCE = 0.05


class PublishedSampleTest(unittest.TestCase):
    """Cell by cell."""

    @classmethod
    def setUpClass(cls):
        cls.cells = published_table.cells()

    def both(self):
        return [cell for cell in self.cells if cell.published is not None and cell.ours is not None]

    def test_verdicts(self):
        """Ours converges where the published one does; beside its dashes ours may have a time."""
        for cell, right in zip(self.cells, [*self.cells[1:], None]):
            if cell.published is not None:
                self.assertIsNotNone(cell.ours, cell)
            elif cell.ours is not None:
                self.assertIsNotNone(right.published, cell)

    def test_first_pass(self):
        """Where any downtime is allowed, both send each page once, and the zero pages briefly."""
        for cell in self.cells:
            if math.isinf(cell.downtime_ms):
                self.assertLess(abs(cell.bytes / cell.published_bytes - 1), 0.002, cell)

    def test_waiting(self):
        """What the wire is not busy is the zero pages, the more of it the faster the wire is."""
        before = -0.1
        for cell in self.both():
            self.assertGreater(cell.waiting, before - 0.1, cell)
            self.assertLess(cell.waiting, 5, cell)
            before = cell.waiting

    def test_sending(self):
        """What is left over and got dirty once more is sent once: hardly more is ever sent."""
        for cell in self.both():
            self.assertLess(cell.bytes / cell.published_bytes, 1.1, cell)

    def test_docs(self):
        text = (ROOT / "docs/prediction.md").read_text().split(BEGIN)[1].split(END)[0]
        shown = [None if time == "-" else float(time.split()[0])
                 for time in re.findall(r" → (-|[\d.]+ s)", text)]
        self.assertEqual(len(shown), len(self.cells))
        for cell, time in zip(self.cells, shown):
            self.assertEqual(time is None, cell.ours is None, cell)
            if time is not None:
                self.assertLess(abs(time / cell.ours - 1), DOCS_TOLERANCE,
                                "run tests/harness/published_table.py docs/prediction.md")

    def test_readme(self):
        """The README shows what is printed, and numbers as near as those of the docs."""
        text = (ROOT / "README.md").read_text()
        command, shown = re.search(r"\$ \./run (virt-dirty predict .*)\n((?: {4}.*\n|\n)+)",
                                   text).groups()
        done = subprocess.run(command.split(), capture_output=True, text=True, check=True, cwd=ROOT)
        number = re.compile(r"\d+(?:\.\d+)?")
        shown, today = (re.sub(r"[\s-]+", " ", output).strip() for output in (shown, done.stdout))
        self.assertEqual(number.sub("N", shown), number.sub("N", today))
        for old, new in zip(number.findall(shown), number.findall(today)):
            self.assertLessEqual(abs(float(old) - float(new)), DOCS_TOLERANCE * float(new), today)


if __name__ == "__main__":
    unittest.main()
