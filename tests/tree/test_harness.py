# SPDX-License-Identifier: LGPL-2.1-or-later
"""The harness itself: what a test run must not do is hang, lose a message or leave something behind."""

import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(os.environ.get("LIBVIRT_DIRTY_ROOT") or Path(__file__).resolve().parents[2])
HARNESS = ROOT / "tests" / "harness"
sys.path.insert(0, str(HARNESS))

import upstream
from results import Stage

RUN_STAGES = """
import subprocess, sys, time
sys.path.insert(0, sys.argv[1])
import supervise
from results import Results

def good(stage):
    stage.passed("one")
    stage.skipped("two", "no two here")
    # As a daemon does: a session of its own, and its parent does not wait for it.
    subprocess.Popen(["sh", "-c", "setsid sleep 1234 & echo $! >>" + sys.argv[2]])

def hangs(stage):
    stage.passed("before")
    with subprocess.Popen("trap '' TERM; setsid sleep 1234 & echo $! >>" + sys.argv[2] + "; wait",
                          shell=True, stdout=subprocess.PIPE) as process:
        process.stdout.read()

def breaks(stage):
    stage.failed("wrong", "it is")
    raise ValueError("odd")

def dies(stage):
    stage.passed("before")
    import os
    os.abort()

supervise.adopt_orphans()
results = Results()
for function, seconds in ((good, 60), (hangs, 1), (breaks, 60), (dies, 60), (good, 0)):
    supervise.run(function, results.stage(function.__name__), seconds)
results.repeat_failures()
print(results.summary())
"""


class SuperviseTest(unittest.TestCase):
    """Stages that do what stages should not."""

    def test_stages(self):
        with tempfile.NamedTemporaryFile("r") as pids:
            start = time.monotonic()
            done = subprocess.run(["/usr/bin/python3", "-c", RUN_STAGES, str(HARNESS), pids.name],
                                  capture_output=True, text=True, timeout=60, check=True)
            self.assertLess(time.monotonic() - start, 30)
            left = [pid for pid in pids.read().split() if os.path.exists(f"/proc/{pid}")]
        self.assertEqual(left, [], "a stage has left processes behind")
        lines = done.stdout.splitlines()
        self.assertEqual(lines[-1], "3 passed, 5 failed, 1 skipped")
        failures = [line for line in lines if line.startswith("FAILED ")]
        self.assertEqual(len(failures), 5, done.stdout)
        for failure, words in zip(failures, ("no time was left", "not done within 1 s",
                                             "wrong: it is", "ValueError: odd", "status -6")):
            self.assertIn(words, failure)


class JudgeTest(unittest.TestCase):
    """A failed test of an upstream tree, and what stock says of it."""

    def judge(self, stock) -> Stage:
        stage = Stage("qemu")
        with mock.patch.object(upstream, "stock_build", return_value=Path("/stock")), \
                mock.patch("builtins.print") as self.printed:
            upstream._judge(stage, "qemu", {"ours": "what ours said", "shared": "what it said"},
                            stock)
        said = "".join(str(call.args[0]) for call in self.printed.call_args_list)
        self.assertIn("what ours said", said)
        return stage

    def test_what_stock_shares_is_no_failure(self):
        stage = self.judge(lambda build, names: ["shared"])
        self.assertEqual((len(stage.failures), stage.n_skipped), (1, 1))
        self.assertIn("ours", stage.failures[0])

    def test_a_stock_tree_that_does_not_build(self):
        def broken(build, names):
            raise RuntimeError("no compiler")

        stage = self.judge(broken)
        self.assertEqual((len(stage.failures), stage.n_skipped), (2, 0))
        self.assertIn("no compiler", stage.failures[0])

    def test_stock_is_not_asked_for_a_test_of_ours(self):
        records = [{"name": "s / ours", "result": "FAIL", "stdout": "what ours said"},
                   {"name": "s / theirs", "result": "TIMEOUT", "stdout": "late"},
                   {"name": "s / good", "result": "OK"}]
        asked = []

        def run(build, env, selection):
            asked.append((str(build), selection))
            return records if str(build) != "/stock" else [records[1]]

        stage = Stage("qemu")
        with mock.patch.object(upstream, "stock_build", return_value=Path("/stock")), \
                mock.patch.object(upstream, "_run_meson_test", side_effect=run), \
                mock.patch.object(upstream, "_test_names", return_value=["theirs", "good"]), \
                mock.patch("builtins.print"):
            upstream.compare_with_stock(stage, "qemu", ["ours", "theirs", "good"])
        self.assertEqual(asked[-1], ("/stock", ["theirs"]))
        self.assertEqual((stage.n_passed, len(stage.failures), stage.n_skipped), (1, 1, 1))


if __name__ == "__main__":
    unittest.main()
