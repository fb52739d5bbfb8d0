# SPDX-License-Identifier: LGPL-2.1-or-later
"""A test guest's counters, read from its memory at any moment; tests/guest/README.md describes them."""

import mmap
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from dirtylab.truth import PAGES_PER_MIB, Serial

HEAD = struct.Struct("<2Q")


@dataclass(frozen=True)
class Counts:
    """What each vCPU has done so far, in pages, and when it was read (time.monotonic())."""
    time: float
    done: list[int]
    distinct: list[int]


    def since(self, before: "Counts", writes: bool = True) -> list[float]:
        """What each vCPU did since an earlier reading, MiB/s: pages written or read, else distinct."""
        now, then = (self.done, before.done) if writes else (self.distinct, before.distinct)
        return [(a - b) / PAGES_PER_MIB / (self.time - before.time) for a, b in zip(now, then)]


class Records:
    """The records of a guest whose memory is a file that this process may read."""

    def __init__(self, memory: Path, said: Serial) -> None:
        address, size = said.ready["records"].split(":")
        self._begin, self._size = int(address, 16), int(size)
        self._vcpus = range(int(said.ready["vcpus"]))
        with memory.open("rb") as file:
            # Below the hole an address is the place in the file.
            self._map = mmap.mmap(file.fileno(), self._begin + self._size * len(self._vcpus),
                                  prot=mmap.PROT_READ)

    def read(self) -> Counts:
        """The counters as they are now."""
        heads = [HEAD.unpack_from(self._map, self._begin + self._size * i) for i in self._vcpus]
        return Counts(time.monotonic(), *map(list, zip(*heads)))

    def close(self) -> None:
        """Lets the memory go."""
        self._map.close()
