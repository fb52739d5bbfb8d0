#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The accuracy run's own parts: cases, scores, the results file, going on after an end."""

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from contextlib import redirect_stderr
from dataclasses import replace
from io import StringIO
from pathlib import Path

ROOT = Path(os.environ.get("LIBVIRT_DIRTY_ROOT") or Path(__file__).resolve().parents[2])
sys.path.insert(0, str(ROOT / "tests/harness"))

from accuracy_rows import ACTUAL, NEVER, foretold, make_failure, make_row
from dirtyaccuracy import cases, isolated, noise, results
from dirtyaccuracy import run as running
from dirtyaccuracy import score, trial, workloads
from dirtyaccuracy.prediction import Interval, Prediction
from dirtylab import network
from dirtylab.errors import LabError

PROCESS = os.getpid()


class CasesTest(unittest.TestCase):
    """What is drawn."""

    def test_a_case_does_not_depend_on_others(self):
        many = [cases.draw_case(5, k) for k in range(50)]
        self.assertEqual(many[37], cases.draw_case(5, 37))
        self.assertNotEqual(many[37], cases.draw_case(6, 37))
        self.assertEqual(len({json.dumps(case.as_dict()) for case in many}), 50)
        self.assertEqual(cases.from_dict(json.loads(json.dumps(many[3].as_dict()))), many[3])

    def test_linux_guests_change_nothing_else(self):
        for k in range(50):
            case, without = cases.draw_case(5, k), cases.draw_case(5, k, with_linux=False)
            self.assertFalse(workloads.is_linux(without.guest))
            self.assertEqual(replace(without, workload=case.workload, guest=case.guest), case)

    def test_each_can_be_done(self):
        drawn = [cases.draw_case(1, k) for k in range(500)]
        for case in drawn:
            trial.guest_spec(case).check()
            self.assertEqual(network.parse(case.link).rate, case.link_mbit * 10**6)
            self.assertEqual(case.sample_pages > 0, case.mode == "page-sampling")
            self.assertGreater(case.max_bandwidth or 1, 0)
        self.assertEqual({case.workload for case in drawn},
                         {*workloads.WORKLOADS, *workloads.LINUX_WORKLOADS})
        self.assertTrue(any(case.latency_ms for case in drawn))
        self.assertGreaterEqual(len(workloads.WORKLOADS), 8)
        self.assertGreaterEqual(len({case.link_mbit for case in drawn}), 5)
        self.assertGreaterEqual(len({case.downtime_ms for case in drawn}), 4)
        self.assertEqual({case.method for case in drawn}, set(cases.METHODS))
        self.assertEqual(len({workloads.kind(case.guest) for case in drawn}), 4)
        slow = sum(case.link_mbit <= 750 for case in drawn)
        self.assertGreater(slow, 0.8 * len(drawn), "others would measure this machine's CPUs")


class ScoreTest(unittest.TestCase):
    """One prediction."""

    def test_good(self):
        found = score.score(foretold(1260, 1100, 1300), ACTUAL, 75000)
        self.assertAlmostEqual(found.error, 0.05)
        self.assertEqual((found.bad, found.covered, found.outside), (False, True, 0))
        self.assertEqual((found.downtime_error, found.downtime_good, found.downtime_covered),
                         (0, True, True))

    def test_off(self):
        for total, bad in ((1499, False), (1500, True), (901, False), (900, True)):
            with self.subTest(total):
                found = score.score(foretold(total, total - 1, total + 1), ACTUAL, 75000)
                self.assertEqual((found.bad, found.covered), (bad, False))
        self.assertAlmostEqual(score.score(foretold(900, 800, 1000), ACTUAL, 75000).outside, 0.2)
        self.assertAlmostEqual(score.score(foretold(1900, 1600, 2000), ACTUAL, 75000).outside, 0.25)
        self.assertTrue(score.score(foretold(1200, downtime=130), ACTUAL, 75000).downtime_good)
        self.assertFalse(score.score(foretold(1200, downtime=131), ACTUAL, 75000).downtime_good)
        long = {**ACTUAL, "standstill-ms": 1000}
        self.assertTrue(score.score(foretold(1200, downtime=801), long, 75000).downtime_good)

    def test_success_and_failure(self):
        cancelled = {"status": "cancelled"}
        self.assertTrue(score.score(foretold(1200, 1, 2), cancelled, 75000).bad)
        self.assertFalse(score.score(foretold(80000, 70000, 90000), cancelled, 75000).bad,
                         "it was foretold to take longer than it was given")
        self.assertFalse(score.score(NEVER, cancelled, 75000).bad)
        self.assertTrue(score.score(NEVER, ACTUAL, 75000).bad)
        self.assertTrue(score.score(foretold(80000, 1, 76000), cancelled, 75000).covered)
        self.assertFalse(score.score(foretold(1200, 1, 2000), cancelled, 75000).covered)
        self.assertIsNone(score.score(NEVER, cancelled, 75000).covered)
        never = score.score(NEVER, ACTUAL, 75000)
        self.assertEqual((never.error, never.covered, never.outside), (None, False, 1))
        perhaps = replace(NEVER, total=Interval(math.inf, 1000, math.inf, bounded=True))
        self.assertTrue(score.score(perhaps, ACTUAL, 75000).covered, "it may complete")

    def test_without_bounds_or_downtime(self):
        bare = Prediction(converges=True, verdict="converges", total=Interval(1200))
        found = score.score(bare, ACTUAL, 75000)
        self.assertEqual((found.covered, found.downtime_good), (None, None))


