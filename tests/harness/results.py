# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts test results and prints each as it comes."""

import json
from dataclasses import dataclass, field
from typing import TextIO


@dataclass
class Stage:
    """The results of one kind of tests."""
    name: str
    n_passed: int = 0
    n_skipped: int = 0
    failures: list[str] = field(default_factory=list)
    _record: TextIO | None = None

    def record_to(self, file: TextIO) -> None:
        """From now on writes each result to a file too, for another process."""
        self._record = file

    def load(self, record: str) -> None:
        """Counts the results that another process has recorded, and printed."""
        for line in record.splitlines():
            passed, failure, skipped = json.loads(line)
            self.n_passed += passed
            self.n_skipped += skipped
            self.failures += [failure] if failure else []

    def _note(self, passed: int = 0, failure: str | None = None, skipped: int = 0) -> None:
        if self._record:
            print(json.dumps([passed, failure, skipped]), file=self._record, flush=True)

    def passed(self, test: str) -> None:
        self.n_passed += 1
        self._note(passed=1)
        print(f"   ok    {self.name}: {test}", flush=True)

    def failed(self, test: str, reason: str) -> None:
        self.failures.append(f"{self.name}: {test}: {reason}")
        self._note(failure=self.failures[-1])
        print(f"   FAIL  {self.name}: {test}: {reason}", flush=True)

    def skipped(self, test: str, reason: str) -> None:
        self.n_skipped += 1
        self._note(skipped=1)
        print(f"   skip  {self.name}: {test}: {reason}", flush=True)

    def summary(self) -> str:
        return f"{self.n_passed} passed, {len(self.failures)} failed, {self.n_skipped} skipped"


class Results:
    """The results of all stages."""

    def __init__(self) -> None:
        self._stages: dict[str, Stage] = {}

    def stage(self, name: str) -> Stage:
        return self._stages.setdefault(name, Stage(name))

    def good(self) -> bool:
        """Nothing failed, and something was tested at all."""
        stages = self._stages.values()
        return not any(stage.failures for stage in stages) and any(s.n_passed for s in stages)

    def repeat_failures(self) -> None:
        for stage in self._stages.values():
            for failure in stage.failures:
                print(f"FAILED {failure}")

    def summary(self) -> str:
        stages = self._stages.values()
        return (f"{sum(s.n_passed for s in stages)} passed, "
                f"{sum(len(s.failures) for s in stages)} failed, "
                f"{sum(s.n_skipped for s in stages)} skipped")
