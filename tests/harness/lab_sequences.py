# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random sequences of what can happen to a guest of libvirt whose vCPUs are limited."""

import contextlib
import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from typing import ClassVar

from dirtylab import guests, migrate, network
from dirtylab.errors import LabError
from dirtylab.host import Host
from dirtylab.lab import Lab, Settings, runtime_directory
from dirtylab.programs import environment, find_programs
from known_limits import KnownLimits
from paced_writers import PACE, PART, REPORT_MS, WRITERS, PacedWriters
from random_sequences import LIMITS, VCPUS, Sequence

NAME = "stress"
LINK = "1gbit"
START_SECONDS = 120
POLL = 0.05
# libvirt and QEMU have answered by then, s; a daemon that has just begun reads all it knows anew.
ANSWER = 10


class LabLimitGuest:
    """A guest of a lab with two hosts, or one where there cannot be two, and its limits."""

    def __init__(self, accel: str = "tcg") -> None:
        # Several can run at a time.
        self._lab = Lab(runtime_directory() / f"stress{os.getpid()}")
        link = None if network.unusable() else network.parse(LINK)
        self._settings = Settings(find_programs(), link)
        self._spec = guests.GuestSpec(
            NAME, accel=accel, vcpus=WRITERS, max_vcpus=VCPUS, working_set=PART * WRITERS,
            rate=PACE * WRITERS / 256, parts=True, report_ms=REPORT_MS)
        self.vcpus_differ = accel == "tcg"
        self.host: Host | None = None
        self.other: Host | None = None
        self.writers: PacedWriters | None = None
        self.limits = KnownLimits(VCPUS)

    def __enter__(self) -> "LabLimitGuest":
        return self

    def __exit__(self, *_) -> None:
        self._lab.down()

    def start(self) -> None:
        """Starts the lab and the guest."""
        self.host, *others = self._lab.up(self._settings)
        self.other = others[0] if others else None
        guests.start(self.host, self._spec, START_SECONDS)
        self.writers = PacedWriters(guests.serial_path(self.host, NAME), self.until,
                                    PACE * WRITERS)

    def until(self, condition: Callable[[], object], seconds: float = ANSWER):
        """Waits until the condition is true. Returns its value."""
        limit = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > limit:
                raise AssertionError(f"not within {seconds} s")
            time.sleep(POLL)

    def virsh(self, *words: str) -> str:
        """Runs a command. Returns what it prints; AssertionError if it took too long."""
        start = time.monotonic()
        try:
            return self.host.virsh(*words)
        finally:
            took = time.monotonic() - start
            if took > ANSWER:
                raise AssertionError(f"'virsh {' '.join(words)}' has taken {took:.1f} s")

    def begin(self, *words: str) -> subprocess.Popen:
        """Begins a command of virsh."""
        command = [self.host.programs.virsh, "--quiet", "-c", self.host.uri, *words]
        return subprocess.Popen(command, env=environment(self.host.programs.virsh),
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    @staticmethod
    def limit_command(vcpu: int | None, mibs: int) -> list[str]:
        """The command that limits a vCPU or all, or ends that with 0."""
        which = [] if vcpu is None else ["--vcpu", str(vcpu)]
        return ["domdirtylimit", NAME, "--live", "--rate", str(mibs), *which]

    def present(self) -> int:
        """How many vCPUs there are, numbered from 0."""
        return int(self.virsh("vcpucount", NAME, "--live", "--current"))

    def set_limit(self, vcpu: int | None, mibs: int) -> None:
        """Limits a vCPU that is there, or all."""
        if vcpu is None or vcpu < self.present():
            self.virsh(*self.limit_command(vcpu, mibs))
            self.limits.note(vcpu, mibs)

    def _qemu(self, command: str) -> list | dict:
        return json.loads(self.virsh("qemu-monitor-command", NAME,
                                     json.dumps({"execute": command})))["return"]

    def check(self) -> None:
        """QEMU and libvirt both have the limits that were set."""
        self.limits.check({info["cpu-index"]: info["limit-rate"]
                           for info in self._qemu("query-vcpu-dirty-limit")})
        rows = re.findall(r"^\s*(\d+)\s+(\d+|-)\s", self.virsh("domdirtylimit", NAME),
                          re.MULTILINE)
        shown = {int(vcpu): int(mibs) for vcpu, mibs in rows if mibs != "-"}
        known = {vcpu: mibs for vcpu, mibs in self.limits.mibs.items() if vcpu < len(rows)}
        if shown != known:
            raise AssertionError(f"QEMU has limits of {known}, and virsh shows {shown}")

    def settle(self) -> None:
        """Back to a running guest without limits."""
        if self.virsh("domstate", NAME).strip() != "running":
            self.virsh("resume", NAME)
        self.set_limit(None, 0)
        self.check()

    def as_new(self) -> bool:
        """Whether no vCPU was added: they cannot be taken away, as the guest knows no ACPI."""
        return self.present() == WRITERS

    def ended(self) -> str | None:
        """That the guest runs nowhere any more."""
        with contextlib.suppress(LabError):
            if self._lab.host_of(NAME):
                return None
        log = self._lab.directory / self.host.name / "log"
        return f"the guest has ended, see {log}" if log.exists() else "the guest has ended"


class LabSequence(Sequence):
    """One of them."""

    actions: ClassVar[dict[str, int]] = {
        "set": 6, "cancel": 3, "bad": 1, "plug": 1, "suspend": 2, "resume": 2, "reset": 1,
        "kill": 2, "kill_during": 2, "disconnect": 2, "migrate": 2, "migrate_cancel": 1}

    guest: LabLimitGuest

    def _refused(self, *words: str) -> None:
        try:
            self.guest.virsh(*words)
        except LabError:
            return
        raise AssertionError(f"virsh has taken {' '.join(words)}")

    def do_bad(self) -> None:
        """A limit or a vCPU that cannot be."""
        vcpu, mibs = self.random.choice((("0", "-1"), ("0", str(1 << 63)), ("0", "1048577"),
                                         (str(VCPUS), "5"), ("0,9", "5"), ("0-", "5")))
        self.say(f"  {mibs} MiB/s, vCPU {vcpu}")
        self._refused("domdirtylimit", NAME, "--rate", mibs, "--vcpu", vcpu)

    def do_plug(self) -> None:
        """One vCPU more, under the limit of all."""
        number = self.guest.present() + 1
        if number <= VCPUS:
            self.guest.virsh("setvcpus", NAME, str(number), "--live")

    def do_suspend(self) -> None:
        """The guest stops."""
        self.guest.virsh("suspend", NAME)

    def do_resume(self) -> None:
        """It goes on."""
        with contextlib.suppress(LabError):  # it runs
            self.guest.virsh("resume", NAME)

    def do_reset(self) -> None:
        """It begins anew, with all its vCPUs."""
        guest = self.guest

        def begin():
            guest.virsh("reset", NAME)
            self.pause()
            guest.check()
            guest.set_limit(None, 0)

        self.do_resume()
        guest.writers.wait_new_start(begin, set(range(guest.present())))

    def do_kill(self) -> None:
        """The daemon dies, and another takes its place."""
        self.guest.host.restart()

    def _interrupted(self, end: Callable[[subprocess.Popen], None]) -> None:
        """A limit is set, and something ends before that has."""
        guest = self.guest
        vcpu, mibs = self.random.choice((None, 0, 1)), self.random.choice(LIMITS)
        self.say(f"  while {mibs} MiB/s is set, vCPU {vcpu}")
        guest.limits.doubt(vcpu, mibs)
        with guest.begin(*guest.limit_command(vcpu, mibs)) as client:
            time.sleep(self.random.uniform(0, 0.1))
            end(client)
            client.kill()

    def do_kill_during(self) -> None:
        """The daemon dies while it sets a limit."""
        self._interrupted(lambda client: self.guest.host.restart())

    def do_disconnect(self) -> None:
        """The client dies while it sets a limit."""
        self._interrupted(lambda client: client.kill())
        # The daemon may still be at it.
        time.sleep(0.2)

    def _migrate(self, timeout: float, *options: str) -> str:
        guest = self.guest
        self.do_resume()
        result = migrate.migrate(guest.host, guest.other,
                                 migrate.Request(NAME, timeout=timeout, extra=options))
        self.say(f"  {result['status']} {result.get('error', '')}")
        return result["status"]

    def do_migrate(self) -> None:
        """To the other host; the limits go along."""
        guest = self.guest
        if not guest.other:
            return
        if self._migrate(ANSWER) == "completed":
            guest.host, guest.other = guest.other, guest.host

    def do_migrate_cancel(self) -> None:
        """Half way, and everything stays as it was."""
        guest = self.guest
        if guest.other and self._migrate(self.random.uniform(0, 1.5),
                                         "--bandwidth", "4") == "completed":
            guest.host, guest.other = guest.other, guest.host
