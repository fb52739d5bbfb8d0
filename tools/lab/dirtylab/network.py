# SPDX-License-Identifier: LGPL-2.1-or-later
"""The link between the two hosts of a lab: network namespaces, a veth pair, a shaped rate.

Each host has a process, its anchor, that does nothing but hold the host's network and host name. The
kernel takes both and the link back when the last process in them ends, so nothing can be left behind
that a killed process would not take along.
"""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from dirtylab import processes
from dirtylab.errors import LabError

ANCHOR = "lab-anchor"  # what the anchor calls itself, so that it is found again
INTERFACE = "link0"
# Where the kernel cannot delay packets a program of ours does.
RELAY = Path(__file__).with_name("relay.py")
RELAY_INTERFACES = ("first", "second")
# Of the range set apart for documentation: nothing real has one. All labs use the same, as none of
# them sees another's network.
ADDRESSES = ("192.0.2.1", "192.0.2.2")
PREFIX = 24

# Of each frame: TCP's payload, with time stamps, in what the shaper counts, which is Ethernet's, IP's
# and TCP's headers but no preamble, checksum or gap.
PAYLOAD, FRAME = 1448, 1514

UNITS = {"kbit": 10**3, "mbit": 10**6, "gbit": 10**9}
LATENCY_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
RATES = (10**6, 10**11)   # bit/s
MAX_LATENCY_MS = 1000

# A token bucket's timer wakes up late by far less than this, s; so much may leave in one go.
BURST_SECONDS = 0.002
# At least two of the largest packets that leave a host unsegmented.
LEAST_BURST = 128 * 1024
# As deep as the queues of a switch: a deeper one would only delay what the guest's last pages wait for.
QUEUE_SECONDS = 0.005
LEAST_QUEUE = 512 * 1024

# What a host's default does with a shaped link differs (BBR leaves a quarter of 10 Gbit/s unused).
# Reno fills it; each kernel has it, and lets a namespace choose it.
CONGESTION = ("net/ipv4/tcp_congestion_control", "reno")

START_SECONDS = 10
HOLD = f'hostname "$1" && ip link set lo up && exec -a {ANCHOR} tail -f "$2"'


@dataclass(frozen=True)
class Link:
    """Rate in bit/s, latency one way in ms."""
    rate: int
    latency: float = 0.0

    def payload(self) -> float:
        """What a TCP stream gets through, bytes/s."""
        return self.rate / 8 * PAYLOAD / FRAME

    def __str__(self) -> str:
        unit = max((name for name in UNITS if self.rate % UNITS[name] == 0), key=UNITS.get,
                   default=None)
        rate = f"{self.rate // UNITS[unit]}{unit}" if unit else f"{self.rate}bit"
        return f"{rate},{self.latency:g}ms" if self.latency else rate


def parse(text: str) -> Link:
    """Reads RATE[,LATENCY] such as 1gbit or 10gbit,0.5ms. LabError for anything else."""
    rate, _, latency = text.partition(",")
    number = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)([a-z]+)", rate, re.ASCII)
    bits = round(float(number[1]) * UNITS[number[2]]) if number and number[2] in UNITS else 0
    if not RATES[0] <= bits <= RATES[1]:
        raise LabError(f"--link {text}: a rate from 1mbit to 100gbit is needed, such as 500mbit "
                       "or 1gbit,0.5ms")
    if "," not in text:
        return Link(bits)
    number = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)([a-z]+)", latency, re.ASCII)
    ms = float(number[1]) * LATENCY_UNITS[number[2]] if number and number[2] in LATENCY_UNITS else -1
    if not 0 <= ms <= MAX_LATENCY_MS:
        raise LabError(f"--link {text}: after the comma a latency from 0ms to {MAX_LATENCY_MS}ms, "
                       "one way, is needed, such as 0.5ms or 200us")
    return Link(bits, ms)


def unusable() -> str | None:
    """Why this user or machine can have no linked hosts, None if it can."""
    if os.geteuid() != 0:
        return "hosts that are linked have network namespaces of their own, which need root"
    try:
        # With a veth pair: a container may have the one and not the other.
        probe = subprocess.run(["unshare", "--net", "--uts", "--mount", "--", "sh", "-ec",
                                "hostname probe; ip link add l0 type veth peer name l1; "
                                "tc qdisc add dev l0 root tbf rate 1gbit burst 128kb limit 512kb"],
                               stdin=subprocess.DEVNULL, capture_output=True, text=True,
                               errors="replace", check=False)
    except OSError as error:
        return f"network namespaces cannot be tried: {error}"
    if probe.returncode != 0:
        return f"network namespaces cannot be used here: {_last_line(probe.stderr)}"
    return None


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "without a word"


def start_anchor(hostname: str, marker: Path, log: Path) -> int:
    """Starts a process in a network and with a host name of its own.

    @marker: a file of the host's, among the anchor's arguments from then on. Returns its process.
    """
    with log.open("ab") as errors:
        process = subprocess.Popen(
            ["unshare", "--net", "--uts", "--", "bash", "-c", HOLD, "lab", hostname, str(marker)],
            cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
            start_new_session=True)
    _wait_for_name(process, ANCHOR, log)
    return process.pid