class SummaryTest(unittest.TestCase):
    """Many of them."""

    def test_figures(self):
        scores = [score.Score(error=(i - 50) / 1000, bad=i == 7, covered=i < 90,
                              outside=max(0, i - 90) / 100, downtime_error=-i, downtime_good=i < 80,
                              downtime_covered=True)
                  for i in range(100)]
        scores.append(score.Score(error=None, bad=True, covered=None))
        found = score.summarize(scores)
        self.assertEqual((found.cases, found.compared, found.bad), (101, 100, 2))
        self.assertAlmostEqual(found.median, 0.025)
        self.assertAlmostEqual(found.p95, 0.047)
        self.assertAlmostEqual(found.coverage, 0.9)
        self.assertAlmostEqual(found.widening, 0.04)
        self.assertAlmostEqual(found.downtime_median, 49.5)
        self.assertAlmostEqual(found.downtime_good, 0.8)
        self.assertEqual(found.downtime_coverage, 1)

    def test_none(self):
        found = score.summarize([])
        self.assertEqual((found.cases, found.median, found.p95, found.bad_share), (0, None, None, 0))

    def test_quantile(self):
        self.assertEqual(score.quantile([3, 1, 2], 0.95), 3)
        self.assertEqual(score.quantile(range(1, 101), 0.95), 95)
        self.assertEqual(score.quantile([4], 0), 4)

    def test_bounds_of_a_share(self):
        # Known values of Wilson's interval.
        low, high = score.wilson(0, 10)
        self.assertAlmostEqual(low, 0)
        self.assertAlmostEqual(high, 0.2775, places=4)
        low, high = score.wilson(5, 10)
        self.assertAlmostEqual(low, 0.2366, places=4)
        self.assertAlmostEqual(high, 0.7634, places=4)


