# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line of the lab: each command is a function below, and a row of the parser."""

import argparse
import json
import os
import sys
from pathlib import Path

from dirtylab import accel, guests, truth
from dirtylab.errors import LabError
from dirtylab.lab import Lab, runtime_directory
from dirtylab.programs import find_programs

DESCRIPTION = "A private libvirt daemon and guests that dirty memory in a known way."
EPILOG = """\
example:
  lab up                        start the daemon, print its URI
  lab guest g1 --rate 100       start a guest that writes 100 MiB/s
  lab exec -- virsh list        a command that uses the lab's daemon
  lab truth g1 --seconds 5      what the guest has written
  lab down                      end all of it
"""


def note(text: str) -> None:
    """Says something that is no result."""
    print(f"lab: {text}", file=sys.stderr)


def number(low: int, high: int, unit: str):
    """An argparse type: a whole number in a range."""
    def convert(text: str) -> int:
        if text.isdecimal() and text.isascii() and low <= int(text[:12]) <= high:
            return int(text)
        raise argparse.ArgumentTypeError(f"'{text}': a whole number of {unit} from {low} to "
                                         f"{high} is needed")
    return convert


def rate(text: str) -> float | None:
    """An argparse type: a rate in MiB/s, or max."""
    if text == "max":
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 100000:
        raise argparse.ArgumentTypeError(f"'{text}': MiB/s from 0 to 100000, or max, is needed")
    return value


def cmd_up(lab: Lab, args: argparse.Namespace) -> None:
    """Starts the lab and prints its URI."""
    print(lab.up(find_programs(args.virtqemud, args.virsh, args.emulator, args.guest_image,
                               args.firmware)).uri)


def cmd_uri(lab: Lab, _args: argparse.Namespace) -> None:
    """Prints the URI."""
    print(lab.host().uri)


def cmd_guest(lab: Lab, args: argparse.Namespace) -> None:
    """Starts a guest and waits until it works."""
    host = lab.host()
    chosen = args.accel
    if chosen == "auto":
        kvm = accel.probe(host.programs, runtime_directory())
        chosen = kvm.accel()
        if chosen == "tcg":
            note(f"{kvm.reason}; the guest runs under TCG")
    spec = guests.GuestSpec(
        name=args.guest, accel=chosen, memory=args.memory, vcpus=args.vcpus,
        working_set=args.working_set, fill=args.fill, fill_words=args.fill_words, rate=args.rate,
        pattern=args.pattern, hot=args.hot, hot_share=args.hot_share, readers=args.readers,
        seed=args.seed, dirty_ring=args.dirty_ring, machine=args.machine)
    said = guests.start(host, spec, args.timeout)
    print(f"guest {spec.name} is ready: {chosen}, {spec.memory_mib()} MiB, {spec.vcpus} vCPUs, "
          f"{spec.command_line()}, working set at {said.ready['ws']}")


def cmd_truth(lab: Lab, args: argparse.Namespace) -> None:
    """Prints what a guest says it has written."""
    timeout = args.timeout + (args.seconds if args.next else 0)
    data = truth.summary(args.guest, guests.read_truth(lab.host(), args.guest, args.seconds,
                                                       args.next, timeout))
    print(json.dumps(data) if args.json else truth.table(data))


def cmd_status(lab: Lab, args: argparse.Namespace) -> None:
    """Prints whether the lab is up, and its guests."""
    host = lab.host()
    names = guests.running(host)
    if args.json:
        print(json.dumps({"uri": host.uri, "pid": host.pid, "log": str(host.log),
                          "directory": str(lab.directory), "guests": names,
                          "programs": host.programs.as_dict()}))
        return
    print(f"URI: {host.uri}\ndaemon: process {host.pid}, log {host.log}")
    print(f"guests: {', '.join(names) or 'none'}")


def cmd_accel(lab: Lab, args: argparse.Namespace) -> None:
    """Prints what --accel auto stands for here, and why."""
    programs = lab.programs() or find_programs(emulator=args.emulator, virtqemud="/bin/true",
                                               virsh="/bin/true", guest=args.guest_image)
    kvm = accel.probe(programs, runtime_directory())
    if args.json:
        print(json.dumps({"accel": kvm.accel(), "kvm": kvm.works, "emulates": kvm.emulates,
                          "reason": kvm.reason}))
    else:
        print(f"{kvm.accel()}: {kvm.reason}")


def cmd_exec(lab: Lab, args: argparse.Namespace) -> None:
    """Runs a command that finds the lab's daemon as its default."""
    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    if not words:
        raise LabError("a command to run is needed: lab exec -- COMMAND [ARGUMENT...]")
    argv, env = lab.host().command(words)
    sys.stdout.flush()
    try:
        os.execvpe(argv[0], argv, env)
    except OSError as error:
        raise LabError(f"'{argv[0]}' cannot be run: {error.strerror}") from None


def cmd_restart(lab: Lab, _args: argparse.Namespace) -> None:
    """Kills the daemon and starts it again, as after a crash; guests go on."""
    lab.host().restart()


def cmd_down(lab: Lab, _args: argparse.Namespace) -> None:
    """Ends the daemon and all guests, also after a crash."""
    if not lab.down():
        note(f"no lab is up in {lab.directory}")


