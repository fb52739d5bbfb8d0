# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests of virsh migrate-predict share: the table it prints."""

import re
import subprocess
from dataclasses import dataclass, field

from lab_case import LabCase

TIME = r"(?:\d+\.\ds|\d+m\d\ds|\d+h\d\dm)"
CELL = re.compile(rf"(~?)({TIME}|-)(\??)(?: \(({TIME}) to ({TIME}|-)\))?")


@dataclass(frozen=True)
class Cell:
    """A prediction; seconds, None where it does not converge."""
    time: float | None
    extrapolated: bool
    unsure: bool
    low: float | None
    high: float | None


@dataclass
class Prediction:
    """What migrate-predict prints."""
    text: str
    bandwidths: list[str]
    downtimes: list[str]
    rows: list[list[Cell]]
    notes: list[str]
    recommendation: str
    # By (bandwidth, downtime limit); with --explain.
    reasons: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def times(self) -> list[list[float | None]]:
        return [[cell.time for cell in row] for row in self.rows]


def seconds(text: str | None) -> float | None:
    """A time as the table has it."""
    if text in (None, "-"):
        return None
    units = {"s": 1, "m": 60, "h": 3600}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)([smh])", text))


def _columns(line: str) -> list[str]:
    return re.split(r" {2,}", line.strip())


def _cell(text: str) -> Cell:
    found = CELL.fullmatch(text)
    if not found:
        raise AssertionError(f"'{text}' is no cell")
    return Cell(seconds(found[2]), found[1] == "~", found[3] == "?", seconds(found[4]),
                seconds(found[5]))


def parse(text: str) -> Prediction:
    """Reads the output; the table stands under a line that is nothing but its title."""
    lines = text.splitlines()
    title = next(i for i, line in enumerate(lines) if re.fullmatch(r" +Downtime limit", line))
    if set(lines[title + 2]) != {"-"}:
        raise AssertionError(f"no table:\n{text}")
    bandwidths, rows = [], []
    for line in lines[title + 3:]:
        if not line.startswith(" ") or line.startswith((" ~ ", " ? ")):
            break
        label, *cells = _columns(line)
        bandwidths.append(label)
        rows.append([_cell(cell) for cell in cells])
    said = [line for line in lines if line.strip()]
    return Prediction(
        text=text, bandwidths=bandwidths, downtimes=_columns(lines[title + 1])[1:], rows=rows,
        notes=[line.removeprefix("Note: ") for line in lines if line.startswith("Note: ")],
        recommendation=said[-1],
        reasons={(found[1], found[2]): found[3] for found in
                 (re.fullmatch(r"([^:,]+/s), ([^:,]+): (.*)", line) for line in lines) if found})


class PredictCase(LabCase):
    """A lab whose guests' migrations are predicted."""

    def predict_raw(self, name: str, *options: str, **how) -> subprocess.CompletedProcess:
        return self.virsh("migrate-predict", name, *options, **how)

    def predict(self, name: str, *options: str) -> Prediction:
        done = self.predict_raw(name, *options)
        self.assertEqual(done.stderr, "")
        return parse(done.stdout)
