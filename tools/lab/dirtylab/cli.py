# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line of the lab: each command is a function below, and a row of the parser."""

import argparse
import json
import os
import sys
from pathlib import Path

from dirtylab import accel, guests, linux, migrate, network, predict, truth
from dirtylab.errors import LabError
from dirtylab.host import Host
from dirtylab.lab import Lab, Settings, runtime_directory
from dirtylab.programs import find_programs

DESCRIPTION = "Private libvirt daemons and guests that dirty memory in a known way."
DEFAULT_LINK = "1gbit"
EPILOG = """\
example:
  lab up                        start the daemon, print its URI
  lab guest g1 --rate 100       start a guest that writes 100 MiB/s
  lab exec -- virsh list        a command that uses the lab's daemon
  lab truth g1 --seconds 5      what the guest has written
  lab down                      end all of it

two hosts, and a live migration from the one to the other:
  lab up --hosts 2 --link 1gbit
  lab guest g1 --rate 20
  lab migrate g1 --downtime 100
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
    """Starts the lab and prints its URI, of two hosts one a line."""
    if args.link and args.hosts == 1:
        raise LabError("--link joins two hosts: add --hosts 2")
    joined = network.parse(args.link or DEFAULT_LINK) if args.hosts > 1 else None
    programs = find_programs(args.virtqemud, args.virsh, args.emulator, args.guest_image,
                             args.firmware)
    for host in lab.up(Settings(programs, joined)):
        print(host.uri)


def cmd_uri(lab: Lab, args: argparse.Namespace) -> None:
    """Prints a host's URI."""
    print(lab.host(args.host).uri)


def cmd_guest(lab: Lab, args: argparse.Namespace) -> None:
    """Starts a guest and waits until it works."""
    host = lab.host(args.host)
    other = lab.host_of(args.guest)
    if other and other.name != host.name:
        raise LabError(f"a guest '{args.guest}' runs on host {other.name} already: end it first, "
                       "or choose another name")
    chosen = args.accel
    if chosen == "auto":
        kvm = accel.probe(host.programs, runtime_directory())
        chosen = kvm.accel()
        if chosen == "tcg":
            note(f"{kvm.reason}; the guest runs under TCG")
    spec = _spec(args, chosen)
    said = guests.start(host, spec, args.timeout)
    print(f"guest {spec.name} is ready: {chosen}, {spec.memory_mib()} MiB, "
          f"{spec.describe(said.ready)}")


def _spec(args: argparse.Namespace, chosen: str) -> guests.Machine:
    """What the guest is to be."""
    common = {"name": args.guest, "accel": chosen, "memory": args.memory, "vcpus": args.vcpus,
              "dirty_ring": args.dirty_ring, "machine": args.machine, "fill": args.fill}
    own = {"fill_words": args.fill_words, "rate": args.rate, "pattern": args.pattern,
           "hot": args.hot, "hot_share": args.hot_share, "readers": args.readers,
           "seed": args.seed, "self_check": args.check}
    if args.linux is None:
        return guests.GuestSpec(**common, **own, working_set=args.working_set)
    for name, value in own.items():
        if value != getattr(guests.GuestSpec, name):
            raise LabError(f"--{name.removeprefix('self_').replace('_', '-')} is for the test guest: "
                           "a Linux guest takes --linux WORKLOAD,PERCENT, --working-set and --fill")
    work, share = linux.parse(args.linux)
    return linux.LinuxSpec(**common, work=work, share=share, size=args.working_set)


def cmd_truth(lab: Lab, args: argparse.Namespace) -> None:
    """Prints what a guest says it has written."""
    timeout = args.timeout + (args.seconds if args.next else 0)
    data = truth.summary(args.guest, guests.read_truth(lab.host(), args.guest, args.seconds,
                                                       args.next, timeout))
    print(json.dumps(data) if args.json else truth.table(data))


