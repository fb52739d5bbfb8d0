# SPDX-License-Identifier: LGPL-2.1-or-later
"""How much else the machine did: CPU time that was not the lab's, and CPU time the host itself did not get."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
POLL_SECONDS = 0.25
# Of one CPU. With more of others' work a migration is not what it is on a machine of its own.
MOST_FOREIGN = 0.2
MOST_STEAL = 0.02

# Of the line "cpu" in /proc/stat.
USER, NICE, SYSTEM, STEAL = 0, 1, 2, 7


def _machine() -> tuple[float, float]:
    """CPU time of all processes, and time the CPUs were wanted but not there, s."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    ticks = [int(field) for field in fields]
    return (ticks[USER] + ticks[NICE] + ticks[SYSTEM]) / TICK, ticks[STEAL] / TICK


def _process(pid: int) -> float | None:
    """CPU time of a process and of its children that it has waited for, s; None if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return sum(map(int, stat.rpartition(")")[2].split()[11:15])) / TICK


class Watch:
    """Watches the machine while it is entered.

    @ours: names the processes that are not foreign, asked for again and again as they come and go
    """

    def __init__(self, ours: Callable[[], list[int]]) -> None:
        self._ours = ours
        self._done = threading.Event()
        self._first: dict[int, float] = {}
        self._last: dict[int, float] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.share_foreign = self.share_steal = self.load = 0.0

    def _look(self, from_zero: bool) -> None:
        for pid in {os.getpid(), *self._ours()}:
            used = _process(pid)
            if used is not None:
                self._first.setdefault(pid, 0.0 if from_zero else used)
                self._last[pid] = used

    def _run(self) -> None:
        while not self._done.wait(POLL_SECONDS):
            self._look(from_zero=True)

    def __enter__(self) -> "Watch":
        self._begin, (self._busy, self._steal) = time.monotonic(), _machine()
        self._look(from_zero=False)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._done.set()
        self._thread.join()
        self._look(from_zero=True)
        seconds = max(time.monotonic() - self._begin, 1 / TICK)
        busy, steal = _machine()
        ours = sum(self._last[pid] - self._first[pid] for pid in self._last)
        self.share_foreign = max(0.0, (busy - self._busy - ours) / seconds)
        self.share_steal = (steal - self._steal) / seconds
        self.load = os.getloadavg()[0]

    def as_dict(self) -> dict:
        """For a row: shares of one CPU, and the load of the last minute."""
        return {"foreign": round(self.share_foreign, 3), "steal": round(self.share_steal, 3),
                "load": round(self.load, 2)}


def disturbed(*noises: dict) -> bool:
    """Whether a case's figures are those of a busy machine. Looks at nothing the case gave."""
    return any(noise["foreign"] > MOST_FOREIGN or noise["steal"] > MOST_STEAL for noise in noises)
