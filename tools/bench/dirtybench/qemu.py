# SPDX-License-Identifier: LGPL-2.1-or-later
"""A QEMU of its own, without libvirt, and measurements through its QMP."""

import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from dirtylab import processes, truth
from dirtylab.errors import LabError
from dirtylab.guests import GuestSpec
from dirtylab.qmp import Qmp

START_SECONDS = 60
READY_SECONDS = 180
POLL_SECONDS = 0.005
# What a measurement may take beyond its length on a busy host.
LATE_SECONDS = 60
PAGES_PER_MIB = truth.PAGES_PER_MIB
SAMPLING, BITMAP, RING = "page-sampling", "dirty-bitmap", "dirty-ring"


@dataclass(frozen=True)
class Result:
    """A measurement, from whatever QEMU. Pages are of the whole guest, rate is in MiB/s."""
    ms: int
    pages: float
    rate: float
    periods: list[int] | None
    sampled: int | None
    zero: int | None


def to_result(info: dict) -> Result:
    """Reads DirtyRateInfo, its calc-time in ms. Stock QEMU tells whole MiB/s and no counts."""
    ms, counts = info["calc-time"], info.get("n-dirty-pages")
    if counts:
        pages = counts[-1] * info["n-total-pages"] / info["n-sampled-pages"]
    else:
        pages = info["dirty-rate"] * PAGES_PER_MIB * ms / 1000
    return Result(ms=ms, pages=pages, rate=pages / PAGES_PER_MIB * 1000 / ms if counts
                  else info["dirty-rate"], periods=info.get("periods"),
                  sampled=info.get("n-sampled-pages"), zero=info.get("n-zero-pages"))


class Qemu:
    """A QEMU process that ends with the block it is made for."""

    def __init__(self, binary: Path, *arguments: str) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="dirtybench-")
        self.path = Path(self._directory.name)
        self.monitor = self.path / "qmp"
        self.process = subprocess.Popen(
            [str(binary), "-nodefaults", "-no-user-config", "-display", "none",
             "-qmp", f"unix:{self.monitor},server=on,wait=off", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            self.qmp = Qmp.wait_for(self.monitor, START_SECONDS,
                                    lambda: self.process.poll() is None)
        except LabError as error:
            processes.end([self.process.pid], grace=0)
            said = self.process.communicate()[1].strip()
            self._directory.cleanup()
            raise LabError(f"{error}: {said or 'it said nothing'}") from None

    @property
    def pid(self) -> int:
        """Its process number."""
        return self.process.pid

    def __enter__(self) -> "Qemu":
        return self

    def __exit__(self, *_) -> None:
        self.qmp.close()
        self.process.kill()
        self.process.communicate()
        self._directory.cleanup()

    def begin(self, ms: int, samples: int | None = None, mode: str = SAMPLING) -> None:
        """Starts a measurement; QmpError if QEMU will not."""
        more = {"sample_pages": samples} if samples else {}
        self.qmp.calc_dirty_rate(ms, mode=mode, **more)

    def end(self, ms: int) -> Result:
        """Waits for the end of a measurement that was to take ms."""
        return to_result(self.qmp.wait_dirty_rate(ms / 1000 + LATE_SECONDS, poll=POLL_SECONDS))

    def measure(self, ms: int, samples: int | None = None, mode: str = SAMPLING) -> Result:
        """A whole measurement."""
        self.begin(ms, samples, mode)
        time.sleep(ms / 1000)
        return self.end(ms)

    def has_command(self, name: str) -> bool:
        """Whether it knows a command."""
        return any(command["name"] == name for command in self.qmp.execute("query-commands"))


def bare(binary: Path, mib: int, shared: Path | None = None) -> Qemu:
    """A machine with memory and nothing else: private memory, or a file that others may write."""
    backend = f"memory-backend-file,id=memory,size={mib}M,mem-path={shared},share=on" if shared \
        else f"memory-backend-ram,id=memory,size={mib}M"
    return Qemu(binary, "-machine", "none,memory-backend=memory", "-m", f"{mib}M",
                "-object", f"{backend},reserve=off")


class Guest(Qemu):
    """A QEMU that runs the test guest."""

    def __init__(self, binary: Path, image: Path, spec: GuestSpec, *arguments: str) -> None:
        spec.check()
        self._files = tempfile.TemporaryDirectory(prefix="dirtybench-")
        self._serial = Path(self._files.name) / "serial"
        ring = f",dirty-ring-size={spec.dirty_ring}" if spec.dirty_ring else ""
        try:
            super().__init__(
                binary, "-accel", spec.accel + ring, "-machine", spec.machine,
                "-m", str(spec.memory_mib()), "-smp", str(spec.vcpus),
                "-serial", f"file:{self._serial}", "-kernel", str(image),
                "-append", spec.command_line(), *arguments)
        except LabError:
            self._files.cleanup()
            raise

    def __exit__(self, *_) -> None:
        super().__exit__()
        self._files.cleanup()

    def said(self) -> truth.Serial:
        """All the guest has said so far."""
        return truth.read(self._serial)

    def wait_ready(self) -> None:
        """Waits until it works."""
        self._wait(lambda said: said.ready)

    def wait_reports(self, count: int) -> list[truth.Report]:
        """Waits until it has made so many reports of a second; the reports so far."""
        return self._wait(lambda said: len(said.reports) >= count).reports

    def _wait(self, condition) -> truth.Serial:
        limit = time.monotonic() + READY_SECONDS
        while True:
            said = self.said()
            if said.error:
                raise LabError(f"the guest has stopped: {said.error}")
            if condition(said):
                return said
            if self.process.poll() is not None:
                raise LabError(f"QEMU has ended: {self.process.stderr.read().strip()}")
            if time.monotonic() > limit:
                raise LabError(f"the guest has not done within {READY_SECONDS} s what it was to")
            time.sleep(POLL_SECONDS)

    def pause(self) -> None:
        """Stops its vCPUs."""
        self.qmp.execute("stop")

    def resume(self) -> None:
        """Lets them go on."""
        self.qmp.execute("cont")
