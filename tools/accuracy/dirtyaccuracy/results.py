# SPDX-License-Identifier: LGPL-2.1-or-later
"""The results file: a line of JSON for each case done, only ever added to."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from dirtyaccuracy.cases import VERSION
from dirtylab.errors import LabError

# Of a row that this version wrote. One with another number is not read as if it were.
FORMAT = 1


def read(path: Path) -> list[dict]:
    """All whole rows, in the order of the cases; LabError for a file that is none of ours.

    A last line without its end is what a killed run has left: its case is done again.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise LabError(f"the results in '{path}' cannot be read: {error}: choose another file "
                       "with --results") from None
    rows = {}
    for i, line in enumerate(text.split("\n")[:-1], 1):
        try:
            row = json.loads(line)
            if row["format"] != FORMAT:
                raise LabError(f"line {i} of '{path}' has format {row['format']}, this version "
                               f"reads {FORMAT}: choose another file with --results")
            rows[key(row)] = row
        except (ValueError, KeyError, TypeError):
            raise LabError(f"line {i} of '{path}' is no result of an accuracy run: choose another "
                           "file with --results") from None
    return [rows[name] for name in sorted(rows)]


def key(row: dict) -> tuple[int, int, int]:
    """Which case a row is of."""
    return tuple(row["case"][name] for name in ("version", "seed", "number"))


def missing(rows: Iterable[dict], seed: int, count: int) -> list[int]:
    """Which of the first cases of a seed, as they are drawn now, have no row yet."""
    done = set(map(key, rows))
    return [number for number in range(count) if (VERSION, seed, number) not in done]


def append(path: Path, row: dict) -> None:
    """Adds a row; it is there whole, or not at all, whatever happens to this process."""
    line = json.dumps({"format": FORMAT, **row}, separators=(",", ":"), allow_nan=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        _cut_half_line(descriptor)
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cut_half_line(descriptor: int) -> None:
    """Removes what a killed run began to write, lest the next row follow it on the same line."""
    size = os.fstat(descriptor).st_size
    end = size
    while end > 0:
        begin = max(0, end - 65536)
        place = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if place >= 0:
            end = begin + place + 1
            break
        end = begin
    if end != size:
        os.ftruncate(descriptor, end)
