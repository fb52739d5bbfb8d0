# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line of the accuracy run."""

import argparse
import random
import shutil
import signal
import sys
from pathlib import Path

from common import ROOT, stack_dir
from dirtyaccuracy import noise, plot, product, report, results
from dirtyaccuracy.cases import from_dict
from dirtyaccuracy.prediction import from_dict as prediction_from_dict
from dirtyaccuracy.run import Settings, run, say
from dirtyaccuracy.trial import clear
from dirtybench import machine
from dirtybench.report import Table, put_into
from dirtylab import linux, network
from dirtylab.cli import number
from dirtylab.errors import LabError
from dirtylab.lab import runtime_directory
from dirtylab.programs import find_programs

DESCRIPTION = "Foretells random live migrations, does them, and says how good the predictions were."
EPILOG = """\
example:
  ./run tools/accuracy/accuracy run --cases 20 --seed 1    do the cases that are not done yet
  ./run tools/accuracy/accuracy report                     how good the predictions were
  ./run tools/accuracy/accuracy report --replay --part test   how good the model of now would be

make accuracy [N=CASES] [SEED=SEED] builds what is needed, does both, and draws the plot.
"""
DEFAULT_CASES = 300
RESULTS = ROOT / "accuracy/results.jsonl"
DOCUMENT = ROOT / "docs/accuracy.md"


def _virt_dirty(given: str | None) -> str:
    """The program that predicts: as given, else this checkout's, else the one on PATH."""
    own = stack_dir() / "own/tools/virt-dirty/virt-dirty"
    found = shutil.which(given or (str(own) if own.exists() else product.PROGRAM))
    if not found:
        raise LabError(f"'{given or product.PROGRAM}', which predicts, is missing: run 'make "
                       "accuracy', which builds it, or name one with --virt-dirty")
    return found


def cmd_run(args: argparse.Namespace) -> int:
    """Does the cases that have no row in the results file yet."""
    if args.results.suffix == results.PACKED:
        raise LabError(f"'{args.results}' is packed, and nothing can be added to it: unpack it first, "
                       "or choose another file with --results")
    programs = find_programs()
    with_linux = args.guests == "all"
    if with_linux:
        linux.images(programs)  # at once, not at the first case that needs them
    reason = network.unusable()
    if reason:
        raise LabError(f"migrations need two hosts, which cannot be had: {reason}")
    seed = random.randrange(2**31) if args.seed is None else args.seed
    settings = Settings(
        programs=programs, state=args.state or runtime_directory() / "lab-accuracy",
        file=args.results, seed=seed, cases=args.cases, linux=with_linux)
    noise.go_first()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended in order by that as well
    with results.alone(settings.file):
        clear(settings.state, programs)  # of a run that was killed
        try:
            failed = run(settings)
        finally:
            clear(settings.state, programs)
    if failed:
        say(f"{failed} cases could not be done: the same command with --seed {seed} tries again")
    return 1 if failed else 0


def _rows(args: argparse.Namespace) -> list[dict]:
    """All rows of the cases to report of, those included that could not be done."""
    found = [row for row in results.read(args.results)
             if report.PARTS[args.part](from_dict(row["case"]))
             and args.seed in (None, row["case"]["seed"])]
    if not any(map(results.is_done, found)):
        raise LabError(f"'{args.results}' has no such case: 'accuracy run' does some")
    return found


def _judged(args: argparse.Namespace, rows: list[dict]) -> list[report.Row]:
    program = _virt_dirty(args.virt_dirty) if args.replay else ""
    judged = []
    for row in filter(results.is_done, rows):
        if args.replay:
            foretold = product.replay(from_dict(row["case"]), row["measurement"], row["settings"],
                                      program)
        else:
            foretold = prediction_from_dict(row["prediction"])
        judged.append(report.judge(row, foretold))
    return judged


def _command(args: argparse.Namespace) -> str:
    """What prints the same again."""
    words = ["tools/accuracy/accuracy report"] + ["--replay"] * args.replay
    if args.results != RESULTS:
        file = args.results.resolve()
        words += ["--results", str(file.relative_to(ROOT) if file.is_relative_to(ROOT) else file)]
    words += [] if args.part == "all" else ["--part", args.part]
    words += [] if args.seed is None else ["--seed", str(args.seed)]
    words += ["--unseen", str(args.unseen)] if args.unseen else []
    return " ".join(words)