def _add_programs(parser: argparse.ArgumentParser, daemon: bool) -> None:
    group = parser.add_argument_group("programs", "./run gives all of them; name one to pair "
                                      "patched and stock parts")
    if daemon:
        group.add_argument("--virtqemud", metavar="PATH",
                           help="the daemon, built or installed (default: on PATH)")
        group.add_argument("--virsh", metavar="PATH",
                           help="what the lab itself starts guests with (default: on PATH)")
        group.add_argument("--firmware", metavar="DIR[:DIR...]",
                           help="directories for QEMU's -L (default: $LIBVIRT_DIRTY_FIRMWARE, "
                                "else QEMU's own)")
    group.add_argument("--emulator", metavar="PATH",
                       help="QEMU (default: $LIBVIRT_DIRTY_EMULATOR, else qemu-system-x86_64)")
    group.add_argument("--guest-image", metavar="PATH",
                       help="dirty-guest.elf (default: $LIBVIRT_DIRTY_GUEST)")


def _add_guest(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    mib = number(0, 524288, "MiB")
    add("guest", metavar="NAME", help="name of the domain")
    add("--memory", type=number(32, 524288, "MiB"), metavar="MIB",
        help="memory of the guest (default: what its work needs, at least 256)")
    add("--working-set", type=mib, default=128, metavar="MIB",
        help="memory it writes to (default: 128)")
    add("--rate", type=rate, default=100.0, metavar="MIB/S",
        help="how much it writes, all vCPUs together, or max (default: 100)")
    add("--vcpus", type=number(1, 255, "vCPUs"), default=1, metavar="N",
        help="vCPUs; all write but the readers (default: 1)")
    add("--pattern", choices=guests.PATTERNS, default="uniform",
        help="where the writes go (default: uniform)")
    add("--hot", type=number(1, 99, "percent"), metavar="PERCENT",
        help="hotcold: size of the hot part of the working set (default: 10)")
    add("--hot-share", type=number(0, 100, "percent"), metavar="PERCENT",
        help="hotcold: share of the writes that go there (default: 90)")
    add("--fill", type=mib, default=0, metavar="MIB",
        help="further memory that is not zero and not written (default: 0)")
    add("--fill-words", type=number(1, 512, "8-byte words"), metavar="N",
        help="content of each page at the start; 512 is the whole page (default: 1)")
    add("--readers", type=number(0, 255, "vCPUs"), default=0, metavar="N",
        help="vCPUs that only read (default: 0)")
    add("--seed", type=number(0, 2**32 - 1, "seeds"), metavar="N",
        help="start of its random numbers (default: 1)")
    add("--dirty-ring", type=number(1024, 65536, "entries"), metavar="N",
        help="size of KVM's dirty ring, a power of 2 (default: no ring)")
    add("--accel", choices=("kvm", "tcg", "auto"), default="auto",
        help="auto: KVM where it works and does not emulate, else TCG (default: auto)")
    add("--machine", choices=("pc", "q35"), default="pc", help="machine type (default: pc)")
    add("--timeout", type=number(1, 3600, "seconds"), default=120, metavar="SECONDS",
        help="how long to wait until it is ready (default: 120)")


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(prog="lab", description=DESCRIPTION, epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--name", default="default", metavar="LAB",
                        help="which lab, if there are several (default: default)")
    common.add_argument("--state", type=Path, metavar="DIR",
                        help="the lab's directory (default: lab-LAB in $XDG_RUNTIME_DIR/"
                             "libvirt-dirty, for root in /run/libvirt-dirty)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, function) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=function.__doc__, description=function.__doc__,
                                  parents=[common], allow_abbrev=False)
        sub.set_defaults(function=function)
        return sub

    _add_programs(add("up", cmd_up), True)
    _add_guest(add("guest", cmd_guest))
    sub = add("truth", cmd_truth)
    sub.add_argument("guest", metavar="NAME", help="name of the guest")
    sub.add_argument("--seconds", type=number(1, 86400, "seconds"), default=1, metavar="N",
                     help="over how many of its reports, one a second (default: 1)")
    sub.add_argument("--next", action="store_true",
                     help="wait for the next N reports instead of taking the last ones")
    sub.add_argument("--json", action="store_true", help="for programs")
    sub.add_argument("--timeout", type=number(1, 3600, "seconds"), default=10, metavar="SECONDS",
                     help="how long to wait for a report that is late (default: 10)")
    add("status", cmd_status).add_argument("--json", action="store_true", help="for programs")
    add("uri", cmd_uri)
    sub = add("accel", cmd_accel)
    sub.add_argument("--json", action="store_true", help="for programs")
    _add_programs(sub, False)
    sub = add("exec", cmd_exec)
    sub.add_argument("words", nargs=argparse.REMAINDER, metavar="-- COMMAND [ARGUMENT...]",
                     help="with LIBVIRT_DEFAULT_URI set, as root in the daemon's mount namespace")
    add("restart", cmd_restart)
    add("down", cmd_down)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Runs one command. Returns its exit code: 0, 1 for an error, 130 after Ctrl-C."""
    args = make_parser().parse_args(argv)
    try:
        if "/" in args.name or args.name in ("", ".", ".."):
            raise LabError(f"'{args.name}' is no name for a lab: leave '/' out")
        lab = Lab(args.state or runtime_directory() / f"lab-{args.name}")
        args.function(lab, args)
    except LabError as error:
        note(str(error))
        return 1
    except KeyboardInterrupt:
        note("interrupted")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    return 0
