# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random sequences of what can happen to a guest whose vCPUs are limited."""

import contextlib
import random
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from dirtylab.errors import LabError
from guest_machine import QmpError
from limit_guest import ROOM, LimitGuest

# Those vCPUs come and go; more would leave each one little of what happens.
VCPUS = 4
# What shows that limits hold, MiB/s.
HELD_MIBS = 1
# Far below the pace, at it, and never reached, MiB/s.
LIMITS = (1, 2, 4, 8, 100, 1 << 20)
BAD_LIMITS = (-1, (1 << 20) + 1, 1 << 63, "ten")
BAD_VCPUS = (ROOM, -2, 1 << 31)
SEQUENCE_STEPS = (4, 14)
# Between two steps, s: mostly at once, as that is where races are.
PAUSES = (0, 0, 0.01, 0.05, 0.2)
# How long a migration that limits the vCPUs is left alone to do so, s.
MIGRATION_PATIENCE = 6
# How many of the migrations limit the vCPUs.
MIGRATION_LIMITS_SHARE = 0.6


class Sequence:
    """One of them: a guest, and what is done to it, told by a random number generator."""

    def __init__(self, guest: LimitGuest, seed: str) -> None:
        self.guest = guest
        self.random = random.Random(seed)
        # What was done, for who has to find out why it went wrong.
        self.steps: list[str] = []
        self._start = time.monotonic()
        # vCPUs, the guest's writers and shares when the snapshot was taken; None before.
        self.snapshot: tuple[set[int], set[int], list[int]] | None = None
        # Whether the present migration limits vCPUs.
        self.migration_limits = False

    def run(self) -> None:
        """All of it, and what must hold after it."""
        for _ in range(self.random.randint(*SEQUENCE_STEPS)):
            self._step()
            self._check()
            time.sleep(self.random.choice(PAUSES))
        self._say("settle")
        self.guest.settle()
        self._say("  the guest must be free")
        self.guest.writers.check_free()
        self._say("done")

    def _say(self, text: str) -> None:
        self.steps.append(f"{time.monotonic() - self._start:6.2f} s  {text}")

    def _step(self) -> None:
        names, weights = zip(*self.ACTIONS.items())
        name = self.random.choices(names, weights)[0]
        self._say(name)
        getattr(self, f"_{name}")()

    def _check(self) -> None:
        """Limits are as they were set; while a migration sets its own, the lower ones hold."""
        guest = self.guest
        if guest.process.poll() is not None:
            raise AssertionError(f"QEMU has ended with {guest.process.returncode}: {guest.said()}")
        if self.migration_limits and guest.migrating():
            guest.reported()
        else:
            self.migration_limits = False
            guest.check_limits()

    def _vcpu(self) -> int | None:
        return self.random.choice((None, *range(VCPUS)))

    def _set(self) -> None:
        vcpu, mibs = self._vcpu(), self.random.choice(LIMITS)
        self._say(f"  {mibs} MiB/s, vCPU {vcpu}")
        self.guest.set_limit(vcpu, mibs)

    def _cancel(self) -> None:
        vcpu = self._vcpu()
        self._say(f"  vCPU {vcpu}")
        self.guest.set_limit(vcpu, 0)

    def _bad(self) -> None:
        """A limit or a vCPU that cannot be: one error, and _check() sees that nothing changed."""
        arguments = {"dirty-rate": self.random.choice(LIMITS)}
        if self.random.random() < 0.5:
            arguments["dirty-rate"] = self.random.choice(BAD_LIMITS)
        else:
            arguments["cpu-index"] = self.random.choice(BAD_VCPUS)
        self._say(f"  {arguments}")
        try:
            self.guest.monitor.execute("set-vcpu-dirty-limit", arguments)
        except QmpError:
            return
        raise AssertionError(f"QEMU has taken {arguments}")

    def _human(self) -> None:
        """The human monitor, which refuses in words."""
        mibs = self.random.choice(LIMITS)
        said = self.guest.monitor.hmp(f"set_vcpu_dirty_limit {mibs}")
        self._say(f"  {mibs} MiB/s, all vCPUs: {said.strip()}")
        if "Error" not in said:
            self.guest.note(None, mibs)
        elif not self.migration_limits:
            raise AssertionError(f"limit {mibs} of all vCPUs was refused: {said}")
        self.guest.monitor.hmp("info vcpu_dirty_limit")

    def _disconnect(self) -> None:
        """A client goes before it has its answer."""
        vcpu, mibs = self._vcpu(), self.random.choice(LIMITS)
        self._say(f"  while {mibs} MiB/s is set, vCPU {vcpu}")
        index = {} if vcpu is None else {"cpu-index": vcpu}
        self.guest.doubt(vcpu, mibs)
        self.guest.monitor.send(("set-vcpu-dirty-limit", {**index, "dirty-rate": mibs}))
        self.guest.reconnect()

    def _plug(self) -> None:
        absent = sorted(set(range(VCPUS)) - self.guest.present())
        if not absent or self.guest.started == ROOM or self.guest.migrating():
            return
        number = self.random.choice(absent)
        self._say(f"  vCPU {number}")
        self.guest.plug(number)

    def _unplug(self) -> None:
        present = sorted(self.guest.present() - {0})
        if not present or self.guest.migrating():
            return
        number = self.random.choice(present)
        self._say(f"  vCPU {number}")
        self.guest.unplug(number)

    def _stop(self) -> None:
        self.guest.monitor.execute("stop")

    def _cont(self) -> None:
        # A migration that is about to end has stopped the guest itself.
        with contextlib.suppress(QmpError):
            self.guest.monitor.execute("cont")

    def _reset(self) -> None:
        """With all vCPUs there are the guest begins anew; what was limited still is.

        But not for long: filled at 1 MiB/s its memory would take it half a minute.
        """
        def begin():
            self.guest.monitor.execute("system_reset")
            time.sleep(self.random.choice(PAUSES))
            self.guest.check_limits()
            self.guest.set_limit(None, 0)

        if not self.guest.migrating():
            self.guest.monitor.execute("cont")
            self.guest.writers.wait_new_start(begin, self.guest.present())

    def _snapshot(self) -> None:
        if self.guest.migrating() or self._inactive():
            return
        self.guest.monitor.execute("snapshot-save", self._snapshot_arguments())
        error = self.guest.job_end("snapshot")
        self._say(f"  {error or 'done'}")
        if not error:
            writers = self.guest.writers
            self.snapshot = (self.guest.present(), set(writers.vcpus), writers.shares)

    def _revert(self) -> None:
        """Back to the snapshot, with the same vCPUs; limits are not part of it."""
        if (not self.snapshot or self.snapshot[0] != self.guest.present()
                or self.guest.migrating() or self._inactive()):
            return
        self.guest.monitor.execute("snapshot-load", self._snapshot_arguments())
        error = self.guest.job_end("snapshot")
        if error:
            raise AssertionError(f"the snapshot cannot be had back: {error}")
        _, writing, self.guest.writers.shares = self.snapshot
        self.guest.writers.vcpus = set(writing)

    def _snapshot_arguments(self) -> dict:
        return {"job-id": "snapshot", "tag": "s", "vmstate": "disk", "devices": ["disk"]}

    def _inactive(self) -> bool:
        """Whether a migration has taken the disk away, until the guest runs again."""
        return self.guest.monitor.execute("query-status")["status"] == "postmigrate"

    def _migrate(self) -> None:
        """To nowhere: it ends well, fails, or goes on until it is cancelled."""
        guest = self.guest
        if guest.migrating() or self._inactive():
            return
        limits = self.random.random() < MIGRATION_LIMITS_SHARE
        target = self.random.choice(("exec:cat >/dev/null", "exec:cat >/dev/null",
                                     "exec:sleep 0.1"))
        self._say(f"  {target}, {'with' if limits else 'without'} limits of its own")
        guest.monitor.execute("migrate-set-capabilities", {"capabilities": [
            {"capability": "dirty-limit", "state": limits}]})
        guest.monitor.execute("migrate-set-parameters", {
            "max-bandwidth": self.random.choice((2, 16, 2048)) << 20, "downtime-limit": 20,
            "vcpu-dirty-limit": self.random.choice((1, 3))})
        self.migration_limits = limits
        guest.monitor.execute("migrate", {"uri": target})

    def _migrate_on(self) -> None:
        """Lets a migration go on until it ends, or it holds the vCPUs back."""
        if not self.migration_limits:
            return
        end = time.monotonic() + MIGRATION_PATIENCE
        while self.guest.migrating() and time.monotonic() < end:
            found = self.guest.reported()
            if found and found != self.guest.limits:
                self._say(f"  {found}")
                return
            time.sleep(0.1)
        self._say(f"  {self.guest.migration()}")

    def _migrate_cancel(self) -> None:
        self.guest.end_migration()

    def _measure(self) -> None:
        """Whoever counts dirty pages meanwhile changes nothing."""
        with contextlib.suppress(QmpError):  # one at a time
            self.guest.monitor.calc(self.random.choice((60, 300)),
                                    self.random.choice(("page-sampling", "dirty-bitmap")))

    # What can be done, and how often.
    ACTIONS = {"set": 6, "cancel": 3, "bad": 1, "human": 1, "disconnect": 1, "plug": 2,
               "unplug": 2, "stop": 2, "cont": 3, "reset": 1, "snapshot": 1, "revert": 1,
               "migrate": 3, "migrate_on": 1, "migrate_cancel": 2, "measure": 1}


