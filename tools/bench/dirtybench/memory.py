# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guest memory without a guest: a file that QEMU maps as its memory, and who writes to it."""

import os
import random
import subprocess
import tempfile
from pathlib import Path

from dirtylab.errors import LabError

MIB = 1024 * 1024
PAGE = 4096
SHARED = "/dev/shm"


class Memory:
    """The program bench-memory at work on a file or, without one, on memory of its own."""

    def __init__(self, program: Path, mib: int, path: Path | None) -> None:
        self.mib = mib
        self.path = path
        self._process = subprocess.Popen([str(program), str(path or "-"), str(mib)],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    def tell(self, command: str, *numbers: int) -> int:
        """Runs one of its commands; see bench-memory.c."""
        try:
            self._process.stdin.write(" ".join([command, *map(str, numbers)]) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            raise LabError(f"bench-memory has ended at '{command}': see what it said above")
        return int(line)

    def __enter__(self) -> "Memory":
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.communicate()


class SharedFile:
    """A file in memory, gone at the end."""

    def __init__(self, mib: int) -> None:
        self.mib = mib
        directory = SHARED if os.access(SHARED, os.W_OK) else None
        self._file = tempfile.NamedTemporaryFile(prefix="dirtybench-", dir=directory)
        self._file.truncate(mib * MIB)
        self.path = Path(self._file.name)

    def __enter__(self) -> "SharedFile":
        return self

    def __exit__(self, *_) -> None:
        self._file.close()


def _largest_mapping_end(pid: int, size: int) -> int:
    """Where the guest's memory ends in a QEMU's address space: its pages fill the end of a mapping,
    as a page that nobody may touch follows."""
    for line in Path(f"/proc/{pid}/maps").read_text(encoding="ascii").splitlines():
        start, end = (int(word, 16) for word in line.split()[0].split("-"))
        if end - start >= size and " rw" in line:
            return end
    raise LabError(f"process {pid} has no memory of {size // MIB} MiB")


def fill_as_guest(pid: int, memory_mib: int, fill_mib: int) -> None:
    """Gives the first pages of a QEMU's guest memory content of their own each, and a place in
    that process, as the guest itself would."""
    start = _largest_mapping_end(pid, memory_mib * MIB) - memory_mib * MIB
    source = random.Random(1).randbytes(2 * MIB)
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        memory.seek(start)
        for i in range(fill_mib):
            # Another start each MiB: pages differ, and none is made twice.
            written = memory.write(source[i * 8:i * 8 + MIB])
            if written != MIB:
                raise LabError(f"the memory of process {pid} takes only {written} bytes")