def cmd_migrate(lab: Lab, args: argparse.Namespace) -> int:
    """Predicts a live migration, runs it, and prints both as one line of JSON."""
    hosts = lab.hosts()
    if len(hosts) < 2:
        raise LabError("the lab has one host: 'lab up --hosts 2' starts one with two")
    source = lab.host_of(args.guest)
    if not source:
        raise LabError(f"no guest '{args.guest}' runs in this lab: see 'lab status'")
    target, = (host for host in hosts if host.name != source.name)
    request = migrate.Request(
        args.guest, bandwidth=args.bandwidth, downtime=args.downtime,
        auto_converge=args.auto_converge, dirty_limit=args.dirty_limit, postcopy=args.postcopy,
        parallel=args.parallel, compression=args.compression, timeout=args.timeout,
        extra=tuple(args.virsh))
    predicted = None
    if args.predict:
        predicted = predict.predict(source, lab.settings().link, request, predict.Measurement(
            args.seconds, args.mode, args.sample_pages))
    result = migrate.migrate(source, target, request)
    if predicted:
        result["predicted"] = predicted
        result["off"] = predict.compare(predicted, result)
    print(json.dumps(result))
    return 0 if result["status"] == "completed" else 1


def cmd_link(lab: Lab, args: argparse.Namespace) -> None:
    """Joins the lab's two hosts by another link."""
    lab.relink(network.parse(args.link))


def _status(host: Host) -> dict:
    return {"host": host.name, "uri": host.uri, "pid": host.pid, "log": str(host.log),
            "guests": guests.running(host)}


def cmd_status(lab: Lab, args: argparse.Namespace) -> None:
    """Prints whether the lab is up, and its guests."""
    hosts = [_status(host) for host in lab.hosts()]
    settings = lab.settings()
    joined = str(settings.link) if settings.link else None
    if args.json:
        names = sorted({name for host in hosts for name in host["guests"]})
        print(json.dumps({**hosts[0], "guests": names, "directory": str(lab.directory),
                          "programs": settings.programs.as_dict(), "link": joined,
                          "hosts": hosts}))
        return
    for host in hosts:
        if joined:
            print(f"host {host['host']}, link {joined}")
        print(f"URI: {host['uri']}\ndaemon: process {host['pid']}, log {host['log']}")
        print(f"guests: {', '.join(host['guests']) or 'none'}")


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
    argv, env = lab.host(args.host).command(words)
    sys.stdout.flush()
    try:
        os.execvpe(argv[0], argv, env)
    except OSError as error:
        raise LabError(f"'{argv[0]}' cannot be run: {error.strerror}") from None


def cmd_restart(lab: Lab, args: argparse.Namespace) -> None:
    """Kills a host's daemon and starts it again, as after a crash; guests go on."""
    lab.host(args.host).restart()


def cmd_down(lab: Lab, _args: argparse.Namespace) -> None:
    """Ends all daemons, guests and links of the lab, also after a crash."""
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
    add("--linux", metavar="WORKLOAD[,PERCENT]",
        help="a Linux guest instead of the test guest, with redis, compile, stress-ng or idle, and how "
             "much of its vCPUs' time the work may take (default: 100)")
    add("--memory", type=number(32, 524288, "MiB"), metavar="MIB",
        help="memory of the guest (default: what its work needs, at least 256, of Linux 512)")
    add("--working-set", type=mib, default=128, metavar="MIB",
        help="memory it writes to, of a Linux guest the data it works on (default: 128)")
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
        help="further memory that is not zero and not written, of a Linux guest files (default: 0; "
             "of --linux idle: nearly all there is)")
    add("--fill-words", type=number(1, 512, "8-byte words"), metavar="N",
        help="content of each page at the start; 512 is the whole page (default: 1)")
    add("--readers", type=number(0, 255, "vCPUs"), default=0, metavar="N",
        help="vCPUs that only read (default: 0)")
    add("--seed", type=number(0, 2**32 - 1, "seeds"), metavar="N",
        help="start of its random numbers (default: 1)")
    add("--check", action="store_true",
        help="compare its memory with its own books each second, and report that")
    add("--dirty-ring", type=number(1024, 65536, "entries"), metavar="N",
        help="size of KVM's dirty ring, a power of 2 (default: no ring)")
    add("--accel", choices=("kvm", "tcg", "auto"), default="auto",
        help="auto: KVM where it works and does not emulate, else TCG (default: auto)")
    add("--machine", choices=("pc", "q35"), default="pc", help="machine type (default: pc)")
    add("--timeout", type=number(1, 3600, "seconds"), default=120, metavar="SECONDS",
        help="how long to wait until it is ready (default: 120)")


