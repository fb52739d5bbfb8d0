#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A short accuracy run: ten real migrations, foretold by libvirt and then done."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(os.environ.get("LIBVIRT_DIRTY_ROOT") or Path(__file__).resolve().parents[2])
sys.path[:0] = [str(ROOT / path) for path in ("tools/stack", "tools/lab", "tools/bench",
                                              "tools/accuracy", "tests/harness")]

from common import stack_dir
from dirtyaccuracy import product, results
from dirtyaccuracy.cases import from_dict
from dirtyaccuracy.prediction import from_dict as prediction_from_dict
from dirtylab import network

# Why there can be no two hosts here, None if there can.
UNUSABLE = network.unusable()
ACCURACY = ROOT / "tools/accuracy/accuracy"
VIRT_DIRTY = stack_dir() / "own/tools/virt-dirty/virt-dirty"
# The first ten cases of this seed have all six methods and eight workloads, and none of them takes long.
SEED, CASES = 3833, 10
MOST_BAD = 1
SECONDS = 400


def run_accuracy(*words: str) -> subprocess.CompletedProcess:
    """Runs the tool under ./run."""
    return subprocess.run([str(ROOT / "run"), str(ACCURACY), *words], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace", timeout=SECONDS,
                          check=False)


@unittest.skipIf(UNUSABLE, f"no two hosts: {UNUSABLE}")
class ShortRunTest(unittest.TestCase):
    """What the whole run does three hundred times."""

    def test_ten_migrations(self):
        with tempfile.TemporaryDirectory(prefix="ld-", dir="/tmp") as directory:
            file, state = Path(directory) / "results.jsonl", Path(directory) / "l"
            done = run_accuracy("run", "--cases", str(CASES), "--seed", str(SEED), "--results",
                                str(file), "--state", str(state))
            self.assertEqual(done.returncode, 0, done.stderr)
            rows = results.chosen(results.read(file))
            reported = run_accuracy("report", "--results", str(file), "--format", "json",
                                    "--plot", f"{directory}/scatter")
            self.assertEqual(reported.returncode, 0, reported.stderr)
            self.assertTrue((Path(directory) / "scatter.png").exists())
        self.assertEqual(len(rows), CASES)
        for row in rows:
            with self.subTest(row["case"]["number"]):
                self.check_row(row)
        total = json.loads(reported.stdout.splitlines()[0])["figures"]
        self.assertLessEqual(total["ours"]["bad"], MOST_BAD, f"{done.stderr}\n{total}")

    def check_row(self, row: dict) -> None:
        """A row holds all that is needed to judge it, and to predict anew."""
        self.assertTrue(results.is_done(row), row)
        self.assertEqual(row["actual"]["status"], "completed", row["actual"])
        foretold = prediction_from_dict(row["prediction"])
        for interval in (foretold.total, foretold.downtime):
            if interval:
                self.assertLessEqual(interval.low, interval.value)
                self.assertLessEqual(interval.value, interval.high)
        anew = product.replay(from_dict(row["case"]), row["measurement"], row["settings"],
                              str(VIRT_DIRTY))
        self.assertEqual(anew.verdict, foretold.verdict, "libvirt and virt-dirty are of one mind")
        if foretold.total:
            self.assertAlmostEqual(anew.total.value / foretold.total.value, 1, places=3)


if __name__ == "__main__":
    unittest.main()
