# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads test results in the Test Anything Protocol."""

import re
from collections.abc import Iterable

from results import Stage

_RESULT = re.compile(r"^(not )?ok\b\s*\d*\s*-?\s*(.*?)\s*(?:#\s*(skip|todo)\S*\s*(.*))?$", re.I)
_PLAN = re.compile(r"^1\.\.(\d+)")


def read_tap(stage: Stage, lines: Iterable[str]) -> None:
    """Counts each result; what is no result is the program's output and is passed on."""
    planned = None
    n_results = 0
    for line in lines:
        line = line.rstrip("\n")
        plan = _PLAN.match(line)
        result = _RESULT.match(line)
        if plan:
            planned = int(plan[1])
        elif line.startswith("Bail out!"):
            stage.failed("the test program", line)
        elif not result:
            print(f"         {line}", flush=True)
        else:
            n_results += 1
            failed, name, directive, reason = result.groups()
            if directive and directive.lower() == "skip":
                stage.skipped(name, reason or "no reason given")
            elif failed:
                stage.failed(name, reason or "see above")
            else:
                stage.passed(name)
    if planned is not None and planned != n_results:
        stage.failed("the test program", f"planned {planned} tests, ran {n_results}")
