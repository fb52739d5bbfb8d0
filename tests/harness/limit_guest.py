# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest whose vCPUs write at a known pace, and what is known of its dirty page rate limits."""

import subprocess
import threading
import time

from guest_machine import Client, GuestMachine, QmpError, plug, unplug, vcpus
from known_limits import KnownLimits
from paced_writers import PACE, PART, PATIENCE, REPORT_MS, WRITERS, PacedWriters

# vCPUs there may be. Under TCG QEMU can start so many in all, those that were taken away included.
ROOM = 12
# A monitor that has not answered by then is stuck, s.
ANSWER = 2
# Words that say a migration holds the vCPUs itself.
MIGRATION_LIMITS = "dirty page rate limit while migration is running"


class Stalls:
    """How long this host keeps a process waiting that could run: time no monitor is to blame for."""

    TICK = 0.02

    def __init__(self) -> None:
        self.longest = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        before = time.monotonic()
        while not self._end.wait(self.TICK):
            now = time.monotonic()
            self.longest = max(self.longest, now - before - self.TICK)
            before = now

    def stop(self) -> None:
        self._end.set()
        self._thread.join()


class WatchedClient(Client):
    """A client that takes note of how long its commands take."""

    stalls: Stalls | None = None
    answer = ANSWER

    def execute(self, command: str, arguments: dict | None = None, **more):
        if self.stalls:
            self.stalls.longest = 0.0
        start = time.monotonic()
        try:
            return super().execute(command, arguments, **more)
        finally:
            took = time.monotonic() - start
            allowed = self.answer + 2 * (self.stalls.longest if self.stalls else 0)
            if took > allowed:
                raise AssertionError(f"'{command}' has taken {took:.1f} s, {allowed:.1f} s are "
                                     "the most")


