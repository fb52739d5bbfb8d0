# SPDX-License-Identifier: LGPL-2.1-or-later
"""The scatter plot, predicted against actual, drawn by gnuplot."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dirtylab.errors import LabError

FORMATS = {".svg": "svg size 900,760 dynamic background '#ffffff' font 'sans,12'",
           ".png": "pngcairo size 900,760 font 'sans,11'"}
# Of the lines beside the diagonal: what is outside them is bad.
BAD_LOW, BAD_HIGH = 0.75, 1.25
LEAST_S = 0.1
# Easy to tell apart, also for who sees few colours.
STYLES = ("pt 7 lc rgb '#0072b2'", "pt 5 lc rgb '#d55e00'", "pt 9 lc rgb '#009e73'",
          "pt 13 lc rgb '#cc79a7'", "pt 11 lc rgb '#e69f00'", "pt 4 lc rgb '#56b4e9'",
          "pt 6 lc rgb '#000000'")


@dataclass(frozen=True)
class Point:
    """One migration, s. The upper bound may be infinite."""
    series: str
    actual: float
    predicted: float
    low: float
    high: float


def script(points: list[Point], title: str, output: Path) -> str:
    """The commands for gnuplot, data included."""
    names = sorted({point.series for point in points})
    values = [value for p in points for value in (p.actual, p.predicted)]
    low, high = max(LEAST_S, min(values) * 0.8), max(values) * 1.25
    blocks, plots = [], []
    for i, name in enumerate(names):
        # A bar that leaves the plot is cut off at its edge.
        lines = [f"{p.actual} {p.predicted} {max(p.low, low)} {min(p.high, high)}"
                 for p in points if p.series == name]
        blocks.append(f"$data{i} << END\n" + "\n".join(lines) + "\nEND")
        style = STYLES[i % len(STYLES)]
        plots.append(f"$data{i} using 1:2:3:4 with yerrorbars {style} ps 0.6 lw 0.7 title '{name}'")
    return "\n".join([
        *blocks, f"set terminal {FORMATS[output.suffix]}", f"set output '{output}'",
        f"set title '{title}'", "set logscale xy", f"set xrange [{low:g}:{high:g}]",
        f"set yrange [{low:g}:{high:g}]", "set xlabel 'actual time, s'",
        "set ylabel 'predicted time, s'", "set key top left", "set grid lc rgb '#dddddd'",
        "plot x with lines lc rgb '#444444' notitle, "
        f"{BAD_LOW}*x with lines dt 2 lc rgb '#999999' title '25 % off', "
        f"{BAD_HIGH}*x with lines dt 2 lc rgb '#999999' notitle, " + ", ".join(plots), ""])


def draw(points: list[Point], title: str, base: Path) -> list[Path]:
    """Draws the plot beside base in all formats. LabError where it cannot be drawn."""
    if not points:
        raise LabError("there is nothing to plot: no migration that was to complete has completed")
    if not shutil.which("gnuplot"):
        raise LabError("gnuplot is missing: 'make accuracy' installs it (Debian: gnuplot-nox)")
    base.parent.mkdir(parents=True, exist_ok=True)
    made = []
    for suffix in FORMATS:
        path = base.with_suffix(suffix)
        with tempfile.NamedTemporaryFile("w", suffix=".gp", encoding="utf-8") as file:
            file.write(script(points, title, path))
            file.flush()
            done = subprocess.run(["gnuplot", file.name], stdin=subprocess.DEVNULL, text=True,
                                  capture_output=True, errors="replace", check=False)
        if done.returncode != 0 or not path.exists():
            raise LabError(f"gnuplot cannot draw '{path}': {done.stderr.strip()}")
        made.append(path)
    return made
