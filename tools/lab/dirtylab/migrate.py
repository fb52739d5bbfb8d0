# SPDX-License-Identifier: LGPL-2.1-or-later
"""One real live migration between the two hosts of a lab, and its figures."""

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass

from dirtylab import events, network
from dirtylab.errors import LabError
from dirtylab.host import Host
from dirtylab.programs import environment

POLL_SECONDS = 0.05
# What a migration that is cancelled gets to end in.
CANCEL_SECONDS = 30
# The event with the figures comes before 'virsh migrate' ends; its printing may come after.
EVENT_SECONDS = 10

# libvirt's names of what a finished job has cost, and ours. Times in ms, sizes in bytes, pages in
# QEMU's size; memory.constant are zero pages.
FIGURES = {
    "time_elapsed": "total-ms",
    "downtime": "downtime-ms",
    "setup_time": "setup-ms",
    "memory_iteration": "passes",
    "data_processed": "bytes",
    "memory_processed": "ram-bytes",
    "memory_remaining": "ram-bytes-left",
    "memory_total": "ram-bytes-total",
    "memory_normal": "normal-pages",
    "memory_constant": "zero-pages",
    "memory_page_size": "page-size",
    "memory_dirty_rate": "dirty-pages-per-s",
    "memory_postcopy_requests": "postcopy-requests",
    "auto_converge_throttle": "throttle-percent",
}


@dataclass(frozen=True)
class Request:
    """What a migration is to be like; None leaves libvirt's and QEMU's defaults."""
    guest: str
    bandwidth: int | None = None  # MiB/s
    downtime: int | None = None   # ms
    auto_converge: bool = False
    dirty_limit: int | None = None  # MiB/s of each vCPU, from before the migration on
    postcopy: bool = False        # from the second pass on
    parallel: int | None = None   # connections
    compression: str | None = None  # libvirt's name of a method
    timeout: int = 600            # s
    extra: tuple[str, ...] = ()   # further options of 'virsh migrate'

    def options(self) -> list[str]:
        """The options of 'virsh migrate'."""
        words = []
        if self.bandwidth:
            words += ["--bandwidth", str(self.bandwidth)]
        if self.auto_converge:
            words += ["--auto-converge"]
        if self.postcopy:
            words += ["--postcopy", "--postcopy-after-precopy"]
        if self.parallel:
            words += ["--parallel", "--parallel-connections", str(self.parallel)]
        if self.compression:
            words += ["--compressed", "--comp-methods", self.compression]
        return [*words, *self.extra]


def _figures(text: str) -> dict[str, int]:
    """Reads what virsh prints of a job; empty where it has printed nothing."""
    raw = {name.strip(): value.strip() for name, _, value
           in (line.partition(":") for line in text.splitlines())}
    found = {ours: int(raw[theirs]) for theirs, ours in FIGURES.items()
             if raw.get(theirs, "").isdecimal()}
    if found:
        found.setdefault("bytes", found.get("ram-bytes", 0))
    return found


def _figures_now(host: Host, guest: str) -> dict[str, int]:
    try:
        return _figures(host.virsh("domjobinfo", guest, "--rawstats"))
    except LabError:
        return {}  # it has ended meanwhile


def _reason(text: str) -> str:
    lines = [line.removeprefix("error: ") for line in text.splitlines() if line.strip()]
    return "; ".join(lines) or "virsh said nothing"


def _cancel(source: Host, guest: str, process: subprocess.Popen) -> None:
    """Ends a migration that runs; the guest stays where it is."""
    try:
        source.virsh("domjobabort", guest)
    except LabError:
        pass  # it has ended meanwhile, or cannot be cancelled any more
    try:
        process.wait(timeout=CANCEL_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _limited(host: Host, request: Request) -> Iterator[None]:
    """Holds the vCPUs to the limit asked for; a guest that has gone has left it behind."""
    if not request.dirty_limit:
        yield
        return
    host.virsh("domdirtylimit", request.guest, "--rate", str(request.dirty_limit))
    try:
        yield
    finally:
        with contextlib.suppress(LabError):
            host.virsh("domdirtylimit", request.guest, "--cancel")


def migrate(source: Host, target: Host, request: Request) -> dict:
    """Migrates a guest. Returns its figures; LabError where no migration could be begun.

    "status" is completed, cancelled (it took longer than the time given) or failed.
    """
    # A daemon asks a QEMU that it has not seen yet what it can do, and that would count as time.
    target.virsh("domcapabilities", "--emulatorbin", target.programs.emulator)
    if request.downtime:
        source.virsh("migrate-setmaxdowntime", request.guest, str(request.downtime))
    with events.EventLog(source, request.guest) as ours, \
            events.EventLog(target, request.guest) as theirs, _limited(source, request):
        result = _run(source, target, request)
        theirs.settle()
        return {**result, **events.timing(ours.read(), theirs.read())}


def _run(source: Host, target: Host, request: Request) -> dict:
    address = network.ADDRESSES[0 if target.name == "a" else 1]
    virsh = [source.programs.virsh, "--quiet", "-c", source.uri]
    result = {"guest": request.guest, "from": source.name, "to": target.name, "status": "failed"}
    with _Client(source, *virsh, "event", request.guest, "--event", "job-completed") as event, \
            _Client(source, *virsh, "migrate", "--live", "--unsafe", request.guest, target.uri,
                    "--migrateuri", f"tcp://{address}", *request.options()) as client:
        figures = {}
        try:
            while client.process.poll() is None:
                time.sleep(POLL_SECONDS)
                if client.seconds() > request.timeout:
                    figures = _figures_now(source, request.guest)
                    _cancel(source, request.guest, client.process)
                    if client.process.returncode != 0:
                        result["status"] = "cancelled"
        except BaseException:  # Ctrl-C ends the migration, not only the wait
            _cancel(source, request.guest, client.process)
            raise
        result["seconds"] = round(client.seconds(), 3)
        if client.process.returncode == 0:
            result["status"] = "completed"
            # Not the target's word, which has no figures after post-copy.
            event.wait(EVENT_SECONDS)
            figures = _figures(event.said())
        elif result["status"] == "failed":
            result["error"] = _reason(client.said())
    return {**result, **figures}


class _Client:
    """A command on a host, ended with the block it is used in; times from its start."""

    def __init__(self, host: Host, *command: str) -> None:
        self._said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self._start = time.monotonic()
        # In a session of its own: Ctrl-C is for the lab, which then ends the migration in order.
        self.process = subprocess.Popen(
            command, env=dict(environment(host.programs.virsh), LC_ALL="C.UTF-8"), cwd="/",
            stdin=subprocess.DEVNULL, stdout=self._said, stderr=self._said,
            start_new_session=True)

    def __enter__(self) -> "_Client":
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.wait()
        self._said.close()

    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self._start

    def wait(self, seconds: float) -> None:
        """Waits until it has ended, so long at most."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=seconds)

    def said(self) -> str:
        """All it has printed."""
        self._said.seek(0)
        return self._said.read()