def _add_migrate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("guest", metavar="NAME", help="name of the guest, on whichever host it is")
    add("--bandwidth", type=number(1, 1000000, "MiB/s"), metavar="MIB/S",
        help="how fast QEMU sends at most (default: as fast as the link is)")
    add("--downtime", type=number(1, 2000000, "ms"), metavar="MS",
        help="how long the guest may stand still at the end (default: QEMU's 300)")
    add("--auto-converge", action="store_true", help="slow the guest down if it does not end")
    add("--dirty-limit", type=number(1, 1048576, "MiB/s"), metavar="MIB/S",
        help="let each vCPU dirty so much at most, from before the migration on")
    add("--postcopy", action="store_true", help="switch to post-copy after the first pass")
    add("--parallel", type=number(1, 255, "connections"), metavar="N",
        help="send over so many connections")
    add("--compression", metavar="METHOD",
        help="compress: xbzrle, or with --parallel zlib or zstd")
    add("--timeout", type=number(1, 86400, "seconds"), default=600, metavar="SECONDS",
        help="cancel it when it takes longer (default: 600)")
    add("--virsh", action="append", default=[], metavar="OPTION",
        help="a further option of 'virsh migrate', such as --virsh=--verbose; the prediction "
             "knows nothing of it")
    add("--no-predict", dest="predict", action="store_false",
        help="do not measure the guest and predict the migration before")
    default = predict.Measurement()
    add("--seconds", type=number(1, 60, "seconds"), default=default.seconds, metavar="N",
        help=f"how long the guest is measured for the prediction (default: {default.seconds})")
    add("--mode", choices=("page-sampling", "dirty-bitmap", "dirty-ring"), default=default.mode,
        help=f"how it is measured (default: {default.mode})")
    add("--sample-pages", type=number(128, 16384, "pages"), default=default.sample_pages,
        metavar="N", help=f"of each GiB, when sampling (default: {default.sample_pages})")


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

    def add_host(sub: argparse.ArgumentParser) -> argparse.ArgumentParser:
        sub.add_argument("--host", choices=("a", "b", "A", "B"), metavar="HOST",
                         help="a or b, of a lab with two hosts (default: a)")
        return sub

    sub = add("up", cmd_up)
    sub.add_argument("--hosts", type=number(1, 2, "hosts"), default=1, metavar="N",
                     help="1 or 2, linked, to migrate between; 2 needs root (default: 1)")
    sub.add_argument("--link", metavar="RATE[,LATENCY]",
                     help="what joins two hosts: 1mbit to 100gbit each way, and the time a packet "
                          f"takes one way, such as 10gbit,0.5ms (default: {DEFAULT_LINK})")
    _add_programs(sub, True)
    _add_guest(add_host(add("guest", cmd_guest)))
    _add_migrate(add("migrate", cmd_migrate))
    sub = add("link", cmd_link)
    sub.add_argument("link", metavar="RATE[,LATENCY]", help="as of 'lab up --link'")
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
    add_host(add("uri", cmd_uri))
    sub = add("accel", cmd_accel)
    sub.add_argument("--json", action="store_true", help="for programs")
    _add_programs(sub, False)
    sub = add_host(add("exec", cmd_exec))
    sub.add_argument("words", nargs=argparse.REMAINDER, metavar="-- COMMAND [ARGUMENT...]",
                     help="with LIBVIRT_DEFAULT_URI set, as root in the daemon's mount namespace")
    add_host(add("restart", cmd_restart))
    add("down", cmd_down)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Runs one command. Returns its exit code: 0, 1 for an error or a migration that did not end
    well, 130 after Ctrl-C."""
    args = make_parser().parse_args(argv)
    try:
        if "/" in args.name or args.name in ("", ".", ".."):
            raise LabError(f"'{args.name}' is no name for a lab: leave '/' out")
        lab = Lab(args.state or runtime_directory() / f"lab-{args.name}")
        return args.function(lab, args) or 0
    except LabError as error:
        note(str(error))
        return 1
    except KeyboardInterrupt:
        note("interrupted")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
