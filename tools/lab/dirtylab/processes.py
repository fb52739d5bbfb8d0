# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes: which ones belong to a directory of the lab, and how they are ended."""

import os
import signal
import time
from pathlib import Path

TERM_SECONDS = 5  # what a daemon gets to end in order before it is killed
POLL_SECONDS = 0.05


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits for its parent does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def arguments(pid: int) -> list[str]:
    """The command line of a process, empty if it has none (any more)."""
    try:
        data = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return data.decode(errors="surrogateescape").split("\0")[:-1]


def read_pid(path: Path) -> int | None:
    """The number in a pid file, None if there is none."""
    try:
        return int(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None


def all_pids() -> list[int]:
    """All processes but this one."""
    return [int(name) for name in os.listdir("/proc")
            if name.isdigit() and int(name) != os.getpid()]


def working_in(directory: Path, programs: tuple[str, ...]) -> list[int]:
    """Processes of these programs (starts of their names) with a path under directory among
    their arguments. The name matters: a user's pager on a log there is none of ours."""
    inside = f"{directory}/"
    found = []
    for pid in all_pids():
        args = arguments(pid)
        if args and os.path.basename(args[0]).startswith(programs) \
                and any(inside in arg for arg in args) and is_alive(pid):
            found.append(pid)
    return found


def in_namespace(marker: Path, content: str) -> list[int]:
    """Processes in a mount namespace other than ours where the file marker has this content."""
    own = os.readlink("/proc/self/ns/mnt")
    found = []
    for pid in all_pids():
        try:
            if os.readlink(f"/proc/{pid}/ns/mnt") == own:
                continue
            if Path(f"/proc/{pid}/root{marker}").read_text(encoding="utf-8") != content:
                continue
        except OSError:  # gone, not ours to look at, or no such file there
            continue
        if is_alive(pid):
            found.append(pid)
    return found


def end(pids: list[int], grace: float = TERM_SECONDS) -> None:
    """Ends processes: asks, waits up to grace seconds for all, then kills."""
    for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, TERM_SECONDS)):
        pids = [pid for pid in pids if is_alive(pid)]
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        limit = time.monotonic() + seconds
        while any(is_alive(pid) for pid in pids) and time.monotonic() < limit:
            time.sleep(POLL_SECONDS)
