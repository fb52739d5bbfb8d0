#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the unittest modules (test_*.py) of a directory and prints their results as TAP."""

import os
import sys
import time
import unittest
from pathlib import Path


class TapResult(unittest.TestResult):
    """Prints one TAP line per test, and before a failed one what went wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.started = 0.0
        self.subtest_failed = False

    def _line(self, status: str, test: unittest.TestCase, directive: str = "") -> None:
        self.count += 1
        name = ".".join(test.id().split(".")[-2:])
        seconds = time.monotonic() - self.started if self.started else 0
        slow = f" ({seconds:.0f} s)" if seconds >= 10 else ""
        print(f"{status} {self.count} - {name}{slow}{directive}", flush=True)

    def _failed(self, test: unittest.TestCase, error) -> None:
        print(self._exc_info_to_string(error, test), flush=True)
        self._line("not ok", test)

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()
        self.subtest_failed = False

    def addSuccess(self, test):
        if not self.subtest_failed:
            self._line("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._failed(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._failed(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.subtest_failed = True
            self._failed(subtest, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line("ok", test, f" # SKIP {reason}")


def main() -> int:
    directory = Path(sys.argv[1])
    harness = Path(__file__).resolve().parent
    tools = harness.parents[1] / "tools"
    # Whatever the order they are loaded in, tests find these.
    sys.path[:0] = [str(harness), str(tools / "lab"), str(tools / "stack")]
    suite = unittest.defaultTestLoader.discover(str(directory), pattern="test_*.py",
                                                top_level_dir=str(directory))
    result = TapResult()
    suite.run(result)
    print(f"1..{result.count}", flush=True)
    if result.count == 0:
        print("Bail out! no tests found", flush=True)
        return 1
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    # Tests speak the language their expectations are written in.
    os.environ["LC_ALL"] = "C.UTF-8"
    sys.exit(main())
