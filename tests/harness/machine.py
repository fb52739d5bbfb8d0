# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU without libvirt: its monitor, its qtest port, and what the host sees of its memory."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "lab"))

from dirtylab.qmp import Qmp, QmpError

__all__ = ["PAGE", "Machine", "QmpError", "host_view", "memfd_blocks"]

PAGE = 4096
# On a machine that does other things too; nothing here takes a tenth of it.
PATIENCE = 60


def host_view(pid: int) -> dict[str, int]:
    """A process's memory as the host sees it, KiB: RssAnon, RssShmem, VmPTE and the like."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return {name: int(value) for name, value in re.findall(r"^(\w+):\s*(\d+) kB$", status,
                                                           re.MULTILINE)}


def memfd_blocks(pid: int) -> int:
    """What a process's memfds hold, KiB."""
    inodes = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if os.readlink(link).startswith("/memfd:"):
                info = link.stat()
                inodes[info.st_ino] = info.st_blocks // 2
        except FileNotFoundError:
            pass
    return sum(inodes.values())


class _QtestPort:
    """QEMU's qtest socket, which answers lines with lines."""

    def __init__(self, path: Path, process: subprocess.Popen) -> None:
        limit = time.monotonic() + PATIENCE
        self.socket = socket.socket(socket.AF_UNIX)
        while self.socket.connect_ex(str(path)):
            if process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"QEMU does not listen on {path}")
            time.sleep(0.02)
        self.socket.settimeout(PATIENCE)
        self.stream = self.socket.makefile("rw", encoding="utf-8")

    def send(self, line: str) -> None:
        self.stream.write(line + "\n")
        self.stream.flush()

    def receive(self) -> str:
        line = self.stream.readline()
        if not line:
            raise RuntimeError("QEMU has gone away")
        return line.strip()

    def close(self) -> None:
        self.stream.close()
        self.socket.close()


class Machine:
    """A QEMU of its own. With qtest its vCPUs do not run: the test is the guest.

    @scratch: an empty directory
    @emulator: what to run
    """

    def __init__(self, scratch: Path, emulator: str, *args: str, qtest: bool = False) -> None:
        self.log = scratch / "qemu.log"
        command = [emulator, "-nodefaults", "-display", "none", *args,
                   "-qmp", f"unix:{scratch}/qmp,server=on,wait=off"]
        if qtest:
            command += ["-accel", "qtest", "-qtest", f"unix:{scratch}/qtest,server=on,wait=off",
                        "-qtest-log", "none"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        self.ports: list[Qmp | _QtestPort] = []
        try:
            self.qtest_port = None
            self.monitor = Qmp.wait_for(scratch / "qmp", PATIENCE,
                                        lambda: self.process.poll() is None)
            self.ports.append(self.monitor)
            if qtest:
                self.qtest_port = _QtestPort(scratch / "qtest", self.process)
                self.ports.append(self.qtest_port)
        except BaseException as error:
            self.stop()
            raise RuntimeError(f"{error}:\n{self.log.read_text(errors='replace')}") from error

    def stop(self) -> None:
        for port in self.ports:
            port.close()
        self.process.kill()
        self.process.wait()

    @property
    def pid(self) -> int:
        return self.process.pid

    def qmp(self, command: str, **arguments):
        """Runs a command of the monitor. An underscore in a name stands for a hyphen."""
        return self.monitor.execute(command, **arguments)

    def qtest(self, command: str) -> list[str]:
        """Runs a command of the qtest protocol. Return: the words after its OK."""
        self.qtest_port.send(command)
        while True:
            words = self.qtest_port.receive().split()
            if words[0] == "IRQ":
                continue
            if words[0] != "OK":
                raise RuntimeError(f"qtest {command}: {' '.join(words)}")
            return words[1:]

    def fill(self, address: int, size: int, value: int) -> None:
        """Fills guest memory with a byte."""
        self.qtest(f"memset {address:#x} {size:#x} {value:#x}")

    def start_measuring(self, ms: int, **options) -> float:
        """Return: when it began, on the monotonic clock."""
        self.monitor.calc_dirty_rate(ms, **options)
        return time.monotonic()

    def measured(self) -> dict:
        """Waits for the result."""
        return self.monitor.wait_dirty_rate(PATIENCE)

    def measure(self, ms: int, **options) -> dict:
        self.start_measuring(ms, **options)
        return self.measured()
