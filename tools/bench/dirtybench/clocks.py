# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a process has used so far: CPU time to the nanosecond, memory, threads, descriptors."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

CPUCLOCK_SCHED = 2  # the kernel's name for a process's clock that counts all its threads


def process_cpu(pid: int) -> int:
    """CPU time of all threads of a process, ended ones too, ns."""
    return time.clock_gettime_ns(~pid << 3 | CPUCLOCK_SCHED)


def living_threads_cpu(pid: int) -> dict[int, int]:
    """CPU time of each thread that lives, ns; of one that runs right now up to the last tick."""
    found = {}
    for name in os.listdir(f"/proc/{pid}/task"):
        try:
            text = Path(f"/proc/{pid}/task/{name}/schedstat").read_text(encoding="ascii")
        except OSError:  # it has just ended
            continue
        found[int(name)] = int(text.split()[0])
    return found


def has_new_sleeper(pid: int, known: dict[int, int], least_ns: int) -> bool:
    """Whether a thread that is not among the known ones has worked for some time and sleeps."""
    for tid, ns in living_threads_cpu(pid).items():
        if tid not in known and ns >= least_ns:
            stat = Path(f"/proc/{pid}/task/{tid}/stat").read_text(encoding="ascii",
                                                                  errors="replace")
            return stat.rpartition(")")[2].split()[0] == "S"
    return False


class WaitingShare:
    """What part of a time a thread was ready to run but had no CPU, as others had them."""

    def __init__(self, pid: int, tid: int) -> None:
        self._path = Path(f"/proc/{pid}/task/{tid}/schedstat")
        self._begin = self._now()

    def _now(self) -> tuple[int, int]:
        return time.monotonic_ns(), int(self._path.read_text(encoding="ascii").split()[1])

    def share(self) -> float:
        """The share since this object was made."""
        (begin, waited_before), (end, waited) = self._begin, self._now()
        return min(1.0, (waited - waited_before) / (end - begin))


class MeasuringCpu:
    """CPU time of threads that come and go, such as those that measure.

    Exact if the threads that stay sleep when it is begun and when it is read, so stop the guest.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._process = process_cpu(pid)
        self._threads = living_threads_cpu(pid)

    def ns(self) -> int:
        """CPU time since this object was made, less that of the threads that were there then."""
        stayed = living_threads_cpu(self._pid)
        return process_cpu(self._pid) - self._process \
            - sum(stayed.get(tid, ns) - ns for tid, ns in self._threads.items())


def huge_mib(pid: int) -> int:
    """How much of its private memory is in huge pages, MiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("AnonHugePages:"):
            return int(line.split()[1]) // 1024
    return 0


@dataclass(frozen=True)
class Resources:
    """What a process holds. Sizes in KiB."""
    resident: int
    page_tables: int
    threads: int
    descriptors: int


def resources(pid: int) -> Resources:
    """What a process holds now."""
    words = dict(line.split(":", 1) for line in
                 Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines())

    def number(name: str) -> int:
        return int(words[name].split()[0])

    return Resources(resident=number("VmRSS"), page_tables=number("VmPTE"),
                     threads=number("Threads"), descriptors=len(os.listdir(f"/proc/{pid}/fd")))
