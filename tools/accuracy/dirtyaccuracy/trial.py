# SPDX-License-Identifier: LGPL-2.1-or-later
"""One case done: its link, its guest, the guest's measurement, and the migration."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from dirtyaccuracy import noise, product, workloads
from dirtyaccuracy.cases import Case
from dirtylab import guests, linux, migrate, network, predict, processes
from dirtylab.host import Host
from dirtylab.lab import Lab, Settings
from dirtylab.machine import Machine
from dirtylab.programs import Programs

GUEST = "case"
READY_SECONDS = 45
# So long a guest has worked before it is measured. A Linux guest has when it says that it is ready.
SETTLE_SECONDS = 0.5
# What starting a lab, cancelling a migration and ending a guest take at most, together.
SPARE_SECONDS = 75
QUERY = json.dumps({"execute": "query-dirty-rate", "arguments": {"calc-time-unit": "millisecond"}})


@dataclass(frozen=True)
class Measured:
    """A guest's measurement as QMP gives it, what it foretells, and how busy others were meanwhile."""
    reply: dict
    foretold: product.Foretold
    noise: dict


def longest(case: Case) -> float:
    """After how many seconds a case hangs that is not done."""
    return READY_SECONDS + case.calc_ms / 1000 + case.time_limit_s + SPARE_SECONDS


def clear(directory: Path, programs: Programs) -> None:
    """Ends the lab, in whatever state it is, and those of its clients that somebody has left."""
    processes.end(processes.working_in(directory, (Path(programs.virsh).name,)), grace=0)
    Lab(directory).down()


def guest_spec(case: Case) -> Machine:
    """The guest, as the lab wants it described."""
    kind = linux.LinuxSpec if workloads.is_linux(case.guest) else guests.GuestSpec
    return kind(name=GUEST, accel="tcg", **case.guest)


def request(case: Case) -> migrate.Request:
    """The migration likewise."""
    return migrate.Request(
        GUEST, bandwidth=case.max_bandwidth or None, downtime=case.downtime_ms,
        auto_converge=case.method == "auto-converge", postcopy=case.method == "postcopy",
        parallel=case.connections or None, compression=case.compression or None,
        dirty_limit=case.dirty_limit or None, timeout=case.time_limit_s)


class Trial:
    """One case in the lab, which stays up for the next one: starting it takes longer than most
    migrations. What can carry over from case to case, link and guests, does not."""

    def __init__(self, directory: Path, programs: Programs, case: Case) -> None:
        self.case = case
        self._lab = Lab(directory)
        self._programs = programs
        self.hosts: list[Host] = []

    def __enter__(self) -> "Trial":
        link = network.parse(self.case.link)
        self.hosts = self._lab.relink(link) if self._lab.settings() else \
            self._lab.up(Settings(self._programs, link))
        guests.start(self.hosts[0], guest_spec(self.case), READY_SECONDS)
        if not workloads.is_linux(self.case.guest):
            time.sleep(SETTLE_SECONDS)
        return self

    def __exit__(self, failed, *_) -> None:
        """Ends the guest. After an error who has begun this ends the lab as well: see clear()."""
        if failed:
            return
        for host in self.hosts:
            for name in guests.running(host):
                host.virsh("destroy", name)

    def _processes(self) -> list[int]:
        names = (network.ANCHOR, *(Path(path).name for path in (self._programs.virtqemud,
                                                                self._programs.virsh)))
        found = processes.working_in(self._lab.directory, names)
        # QEMU has its files from the daemon, opened: no argument of its tells where they are.
        emulators = (processes.read_pid(host.guest_pid_file(GUEST)) for host in self.hosts)
        return [*found, *filter(None, emulators)]

    def measure(self) -> Measured:
        """Measures the guest as the case asks, and foretells its migration, before it is begun."""
        case, source = self.case, self.hosts[0]
        measurement = predict.Measurement(case.calc_ms / 1000, case.mode, case.sample_pages)
        with noise.Watch(self._processes) as watch:
            found = predict.ask(source, network.parse(case.link), request(case), measurement)
        reply = json.loads(source.virsh("qemu-monitor-command", GUEST, QUERY))["return"]
        return Measured(reply, product.foretold(found), watch.as_dict())

    def migrate(self) -> tuple[dict, dict]:
        """Migrates the guest. Returns the figures and how busy others were meanwhile."""
        with noise.Watch(self._processes) as watch:
            figures = migrate.migrate(self.hosts[0], self.hosts[1], request(self.case))
        return figures, watch.as_dict()
