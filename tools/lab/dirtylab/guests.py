# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests: what the test guest is told, and starting guests on a host."""

import time
from dataclasses import dataclass
from pathlib import Path

from dirtylab import truth
from dirtylab.errors import LabError
from dirtylab.host import Host
from dirtylab.machine import Boot, Machine, domain_xml
from dirtylab.programs import Programs

PATTERNS = ("uniform", "hotcold", "seq", "idle")
# What the test guest, its page tables and the firmware take, rounded up generously, MiB.
OWN_MIB = 64
LEAST_MIB = 256
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class GuestSpec(Machine):
    """What a test guest is to be. Memory in MiB, rate in MiB/s (None: as much as it can)."""
    working_set: int = 128
    fill: int = 0
    fill_words: int | None = None
    rate: float | None = 100.0
    pattern: str = "uniform"
    hot: int | None = None
    hot_share: int | None = None
    readers: int = 0
    read_max: bool = False           # readers read as much as they can
    first_rate: float | None = None  # of vCPU 0, if it is not to have its share of rate
    seed: int | None = None
    self_check: bool = False
    writers: int | None = None
    parts: bool = False
    report_ms: int | None = None
    reporter: int | None = None

    def memory_mib(self) -> int:
        """Memory of the guest, MiB; as much as its work needs if not given."""
        return self.memory or max(LEAST_MIB, self.working_set + self.fill + OWN_MIB)

    def check(self) -> None:
        """LabError for what no guest can be; the ranges of single options argparse checks."""
        super().check()
        if self.readers > self.vcpus:
            raise LabError(f"--readers {self.readers}: the guest has only {self.vcpus} vCPUs")
        if self.readers == self.vcpus and self.rate != 0 and self.pattern != "idle":
            raise LabError(f"--readers {self.readers} leaves no vCPU to write: use more --vcpus, "
                           "or --rate 0")
        if self.working_set + self.fill + OWN_MIB > self.memory_mib():
            raise LabError(f"--memory {self.memory}: the guest needs "
                           f"{self.working_set + self.fill + OWN_MIB} MiB for what it shall do")

    def command_line(self) -> str:
        """The options for the test guest."""
        rate = "max" if self.rate is None else round(self.rate * truth.PAGES_PER_MIB)
        words = {"pattern": self.pattern, "ws": self.working_set, "fill": self.fill,
                 "fillwords": self.fill_words, "rate": rate, "readers": self.readers or None,
                 "rate0": None if self.first_rate is None
                 else round(self.first_rate * truth.PAGES_PER_MIB),
                 "readrate": "max" if self.read_max else None,
                 "hot": self.hot, "hotshare": self.hot_share, "seed": self.seed,
                 "check": 1 if self.self_check else None, "writers": self.writers,
                 "parts": 1 if self.parts else None, "report": self.report_ms,
                 "reporter": self.reporter}
        return " ".join(f"{name}={value}" for name, value in words.items() if value is not None)

    def boot(self, programs: Programs) -> Boot:
        """The test guest is a kernel that needs nothing else."""
        return Boot(programs.guest, None, self.command_line())

    def describe(self, ready: dict[str, str]) -> str:
        """What it was told, and where its working set is."""
        return f"{self.command_line()}, working set at {ready['ws']}"


def serial_path(host: Host, name: str) -> Path:
    """Where a guest's serial port goes."""
    return host.guests / f"{name}.serial"


def running(host: Host) -> list[str]:
    """Names of the host's guests."""
    return [name for name in host.virsh("list", "--name").split() if name]


def start(host: Host, spec: Machine, timeout: float) -> truth.Serial:
    """Starts a guest and waits until it works. LabError, and no guest, if it does not in time."""
    spec.check()
    if spec.name in running(host):
        raise LabError(f"a guest '{spec.name}' runs already: end it with 'virsh destroy "
                       f"{spec.name}' first, or choose another name")
    serial = serial_path(host, spec.name)
    serial.unlink(missing_ok=True)
    xml = host.guests / f"{spec.name}.xml"
    xml.write_text(domain_xml(spec, host.programs, serial), encoding="utf-8")
    host.virsh("create", str(xml))
    try:
        return _wait_ready(host, spec.name, serial, timeout)
    except BaseException:  # Ctrl-C too must not leave half a guest behind
        if spec.name in running(host):
            host.virsh("destroy", spec.name)
        raise


def _wait_ready(host: Host, name: str, serial: Path, timeout: float) -> truth.Serial:
    limit = time.monotonic() + timeout
    look_again = time.monotonic() + 1
    while True:
        said = truth.read(serial)
        if said.error:
            raise LabError(f"the guest '{name}' has stopped: {said.error}")
        if said.ready:
            return said
        if time.monotonic() > look_again:
            look_again = time.monotonic() + 1
            if name not in running(host):
                raise LabError(f"QEMU has ended before the guest '{name}' was ready: "
                               f"{_last_log_line(host, name)}")
        if time.monotonic() > limit:
            raise LabError(f"the guest '{name}' was not ready within {timeout:g} s: give it more "
                           f"with --timeout, or see {_log(host, name)}")
        time.sleep(POLL_SECONDS)


def _log(host: Host, name: str) -> Path:
    base = host.directory / ("log" if host.privileged else "cache/libvirt")
    return base / f"qemu/{'' if host.privileged else 'log/'}{name}.log"


def _last_log_line(host: Host, name: str) -> str:
    try:
        lines = _log(host, name).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    said = [line for line in lines if "qemu-system" in line and "warning:" not in line
            and not line.startswith(("/", "LC_ALL"))]
    return said[-1] if said else f"see {_log(host, name)}"


def read_truth(host: Host, name: str, seconds: int, following: bool,
               timeout: float) -> list[truth.Report]:
    """The last reports of a guest, or the next ones, each of a second."""
    serial = serial_path(host, name)
    if not serial.exists():
        known = ", ".join(sorted(path.stem for path in host.guests.glob("*.serial"))) or "none"
        raise LabError(f"no guest '{name}' has been started in this lab: known are {known}")
    said = truth.read(serial)
    first = said.reports[-1].number if said.reports and following else 0
    limit = time.monotonic() + timeout
    while True:
        fresh = [report for report in said.reports if report.number > first]
        if len(fresh) >= (seconds if following else 1):
            return fresh[:seconds] if following else fresh[-seconds:]
        if time.monotonic() > limit:
            raise LabError(f"the guest '{name}' has printed {len(fresh)} reports of {seconds} "
                           f"within {timeout:g} s: does it run? See 'lab status'")
        time.sleep(POLL_SECONDS)
        said = truth.read(serial)
