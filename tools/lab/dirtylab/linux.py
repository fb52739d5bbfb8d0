# SPDX-License-Identifier: LGPL-2.1-or-later
"""Linux guests: a Debian kernel and a workload out of Debian's packages; tests/linux-guest/README.md
describes them."""

from dataclasses import dataclass
from pathlib import Path

from dirtylab.errors import LabError
from dirtylab.machine import Boot, Machine
from dirtylab.programs import Programs

KERNEL = "vmlinuz"
IMAGES = ".cpio"
# What kernel, image and programs take beside the data that they work on, rounded up generously, MiB.
OWN_MIB = 160
LEAST_MIB = 256
DEFAULT_MIB = 512
SHARES = (1, 100)  # percent


@dataclass(frozen=True)
class LinuxSpec(Machine):
    """What a Linux guest is to be. Memory in MiB, share in percent of all vCPUs' time."""
    work: str = "idle"
    share: int = 100
    size: int = 128  # what the work has for data
    fill: int = 0    # further memory that is files; idle takes all there is if 0

    def memory_mib(self) -> int:
        """Memory of the guest, MiB."""
        return self.memory or max(DEFAULT_MIB, self.size + self.fill + OWN_MIB)

    def check(self) -> None:
        """LabError for what no guest can be."""
        super().check()
        needed = max(LEAST_MIB, self.fill + OWN_MIB + (0 if self.work == "idle" else self.size))
        if self.memory_mib() < needed:
            raise LabError(f"--memory {self.memory}: this Linux guest needs {needed} MiB for what "
                           "it shall do")

    def boot(self, programs: Programs) -> Boot:
        """Kernel, image and command line."""
        built = images(programs)
        if self.work not in built:
            raise LabError(f"--linux {self.work}: there is no such workload, there are "
                           f"{', '.join(sorted(built))}")
        words = {"name": self.work, "share": self.share, "size": self.size, "fill": self.fill}
        return Boot(str(Path(programs.linux) / KERNEL), str(built[self.work]),
                    "console=ttyS0 quiet panic=0 "
                    + " ".join(f"lab.{name}={value}" for name, value in words.items()))

    def describe(self, ready: dict[str, str]) -> str:
        """All it said."""
        return ", ".join(f"{key} {value}" for key, value in ready.items())

    def has_balloon(self) -> bool:
        """It has what a real guest has."""
        return True


def images(programs: Programs) -> dict[str, Path]:
    """The images that were built, by their workload."""
    directory = Path(programs.linux or "")
    found = {path.stem: path for path in directory.glob(f"*{IMAGES}")} if programs.linux else {}
    if not found or not (directory / KERNEL).exists():
        raise LabError("no Linux guests are built here: 'make stack' or 'tools/stack/stack linux' "
                       "fetches Debian's packages for them and builds them, and ./run says where "
                       "they are")
    return found


def parse(text: str) -> tuple[str, int]:
    """Reads WORKLOAD[,PERCENT]. LabError for anything else; which workloads there are boot() says."""
    work, _, share = text.partition(",")
    if "," not in text:
        return work, SHARES[1]
    percent = int(share) if share.isdecimal() and share.isascii() and len(share) < 4 else 0
    if not SHARES[0] <= percent <= SHARES[1]:
        raise LabError(f"--linux {text}: after the comma a whole number of percent from {SHARES[0]} "
                       f"to {SHARES[1]} is needed, the share of its vCPUs' time that the work may "
                       "take")
    return work, percent