def _print(table: Table, form: str, markdown: str) -> None:
    print({"text": table.as_text() + "\n", "json": table.as_json(), "markdown": markdown + "\n"}[form])


def cmd_report(args: argparse.Namespace) -> int:
    """Prints how good the predictions were, and draws the plot."""
    attempts = _rows(args)
    chosen = results.chosen(attempts)
    rows = _judged(args, chosen)
    tables = [*report.tables(rows, report.failures(chosen), args.worst, args.unseen),
              *filter(None, [report.repeat_table(attempts)])]
    if args.write:  # where it was before, and this time no case was done again
        put_into(DOCUMENT, report.REPEATS, "")
    for table in tables:
        markdown = table.as_markdown(_command(args), [f"{machine.host()}."])
        _print(table, args.format, markdown)
        if args.write:
            put_into(DOCUMENT, table.name, markdown)
    for base in [args.plot] * bool(args.plot) + [DOCUMENT.with_suffix("")] * args.write:
        title = f"{len(rows)} migrations between two libvirt hosts"
        for path in plot.draw(report.points(rows), title, base):
            say(f"plot: {path}")
    missed = [target.text for target in tables[0].targets if not target.met]
    return 1 if args.strict and missed else 0


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(prog="accuracy", description=DESCRIPTION, epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--results", type=Path, default=RESULTS, metavar="FILE",
                        help="a line of JSON for each case; for a report it may end in .xz and be packed "
                             f"(default: {RESULTS.relative_to(ROOT)})")
    seeds = number(0, 2**31 - 1, "seeds")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, function) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=function.__doc__, description=function.__doc__,
                                  parents=[common], allow_abbrev=False)
        sub.set_defaults(function=function)
        return sub

    sub = add("run", cmd_run)
    sub.add_argument("--cases", type=number(1, 1000000, "cases"), default=DEFAULT_CASES, metavar="N",
                     help="the first N of the seed; done ones are not done again "
                          f"(default: {DEFAULT_CASES})")
    sub.add_argument("--seed", type=seeds, metavar="N",
                     help="what they are drawn from (default: by chance, and printed)")
    sub.add_argument("--guests", choices=("all", "test"), default="all",
                     help="test: no Linux guests, only test guests (default: all)")
    sub.add_argument("--state", type=Path, metavar="DIR",
                     help="the directory of its lab (default: the lab 'accuracy')")
    sub = add("report", cmd_report)
    sub.add_argument("--replay", action="store_true",
                     help="predict anew from the kept measurements, with the model of now")
    sub.add_argument("--virt-dirty", metavar="PATH",
                     help="what predicts anew (default: the one this checkout has built)")
    sub.add_argument("--part", choices=report.PARTS, default="all",
                     help="train: cases with an even number, test: with an odd one (default: all)")
    sub.add_argument("--seed", type=seeds, metavar="N", help="the cases of this seed alone")
    sub.add_argument("--unseen", type=number(0, 1000000, "a case's number"), default=0, metavar="N",
                     help="a table of its own for cases from number N on, for which the model was not "
                          "changed")
    sub.add_argument("--worst", type=number(1, 1000000, "cases"), default=report.WORST_CASES,
                     metavar="N", help=f"name the N worst cases (default: {report.WORST_CASES})")
    sub.add_argument("--format", choices=("text", "markdown", "json"), default="text",
                     help="json: one object a line (default: text)")
    sub.add_argument("--plot", type=Path, metavar="BASE",
                     help="draw the scatter plot as BASE.svg and BASE.png")
    sub.add_argument("--write", action="store_true",
                     help=f"also put tables and plot into {DOCUMENT.relative_to(ROOT)}")
    sub.add_argument("--strict", action="store_true",
                     help="exit with 1 if a target is missed")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Runs one command. Returns its exit code: 0, 1 for an error, 130 after Ctrl-C."""
    args = make_parser().parse_args(argv)
    try:
        return args.function(args)
    except LabError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted: the same command goes on from here")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
