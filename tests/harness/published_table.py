#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
The published table of predictions beside ours, cell by cell, and what each difference is made of.
Run as a program it prints the tables that docs/prediction.md shows, or brings them up to date there.
"""

import json
import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import published_model

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "tests/data/published-sample.json"

# The published units: a Gbps is 2^30 bit/s, and headers take nothing of it.
GBPS = 2 ** 30 / 8
DOWNTIMES_MS = (125, 250, 500, 1000, 5000, math.inf)

# Seconds, None where it does not converge; rows in units of 2^30 bit/s (100 Mbps is 100/1024).
PUBLISHED = {
    100 / 1024: (None, None, None, None, None, 16 * 60 + 59),
    1: (None, None, None, None, None, 100),
    2: (None, None, None, None, 101, 50),
    2.5: (None, None, None, None, 67, 40),
    5: (48, 46, 31, 28, 25, 20),
    10: (13, 12, 12, 12, 12, 10),
    25: (5, 5, 5, 5, 4, 4),
    40: (3, 3, 3, 3, 3, 3),
}

# Where the tables stand in the docs.
BEGIN, END = "<!-- published table: begin -->", "<!-- published table: end -->"


@dataclass
class Cell:
    """One migration, predicted by both; times in s, None where it does not converge."""
    gbps: float
    downtime_ms: float
    published: int | None
    published_bytes: float | None
    ours: float | None
    verdict: str
    bytes: float

    @property
    def sending(self) -> float:
        """s more that we say the wire is busy, because other pages are sent."""
        return (self.bytes - self.published_bytes) / (self.gbps * GBPS)

    @property
    def waiting(self) -> float:
        """s that we say the wire is not busy."""
        return self.ours - self.bytes / (self.gbps * GBPS)


def cells(program: str = "virt-dirty") -> list[Cell]:
    """All cells, row by row."""
    reply = json.loads(SAMPLE.read_text())
    bandwidths = ",".join(repr(gbps * GBPS / 2 ** 20) for gbps in PUBLISHED)
    downtimes = ",".join("unlimited" if math.isinf(ms) else str(ms) for ms in DOWNTIMES_MS)
    command = [program, "predict", str(SAMPLE), "--json", "--bandwidth", bandwidths,
               "--downtime", downtimes]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    predicted = iter(json.loads(done.stdout)["cells"])
    result = []
    for gbps, row in PUBLISHED.items():
        for downtime, published in zip(DOWNTIMES_MS, row):
            cell = next(predicted)
            theirs = published_model.migration(reply, gbps * GBPS, downtime)
            result.append(Cell(gbps, downtime, published, theirs and theirs[1],
                               cell["time"] and cell["time"] / 1000, cell["verdict"],
                               cell["bytes"]))
    return result


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f} s" if value >= 100 else f"{value:.1f} s"


def _whole(cell: Cell) -> str:
    published = "-" if cell.published is None else f"{cell.published} s"
    return f"{published} → {_seconds(cell.ours)}"


def _parts(cell: Cell) -> str:
    if cell.ours is None or cell.published is None:
        return "" if cell.ours is cell.published else cell.verdict
    return f"{cell.waiting:+.1f} {cell.sending:+.1f}".replace("-", "−")


def _table(rows: list[Cell], show) -> list[str]:
    heads = ["unlimited" if math.isinf(ms) else f"{ms} ms" for ms in DOWNTIMES_MS]
    lines = [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    width = len(DOWNTIMES_MS)
    for start in range(0, len(rows), width):
        row = rows[start:start + width]
        name = "100 Mbps" if row[0].gbps < 1 else f"{row[0].gbps:g} Gbps"
        lines.append(f"| {name} | {' | '.join(show(cell) for cell in row)} |")
    return lines


def markdown(rows: list[Cell]) -> str:
    """Both tables, as they stand in the docs."""
    return "\n".join([
        "Total time, published → ours:", "", *_table(rows, _whole), "",
        "The difference in seconds: what the wire is not busy, and what it is busier or less busy:",
        "", *_table(rows, _parts)])


def replace_in(text: str, tables: str) -> str:
    """A document with the tables in it brought up to date."""
    head, rest = text.split(BEGIN, 1)
    return f"{head}{BEGIN}\n\n{tables}\n\n{END}{rest.split(END, 1)[1]}"


def main() -> None:
    tables = markdown(cells())
    if len(sys.argv) == 1:
        print(tables)
        return
    document = Path(sys.argv[1])
    document.write_text(replace_in(document.read_text(), tables))


if __name__ == "__main__":
    main()
