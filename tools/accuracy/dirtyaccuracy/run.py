# SPDX-License-Identifier: LGPL-2.1-or-later
"""Does the cases that a results file lacks, one after the other."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dirtyaccuracy import noise, results
from dirtyaccuracy.cases import Case, draw_case
from dirtyaccuracy.trial import Trial
from dirtylab.errors import LabError
from dirtylab.programs import Programs

# After so many cases in a row that could not be done it is the machine, not the case.
MOST_ERRORS = 3


@dataclass(frozen=True)
class Settings:
    """What a run is given."""
    programs: Programs
    state: Path        # directory of the lab
    file: Path         # with the results
    seed: int
    cases: int
    linux: bool        # whether some guests are Linux guests


def say(text: str) -> None:
    """Says something that is no result."""
    print(f"accuracy: {text}", file=sys.stderr, flush=True)


def do_case(settings: Settings, case: Case) -> dict:
    """Does one case: its row."""
    begin = time.monotonic()
    with Trial(settings.state, settings.programs, case) as trial:
        measured = trial.measure()
        figures, migrating = trial.migrate()
    return {"case": case.as_dict(), "time": round(time.time()),
            "seconds": round(time.monotonic() - begin, 1), "measurement": measured.reply,
            "settings": measured.foretold.settings,
            "prediction": measured.foretold.prediction.as_dict(), "actual": figures,
            "noise": {"measuring": measured.noise, "migrating": migrating},
            "disturbed": noise.disturbed(measured.noise, migrating)}


def _line(row: dict) -> str:
    """What a case has shown, for who watches."""
    case, actual, prediction = row["case"], row["actual"], row["prediction"]
    foretold = f"{prediction['total']['value'] / 1000:.2f} s foretold" if prediction["converges"] \
        else f"foretold: {prediction['verdict']}"
    total = actual.get("qemu-total-ms", actual.get("total-ms"))
    was = f"{total / 1000:.2f} s" if actual["status"] == "completed" else actual["status"]
    busy = ", on a busy machine" if row["disturbed"] else ""
    return f"{case['workload']}, {case['method']}, {case['link_mbit']} Mbit/s: {foretold}, {was}{busy}"


def run(settings: Settings, do: Callable[[Settings, Case], dict] = do_case) -> int:
    """Does what is missing. Returns how many cases could not be done."""
    wanted = results.missing(results.read(settings.file), settings.seed, settings.cases)
    say(f"seed {settings.seed}, {settings.cases} cases, {settings.cases - len(wanted)} done before, "
        f"results in {settings.file}")
    failed = in_a_row = 0
    for number in wanted:
        case = draw_case(settings.seed, number, settings.linux)
        try:
            row = do(settings, case)
        except LabError as error:
            failed, in_a_row = failed + 1, in_a_row + 1
            say(f"case {number} ({case.workload}, {case.method}) could not be done: {error}")
            if in_a_row == MOST_ERRORS:
                raise LabError(f"{MOST_ERRORS} cases in a row could not be done: see above; what is "
                               "done is kept, the same command goes on from there") from None
            continue
        in_a_row = 0
        results.append(settings.file, row)
        say(f"case {number} of {settings.cases}: {_line(row)}")
    return failed
