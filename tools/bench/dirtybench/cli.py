# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line of the benchmark."""

import argparse
import sys
import time
from pathlib import Path

from common import ROOT, stack_dir
from dirtybench import machine, report
from dirtybench.bench import OURS, STOCK, Bench
from dirtybench.tables import TABLES
from dirtylab import accel
from dirtylab.cli import number
from dirtylab.errors import LabError
from dirtylab.programs import find_programs

QEMU = "qemu/build/qemu-system-x86_64"
DOCUMENT = ROOT / "docs/benchmarks.md"


def say(text: str) -> None:
    """Says something that is no result."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    stack = stack_dir()
    names = "\n".join(f"  {name:<16} {table.__doc__.splitlines()[0]}"
                      for name, table in TABLES.items())
    parser = argparse.ArgumentParser(
        prog="bench", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Prints the benchmark tables: our QEMU beside stock QEMU and the truth.",
        epilog=f"tables:\n{names}\n\nmake bench builds what is needed and prints them all.",
        allow_abbrev=False)
    parser.add_argument("tables", nargs="*", metavar="TABLE", choices=[*TABLES, []],
                        help="print these only (default: all, in about 45 minutes)")
    parser.add_argument("--repetitions", type=number(1, 100000, "repetitions"), metavar="N",
                        help="how often each thing is measured (default: the table's own number, "
                             "at least 10)")
    parser.add_argument("--quick", action="store_true",
                        help="small guests, few repetitions: shows that all works, its figures "
                             "mean little")
    parser.add_argument("--format", choices=("text", "markdown", "json"), default="text",
                        help="json: one object a line (default: text)")
    parser.add_argument("--write", action="store_true",
                        help=f"also put the tables into {DOCUMENT.relative_to(ROOT)}")
    parser.add_argument("--ours", type=Path, default=stack / "patched" / QEMU, metavar="PATH",
                        help="our QEMU (default: the one make stack builds)")
    parser.add_argument("--stock", type=Path, default=stack / "stock" / QEMU, metavar="PATH",
                        help="stock QEMU (default: the one make bench builds)")
    return parser


def make_bench(args: argparse.Namespace) -> Bench:
    """Finds all programs. LabError if one is missing."""
    own = stack_dir() / "own"
    memory = own / "tools/bench/bench-memory"
    for path in (args.ours, args.stock, memory):
        if not path.exists():
            raise LabError(f"'{path}' is missing: run 'make bench', which builds it")
    guest = own / "tests/guest/dirty-guest.elf"
    programs = find_programs(virtqemud="/bin/true", virsh="/bin/true", emulator=str(args.stock),
                             guest=str(guest))
    kvm = accel.Kvm(works=False, emulates=False, reason="KVM is left out in a quick run")
    if not args.quick:
        say("looking for a usable KVM")
        kvm = accel.probe(programs, own)
    return Bench(binaries={OURS: args.ours, STOCK: args.stock}, guest=Path(programs.guest),
                 memory=memory, kvm=kvm, repetitions=args.repetitions, quick=args.quick)


def command_of(args: argparse.Namespace, name: str) -> str:
    """The command that prints one table alone."""
    words = ["tools/bench/bench", name]
    if args.repetitions:
        words += ["--repetitions", str(args.repetitions)]
    return " ".join(words + ["--quick"] * args.quick)


def run(args: argparse.Namespace) -> None:
    """Makes and prints the tables."""
    bench = make_bench(args)
    about = machine.describe(args.ours, args.stock, bench.kvm.reason)
    if args.format == "text":
        print("\n".join(about) + "\nFigures are medians, with smallest and largest in brackets, "
              "unless a table says otherwise.\n")
    for name in args.tables or TABLES:
        start = time.monotonic()
        say(f"{name}: {TABLES[name].__doc__.splitlines()[0]}")
        table = TABLES[name].run(bench)
        table.notes.append(f"It took {time.monotonic() - start:.0f} s.")
        command = command_of(args, name)
        markdown = table.as_markdown(command, about)
        print({"json": table.as_json(), "markdown": markdown + "\n",
               "text": f"{table.as_text()}\nThis table alone: {command}\n"}[args.format],
              flush=True)
        if args.write:
            report.put_into(DOCUMENT, name, markdown)


def main(argv: list[str] | None = None) -> int:
    """Runs the benchmark. Returns its exit code: 0, 1 for an error, 130 after Ctrl-C."""
    args = make_parser().parse_args(argv)
    try:
        run(args)
    except LabError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    return 0
