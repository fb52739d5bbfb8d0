# SPDX-License-Identifier: LGPL-2.1-or-later
"""The results file: a line of JSON for each time a case was done, only ever added to."""

import contextlib
import fcntl
import json
import lzma
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dirtyaccuracy.cases import VERSION
from dirtylab.errors import LabError

# Of a row that this version wrote. One with another number is not read as if it were.
FORMAT = 2
# Of a file that is only read, such as the one that docs/accuracy.md was made of.
PACKED = ".xz"
# How often a case is done in all if others disturb it, and in each run if it cannot be done.
ATTEMPTS = 2


def read(path: Path) -> list[dict]:
    """All whole rows, in the order they were written; LabError for a file that is none of ours.

    A last line without its end is what a killed run has left: its case is done again.
    """
    try:
        with lzma.open(path, "rt", encoding="utf-8") if path.suffix == PACKED else \
                path.open(encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return []
    except (OSError, ValueError, EOFError, lzma.LZMAError) as error:
        raise LabError(f"the results in '{path}' cannot be read: {error}: choose another file "
                       "with --results") from None
    rows = []
    for i, line in enumerate(text.split("\n")[:-1], 1):
        try:
            row = json.loads(line)
            if row["format"] != FORMAT:
                raise LabError(f"line {i} of '{path}' has format {row['format']}, this version "
                               f"reads {FORMAT}: choose another file with --results")
            key(row)
            rows.append(row)
        except (ValueError, KeyError, TypeError):
            raise LabError(f"line {i} of '{path}' is no result of an accuracy run: choose another "
                           "file with --results") from None
    return rows


def key(row: dict) -> tuple[int, int, int]:
    """Which case a row is of."""
    return tuple(row["case"][name] for name in ("version", "seed", "number"))


def is_done(row: dict) -> bool:
    """Whether the case was measured and migrated, whatever came of that."""
    return "failed" not in row


def chosen(rows: Iterable[dict]) -> list[dict]:
    """The one row of each case that counts, in the order of the cases.

    That is the last one with a migration: a case is only done again after one that others have
    disturbed. It is the last one without if there is none.
    """
    found: dict[tuple, dict] = {}
    for row in rows:
        before = found.get(key(row))
        if before is None or is_done(row) or not is_done(before):
            found[key(row)] = row
    return [found[name] for name in sorted(found)]


def is_wanted(rows: Sequence[dict]) -> bool:
    """Whether the case that has these rows is still to be done: it never was, or others have
    disturbed it each time, and that was not tried often enough. What a case gave has no part in this.
    """
    done = list(filter(is_done, rows))
    return not done or all(row["disturbed"] for row in done) and len(done) < ATTEMPTS


def by_case(rows: Iterable[dict], seed: int, count: int) -> dict[int, list[dict]]:
    """The rows that the first cases of a seed have, as they are drawn now; by their numbers."""
    found: dict[int, list[dict]] = {number: [] for number in range(count)}
    for row in rows:
        version, of, number = key(row)
        if (version, of) == (VERSION, seed) and number in found:
            found[number].append(row)
    return found


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keeps another run off a file. LabError if one is at it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(f"another run adds to '{path}': wait for it, or choose another file with "
                           "--results") from None
        yield


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