class LimitGuest(GuestMachine):
    """A QEMU with a writing guest, a disk for snapshots, and the limits its user has set.

    Its vCPUs but the first are devices, so that they can be taken away.

    @pace: pages/s of each writer
    @slow: how many times longer everything may take, as with a QEMU that is built to find races
    """

    client_class = WatchedClient

    def __init__(self, accel: str = "tcg", emulator: str | None = None,
                 env: dict[str, str] | None = None, pace: int = PACE, slow: int = 1) -> None:
        self._slow = slow
        self._accel = accel
        # Without a ring KVM does not tell who dirtied a page. With one, where KVM emulates, a guest
        # that is reset hangs in its firmware, whatever QEMU runs it.
        self.vcpus_differ = accel != "kvm"
        self.can_reset = "dirty-ring" not in accel
        devices = []
        for number in range(1, WRITERS):
            devices += ["-device", f"qemu64-x86_64-cpu,id=cpu{number},socket-id={number},"
                                   "core-id=0,thread-id=0"]
        super().__init__(f"ws={PART * WRITERS} parts=1 rate={pace * WRITERS} report={REPORT_MS}",
                         *devices, accel=accel, vcpus=1, room=ROOM, memory=64,
                         emulator=emulator, env=env)
        self.stalls = Stalls()
        self.monitor: WatchedClient | None = None
        self.limits = KnownLimits(ROOM)
        # Whether the present migration, if there is one, limits vCPUs.
        self.migration_limits = False
        # How many vCPUs were ever started, and those that were taken away.
        self.started = WRITERS
        self._gone: set[int] = set()
        self.writers = PacedWriters(self.serial, self.until, pace * WRITERS, PATIENCE * slow)

    def __exit__(self, *details) -> None:
        self.stalls.stop()
        super().__exit__(*details)

    def reconnect(self) -> None:
        """Has the client go without a word, and another come."""
        self.drop(self.monitor)
        self.monitor = self.client()
        self._watch()

    def _watch(self) -> None:
        self.monitor.stalls = self.stalls
        self.monitor.answer = ANSWER * self._slow

    def start(self) -> None:
        """Waits until the guest works; gives it a disk."""
        client = self.monitor = self.ready()
        self._watch()
        disk = self.path / "disk"
        self._job("blockdev-create", "file", {"driver": "file", "filename": str(disk), "size": 0})
        client.execute("blockdev-add", {"driver": "file", "node-name": "file",
                                        "filename": str(disk)})
        self._job("blockdev-create", "format", {"driver": "qcow2", "file": "file",
                                                "size": 1 << 20})
        client.execute("blockdev-add", {"driver": "qcow2", "node-name": "disk", "file": "file"})

    def _job(self, command: str, name: str, options: dict) -> None:
        self.monitor.execute(command, {"job-id": name, "options": options})
        error = self.job_end(name)
        if error:
            raise AssertionError(f"{command}: {error}")

    def job_end(self, name: str) -> str | None:
        """Waits for a job. Returns why it has failed, None if it has not."""
        def ended() -> dict | None:
            jobs = {job["id"]: job for job in self.monitor.execute("query-jobs")}
            return jobs[name] if jobs[name]["status"] == "concluded" else None

        error = self.until(ended).get("error")
        self.monitor.execute("job-dismiss", {"id": name})
        return error

    def can_plug(self, number: int) -> bool:
        """Whether QEMU, stock QEMU too, lives to have that vCPU: with KVM it must be a new one."""
        return (self.started < ROOM and number not in self.present()
                and not ("kvm" in self._accel and number in self._gone))

    def plug(self, number: int) -> None:
        """Adds a vCPU; the guest uses it when it begins anew."""
        plug(self.monitor, number)
        self.started += 1

    def unplug(self, number: int) -> None:
        """Takes away any vCPU but the first."""
        unplug(self.monitor, number)
        self.until(lambda: number not in self.present())
        self._gone.add(number)
        self.writers.vcpus.discard(number)

    def set_limit(self, vcpu: int | None, mibs: int) -> None:
        """Limits a vCPU or all, or ends that with 0; while a migration does it QEMU may refuse."""
        index = {} if vcpu is None else {"cpu-index": vcpu}
        try:
            if mibs:
                self.monitor.execute("set-vcpu-dirty-limit", {**index, "dirty-rate": mibs})
            else:
                self.monitor.execute("cancel-vcpu-dirty-limit", index)
        except QmpError as error:
            # By now the migration may have ended.
            if MIGRATION_LIMITS not in str(error) or not self.migration_limits:
                raise AssertionError(f"limit {mibs} of vCPU {vcpu} was refused: {error}") from None
            return
        self.limits.note(vcpu, mibs)

    def reported(self) -> dict[int, int]:
        """The limits QEMU reports, by vCPU."""
        infos = self.monitor.execute("query-vcpu-dirty-limit")
        found = {info["cpu-index"]: info["limit-rate"] for info in infos}
        if len(found) != len(infos):
            raise AssertionError(f"a vCPU is reported twice: {infos}")
        for info in infos:
            if info["rate"] < 0 or not 0 <= info["resting-share"] <= 1:
                raise AssertionError(f"what cannot be is reported: {info}")
        return found

    def check(self) -> None:
        """Limits are as they were set; while a migration sets its own, those are in force too."""
        self.reported()
        if not self.migration_limits or not self.migrating():
            self.migration_limits = False
            # Anew: the migration may have ended meanwhile.
            self.limits.check(self.reported())

    # Migration.

    def migration(self) -> str:
        """How it stands with the last one."""
        return self.monitor.execute("query-migrate").get("status", "none")

    def migrating(self) -> bool:
        """Whether one is under way."""
        return self.migration() not in ("none", "completed", "failed", "cancelled")

    def end_migration(self) -> None:
        """Cancels one that is under way and waits for its end."""
        if self.migrating():
            self.monitor.execute("migrate_cancel")
            self.until(lambda: not self.migrating())

    def present(self) -> set[int]:
        """The vCPUs there are."""
        return set(vcpus(self.monitor))

    def as_new(self) -> bool:
        """Whether the guest has the vCPUs it has started with, and writes with all of them."""
        new = list(range(WRITERS))
        return (self.writers.shares == new == sorted(self.writers.vcpus)
                and sorted(self.present()) == new and self.started < ROOM // 2)

    def ended(self) -> str | None:
        """How QEMU has ended, or is about to."""
        try:
            self.process.wait(1)
        except subprocess.TimeoutExpired:
            return None
        return f"QEMU has ended with {self.process.returncode}: {self.said().strip()}"

    def settle(self) -> None:
        """Back to a running guest without limits, and nothing is left of them."""
        self.end_migration()
        if self.monitor.execute("query-status")["status"] != "running":
            self.monitor.execute("cont")
        self.check()
        self.set_limit(None, 0)
        self.check()
        told = self.monitor.hmp("info vcpu_dirty_limit")
        if "vcpu[" in told:
            raise AssertionError(f"limits are cancelled, and the human monitor says {told}")
