# SPDX-License-Identifier: LGPL-2.1-or-later
"""How much else the machine did: CPU time that was not the lab's, and CPU time the host itself did not
get."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

TICK = os.sysconf("SC_CLK_TCK")
POLL_SECONDS = 0.25
# Of one CPU. With more of others' work a migration is not what it is on a machine of its own.
MOST_FOREIGN = 0.2
MOST_STEAL = 0.02
# The lab's priority while it is watched, where that is allowed. The scheduler gives a process with a nice
# value above 0 less than a seventh of the time that one of the lab's gets when both want it: what such
# processes have used was left over, and is not counted.
PRIORITY = -8
# Of /proc/stat's line "cpu".
STEAL = 7


class Used(NamedTuple):
    """What a process has used until now, s, and its nice value."""
    seconds: float
    nice: int


def go_first() -> None:
    """Gives this process, and those that it starts from then on, the lab's priority."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    except OSError:
        pass  # then all that others do is counted


def _stolen() -> float:
    """Time that the CPUs were wanted but not there, s."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    return int(fields[STEAL]) / TICK


def _processes() -> dict[int, Used]:
    """All processes, the kernel's own threads among them.

    Theirs are exact times; /proc/stat's sums count whole ticks, and are far off where a guest's own
    clock makes it run just when the host's ticks.
    """
    found = {}
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue  # it has ended
        fields = stat.rpartition(")")[2].split()
        found[int(pid)] = Used(sum(map(int, fields[11:13])) / TICK, int(fields[16]))
    return found


class Watch:
    """Watches the machine while it is entered.

    @ours: names the processes that are not foreign, asked for again and again as they come and go
    """

    def __init__(self, ours: Callable[[], list[int]]) -> None:
        self._ours = ours
        self._done = threading.Event()
        self._first: dict[int, float] = {}
        self._last: dict[int, Used] = {}
        self._known = {os.getpid(), os.getppid()}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.share_foreign = self.share_steal = self.load = 0.0

    def _look(self, from_zero: bool) -> None:
        now = _processes()
        self._known.update(self._ours())
        for pid, used in now.items():
            self._first.setdefault(pid, 0.0 if from_zero else used.seconds)
            self._last[pid] = used

    def _run(self) -> None:
        while not self._done.wait(POLL_SECONDS):
            self._look(from_zero=True)

    def __enter__(self) -> "Watch":
        self._begin, self._steal = time.monotonic(), _stolen()
        self._look(from_zero=False)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._done.set()
        self._thread.join()
        self._look(from_zero=True)
        seconds = max(time.monotonic() - self._begin, 1 / TICK)
        yields = 1 if os.getpriority(os.PRIO_PROCESS, 0) <= PRIORITY else 20
        foreign = sum(used.seconds - self._first[pid] for pid, used in self._last.items()
                      if pid not in self._known and used.nice < yields)
        self.share_foreign = foreign / seconds
        self.share_steal = (_stolen() - self._steal) / seconds
        self.load = os.getloadavg()[0]

    def as_dict(self) -> dict:
        """For a row: shares of one CPU, and the load of the last minute."""
        return {"foreign": round(self.share_foreign, 3), "steal": round(self.share_steal, 3),
                "load": round(self.load, 2)}


def disturbed(*noises: dict) -> bool:
    """Whether a case's figures are those of a busy machine. Looks at nothing the case gave."""
    return any(noise["foreign"] > MOST_FOREIGN or noise["steal"] > MOST_STEAL for noise in noises)
