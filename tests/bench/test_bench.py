#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every benchmark table can be made, and what noise cannot hide is as it must be."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(os.environ.get("LIBVIRT_DIRTY_ROOT") or Path(__file__).resolve().parents[2])
sys.path[:0] = [str(ROOT / "tools/stack"), str(ROOT / "tools/lab"), str(ROOT / "tools/bench")]

from common import stack_dir
from dirtybench import report, stats
from dirtybench.report import Table, Target
from dirtybench.tables import TABLES
from dirtylab.errors import LabError

TIMEOUT = 300
QEMU = "qemu/build/qemu-system-x86_64"
# Cold pages cost about 1.3 of merely reading them; a hash without wide vectors, or pages out of
# order, cost twice.
MOST_OF_READING = 2.0
# Of a rate that a few hundred samples tell.
RATE_TOLERANCE = 0.25
# A limit is held far better than so, and is in force far sooner, on a host that does nothing else.
LIMIT_TOLERANCE = 0.15
EFFECT_MS = 3000
OVERHEAD_TOLERANCE = 0.5


def bench(*arguments: str) -> subprocess.CompletedProcess:
    """Runs the benchmark. A checkout that never built stock QEMU compares ours with itself."""
    ours, stock = stack_dir() / "patched" / QEMU, stack_dir() / "stock" / QEMU
    return subprocess.run([str(ROOT / "tools/bench/bench"), *arguments, "--ours", str(ours),
                           "--stock", str(stock if stock.exists() else ours)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=TIMEOUT, check=False)


class QuickRun(unittest.TestCase):
    """Each table with small guests and few repetitions."""

    def table(self, name: str, *options: str) -> dict:
        """The table, whole in itself."""
        done = bench(name, "--quick", "--format", "json", *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        table = json.loads(done.stdout)
        self.assertTrue(table["rows"])
        for row in table["rows"]:
            self.assertEqual(len(row), len(table["columns"]), row)
        return table

    def test_pages(self):
        # The least of several: what else the host does makes none of them faster.
        for label, figures in self.table("pages", "--repetitions", "6")["figures"].items():
            with self.subTest(label):
                self.assertGreater(figures["reading"]["least"], 0)
                self.assertLess(figures["ours"]["least"],
                                MOST_OF_READING * figures["reading"]["least"])

    def test_readings(self):
        for guest, figures in self.table("readings")["figures"].items():
            with self.subTest(guest):
                self.assertLess(figures["share"], 1)

    def test_errors(self):
        figures = self.table("errors")["figures"]
        # All of a run of pages but its two ends is in strata that are dirty from end to end.
        self.assertLess(figures["sequential"]["ours"], 10)
        self.assertLess(figures["clustered"]["ours"], 20)

    def test_slowdown(self):
        self.assertIn("tcg page-sampling ours", self.table("slowdown", "--repetitions", "1")["figures"])

    def test_size(self):
        for target in self.table("size")["targets"]:
            self.assertTrue(target["met"], target["text"])

    def test_series(self):
        figures = self.table("series", "--repetitions", "1")["figures"]
        for state in ("running", "migrating"):
            self.assertLess(abs(figures[f"TCG, 100 MiB/s, {state}, page-sampling"]),
                            RATE_TOLERANCE)

    def test_endurance(self):
        for target in self.table("endurance")["targets"]:
            self.assertTrue(target["met"], target["text"])


    def test_limit_held(self):
        figures = self.table("limit-held")["figures"]
        self.assertEqual(len(figures), 4)
        for label, found in figures.items():
            with self.subTest(label):
                quota = int(label.rpartition(", ")[2])
                self.assertLess(abs(found["mean"] / quota - 1), LIMIT_TOLERANCE)
                self.assertLess(abs(found["query"] / quota - 1), LIMIT_TOLERANCE)

    def test_limit_steps(self):
        for error in list(self.table("limit-steps")["figures"]["TCG ours"].values())[:-1]:
            self.assertLess(abs(error), LIMIT_TOLERANCE)

    def test_limit_effect(self):
        figures = self.table("limit-effect", "--repetitions", "1")["figures"]
        self.assertEqual(len(figures), 4)
        for change, times in figures.items():
            with self.subTest(change):
                self.assertLess(times[0], EFFECT_MS)

    def test_limit_bystanders(self):
        figures = self.table("limit-bystanders", "--repetitions", "1")["figures"]
        self.assertEqual(sorted(figures), ["TCG reads ours", "TCG writes ours"])

    def test_limit_overhead(self):
        figures = self.table("limit-overhead", "--repetitions", "1")["figures"]
        for found in figures.values():
            self.assertLess(found["loss"], 100 * OVERHEAD_TOLERANCE)


class CommandLine(unittest.TestCase):
    """What is said when nothing can be measured."""

    def test_unknown_table(self):
        done = bench("nosuch")
        self.assertEqual(done.returncode, 2)
        self.assertIn("nosuch", done.stderr)

    def test_missing_program(self):
        done = subprocess.run([str(ROOT / "tools/bench/bench"), "pages", "--ours", "/nowhere"],
                              capture_output=True, text=True, timeout=TIMEOUT, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("'/nowhere' is missing", done.stderr)


class Parts(unittest.TestCase):
    """What all tables share."""

    def test_spread(self):
        self.assertEqual(stats.spread([3, 1, 2]).text(1), "2.0 (1.0 to 3.0)")
        self.assertAlmostEqual(stats.rms([3, 4, 0, 0]), 2.5)

    def test_bootstrap_holds_the_truth(self):
        low, high = stats.bootstrap(list(range(100)), lambda rows: sum(rows) / len(rows))
        self.assertLess(low, 49.5)
        self.assertGreater(high, 49.5)
        self.assertLess(high - low, 15)

    def test_document_takes_a_table(self):
        table = Table("x", "Title", ["a", "b"], [["1|2", "3"]], ["A note."],
                      [Target("all well", True)])
        with tempfile.TemporaryDirectory() as directory:
            document = Path(directory) / "doc.md"
            document.write_text("before\n<!-- table x -->\nold\n<!-- end of table x -->\nafter\n",
                                encoding="utf-8")
            report.put_into(document, "x", table.as_markdown("command", ["Machine."]))
            text = document.read_text(encoding="utf-8")
            self.assertNotIn("old", text)
            self.assertIn("| 1\\|2 | 3 |", text)
            self.assertTrue(text.startswith("before\n") and text.endswith("after\n"))
            self.assertRaises(LabError, report.put_into, document, "y", "")

    def test_document_has_a_place_for_every_table(self):
        text = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
        for name in TABLES:
            self.assertEqual(text.count(f"<!-- table {name} -->"), 1, name)
            self.assertEqual(text.count(f"<!-- end of table {name} -->"), 1, name)


if __name__ == "__main__":
    unittest.main()
