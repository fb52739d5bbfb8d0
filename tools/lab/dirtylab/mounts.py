# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mount points for the private daemons: made where the system has none, removed after the last.

A mount hides a directory of libvirt's from one daemon only, but needs a directory to lie on. All labs
of the machine share one list of those made for them: removing one that another lab's daemon has
mounted something on would take that mount away from under it.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from dirtylab import processes
from dirtylab.errors import LabError

LIST = Path("/run/libvirt-dirty/mount-points")


@contextlib.contextmanager
def _locked_list() -> Iterator[list[str]]:
    """The list, locked; what the caller makes of it is written back."""
    LIST.parent.mkdir(mode=0o700, exist_ok=True)
    with LIST.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        made = file.read().splitlines()
        try:
            yield made
        finally:
            file.truncate(0)
            file.write("".join(f"{path}\n" for path in made))


def _in_use() -> set[str]:
    """Everything that is a mount point for any process."""
    found = set()
    for pid in processes.all_pids():
        try:
            lines = Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        found.update(line.split()[4] for line in lines.splitlines())
    return found


@contextlib.contextmanager
def mount_points(paths: list[Path]) -> Iterator[None]:
    """Makes what is missing of the directories; they cannot go while the caller mounts."""
    with _locked_list() as made:
        for path in paths:
            for part in [*reversed(path.parents), path]:
                if part.exists():
                    continue
                try:
                    part.mkdir()
                except OSError as error:
                    raise LabError(f"a place for the lab's mounts cannot be made: {error}: run "
                                   "the lab as an ordinary user, who needs none") from None
                made.append(str(part))
        yield


def remove_unused() -> None:
    """Removes the directories made for labs that no daemon uses any more."""
    if not LIST.exists():
        return
    with _locked_list() as made:
        used = _in_use()
        for path in reversed(made.copy()):
            if any(point == path or point.startswith(f"{path}/") for point in used):
                continue
            with contextlib.suppress(OSError):  # not empty: someone uses it, it is theirs now
                os.rmdir(path)
            made.remove(path)
