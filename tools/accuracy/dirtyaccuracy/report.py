# SPDX-License-Identifier: LGPL-2.1-or-later
"""The report: how good both models are, in total and for each class of cases."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dirtyaccuracy import predecessor, results, score, workloads
from dirtyaccuracy.cases import Case, from_dict
from dirtyaccuracy.plot import Point
from dirtyaccuracy.prediction import Prediction
from dirtyaccuracy.prediction import from_dict as prediction_from_dict
from dirtyaccuracy.score import Score, Summary
from dirtybench.report import Table, Target

OURS, THEN, PREDECESSOR = "ours", "ours, then", "2023"
# What the predictions have to be like.
MOST_MEDIAN, MOST_P95, MOST_BAD, LEAST_DOWNTIME_GOOD = 0.04, 0.15, 0.01, 0.95
COVERAGE = (0.90, 0.99)
# The table of repeated cases, which not every report has.
REPEATS = "accuracy-repeats"
# Of a smaller class the share of bad ones says little.
LEAST_CLASS = 10
WORST_CASES = 10
# From so many on some have to be outside their bounds.
MANY = 100

COLUMNS = ["cases", "model", "compared", "median", "p95", "bad", "in bounds", "downtime: median",
           "good", "in bounds"]


@dataclass(frozen=True)
class Row:
    """A migration with both models' predictions and what they are worth.

    @then: of what libvirt foretold before the migration, which @prediction need not be
    """
    case: Case
    actual: dict
    prediction: Prediction
    disturbed: bool
    ours: Score
    then: Score
    predecessor: Score


def judge(row: dict, prediction: Prediction) -> Row:
    """Puts a row of the results file beside a prediction."""
    case = from_dict(row["case"])
    limit_ms = case.time_limit_s * 1000
    before = predecessor.predict(case, row["measurement"])
    return Row(case=case, actual=row["actual"], prediction=prediction, disturbed=row["disturbed"],
               ours=score.score(prediction, row["actual"], limit_ms),
               then=score.score(prediction_from_dict(row["prediction"]), row["actual"], limit_ms),
               predecessor=score.score(before, row["actual"], limit_ms))


def failures(rows: Sequence[dict]) -> list[str]:
    """Which cases could not be done, and why."""
    return [f"Case {case.name} ({case.workload}, {case.method}) could not be done: "
            f"{row['failed']}." for row in rows if not results.is_done(row)
            for case in (from_dict(row["case"]),)]


# Who changes the model looks at the one part only, and at the other when done.
PARTS: dict[str, Callable[[Case], bool]] = {"all": lambda case: True,
                                            "train": lambda case: case.number % 2 == 0,
                                            "test": lambda case: case.number % 2 == 1}
UNSEEN = "The {} of them from case {} on: the model was never changed for what they showed"
UNCOMPRESSED = "The {} of them without compression, whose pace the CPUs decide and not the link"

# From so much on a prediction is sure, as in the tables of virsh migrate-predict, which mark others.
SURE = 0.95


def _certainty(certainty: float | None) -> str:
    if certainty is None:
        return "without bounds"
    return "sure" if certainty >= SURE else "doubtful, marked '?'"


# What cases are told apart by.
CLASSES: dict[str, Callable[[Row], str]] = {
    "workload": lambda row: row.case.workload,
    "guest": lambda row: workloads.kind(row.case.guest),
    "method": lambda row: row.case.method,
    "link": lambda row: f"{row.case.link_mbit} Mbit/s",
    "downtime limit": lambda row: f"{row.case.downtime_ms} ms",
    "measurement": lambda row: f"{row.case.mode}, {row.case.calc_ms // 1000} s",
    "certainty": lambda row: _certainty(row.prediction.certainty),
    "machine": lambda row: "busy" if row.disturbed else "quiet",
}


def _percent(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{100 * value:.{digits}f} %"


def _bad(summary: Summary) -> str:
    low, high = score.wilson(summary.bad, summary.cases)
    return f"{summary.bad} ({100 * summary.bad_share:.1f} %, {100 * low:.1f} to {100 * high:.1f})"


def _cells(summary: Summary, model: str) -> list[str]:
    ms = "-" if summary.downtime_median is None else f"{summary.downtime_median:.0f} ms"
    return [str(summary.cases), model, str(summary.compared), _percent(summary.median),
            _percent(summary.p95), _bad(summary), _percent(summary.coverage, 0), ms,
            _percent(summary.downtime_good, 0), _percent(summary.downtime_coverage, 0)]


def _groups(rows: Sequence[Row], name: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(CLASSES[name](row), []).append(row)
    return dict(sorted(found.items(), key=lambda item: _natural(item[0])))


def _natural(text: str) -> tuple:
    return tuple((0, int(word), "") if word.isdecimal() else (1, 0, word) for word in text.split())


def _targets(summary: Summary) -> list[Target]:
    """Whether cases are as good as they have to be."""
    low, high = COVERAGE
    if summary.cases < MANY:
        high = 1.0  # of few none may be outside of bounds that are right
    if not summary.compared:
        return []
    found = [
        Target(f"median error of the total time {_percent(summary.median)}, at most "
               f"{_percent(MOST_MEDIAN, 0)}", summary.median <= MOST_MEDIAN),
        Target(f"95th percentile {_percent(summary.p95)}, at most {_percent(MOST_P95, 0)}",
               summary.p95 <= MOST_P95),
        Target(f"bad {_percent(summary.bad_share)}, at most {_percent(MOST_BAD, 0)}",
               summary.bad_share <= MOST_BAD)]
    if summary.downtime_good is not None:
        found.append(Target(f"downtime within {_percent(score.DOWNTIME_SHARE, 0)} or "
                            f"{score.DOWNTIME_MS} ms in {_percent(summary.downtime_good)}, at least "
                            f"{_percent(LEAST_DOWNTIME_GOOD, 0)}",
                            summary.downtime_good >= LEAST_DOWNTIME_GOOD))
    if summary.coverage is not None:
        found.append(Target(f"95 % bounds hold the time in {_percent(summary.coverage)}, wanted "
                            f"{_percent(low, 0)} to {_percent(high, 0)}",
                            low <= summary.coverage <= high))
    return found


def _summaries(rows: Sequence[Row]) -> dict[str, Summary]:
    return {OURS: score.summarize([row.ours for row in rows]),
            PREDECESSOR: score.summarize([row.predecessor for row in rows])}


def _why_bad(rows: Sequence[Row]) -> str:
    """What was wrong with the bad cases; failure foretold is not in the published definition."""
    bad = [row for row in rows if row.ours.bad]
    unmet = sum(row.actual["status"] != score.COMPLETED for row in bad)
    feared = sum(row.actual["status"] == score.COMPLETED and not row.prediction.converges for row in bad)
    return (f"Of {len(bad)} bad ones {len(bad) - unmet - feared} were off by "
            f"{_percent(score.BAD_SHARE, 0)} or more, of {unmet} success was foretold and not met: by the "
            f"published definition {_percent((len(bad) - feared) / len(rows))}. Of {feared} failure was "
            "foretold, and they completed.")


def total_table(rows: Sequence[Row], failed: Sequence[str] = (), name: str = "accuracy",
                title: str = "{} migrations, foretold and done") -> Table:
    """All cases together, with what they have to show."""
    summaries = _summaries(rows)
    if any(row.then != row.ours for row in rows):  # foretold anew
        summaries[THEN] = score.summarize([row.then for row in rows])
    table = Table(name, title.format(len(rows)), COLUMNS,
                  targets=_targets(summaries[OURS]),
                  figures={name: vars(summary) for name, summary in summaries.items()})
    table.rows = [_cells(summary, name) for name, summary in summaries.items()]
    if summaries[OURS].bad:
        table.notes.append(_why_bad(rows))
    wider = summaries[OURS].widening
    if wider:
        table.notes.append(f"To hold {_percent(score.WANTED_COVERAGE, 0)} of the times the bounds had to "
                           f"be wider by {_percent(wider)} of them.")
    busy = sum(row.disturbed for row in rows)
    if busy:
        table.notes.append(f"{busy} of them on a busy machine.")
    table.notes += failed
    return table


def _worse(name: str, summary: Summary) -> str | None:
    """What a class of cases lacks, in words; None where nothing."""
    missed = [target.text for target in _targets(summary) if not target.met]
    return f"{name}: {'; '.join(missed)}" if missed and summary.cases >= LEAST_CLASS else None


def class_table(rows: Sequence[Row], by: str) -> Table:
    """The same for each class of cases; names the classes that are worse than all have to be."""
    table = Table(f"accuracy-{by.replace(' ', '-')}", f"By {by}", [by, *COLUMNS])
    for name, group in _groups(rows, by).items():
        summaries = _summaries(group)
        table.rows += [[name, *_cells(summary, model)] for model, summary in summaries.items()]
        table.figures[name] = {model: vars(summary) for model, summary in summaries.items()}
        worse = _worse(name, summaries[OURS])
        if worse:
            table.notes.append(f"Worse than wanted: {worse}.")
    return table


def _badness(row: Row) -> tuple:
    return row.ours.bad, abs(row.ours.error or 0)


def _seconds(ms: float) -> str:
    return "-" if math.isinf(ms) else f"{ms / 1000:.2f}"


def _foretold(row: Row) -> str:
    """The time with its bounds, or why there is none."""
    total = row.prediction.total
    if not row.prediction.converges:
        return row.prediction.verdict
    bounds = f" ({_seconds(total.low)} to {_seconds(total.high)})" if total.bounded else ""
    return f"{_seconds(total.value)} s{bounds}"


def _was(row: Row) -> str:
    """The time that it took, and how far the prediction was off."""
    if row.actual["status"] != score.COMPLETED:
        return row.actual["status"]
    off = "" if row.ours.error is None else f" ({100 * row.ours.error:+.1f} %)"
    return f"{_seconds(score.total_ms(row.actual))} s{off}"


def _downtime(row: Row) -> str:
    """Foretold and actual downtime, ms."""
    foretold, was = row.prediction.downtime, row.actual.get("standstill-ms")
    if was is None or not row.prediction.converges or not foretold:
        return "-"
    return f"{foretold.value:.0f}, was {was:.0f} ms"


def worst_table(rows: Sequence[Row], count: int) -> Table:
    """The cases whose time was foretold worst."""
    table = Table("accuracy-worst", "The worst cases",
                  ["case", "workload", "method", "link", "downtime limit", "foretold", "actual",
                   "downtime", "passes", "machine"])
    for row in sorted(rows, key=_badness, reverse=True)[:count]:
        case = row.case
        table.rows.append([
            case.name, case.workload, case.method, case.link,
            f"{case.downtime_ms} ms", _foretold(row), _was(row), _downtime(row),
            str(row.actual.get("passes", "-")), CLASSES["machine"](row)])
    return table


def repeat_table(rows: Sequence[dict]) -> Table | None:
    """How much migrations differ of cases that were done more than once; None where none was.

    @rows: of the results file, all of them
    """
    found: dict[tuple, list[dict]] = {}
    for row in filter(results.is_done, rows):
        if row["actual"]["status"] == score.COMPLETED:
            found.setdefault(results.key(row), []).append(row)
    by_method: dict[str, list[list[dict]]] = {}
    for again in found.values():
        if len(again) > 1:
            by_method.setdefault(again[0]["case"]["method"], []).append(again)
    table = Table(REPEATS, "The same case, done again",
                  ["method", "cases", "migrations", "times differ: median", "most",
                   "downtimes differ: median", "most"])
    for method, cases in sorted(by_method.items()):
        times = [[score.total_ms(row["actual"]) for row in again] for again in cases]
        spread = [max(ms) / min(ms) - 1 for ms in times]
        still = [[row["actual"].get("standstill-ms", 0) for row in again] for again in cases]
        apart = [max(ms) - min(ms) for ms in still]
        table.rows.append([method, str(len(cases)), str(sum(map(len, cases))),
                           _percent(statistics.median(spread)), _percent(max(spread)),
                           f"{statistics.median(apart):.0f} ms", f"{max(apart):.0f} ms"])
    return table if table.rows else None


def tables(rows: Sequence[Row], failed: Sequence[str] = (),
           worst: int = WORST_CASES, unseen: int = 0) -> list[Table]:
    """The whole report.

    @failed: what could not be done, see failures()
    @worst: how many single cases are named
    @unseen: number of the first case that did not make the model what it is; those from there on get
             a table of their own, unless it is 0
    """
    uncompressed = [row for row in rows if not row.case.compression]
    late = [row for row in rows if row.case.number >= unseen]
    return [total_table(rows, failed),
            *([total_table(late, name="accuracy-unseen", title=UNSEEN.format("{}", unseen))]
              if unseen else []),
            total_table(uncompressed, name="accuracy-uncompressed", title=UNCOMPRESSED),
            *(class_table(rows, by) for by in CLASSES),
            worst_table(rows, worst)]


def points(rows: Sequence[Row]) -> list[Point]:
    """What the plot shows: by method, migrations that were to complete and have."""
    found = []
    for row in rows:
        total = row.prediction.total
        if row.actual["status"] == score.COMPLETED and row.prediction.converges:
            found.append(Point(row.case.method, score.total_ms(row.actual) / 1000,
                               total.value / 1000, total.low / 1000, total.high / 1000))
    return found
