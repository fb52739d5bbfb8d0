# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cases: which guest is migrated how, drawn by chance. Case k of a seed is always the same."""

import random
from dataclasses import asdict, dataclass, replace

from dirtyaccuracy import workloads

# A case is drawn from its own generator, named by this, its seed and its number: what one case draws
# changes no other. A new version draws other cases.
VERSION = 3

# Most of them such that a guest, the migration and the target fit on two CPUs: from 1 Gbit/s on a
# migration under TCG takes what the CPUs allow, not what the link does.
LINKS_MBIT = (200, 300, 400, 500, 600, 750, 1000)
DOWNTIMES_MS = (50, 100, 200, 300, 500, 1000)
MEMORIES_MIB = (256, 320, 384, 448, 512)
LATENCIES_MS = (0.5, 2, 5, 10)  # one way
CALC_SECONDS = (2, 2, 4, 4, 8)
# Mode, and pages looked at per GiB where it samples: small guests need the largest sample to be told of
# as much as the usual sample tells of guests of many GiB.
MEASUREMENTS = (("page-sampling", 16384), ("page-sampling", 16384), ("dirty-bitmap", 0))
# How much a guest writes, as a share of what the link carries: from, to. Methods that help busy guests
# are for busy guests.
INTENSITY = (0.05, 1.6)
HIGH_INTENSITY = (0.3, 2.5)
HELPING_METHODS = ("auto-converge", "dirty-limit", "postcopy")
LEAST_RATE, MOST_RATE = 2.0, 250.0  # MiB/s; a busy core under TCG does no more in every pattern

# How many of the cases have a latency, a limit of the bandwidth, a Linux guest; and how many of those
# with auto-converge a test guest that is as busy as it can be.
LATENCY_SHARE, LIMITED_SHARE, LINUX_SHARE, BUSY_SHARE = 0.25, 0.15, 0.3, 0.5

# Of ten cases; the first names what most migrations are.
METHODS = ("plain",) * 4 + ("auto-converge",) * 2 + ("dirty-limit", "postcopy", "parallel",
                                                     "compression")
# Of 512 in a page: how much content is hard to compress.
FILL_WORDS = (64, 128, 256, 512)
# What a migration gets. Slowing a guest down takes its time.
TIME_LIMIT_S = 40
LONG_TIME_LIMIT_S = 60
MIB = 2**20


@dataclass(frozen=True)
class Case:
    """One migration to be foretold and done."""
    version: int
    seed: int
    number: int
    workload: str
    guest: dict             # members of a GuestSpec, without its name
    link_mbit: int
    latency_ms: float       # one way; 0: none added
    downtime_ms: int
    method: str
    calc_ms: int            # length of the measurement
    mode: str               # how the measurement counts
    sample_pages: int       # per GiB, 0: not a mode that samples
    max_bandwidth: int = 0  # MiB/s, 0: none
    dirty_limit: int = 0    # MiB/s of each vCPU, 0: none
    connections: int = 0    # of parallel migration
    compression: str = ""   # method
    time_limit_s: int = TIME_LIMIT_S

    def as_dict(self) -> dict:
        """For a row of the results file."""
        return asdict(self)

    @property
    def name(self) -> str:
        """What tells it from all others: the way to draw, the seed and the number."""
        return f"{self.version}:{self.seed}:{self.number}"

    @property
    def link(self) -> str:
        """As the lab wants it named."""
        return f"{self.link_mbit}mbit" + (f",{self.latency_ms:g}ms" if self.latency_ms else "")


def _method_options(draw: random.Random, method: str, rate: float, vcpus: int) -> dict:
    """What else a method needs to be told."""
    if method == "dirty-limit":
        return {"dirty_limit": max(1, round(rate / vcpus * draw.uniform(0.1, 0.8)))}
    if method == "parallel":
        return {"connections": draw.choice((2, 3, 4))}
    if method == "compression":
        return {"connections": 2, "compression": draw.choice(("zlib", "zstd"))}
    return {}


def draw_case(seed: int, number: int, with_linux: bool = True) -> Case:
    """Case number of a seed.

    @with_linux: whether some have a Linux guest; those that have none are drawn alike without
    """
    draw = random.Random(f"{VERSION}:{seed}:{number}")
    workload = draw.choice(tuple(workloads.WORKLOADS))
    link = draw.choice(LINKS_MBIT)
    latency = draw.choice(LATENCIES_MS) if draw.random() < LATENCY_SHARE else 0
    payload = link * 1e6 / 8 / MIB
    method = draw.choice(METHODS)
    low, high = HIGH_INTENSITY if method in HELPING_METHODS else INTENSITY
    rate = payload * low * (high / low) ** draw.random()
    rate = round(min(max(rate, LEAST_RATE), MOST_RATE), 1)
    guest = workloads.draw_guest(workload, draw, draw.choice(MEMORIES_MIB), rate)
    if draw.random() < BUSY_SHARE and method == "auto-converge":
        guest = workloads.busy(guest)
    limited = draw.random() < LIMITED_SHARE
    mode, sample_pages = draw.choice(MEASUREMENTS)
    if method == "compression":  # only sampling looks at what pages hold
        mode, sample_pages = MEASUREMENTS[0]
        # The test guest's pages hold one number, unless told otherwise: any method makes nothing of that.
        guest = {**guest, "fill_words": draw.choice(FILL_WORDS)}
    case = Case(
        version=VERSION, seed=seed, number=number, workload=workload, guest=guest, link_mbit=link,
        latency_ms=latency, downtime_ms=draw.choice(DOWNTIMES_MS),
        method=method, calc_ms=draw.choice(CALC_SECONDS) * 1000, mode=mode,
        sample_pages=sample_pages,
        max_bandwidth=round(payload * draw.uniform(0.5, 0.9)) if limited else 0,
        time_limit_s=LONG_TIME_LIMIT_S if method == "auto-converge" else TIME_LIMIT_S,
        **_method_options(draw, method, rate, guest.get("vcpus", 1)))
    # Last, so that it changes nothing else.
    linux = draw.random() < LINUX_SHARE
    workload = draw.choice(tuple(workloads.LINUX_WORKLOADS))
    if not linux or not with_linux:
        return case
    return replace(case, workload=workload, guest=workloads.draw_linux_guest(workload, draw))


def from_dict(data: dict) -> Case:
    """The opposite of as_dict()."""
    return Case(**data)