@dataclass(frozen=True)
class Failure:
    """A sequence that has shown a fault: its number, what went wrong, and what was done."""
    number: int
    error: str
    steps: list[str]

    def __str__(self) -> str:
        steps = "\n    ".join(self.steps)
        return f"sequence {self.number}: {self.error}\n    {steps}"


def prove(guest: LimitGuest) -> None:
    """That limits hold the guest, and that it can be seen: else no sequence could fail."""
    guest.writers.check_free()
    guest.set_limit(None, HELD_MIBS)
    guest.writers.check_held(HELD_MIBS)
    guest.settle()
    guest.writers.check_free()


def _why(error: Exception, guest: LimitGuest | None) -> str:
    """What went wrong: where QEMU is about to end, how it does, not that its socket is closed."""
    try:
        guest.process.wait(1)
        return f"QEMU has ended with {guest.process.returncode}: {guest.said().strip()}"
    except (AttributeError, subprocess.TimeoutExpired):
        return str(error)


def run_sequences(numbers: Iterable[int], seed: str,
                  start: Callable[[], LimitGuest]) -> Iterator[Failure | int]:
    """Runs sequences, in a guest of start()'s for as long as it is as new.

    Gives each one's number, or how it has failed. A number and a seed are always the same sequence.
    """
    guest = None
    proved = False
    try:
        for number in numbers:
            sequence = None
            try:
                if not guest:
                    guest = start().__enter__()
                    guest.start()
                if not proved:
                    prove(guest)
                    proved = True
                sequence = Sequence(guest, f"{seed}/{number}")
                sequence.run()
                fit = guest.as_new()
                yield number
            except (AssertionError, LabError, OSError) as error:
                fit = False
                yield Failure(number, _why(error, guest), sequence.steps if sequence else [])
            if guest and not fit:
                guest.__exit__(None, None, None)
                guest = None
    finally:
        if guest:
            guest.__exit__(None, None, None)
