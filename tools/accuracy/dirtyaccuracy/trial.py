# SPDX-License-Identifier: LGPL-2.1-or-later
"""One case done: a lab with its link, the guest, its measurement, and the migration."""

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
READY_SECONDS = 120
# So long it has worked before it is measured: until its first reports are those of a steady guest.
SETTLE_SECONDS = 1.5
QUERY = json.dumps({"execute": "query-dirty-rate", "arguments": {"calc-time-unit": "millisecond"}})


@dataclass(frozen=True)
class Measured:
    """A guest's measurement as QMP gives it, what it foretells, and how busy others were meanwhile."""
    reply: dict
    foretold: product.Foretold
    noise: dict


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
    """The lab in which one case is done; ended with the block it is entered for."""

    def __init__(self, directory: Path, programs: Programs, case: Case) -> None:
        self.case = case
        self._lab = Lab(directory)
        self._settings = Settings(programs, network.parse(case.link))
        self.hosts: list[Host] = []

    def __enter__(self) -> "Trial":
        self._lab.down()
        try:
            self.hosts = self._lab.up(self._settings)
            guests.start(self.hosts[0], guest_spec(self.case), READY_SECONDS)
        except BaseException:
            self._lab.down()
            raise
        time.sleep(SETTLE_SECONDS)
        return self

    def __exit__(self, *_) -> None:
        self._lab.down()

    def _processes(self) -> list[int]:
        programs = self._settings.programs
        names = tuple(Path(path).name for path in (programs.virtqemud, programs.virsh,
                                                   programs.emulator))
        return processes.working_in(self._lab.directory, names)

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
