# SPDX-License-Identifier: LGPL-2.1-or-later
"""One case done: a lab with its link, the guest, its measurement, and the migration."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from dirtyaccuracy import events, noise, product
from dirtyaccuracy.cases import Case
from dirtylab import guests, migrate, network, processes
from dirtylab.host import Host
from dirtylab.lab import Lab, Settings
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
            spec = guests.GuestSpec(name=GUEST, accel="tcg", **self.case.guest)
            guests.start(self.hosts[0], spec, READY_SECONDS)
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
        source = self.hosts[0]
        with noise.Watch(self._processes) as watch:
            foretold = product.measure_and_predict(source.uri, GUEST, self.case)
        reply = json.loads(source.virsh("qemu-monitor-command", GUEST, QUERY))["return"]
        return Measured(reply, foretold, watch.as_dict())

    def _limit(self) -> None:
        """Limits the vCPUs where that is the case's method, as a user would before the migration."""
        if self.case.dirty_limit:
            self.hosts[0].virsh("domdirtylimit", GUEST, "--rate", str(self.case.dirty_limit))

    def migrate(self) -> tuple[dict, dict]:
        """Migrates the guest. Returns the figures and how busy others were meanwhile."""
        case = self.case
        extra = []
        if case.compression:
            extra = ["--compressed", "--comp-methods", case.compression]
        request = migrate.Request(
            GUEST, bandwidth=case.max_bandwidth or None, downtime=case.downtime_ms,
            auto_converge=case.method == "auto-converge", postcopy=case.method == "postcopy",
            parallel=case.connections or None, timeout=case.time_limit_s, extra=tuple(extra))
        self._limit()
        log = events.EventLog(self.hosts[0], GUEST)
        with log, noise.Watch(self._processes) as watch:
            figures = migrate.migrate(self.hosts[0], self.hosts[1], request)
        return {**figures, **events.timing(log.read())}, watch.as_dict()
