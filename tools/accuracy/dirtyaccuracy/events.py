# SPDX-License-Identifier: LGPL-2.1-or-later
"""When a migration's passes began and when it ended, by QEMU's own events."""

import json
import re
import subprocess
import tempfile
import time

from dirtylab.host import Host
from dirtylab.programs import environment

LINE = re.compile(r"event (\w+) at (\d+\.\d+) for domain '[^']*': (.*)")
START_SECONDS = 0.3  # until the client has registered; the guest only runs meanwhile


def parse(text: str) -> list[tuple[float, str, dict]]:
    """Reads what 'virsh qemu-monitor-event' prints: (s since 1970, event, data)."""
    found = []
    for line in text.splitlines():
        match = LINE.match(line)
        if match:
            data = match[3] if match[3].startswith("{") else "{}"
            found.append((float(match[2]), match[1], json.loads(data)))
    return found


def timing(events: list[tuple[float, str, dict]]) -> dict:
    """Times in ms after QEMU began to migrate, as far as events tell.

    "qemu-total-ms": until it had completed; "pass-ms": when each pass began; "stop-ms": when the
    guest was stopped for the switch.
    """
    begin = next((at for at, name, data in events
                  if name == "MIGRATION" and data.get("status") == "setup"), None)
    if begin is None:
        return {}
    result = {"pass-ms": []}
    for at, name, data in events:
        ms = round((at - begin) * 1000, 1)
        if name == "MIGRATION_PASS":
            result["pass-ms"].append(ms)
        elif name == "STOP":
            result["stop-ms"] = ms
        elif name == "MIGRATION" and data.get("status") == "completed":
            result["qemu-total-ms"] = ms
        elif name == "MIGRATION" and data.get("status") == "postcopy-active":
            result["postcopy-ms"] = ms
    return result


class EventLog:
    """All monitor events of a host's guest while it is entered."""

    def __init__(self, host: Host, guest: str) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(
            [host.programs.virsh, "--quiet", "-c", host.uri, "qemu-monitor-event", guest, "--loop"],
            env=dict(environment(host.programs.virsh), LC_ALL="C.UTF-8"), cwd="/",
            stdin=subprocess.DEVNULL, stdout=self._file, stderr=subprocess.DEVNULL,
            start_new_session=True)

    def __enter__(self) -> "EventLog":
        time.sleep(START_SECONDS)
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.wait()

    def read(self) -> list[tuple[float, str, dict]]:
        """What has come, once the log is left."""
        self._file.seek(0)
        return parse(self._file.read())
