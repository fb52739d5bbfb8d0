# SPDX-License-Identifier: LGPL-2.1-or-later
"""Does the cases that a results file lacks, one after the other."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dirtyaccuracy import isolated, noise, results, score
from dirtyaccuracy.cases import Case, draw_case
from dirtyaccuracy.trial import Trial, clear, longest
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


def _trial(settings: Settings, case: Case) -> dict:
    """Does one case: what its row has of it."""
    with Trial(settings.state, settings.programs, case) as trial:
        measured = trial.measure()
        figures, migrating = trial.migrate()
    foretold = measured.foretold
    return {"measurement": measured.reply, "settings": foretold.settings,
            "prediction": foretold.prediction.as_dict(), "cell": foretold.cell, "actual": figures,
            "noise": {"measuring": measured.noise, "migrating": migrating},
            "disturbed": noise.disturbed(measured.noise, migrating)}


def do_case(settings: Settings, case: Case) -> dict:
    """The same, with a fresh lab for the next one if it fails."""
    try:
        return isolated.call(lambda: _trial(settings, case), longest(case))
    except BaseException:
        clear(settings.state, settings.programs)
        raise


def attempt(settings: Settings, case: Case, do: Callable[[Settings, Case], dict]) -> dict:
    """Does one case: its row, which says why if it could not be done."""
    begin = time.monotonic()
    try:
        found = do(settings, case)
    except LabError as error:
        found = {"failed": str(error)}
    return {"case": case.as_dict(), "time": round(time.time()),
            "seconds": round(time.monotonic() - begin, 1), **found}


def _line(row: dict) -> str:
    """What a case has shown, for who watches."""
    case = row["case"]
    what = f"{case['workload']}, {case['method']}, {case['link_mbit']} Mbit/s"
    if not results.is_done(row):
        return f"{what}: could not be done: {row['failed']}"
    actual, prediction = row["actual"], row["prediction"]
    foretold = f"{prediction['total']['value'] / 1000:.2f} s foretold" if prediction["converges"] \
        else f"foretold: {prediction['verdict']}"
    completed = actual["status"] == score.COMPLETED
    was = f"{score.total_ms(actual) / 1000:.2f} s" if completed else actual["status"]
    busy = ", on a busy machine" if row["disturbed"] else ""
    return f"{what}: {foretold}, {was}{busy}"


def _do_until_done(settings: Settings, number: int, rows: list[dict],
                   do: Callable[[Settings, Case], dict]) -> bool:
    """Does a case that has these rows, again if need be. Returns whether it was done at all."""
    case = draw_case(settings.seed, number, settings.linux)
    for _ in range(results.ATTEMPTS):
        row = attempt(settings, case, do)
        results.append(settings.file, row)
        rows = [*rows, row]
        say(f"case {number} of {settings.cases}: {_line(row)}")
        if not results.is_wanted(rows):
            break
    return any(map(results.is_done, rows))


def run(settings: Settings, do: Callable[[Settings, Case], dict] = do_case) -> int:
    """Does what is missing. Returns how many cases could not be done."""
    cases = results.by_case(results.read(settings.file), settings.seed, settings.cases)
    wanted = {number: rows for number, rows in cases.items() if results.is_wanted(rows)}
    say(f"seed {settings.seed}, {settings.cases} cases, {settings.cases - len(wanted)} done before, "
        f"results in {settings.file}")
    failed = in_a_row = 0
    for number, rows in wanted.items():
        in_a_row = 0 if _do_until_done(settings, number, rows, do) else in_a_row + 1
        failed += in_a_row > 0
        if in_a_row == MOST_ERRORS:
            raise LabError(f"{MOST_ERRORS} cases in a row could not be done: see above; what is "
                           "done is kept, the same command goes on from there")
    return failed
