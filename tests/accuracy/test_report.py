#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the accuracy run asks for predictions, and what it reports of them."""

import json
import lzma
import math
import os
import re
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

ROOT = Path(os.environ.get("LIBVIRT_DIRTY_ROOT") or Path(__file__).resolve().parents[2])
sys.path.insert(0, str(ROOT / "tests/harness"))

from accuracy_rows import REPLY, SETTINGS, foretold, make_failure, make_row
from dirtyaccuracy import cases, cli, plot, prediction, product, report, results
from dirtyaccuracy.prediction import Interval
from dirtylab.errors import LabError


class ProductTest(unittest.TestCase):
    """How our prediction is asked for, and read."""

    def case(self, method: str) -> cases.Case:
        """The first case with a method."""
        return next(case for k in range(500) if (case := cases.draw_case(1, k)).method == method)

    def test_options(self):
        for method, word in (("auto-converge", "--auto-converge"), ("dirty-limit", "--dirty-limit"),
                             ("postcopy", "--postcopy"), ("parallel", "--parallel-connections"),
                             ("compression", "--comp-methods")):
            with self.subTest(method):
                self.assertIn(word, product.options(self.case(method), SETTINGS))
                self.assertNotIn(word, product.options(self.case("plain"), SETTINGS))
        words = product.options(self.case("plain"), SETTINGS)
        self.assertEqual(words[words.index("--device-state") + 1], "70000")

    def test_libvirts_reply(self):
        cell = {"bandwidth": 100.0, "downtime-limit": 300, "verdict": "converges", "converges": True,
                "certainty": 0.9, "time": 1000.0, "time.low": 900.0, "downtime": 80.0}
        found = product.foretold({"cells": [cell], "settings": SETTINGS, "measurement": {}})
        self.assertEqual(found.prediction.total, Interval(1000, 900, math.inf, bounded=True))
        self.assertEqual((found.prediction.downtime.value, found.settings), (80, SETTINGS))

    def test_reply(self):
        cell = {"bandwidth": 100, "downtime": 300, "verdict": "converges", "converges": True,
                "certainty": 0.9, "time": 1000, "time-low": 900, "time-high": 1100,
                "downtime-actual": 80, "downtime-actual-low": 70,
                "downtime-actual-high": None, "passes": 3, "extrapolated": True}
        found = product.parse(json.dumps({"cells": [cell]}))
        self.assertEqual(found.total, Interval(1000, 900, 1100, bounded=True))
        self.assertEqual(found.downtime, Interval(80, 70, math.inf, bounded=True))
        self.assertTrue(found.extrapolated)
        never = {**cell, "converges": False, "verdict": "dirties-too-fast", "time": None,
                 "time-low": None, "time-high": None}
        lost = product.parse(json.dumps({"cells": [never]}))
        self.assertTrue(math.isinf(lost.total.low))
        for kept in (found, lost):
            text = json.dumps(kept.as_dict(), allow_nan=False)
            self.assertEqual(prediction.from_dict(json.loads(text)), kept)

    def test_a_program_that_is_not_there(self):
        for program, words in (("/nowhere/virt-dirty", "cannot be run"), ("true", "something else"),
                               ("false", "failed")):
            with self.subTest(program):
                self.assertRaisesRegex(LabError, words, product.replay, self.case("plain"), REPLY,
                                       SETTINGS, program)