class ResultsTest(unittest.TestCase):
    """The file, also after a killed run."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.file = Path(directory.name) / "sub" / "results.jsonl"

    def test_what_is_written_is_read(self):
        self.assertEqual(results.read(self.file), [])
        for number in (4, 0):
            results.append(self.file, make_row(number))
        rows = results.read(self.file)
        self.assertEqual([row["case"]["number"] for row in rows], [4, 0])
        self.assertEqual([row["case"]["number"] for row in results.chosen(rows)], [0, 4])

    def wanted(self, rows: list[dict], seed: int, count: int) -> list[int]:
        """The cases that are still to be done."""
        return [number for number, own in results.by_case(rows, seed, count).items()
                if results.is_wanted(own)]

    def test_what_is_to_be_done(self):
        rows = [make_row(4), make_row(0)]
        self.assertEqual(self.wanted(rows, 1, 6), [1, 2, 3, 5])
        self.assertEqual(self.wanted(rows, 2, 2), [0, 1], "another seed, other cases")
        rows[0]["case"]["version"] -= 1
        self.assertEqual(self.wanted(rows, 1, 5), [1, 2, 3, 4], "an older way to draw")

    def test_a_case_that_was_disturbed_is_done_again(self):
        rows = [make_row(0, disturbed=True)]
        self.assertEqual(self.wanted(rows, 1, 1), [0])
        self.assertEqual(self.wanted([*rows, make_failure(0)], 1, 1), [0])
        self.assertEqual(self.wanted([*rows, make_row(0, total=9)], 1, 1), [])
        self.assertEqual(self.wanted([*rows, *rows], 1, 1), [], "often enough")

    def test_which_row_counts(self):
        first, second = make_row(0, disturbed=True), make_row(0, total=9)
        failure = make_failure(0)
        for rows, row in (([first, second], second), ([first, failure], first),
                          ([failure, first], first), ([failure, failure], failure)):
            self.assertEqual(results.chosen(rows), [row])

    def test_half_a_line(self):
        results.append(self.file, make_row(0))
        whole = self.file.stat().st_size
        results.append(self.file, make_row(1))
        with self.file.open("r+b") as file:
            file.truncate(whole + 1000)
        self.assertEqual(len(results.read(self.file)), 1)
        results.append(self.file, make_row(2))
        self.assertEqual([row["case"]["number"] for row in results.read(self.file)], [0, 2])
        self.file.write_bytes(b"half")
        results.append(self.file, make_row(3))
        self.assertEqual(len(results.read(self.file)), 1)

    def test_another_file(self):
        self.file.parent.mkdir()
        for text in ("thesis\n", "{}\n", "[1]\n", '{"format": 99}\n'):
            with self.subTest(text):
                self.file.write_text(text, encoding="utf-8")
                self.assertRaisesRegex(LabError, "choose another file", results.read, self.file)
        self.assertRaisesRegex(LabError, "cannot be read", results.read, self.file.parent)

    def run_cases(self, count: int, fails: tuple[int, ...] = (),
                  disturbed: tuple[int, ...] = ()) -> tuple[list[int], int]:
        """A run with migrations that take no time. Returns the cases begun, and how many failed.

        @disturbed: as many of the attempts, counted from 0
        """
        begun = []

        def do(_settings, case):
            begun.append(case.number)
            if case.number in fails:
                raise LabError("no guest")
            row = make_row(case.number, case.seed, disturbed=len(begun) - 1 in disturbed)
            return {name: value for name, value in row.items() if name != "case"}

        settings = running.Settings(programs=None, state=Path(), file=self.file,
                                    seed=1, cases=count, linux=True)
        with redirect_stderr(StringIO()):
            return begun, running.run(settings, do)

    def test_a_run_goes_on(self):
        self.assertEqual(self.run_cases(3), ([0, 1, 2], 0))
        self.assertEqual(self.run_cases(3), ([], 0))
        self.assertEqual(self.run_cases(5), ([3, 4], 0))

    def test_a_case_that_cannot_be_done(self):
        self.assertEqual(self.run_cases(4, fails=(1,)), ([0, 1, 1, 2, 3], 1))
        self.assertEqual(results.read(self.file)[1]["failed"], "no guest")
        self.assertEqual(self.run_cases(4), ([1], 0), "it is tried again")

    def test_disturbed_cases(self):
        self.assertEqual(self.run_cases(3, disturbed=(0, 2, 3)), ([0, 0, 1, 1, 2], 0))
        rows = results.chosen(results.read(self.file))
        self.assertEqual([row["disturbed"] for row in rows], [False, True, False])
        self.assertEqual(self.run_cases(3), ([], 0))

    def test_a_machine_that_cannot(self):
        with self.assertRaisesRegex(LabError, "3 cases in a row"):
            self.run_cases(9, fails=(2, 3, 4))
        done = list(filter(results.is_done, results.read(self.file)))
        self.assertEqual([row["case"]["number"] for row in done], [0, 1])


class IsolatedTest(unittest.TestCase):
    """A case in a process of its own."""

    def test_what_it_returns(self):
        self.assertEqual(isolated.call(lambda: {"process": os.getpid() != PROCESS}, 10),
                         {"process": True})

    def test_what_goes_wrong(self):
        def fail(error: Exception):
            def function():
                raise error
            return function

        for function, words in ((fail(LabError("no guest")), "^no guest$"),
                                (fail(ValueError("5")), "^ValueError: 5$"),
                                (lambda: os._exit(3), "without a word"),
                                (lambda: signal.pause(), "not ended in 0.3 s")):
            with self.subTest(words):
                self.assertRaisesRegex(LabError, words, isolated.call, function, 0.3)


class AloneTest(unittest.TestCase):
    """Two runs of one file."""

    def test_the_second_one_is_told(self):
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "sub" / "results.jsonl"
            with results.alone(file):
                with self.assertRaisesRegex(LabError, "another run"), results.alone(file):
                    self.fail("there are two")
            with results.alone(file):
                self.assertEqual(results.read(file), [])


class NoiseTest(unittest.TestCase):
    """Others' work."""

    def test_own_work_is_not_foreign(self):
        with noise.Watch(lambda: [os.getpid()]) as watch:
            sum(i * i for i in range(3_000_000))
        self.assertLess(watch.share_foreign, os.cpu_count())
        self.assertGreaterEqual(watch.share_foreign, 0)

    def test_others_work_is(self):
        with subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) as process:
            try:
                with noise.Watch(list) as watch:
                    time.sleep(0.5)
            finally:
                process.kill()
        self.assertGreater(watch.share_foreign, 0.2)

    def test_disturbed(self):
        quiet = {"foreign": 0.05, "steal": 0, "load": 9}
        self.assertFalse(noise.disturbed(quiet, quiet))
        self.assertTrue(noise.disturbed(quiet, {**quiet, "foreign": 1.0}))
        self.assertTrue(noise.disturbed({**quiet, "steal": 0.5}, quiet))


if __name__ == "__main__":
    unittest.main()
