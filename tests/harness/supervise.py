# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a stage in a process of its own: within a time limit, and with nothing of it left behind."""

import ctypes
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from results import Stage

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
POLL_SECONDS = 0.1
# What a stage that is over its time gets to print what it knows.
GRACE_SECONDS = 5


def adopt_orphans() -> None:
    """Has all that outlives its parent become this process's child.

    So it can be found and ended, and is reaped: in a container whose first process reaps nobody,
    libvirt would wait long for a QEMU that has ended but is still listed.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _parents() -> dict[int, int]:
    """The parent of each process."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = Path(f"/proc/{name}/stat").read_text(encoding="ascii", errors="replace")
            except OSError:
                continue  # it has ended meanwhile
            found[int(name)] = int(stat.rpartition(")")[2].split()[1])
    return found


def descendants() -> list[int]:
    """All processes that come from this one."""
    parents = _parents()

    def is_ours(pid: int) -> bool:
        while pid in parents:
            pid = parents[pid]
            if pid == os.getpid():
                return True
        return False

    return [pid for pid in parents if is_ours(pid)]


def _reap() -> dict[int, int]:
    """Takes note of all children that have ended. Returns their exit codes."""
    ended = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not pid:
            return ended
        ended[pid] = os.waitstatus_to_exitcode(status)


def _kill(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def end_descendants(grace: float = 0) -> list[int]:
    """Ends all processes that come from this one. Returns those that there were."""
    found = descendants()
    _kill(found, signal.SIGTERM if grace else signal.SIGKILL)
    limit = time.monotonic() + grace
    # What is killed may have had children meanwhile.
    while True:
        _reap()
        rest = descendants()
        if not rest:
            return found
        if time.monotonic() > limit:
            _kill(rest, signal.SIGKILL)
        time.sleep(POLL_SECONDS / 10)


def _run_in_child(function: Callable[[Stage], None], stage: Stage, record: Path) -> None:
    """Life of the process that the stage runs in."""
    try:
        with record.open("w", encoding="utf-8") as file:
            stage.record_to(file)
            try:
                function(stage)
            except Exception as error:  # a stage that breaks is a failed test
                stage.failed("the stage itself", f"{type(error).__name__}: {error}")
    except BaseException:
        os._exit(1)  # Ctrl-C: the parent says so
    sys.stdout.flush()
    os._exit(0)


def run(function: Callable[[Stage], None], stage: Stage, seconds: float) -> None:
    """Runs a stage for @seconds at most. What it has found until then counts."""
    if seconds <= 0:
        stage.failed("the stage itself", "no time was left for it")
        return
    with tempfile.TemporaryDirectory(prefix="libvirt-dirty-") as directory:
        record = Path(directory) / "results"
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            _run_in_child(function, stage, record)
        limit = time.monotonic() + seconds
        status = None
        try:
            while status is None and time.monotonic() < limit:
                time.sleep(POLL_SECONDS)
                status = _reap().get(child)
        finally:
            # Also what a stage that ended well has left, which would be in the way of the next.
            end_descendants(0 if status == 0 else GRACE_SECONDS)
        if record.exists():
            stage.load(record.read_text(encoding="utf-8"))
    if status is None:
        stage.failed("the time limit", f"the stage was not done within {seconds:.0f} s; what it "
                     "was at stands above")
    elif status != 0:
        stage.failed("the stage itself", f"its process ended with status {status}")