class ReportTest(unittest.TestCase):
    """Tables and plot of made-up rows."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.rows = [make_row(k, total=1200 * (1 + k / 1000), disturbed=k == 3) for k in range(60)]
        self.rows[5]["actual"] = {"status": "cancelled"}
        self.judged = [report.judge(row, prediction.from_dict(row["prediction"]))
                       for row in self.rows]

    def test_tables(self):
        found = {table.name: table for table in report.tables(self.judged)}
        for table in found.values():
            for row in table.rows:
                self.assertEqual(len(row), len(table.columns), table.name)
        ours = found["accuracy"].figures["ours"]
        self.assertEqual((ours["cases"], ours["compared"], ours["bad"]), (60, 59, 1))
        self.assertAlmostEqual(ours["median"], 0.03)
        self.assertEqual([target.met for target in found["accuracy"].targets],
                         [True, True, False, True, True])
        for name in ("accuracy-workload", "accuracy-method", "accuracy-link"):
            self.assertEqual(sum(int(row[1]) for row in found[name].rows if row[2] == "ours"), 60)
        self.assertIn("1 of them on a busy machine.", found["accuracy"].notes)

    def test_cases_that_could_not_be_done(self):
        for row in (*self.rows[:3], make_failure(3), make_failure(7)):
            results.append(self.directory / "r.jsonl", row)
        code, out, _ = self.run_cli("report")
        self.assertEqual(code, 0)
        self.assertRegex(out, "3 migrations")
        self.assertRegex(out, r"Case \d+:1:7 \(.*\) could not be done: no guest\.")

    def test_the_same_case_again(self):
        self.assertIsNone(report.repeat_table(self.rows))
        again = [make_row(k, disturbed=True) for k in (0, 1)]
        again[0]["actual"] = {**again[0]["actual"], "qemu-total-ms": 1500, "standstill-ms": 130}
        table = report.repeat_table([*again, *self.rows, make_failure(2)])
        method = self.rows[0]["case"]["method"]
        self.assertEqual(sum(int(row[1]) for row in table.rows), 2)
        row, = (row for row in table.rows if row[0] == method)
        self.assertEqual((row[4], row[6]), ("25.0 %", "30 ms"))
        self.assertEqual([row["disturbed"] for row in results.chosen([*again, *self.rows])][:2],
                         [False, False])

    def test_a_class_that_is_worse_is_named(self):
        for row in self.rows:
            if row["case"]["method"] == "plain":
                row["prediction"] = foretold(2400, 2300, 2500).as_dict()
        judged = [report.judge(row, prediction.from_dict(row["prediction"])) for row in self.rows]
        notes = report.class_table(judged, "method").notes
        self.assertEqual([note.split(": ")[1] for note in notes if "time 100.0 %" in note], ["plain"])

    def test_the_predecessor_is_the_published_model(self):
        case = next(row.case for row in self.judged if row.case.method == "plain"
                    and not row.case.max_bandwidth)
        found = report.predecessor.predict(case, REPLY)
        bytes_per_s = case.link_mbit * 1e6 / 8 * 1448 / 1514
        self.assertAlmostEqual(found.total.value, 2**27 / 4096 * 4112 / bytes_per_s * 1000,
                               delta=0.1 * found.total.value)

    def test_plot(self):
        svg, png = plot.draw(report.points(self.judged), "made up", self.directory / "p" / "scatter")
        text = "".join(ET.parse(svg).getroot().itertext())
        self.assertIn("actual time", text)
        self.assertIn("plain", text)
        self.assertEqual(png.read_bytes()[:8], b"\x89PNG\r\n\x1a\n")
        self.assertRaisesRegex(LabError, "nothing to plot", plot.draw, [], "none", self.directory / "q")

    def run_cli(self, *words: str) -> tuple[int, str, str]:
        """Exit code, output and errors of a command."""
        out, err = StringIO(), StringIO()
        with redirect_stderr(err), redirect_stdout(out):
            code = cli.main([words[0], "--results", str(self.directory / "r.jsonl"), *words[1:]])
        return code, out.getvalue(), err.getvalue()

    def test_command(self):
        self.assertEqual(self.run_cli("report")[0], 1)
        for row in self.rows:
            results.append(self.directory / "r.jsonl", row)
        code, out, _ = self.run_cli("report", "--part", "test")
        self.assertEqual(code, 0)
        self.assertRegex(out, "30 migrations")
        self.assertEqual(self.run_cli("report", "--strict")[0], 1, "one is bad: 1.7 %")
        names = [json.loads(line)["name"] for line in
                 self.run_cli("report", "--format", "json")[1].splitlines()]
        self.assertEqual(len(names), 3 + len(report.CLASSES))
        self.assertTrue(re.search(r"^\| 60 \| ours \|", self.run_cli("report", "--format",
                                                                   "markdown")[1], re.M))

    def test_replay_asks_anew(self):
        for row in self.rows[:4]:
            results.append(self.directory / "r.jsonl", row)
        program = self.directory / "virt-dirty"
        cell = {"converges": True, "verdict": "converges", "time": 1200, "downtime-actual": 100}
        program.write_text("#!/bin/sh\ncat >/dev/null\necho '" + json.dumps({"cells": [cell]}) + "'\n")
        program.chmod(0o755)
        code, out, err = self.run_cli("report", "--replay", "--virt-dirty", str(program), "--format",
                                      "json")
        self.assertEqual(code, 0, err)
        figures = json.loads(out.splitlines()[0])["figures"]
        self.assertEqual(figures["ours"]["median"], 0)
        self.assertAlmostEqual(figures["ours, then"]["median"], 0.0015, places=4)

    def test_a_packed_file(self):
        file = self.directory / "r.jsonl"
        for row in self.rows[:5]:
            results.append(file, row)
        packed = self.directory / "r.jsonl.xz"
        packed.write_bytes(lzma.compress(file.read_bytes()))
        self.assertEqual(results.read(packed), results.read(file))
        packed.write_bytes(packed.read_bytes()[:-100])
        self.assertRaisesRegex(LabError, "cannot be read", results.read, packed)
        with redirect_stderr(StringIO()) as err:
            self.assertEqual(cli.main(["run", "--results", str(packed)]), 1)
        self.assertIn("unpack it", err.getvalue())


if __name__ == "__main__":
    unittest.main()
