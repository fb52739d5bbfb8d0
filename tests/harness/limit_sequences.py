# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random sequences of what can happen to a QEMU without libvirt whose vCPUs are limited."""

import contextlib
import time
from typing import ClassVar

from guest_machine import QmpError
from limit_guest import ROOM, LimitGuest
from random_sequences import LIMITS, VCPUS, Sequence

BAD_LIMITS = (-1, (1 << 20) + 1, 1 << 63, "ten")
BAD_VCPUS = (ROOM, -2, 1 << 31)
# How long a migration that limits the vCPUs is left alone to do so, s.
MIGRATION_PATIENCE = 6
# How many of the migrations limit the vCPUs.
MIGRATION_LIMITS_SHARE = 0.6


class QmpSequence(Sequence):
    """One of them."""

    actions: ClassVar[dict[str, int]] = {
        "set": 6, "cancel": 3, "bad": 1, "human": 1, "disconnect": 1, "plug": 2, "unplug": 2,
        "stop": 2, "cont": 3, "reset": 1, "snapshot": 1, "revert": 1, "migrate": 3,
        "migrate_on": 1, "migrate_cancel": 2, "measure": 1}

    def __init__(self, guest: LimitGuest, seed: str) -> None:
        super().__init__(guest, seed)
        # vCPUs, the guest's writers and shares when the snapshot was taken; None before.
        self.snapshot: tuple[set[int], set[int], list[int]] | None = None

    def do_bad(self) -> None:
        """A limit or a vCPU that cannot be: one error, and check() sees that nothing changed."""
        arguments = {"dirty-rate": self.random.choice(LIMITS)}
        if self.random.random() < 0.5:
            arguments["dirty-rate"] = self.random.choice(BAD_LIMITS)
        else:
            arguments["cpu-index"] = self.random.choice(BAD_VCPUS)
        self.say(f"  {arguments}")
        try:
            self.guest.monitor.execute("set-vcpu-dirty-limit", arguments)
        except QmpError:
            return
        raise AssertionError(f"QEMU has taken {arguments}")

    def do_human(self) -> None:
        """The human monitor, which refuses in words."""
        mibs = self.random.choice(LIMITS)
        said = self.guest.monitor.hmp(f"set_vcpu_dirty_limit {mibs}")
        self.say(f"  {mibs} MiB/s, all vCPUs: {said.strip()}")
        if "Error" not in said:
            self.guest.limits.note(None, mibs)
        elif not self.guest.migration_limits:
            raise AssertionError(f"limit {mibs} of all vCPUs was refused: {said}")
        self.guest.monitor.hmp("info vcpu_dirty_limit")

    def do_disconnect(self) -> None:
        """A client goes before it has its answer."""
        vcpu, mibs = self.some_vcpu(), self.random.choice(LIMITS)
        self.say(f"  while {mibs} MiB/s is set, vCPU {vcpu}")
        index = {} if vcpu is None else {"cpu-index": vcpu}
        self.guest.limits.doubt(vcpu, mibs)
        self.guest.monitor.send(("set-vcpu-dirty-limit", {**index, "dirty-rate": mibs}))
        self.guest.reconnect()

    def do_plug(self) -> None:
        numbers = [number for number in range(VCPUS) if self.guest.can_plug(number)]
        if not numbers or self.guest.migrating():
            return
        number = self.random.choice(numbers)
        self.say(f"  vCPU {number}")
        self.guest.plug(number)

    def do_unplug(self) -> None:
        present = sorted(self.guest.present() - {0})
        if not present or self.guest.migrating():
            return
        number = self.random.choice(present)
        self.say(f"  vCPU {number}")
        self.guest.unplug(number)

    def do_stop(self) -> None:
        self.guest.monitor.execute("stop")

    def do_cont(self) -> None:
        # A migration that is about to end has stopped the guest itself.
        with contextlib.suppress(QmpError):
            self.guest.monitor.execute("cont")

    def do_reset(self) -> None:
        """With all vCPUs there are the guest begins anew; what was limited still is.

        But not for long: filled at 1 MiB/s its memory would take it half a minute.
        """
        def begin():
            self.guest.monitor.execute("system_reset")
            self.pause()
            self.guest.check()
            self.guest.set_limit(None, 0)

        if self.guest.can_reset and not self.guest.migrating():
            self.guest.monitor.execute("cont")
            self.guest.writers.wait_new_start(begin, self.guest.present())

    def do_snapshot(self) -> None:
        if self.guest.migrating() or self._inactive():
            return
        self.guest.monitor.execute("snapshot-save", self._snapshot_arguments())
        error = self.guest.job_end("snapshot")
        self.say(f"  {error or 'done'}")
        if not error:
            writers = self.guest.writers
            self.snapshot = (self.guest.present(), set(writers.vcpus), writers.shares)

    def do_revert(self) -> None:
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

    def do_migrate(self) -> None:
        """To nowhere: it ends well, fails, or goes on until it is cancelled."""
        guest = self.guest
        if guest.migrating() or self._inactive():
            return
        limits = self.random.random() < MIGRATION_LIMITS_SHARE
        target = self.random.choice(("exec:cat >/dev/null", "exec:cat >/dev/null",
                                     "exec:sleep 0.1"))
        self.say(f"  {target}, {'with' if limits else 'without'} limits of its own")
        guest.monitor.execute("migrate-set-capabilities", {"capabilities": [
            {"capability": "dirty-limit", "state": limits}]})
        guest.monitor.execute("migrate-set-parameters", {
            "max-bandwidth": self.random.choice((2, 16, 2048)) << 20, "downtime-limit": 20,
            "vcpu-dirty-limit": self.random.choice((1, 3))})
        guest.migration_limits = limits
        guest.monitor.execute("migrate", {"uri": target})

    def do_migrate_on(self) -> None:
        """Lets a migration go on until it ends, or it holds the vCPUs back."""
        if not self.guest.migration_limits:
            return
        end = time.monotonic() + MIGRATION_PATIENCE
        while self.guest.migrating() and time.monotonic() < end:
            found = self.guest.reported()
            if found and found != self.guest.limits.mibs:
                self.say(f"  {found}")
                return
            time.sleep(0.1)
        self.say(f"  {self.guest.migration()}")

    def do_migrate_cancel(self) -> None:
        self.guest.end_migration()

    def do_measure(self) -> None:
        """Whoever counts dirty pages meanwhile changes nothing."""
        with contextlib.suppress(QmpError):  # one at a time
            self.guest.monitor.calc(self.random.choice((60, 300)),
                                    self.random.choice(("page-sampling", "dirty-bitmap")))
