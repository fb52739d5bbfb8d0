# SPDX-License-Identifier: LGPL-2.1-or-later
"""When a migration's passes began, when the guest stood still and when all was over, by the events of
both QEMUs, which have the same clock here."""

import json
import re
import subprocess
import tempfile
import time

from dirtylab.host import Host
from dirtylab.programs import environment

LINE = re.compile(r"event (\w+) at (\d+\.\d+) for domain '([^']*)': (.*)")
START_SECONDS = 0.3  # until the client has registered; the guest only runs meanwhile
SETTLE_SECONDS = 0.1  # until what has happened was printed

Event = tuple[float, str, dict]


def parse(text: str, guest: str) -> list[Event]:
    """Reads what 'virsh qemu-monitor-event' prints of a guest: (s since 1970, event, data)."""
    found = []
    for line in text.splitlines():
        match = LINE.match(line)
        if match and match[3] == guest:
            data = match[4] if match[4].startswith("{") else "{}"
            found.append((float(match[2]), match[1], json.loads(data)))
    return found


def timing(source: list[Event], target: list[Event] = ()) -> dict:
    """Times in ms after QEMU began to migrate, as far as the source's and the target's events tell.

    "qemu-total-ms": until QEMU had completed; "pass-ms": when each pass began; "postcopy-ms": when
    it switched; "stop-ms": when the guest was stopped; "qemu-downtime-ms": from there to the end of
    a migration without post-copy; "standstill-ms": from there until the guest went on at the target.
    """
    begin = next((at for at, name, data in source
                  if name == "MIGRATION" and data.get("status") == "setup"), None)
    if begin is None:
        return {}

    def ms(at: float, since: float = begin) -> float:
        return round((at - since) * 1000, 1)

    result = {"pass-ms": [ms(at) for at, name, _ in source if name == "MIGRATION_PASS"]}
    stopped = next((at for at, name, _ in source if name == "STOP"), None)
    when = {data["status"]: at for at, name, data in source
            if name == "MIGRATION" and "status" in data}
    resumed = next((at for at, name, _ in target if name == "RESUME" and at > begin), None)
    if "completed" in when:
        result["qemu-total-ms"] = ms(when["completed"])
    if "postcopy-active" in when:
        result["postcopy-ms"] = ms(when["postcopy-active"])
    if stopped is not None:
        result["stop-ms"] = ms(stopped)
        if "completed" in when and "postcopy-active" not in when:
            result["qemu-downtime-ms"] = ms(when["completed"], stopped)
        if resumed is not None:
            result["standstill-ms"] = ms(resumed, stopped)
    return result


class EventLog:
    """All monitor events of a guest on a host, where it need not be yet, while it is entered."""

    def __init__(self, host: Host, guest: str) -> None:
        self._guest = guest
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        # Without the guest's name, which the target does not know before it comes.
        self._process = subprocess.Popen(
            [host.programs.virsh, "--quiet", "-c", host.uri, "qemu-monitor-event", "--loop"],
            env=dict(environment(host.programs.virsh), LC_ALL="C.UTF-8"), cwd="/",
            stdin=subprocess.DEVNULL, stdout=self._file, stderr=subprocess.DEVNULL,
            start_new_session=True)
        self._ready = time.monotonic() + START_SECONDS

    def __enter__(self) -> "EventLog":
        time.sleep(max(0.0, self._ready - time.monotonic()))
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.wait()

    def settle(self) -> None:
        """Waits until all that has happened was printed."""
        time.sleep(SETTLE_SECONDS)

    def read(self) -> list[Event]:
        """What has come until now."""
        self._file.seek(0)
        return parse(self._file.read(), self._guest)
