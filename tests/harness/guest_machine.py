# SPDX-License-Identifier: LGPL-2.1-or-later
"""A QEMU without libvirt, ours or stock, that runs the test guest and has several QMP clients."""

import functools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools" / "stack"), str(ROOT / "tools" / "lab")]

from dirtylab import truth
from dirtylab.qmp import Qmp, QmpError

# On a busy host where KVM emulates, s.
PATIENCE = 90
POLL = 0.02
CPU_HOTPLUG_PORT = 0xaf00  # of the machine type pc
CPU_EJECT = 1 << 3


class Client(Qmp):
    """One QMP client, and what it asks most."""

    def hmp(self, line: str) -> str:
        """Runs a command of the human monitor. Returns what it prints."""
        return self.execute("human-monitor-command", {"command-line": line})

    # The measurement, times in ms.

    def calc(self, ms: int, mode: str = "page-sampling", **more) -> None:
        """Starts a measurement."""
        self.calc_dirty_rate(ms, mode=mode, **more)

    def query(self) -> dict:
        """Reads it."""
        return self.query_dirty_rate()

    def wait(self, seconds: float = PATIENCE, until: str = "measured") -> dict:
        """Waits until it has that status. Returns the reply."""
        return self.wait_dirty_rate(seconds, until)

    def measure(self, ms: int, mode: str = "page-sampling", **more) -> dict:
        """All of it."""
        self.calc(ms, mode, **more)
        return self.wait()


class GuestMachine:
    """A QEMU that runs a guest, to be used in a with block.

    @options: the guest's, see tests/guest/README.md
    @accel: as QEMU's -accel takes it
    @vcpus, room: at the start, and how many there may be
    """

    client_class = Client

    def __init__(self, options: str, *arguments: str, accel: str = "tcg", vcpus: int = 1,
                 room: int = 4, memory: int = 256, clients: int = 1, emulator: str | None = None,
                 env: dict[str, str] | None = None) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="libvirt-dirty-")
        self.path = Path(self._directory.name)
        self.serial = self.path / "serial"
        self._free = [self.path / f"qmp{number}" for number in range(clients)]
        self._clients: list[Client] = []
        command = [emulator or os.environ["LIBVIRT_DIRTY_EMULATOR"], "-accel", accel,
                   "-machine", "pc", "-m", str(memory), "-nodefaults", "-no-user-config",
                   "-smp", f"{vcpus},sockets={room},cores=1,threads=1,maxcpus={room}",
                   "-display", "none", "-serial", f"file:{self.serial}",
                   "-kernel", os.environ["LIBVIRT_DIRTY_GUEST"], "-append", options]
        for number, path in enumerate(self._free):
            command += ["-chardev", f"socket,id=q{number},path={path},server=on,wait=off",
                        "-mon", f"chardev=q{number},mode=control"]
        self._errors = (self.path / "stderr").open("wb")
        self.process = subprocess.Popen([*command, *arguments], stdin=subprocess.DEVNULL,
                                        stdout=self._errors, stderr=self._errors,
                                        env=dict(os.environ, **(env or {})))

    def __enter__(self) -> "GuestMachine":
        return self

    def __exit__(self, *_) -> None:
        for client in self._clients:
            client.close()
        self.process.kill()
        self.process.wait()
        self._errors.close()
        self._directory.cleanup()

    def said(self) -> str:
        """What QEMU itself has printed."""
        return (self.path / "stderr").read_text(errors="replace")

    def until(self, condition: Callable[[], object], seconds: float = PATIENCE):
        """Waits until the condition is true. Returns its value."""
        limit = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if self.process.poll() is not None:
                raise AssertionError(f"QEMU has ended with {self.process.returncode}: "
                                     f"{self.said()}")
            if time.monotonic() > limit:
                raise AssertionError(f"not within {seconds} s: {self.said()}")
            time.sleep(POLL)

    def client(self) -> Client:
        """A new client, on a socket that none uses now."""
        path = self._free.pop(0)
        self.until(path.exists)
        client = self.client_class(path)
        self._clients.append(client)
        return client

    def drop(self, client: Client) -> None:
        """Has a client go without a word; its socket is free again."""
        client.close()
        self._clients.remove(client)
        self._free.append(client.path)

    def ready(self) -> Client:
        """Waits until the guest works. Returns a client."""
        def works() -> bool:
            guest = truth.read(self.serial)
            if guest.error:
                raise AssertionError(guest.error)
            return bool(guest.ready)

        self.until(works)
        return self.client()

    def said_by_guest(self) -> truth.Serial:
        """All the guest has said."""
        return truth.read(self.serial)

    def reports(self) -> list[truth.Report]:
        """Its reports."""
        return self.said_by_guest().reports

    def still_works(self) -> None:
        """The guest reports anew."""
        def last() -> int:
            reports = self.reports()
            return reports[-1].number if reports else 0

        before = last()
        self.until(lambda: last() not in (0, before))

    def threads_and_files(self) -> tuple[int, int]:
        """How many of them QEMU has."""
        proc = Path(f"/proc/{self.process.pid}")
        return len(list((proc / "task").iterdir())), len(list((proc / "fd").iterdir()))

    def wait_end(self, seconds: float = PATIENCE) -> int:
        """Waits until QEMU has ended. Returns its status, negative for a signal."""
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            raise AssertionError(f"QEMU has not ended within {seconds} s") from None


def plug(client: Client, number: int) -> None:
    """Adds a vCPU that -smp maxcpus leaves room for; the guest does not use it."""
    client.execute("device_add", {"driver": "qemu64-x86_64-cpu", "id": f"cpu{number}",
                                  "socket-id": number, "core-id": 0, "thread-id": 0})


def unplug(client: Client, number: int) -> None:
    """Takes a vCPU away that plug() or -device has added.

    The test guest knows nothing of ACPI: what a guest would write to the controller's ports is
    written from outside.
    """
    # The first write of 0 to the selector has the controller speak its present protocol.
    client.hmp(f"o /w {CPU_HOTPLUG_PORT:#x} 0")
    client.execute("device_del", {"id": f"cpu{number}"})
    client.hmp(f"o /w {CPU_HOTPLUG_PORT:#x} {number}")
    client.hmp(f"o /b {CPU_HOTPLUG_PORT + 4:#x} {CPU_EJECT:#x}")


def vcpus(client: Client) -> list[int]:
    """Numbers of the vCPUs there are."""
    return sorted(cpu["cpu-index"] for cpu in client.execute("query-cpus-fast"))


@functools.cache
def kvm_works(accel: str = "kvm") -> str | None:
    """Why no guest can be run here with KVM set up like that, None if one can."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "no usable KVM: there is no /dev/kvm that this user may use"
    try:
        with GuestMachine("pattern=idle", accel=accel) as machine:
            machine.ready()
    except AssertionError as error:
        return f"no usable KVM as '{accel}': {str(error).strip().splitlines()[-1]}"
    return None


def ring_works() -> str | None:
    """Why no guest with a dirty ring can be run here, None if one can."""
    return kvm_works("kvm,dirty-ring-size=4096")
