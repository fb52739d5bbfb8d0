# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tables for a terminal, for a document and for programs."""

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dirtylab.errors import LabError


@dataclass(frozen=True)
class Target:
    """What a table must show, and whether it does."""
    text: str
    met: bool

    def line(self) -> str:
        """For people."""
        return f"{'met' if self.met else 'MISSED'}: {self.text}"


@dataclass
class Table:
    """One table of the benchmark; cells are text, figures the numbers behind the targets."""
    name: str
    title: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    figures: dict = field(default_factory=dict)

    def as_text(self) -> str:
        """For a terminal."""
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
                 for row in [self.columns, *self.rows]]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([f"== {self.title}", "", *lines, "", *self.notes,
                          *(target.line() for target in self.targets)])

    def as_markdown(self, command: str, machine: list[str]) -> str:
        """For a document."""
        def line(cells: list[str]) -> str:
            return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

        remarks = [*self.notes, *(f"Target {target.line()}." for target in self.targets)]
        return "\n".join([f"### {self.title}", "", line(self.columns),
                          "|" + "---|" * len(self.columns), *map(line, self.rows), "",
                          *(f"- {remark}" for remark in remarks),
                          f"- Command: `{command}`", *(f"- {words}" for words in machine)])

    def as_json(self) -> str:
        """For programs."""
        return json.dumps(asdict(self))


def put_into(document: Path, name: str, text: str) -> None:
    """Puts a table between its two marks in a document."""
    begin, end = f"<!-- table {name} -->", f"<!-- end of table {name} -->"
    old = document.read_text(encoding="utf-8")
    new, count = re.subn(re.escape(begin) + ".*?" + re.escape(end),
                         lambda _: f"{begin}\n{text}\n{end}", old, flags=re.DOTALL)
    if count != 1:
        raise LabError(f"'{document}' has no place for the table '{name}': it needs the lines "
                       f"'{begin}' and '{end}' once")
    document.write_text(new, encoding="utf-8")
