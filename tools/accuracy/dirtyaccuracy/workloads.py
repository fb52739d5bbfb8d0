# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the guests of the accuracy run do: a table, each row draws the details by chance."""

import random
from collections.abc import Callable

# What the test guest itself and the firmware take of a guest's memory, MiB.
OWN_MIB = 64
# The same of a Linux guest.
LINUX_OWN_MIB = 176
LINUX_MEMORIES_MIB = (384, 448, 512)
# Share of its vCPU's time that the work of a Linux guest may take, percent: a busy vCPU under TCG would
# leave too little of the machine for the migration itself.
LINUX_SHARES = (2, 60)


def _part(draw: random.Random, room: int, low: float, high: float) -> int:
    """A share of the room, in whole MiB."""
    return max(1, round(room * draw.uniform(low, high)))


def _idle(draw: random.Random, room: int, _rate: float) -> dict:
    return {"pattern": "idle", "rate": 0, "working_set": 1, "fill": _part(draw, room, 0.3, 0.9)}


def _uniform_small(draw: random.Random, room: int, rate: float) -> dict:
    size = _part(draw, room, 0.03, 0.2)
    return {"pattern": "uniform", "rate": rate, "working_set": size,
            "fill": _part(draw, room - size, 0.2, 0.9)}


def _uniform_large(draw: random.Random, room: int, rate: float) -> dict:
    return {"pattern": "uniform", "rate": rate, "working_set": _part(draw, room, 0.3, 0.95)}


def _hot_set(draw: random.Random, room: int, rate: float) -> dict:
    """A few MiB, written over and over."""
    size = draw.randint(1, 12)
    return {"pattern": "seq", "rate": rate, "working_set": size,
            "fill": _part(draw, room - size, 0.2, 0.9)}


def _hot_cold(draw: random.Random, room: int, rate: float) -> dict:
    return {"pattern": "hotcold", "rate": rate, "working_set": _part(draw, room, 0.3, 0.9),
            "hot": draw.randint(2, 20), "hot_share": draw.randint(60, 97)}


def _sequential(draw: random.Random, room: int, rate: float) -> dict:
    return {"pattern": "seq", "rate": rate, "working_set": _part(draw, room, 0.3, 0.9)}


def _parts(draw: random.Random, room: int, rate: float) -> dict:
    """Two vCPUs, each on memory of its own."""
    return {"pattern": "uniform", "rate": rate, "vcpus": 2, "parts": True,
            "working_set": _part(draw, room, 0.2, 0.9)}


def _uneven(draw: random.Random, room: int, rate: float) -> dict:
    """Two vCPUs, of which one writes little."""
    size = _part(draw, room, 0.2, 0.8)
    return {"pattern": "uniform", "rate": rate, "first_rate": round(rate * draw.uniform(0.02, 0.2), 1),
            "vcpus": 2, "working_set": size, "fill": _part(draw, room - size, 0.1, 0.9)}


def _readers(draw: random.Random, room: int, rate: float) -> dict:
    """One vCPU writes, one reads."""
    return {"pattern": "hotcold", "rate": rate, "vcpus": 2, "readers": 1,
            "working_set": _part(draw, room, 0.3, 0.9), "hot": draw.randint(5, 30),
            "hot_share": draw.randint(50, 90)}


def _incompressible(draw: random.Random, room: int, rate: float) -> dict:
    """Uniform, on pages that are full of content."""
    size = _part(draw, room, 0.1, 0.5)
    return {"pattern": "uniform", "rate": rate, "working_set": size,
            "fill": _part(draw, room - size, 0.3, 0.9), "fill_words": 512}


WORKLOADS: dict[str, Callable[[random.Random, int, float], dict]] = {
    "idle": _idle,
    "uniform-small": _uniform_small,
    "uniform-large": _uniform_large,
    "hot-set": _hot_set,
    "hot-cold": _hot_cold,
    "sequential": _sequential,
    "own-parts": _parts,
    "uneven": _uneven,
    "readers": _readers,
    "full-pages": _incompressible,
}


def _server(draw: random.Random, room: int, _share: int) -> dict:
    """A key-value server with clients that set random keys."""
    return {"size": _part(draw, room, 0.1, 0.7)}


def _compiler(draw: random.Random, room: int, _share: int) -> dict:
    """It needs little itself; the rest is files."""
    return {"size": 0, "fill": _part(draw, room, 0.1, 0.7)}


def _stress(draw: random.Random, room: int, _share: int) -> dict:
    """It writes all its memory, then reads it: so little that a measurement sees both."""
    size = _part(draw, room, 0.04, 0.25)
    return {"size": size, "fill": _part(draw, room - size, 0.1, 0.5)}


def _page_cache(_draw: random.Random, _room: int, _share: int) -> dict:
    """Idle, and its page cache is full."""
    return {"share": 100, "size": 0}


# By workload: what the lab calls the work, and the rest of a LinuxSpec.
LINUX_WORKLOADS: dict[str, tuple[str, Callable[[random.Random, int, int], dict]]] = {
    "redis": ("redis", _server),
    "compile": ("compile", _compiler),
    "stress-ng": ("stress-ng", _stress),
    "page-cache": ("idle", _page_cache),
}


def draw_linux_guest(workload: str, draw: random.Random) -> dict:
    """The members of a LinuxSpec for a workload; "work" tells it from a GuestSpec."""
    memory = draw.choice(LINUX_MEMORIES_MIB)
    low, high = LINUX_SHARES
    share = round(low * (high / low) ** draw.random())
    work, rest = LINUX_WORKLOADS[workload]
    return {"memory": memory, "work": work, "share": share,
            **rest(draw, memory - LINUX_OWN_MIB, share)}


def busy(guest: dict) -> dict:
    """A test guest that writes as much as it can, if it writes at all and is not to leave a CPU for
    others: what slows a guest down slows this one, while one with a rate to keep catches up."""
    if guest["pattern"] == "idle" or guest.get("vcpus", 1) > 1:
        return guest
    return {**guest, "rate": None}


def kind(guest: dict) -> str:
    """What a guest does with the time that it has."""
    if is_linux(guest):
        return "Linux"
    if guest["pattern"] == "idle":
        return "idle test guest"
    return "busy test guest" if guest["rate"] is None else "paced test guest"


def is_linux(guest: dict) -> bool:
    """Whether a guest is for a LinuxSpec."""
    return "work" in guest


def draw_guest(workload: str, draw: random.Random, memory: int, rate: float) -> dict:
    """The members of a GuestSpec for a workload.

    @memory: of the guest, MiB
    @rate: how much it writes, MiB/s, where it writes
    """
    return {"memory": memory, "seed": draw.randrange(1, 2**31),
            **WORKLOADS[workload](draw, memory - OWN_MIB, rate)}
