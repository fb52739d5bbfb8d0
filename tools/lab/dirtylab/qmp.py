# SPDX-License-Identifier: LGPL-2.1-or-later
"""A QMP client, for who runs a QEMU without libvirt."""

import contextlib
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

from dirtylab.errors import LabError

REPLY_SECONDS = 90  # on a busy host where KVM emulates
POLL_SECONDS = 0.02


class QmpError(LabError):
    """QEMU refused a command; the text is its reason."""


class QmpGone(LabError, ConnectionError):
    """There is no answer to be had, as QEMU has ended, hangs or never was there."""


class QmpLate(LabError, TimeoutError):
    """What was waited for has not happened in time."""


def _one(vcpu: int | None) -> dict[str, int]:
    return {} if vcpu is None else {"cpu_index": vcpu}


class Qmp:
    """One client's connection to a QEMU."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._number = 0
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(REPLY_SECONDS)
        try:
            self._socket.connect(str(path))
            self._file = self._socket.makefile("rw", encoding="utf-8")
            # What a client before this one asked for, and did not wait for, may come first.
            while "QMP" not in self._read():
                pass
            self.execute("qmp_capabilities")
        except BaseException:
            self._socket.close()
            raise

    @classmethod
    def wait_for(cls, path: Path, seconds: float, alive: Callable[[], bool]) -> "Qmp":
        """Connects to a QEMU that has just been started; alive() says whether it still runs."""
        limit = time.monotonic() + seconds
        while True:
            try:
                return cls(path)
            except OSError as error:
                if not alive() or time.monotonic() > limit:
                    raise QmpGone(f"no QEMU answers on {path}: {error}") from None
                time.sleep(POLL_SECONDS)

    def _read(self) -> dict:
        try:
            line = self._file.readline()
        except TimeoutError:
            raise QmpGone(f"QEMU has not answered within {REPLY_SECONDS} s") from None
        if not line:
            raise QmpGone("QEMU has closed the connection")
        return json.loads(line)

    def close(self) -> None:
        """Goes without a word."""
        with contextlib.suppress(OSError):  # what was not sent
            self._file.close()
        self._socket.close()

    def send(self, *requests: tuple[str, dict]) -> None:
        """Sends requests at once, without waiting for the replies."""
        self._write(*({"execute": command, "arguments": arguments}
                      for command, arguments in requests))

    def _write(self, *requests: dict) -> None:
        try:
            self._file.write("".join(json.dumps(request) + "\n" for request in requests))
            self._file.flush()
        except OSError as error:
            raise QmpGone(f"QEMU takes no command any more: {error.strerror}") from None

    def receive(self) -> dict:
        """The next reply; events are passed over. QmpGone if none will come."""
        while True:
            reply = self._read()
            if "event" not in reply:
                return reply

    def execute(self, command: str, arguments: dict | None = None, **more) -> dict | list:
        """Runs a command; in the names of more an underscore stands for a hyphen.

        Returns what it returns; QmpError if it fails.
        """
        named = {name.replace("_", "-"): value for name, value in more.items()}
        self._number += 1
        self._write({"execute": command, "arguments": {**(arguments or {}), **named},
                     "id": self._number})
        reply = self.receive()
        while reply.get("id") != self._number:  # as above: also after the greeting
            reply = self.receive()
        if "error" in reply:
            raise QmpError(reply["error"]["desc"])
        return reply["return"]

    # The limit of vCPUs' dirty page rates, MiB/s; vcpu None: all of them.

    def set_dirty_limit(self, mibs: int, vcpu: int | None = None) -> None:
        """Sets it; QmpError if QEMU will not."""
        self.execute("set-vcpu-dirty-limit", dirty_rate=mibs, **_one(vcpu))

    def cancel_dirty_limit(self, vcpu: int | None = None) -> None:
        """Ends it."""
        self.execute("cancel-vcpu-dirty-limit", **_one(vcpu))

    def query_dirty_limit(self) -> dict[int, dict]:
        """What QEMU says of each vCPU that has a limit. Stock QEMU knows no rate with a fraction."""
        return {info["cpu-index"]: {"rate": info["current-rate"], **info}
                for info in self.execute("query-vcpu-dirty-limit")}

    # The measurement, times in ms.

    def calc_dirty_rate(self, ms: int, **more) -> None:
        """Starts a measurement; QmpError if QEMU will not."""
        self.execute("calc-dirty-rate", calc_time=ms, calc_time_unit="millisecond", **more)

    def query_dirty_rate(self) -> dict:
        """Reads it, finished or not."""
        return self.execute("query-dirty-rate", calc_time_unit="millisecond")

    def wait_dirty_rate(self, seconds: float, status: str = "measured",
                        poll: float = POLL_SECONDS) -> dict:
        """Waits until it has that status. Stock QEMU is not "measuring" at once.

        Returns the reply; QmpLate if that takes too long.
        """
        limit = time.monotonic() + seconds
        while True:
            info = self.query_dirty_rate()
            if info["status"] == status:
                return info
            if time.monotonic() > limit:
                raise QmpLate(f"the measurement is not {status} within {seconds:.0f} s: {info}")
            time.sleep(poll)