def _wait_for_name(process: subprocess.Popen, name: str, log: Path) -> None:
    """Waits until a process that was just started is what it is to be."""
    limit = time.monotonic() + START_SECONDS
    while processes.arguments(process.pid)[:1] != [name]:
        if process.poll() is not None or time.monotonic() > limit:
            processes.end([process.pid])
            said = log.read_text(encoding="utf-8", errors="replace")
            raise LabError(f"a network namespace cannot be made: {_last_line(said)}")
        time.sleep(0.01)


def enter(anchor: int) -> list[str]:
    """What to put before a command to run it in the anchor's network and with its host name."""
    return ["nsenter", f"--net=/proc/{anchor}/ns/net", f"--uts=/proc/{anchor}/ns/uts", "--"]


def _run(*command: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", check=False)
    if done.returncode != 0:
        raise LabError(f"'{' '.join(command)}' failed: {_last_line(done.stderr)}")


def _delays_by_itself() -> bool:
    """Whether this kernel can delay packets."""
    done = subprocess.run(["unshare", "--net", "--", "sh", "-ec",
                           "ip link add l0 type veth peer name l1; "
                           "tc qdisc add dev l0 root netem delay 1ms"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def _start_relay(link: Link, directory: Path) -> int:
    """Starts the program that delays packets, in a network of its own. Returns its process."""
    # Under the anchors' name, which Python would not start under if it were its own alone.
    name = directory / ANCHOR
    name.unlink(missing_ok=True)  # of a link before this one
    name.symlink_to(sys.executable)
    log = directory / "relay.log"
    with log.open("ab") as errors:
        process = subprocess.Popen(
            ["unshare", "--net", "--", str(name), "-S", str(RELAY), str(link.latency),
             *RELAY_INTERFACES], cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=errors, start_new_session=True)
    _wait_for_name(process, str(name), log)
    return process.pid


def _shape(anchor: int, link: Link, netem: bool) -> None:
    """Limits what leaves one end."""
    burst = max(LEAST_BURST, round(link.rate / 8 * BURST_SECONDS))
    queue = max(LEAST_QUEUE, 2 * burst, round(link.rate / 8 * QUEUE_SECONDS))
    # Reno needs room for what is on the way, or it does not fill the link.
    queue += round(link.rate / 8 * link.latency / 1000)
    tc = [*enter(anchor), "tc", "qdisc", "add", "dev", INTERFACE]
    place = ["root"]
    if netem:
        # As many packets as are on the way at once, and some more: it would drop the rest.
        packets = 1000 + round(link.rate / 8 * link.latency / 1000 / 1000)
        _run(*tc, "root", "handle", "1:", "netem", "delay", f"{link.latency}ms", "limit",
             str(packets))
        place = ["parent", "1:1"]
    _run(*tc, *place, "handle", "2:", "tbf", "rate", f"{link.rate}bit", "burst", f"{burst}b",
         "limit", f"{queue}b")


def _connect(link: Link, anchors: tuple[int, int], relay: int | None) -> None:
    """Makes the wire between the ends, or those from each to the relay."""
    first, second = anchors
    wires = [((INTERFACE, first), (INTERFACE, second))] if relay is None else \
        [((INTERFACE, anchor), (name, relay)) for anchor, name in zip(anchors, RELAY_INTERFACES)]
    for (name, place), (peer, peer_place) in wires:
        _run("ip", "link", "add", name, "netns", str(place), "type", "veth",
             "peer", "name", peer, "netns", str(peer_place))
    if relay is not None:
        for name in RELAY_INTERFACES:
            _run("nsenter", f"--net=/proc/{relay}/ns/net", "--", "ip", "link", "set", name, "up")


def part(anchors: tuple[int, int], directory: Path) -> None:
    """Takes back what join() has made."""
    for anchor in anchors:
        # Its peer goes with it; the second one may be gone with the first.
        subprocess.run([*enter(anchor), "ip", "link", "delete", INTERFACE], check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    processes.end([pid for pid in processes.working_in(directory, (ANCHOR,))
                   if str(RELAY) in processes.arguments(pid)], grace=0)


def join(anchors: tuple[int, int], link: Link, directory: Path) -> None:
    """Joins the networks of two anchors by a link.

    @directory: of a host: what the link needs is found by it, and ends with it
    """
    netem = bool(link.latency) and _delays_by_itself()
    relay = _start_relay(link, directory) if link.latency and not netem else None
    _connect(link, anchors, relay)
    name, algorithm = CONGESTION
    for anchor, address in zip(anchors, ADDRESSES):
        _run(*enter(anchor), "sh", "-c", f"echo {algorithm} >/proc/sys/{name}")
        ip = [*enter(anchor), "ip"]
        _run(*ip, "addr", "add", f"{address}/{PREFIX}", "dev", INTERFACE)
        _shape(anchor, link, netem)
        _run(*ip, "link", "set", INTERFACE, "up")
