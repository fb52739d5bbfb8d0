# SPDX-License-Identifier: LGPL-2.1-or-later
"""A QMP client: one command, one reply."""

import json
import socket
import time
from pathlib import Path

from dirtylab.errors import LabError

REPLY_SECONDS = 60
POLL_SECONDS = 0.02


class QmpError(LabError):
    """QEMU refused a command; the text is its reason."""


class Qmp:
    """A connection to a QEMU; events are left out."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(REPLY_SECONDS)
        try:
            self._socket.connect(str(path))
            self._lines = self._socket.makefile("r", encoding="utf-8")
            self._read()  # the greeting
            self.command("qmp_capabilities")
        except BaseException:
            self._socket.close()
            raise

    @classmethod
    def wait_for(cls, path: Path, seconds: float, alive) -> "Qmp":
        """Connects to a QEMU that has just been started; alive() says whether it still runs."""
        limit = time.monotonic() + seconds
        while True:
            try:
                return cls(path)
            except OSError as error:
                if not alive() or time.monotonic() > limit:
                    raise LabError(f"no QEMU answers on {path}: {error.strerror}") from None
                time.sleep(POLL_SECONDS)

    def _read(self) -> dict:
        try:
            line = self._lines.readline()
        except TimeoutError:
            raise LabError(f"QEMU has not answered within {REPLY_SECONDS} s") from None
        if not line:
            raise LabError("QEMU has closed its monitor: it has ended")
        return json.loads(line)

    def command(self, name: str, **arguments) -> dict | list:
        """Runs a command ('_' in argument names stands for '-'). QmpError if QEMU refuses it."""
        request = {"execute": name}
        if arguments:
            request["arguments"] = {key.replace("_", "-"): value
                                    for key, value in arguments.items()}
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise LabError(f"QEMU's monitor is gone: {error.strerror}") from None
        while True:
            reply = self._read()
            if "error" in reply:
                raise QmpError(reply["error"]["desc"])
            if "return" in reply:
                return reply["return"]

    def close(self) -> None:
        """Drops the connection."""
        self._lines.close()
        self._socket.close()
