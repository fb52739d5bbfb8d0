# SPDX-License-Identifier: LGPL-2.1-or-later
"""Limits of vCPUs' dirty page rates, judged by what the guest itself says it wrote and when."""

import contextlib
import tempfile
import time
import unittest
from pathlib import Path

from guest_machine import Client, GuestMachine, QmpError, kvm_works, ring_works

from dirtylab.records import Counts, Records

# Of a rate over a second or more; what the host does besides is not the limit's fault.
TOLERANCE = 0.05
# In a second that begins with the command.
FIRST_TOLERANCE = 0.10
# The longest a limit may hold a vCPU up at a time, ms; and no busy host makes that of it.
STANDSTILL_MS, NEVER_MS = 100, 1000
EFFECT_S = 0.1
# What took longer than it should is tried again so often: the host may have been at fault.
TRIES = 3


class Limited:
    """A guest with a vCPU that only reports, whose counters are read from its memory."""

    def __init__(self, stack: contextlib.ExitStack, accel: str, memory: int, options: str,
                 vcpus: int) -> None:
        file = stack.enter_context(tempfile.NamedTemporaryFile(dir="/dev/shm"))
        self.machine = stack.enter_context(GuestMachine(
            f"{options} reporter={vcpus - 1}", "-machine", "memory-backend=ram", "-object",
            f"memory-backend-file,id=ram,size={memory}M,mem-path={file.name},share=on",
            accel=accel, vcpus=vcpus, memory=memory))
        self.qmp: Client = self.machine.ready()
        records = Records(Path(file.name), self.machine.said_by_guest())
        stack.callback(records.close)
        self.counts = records.read

    def rates(self, seconds: float, since: Counts | None = None) -> list[float]:
        """What each vCPU writes or reads in that time, MiB/s."""
        since = since or self.counts()
        time.sleep(max(0.0, since.time + seconds - time.monotonic()))
        return self.counts().since(since)

    def standstills(self, vcpu: int, since: float) -> list[float]:
        """Longest time that vCPU did nothing in each whole second since then (s since 1970), ms."""
        def later() -> list:
            return [r for r in self.machine.reports() if r.time - r.dt / 1000 > since]

        self.machine.until(later)
        return [report.gaps[vcpu] / 1000 for report in later()]


class HeldCase(unittest.TestCase):
    """What the tests with each accelerator share."""

    accel: str

    def guest(self, options: str, vcpus: int, memory: int = 320) -> Limited:
        """A guest that ends with the test."""
        return Limited(self.enterContext(contextlib.ExitStack()), self.accel, memory, options,
                       vcpus)

    def assert_no_standstill(self, guest: Limited, vcpu: int, since: float):
        """What a busy host does to single seconds is not the limit's fault."""
        seen = guest.standstills(vcpu, since)
        self.assertLess(min(seen), STANDSTILL_MS, seen)
        self.assertLess(max(seen), NEVER_MS, seen)

    def assert_rate(self, rate: float, quota: float, tolerance: float = TOLERANCE):
        self.assertAlmostEqual(rate, quota, delta=quota * tolerance)


class HeldTest(HeldCase):
    """Under TCG, which every machine can run."""

    accel = "tcg"
    quotas = (20, 100)
    # More than is written in a second, so that no page is written twice in one.
    part_mib = 128

    def test_rate_is_held(self):
        """One vCPU of two, from the first second on, up, and both: and no other one."""
        guest = self.guest(f"pattern=seq ws={2 * self.part_mib} rate=max writers=2", 3)
        free = guest.rates(0.5)[1]
        for quota in self.quotas:
            begin = time.time()
            guest.qmp.set_dirty_limit(quota, 0)
            start = guest.counts()
            self.assert_rate(guest.rates(1, start)[0], quota, FIRST_TOLERANCE)
            limited, other, _ = guest.rates(2.5, start)
            self.assert_rate(limited, quota)
            self.assertGreater(other, free / 3, "it has no limit")
            info = guest.qmp.query_dirty_limit()
            self.assert_rate(info[0]["rate"], quota)
            self.assertEqual((info[0]["limit-rate"], info[0]["scope"]), (quota, "vcpu"))
            self.assertGreater(info[0]["resting-share"], 0.1)
            self.assert_no_standstill(guest, 0, begin)
        guest.qmp.set_dirty_limit(self.quotas[0])
        for rate in guest.rates(1.5)[:2]:
            self.assert_rate(rate, self.quotas[0], FIRST_TOLERANCE)

    def test_measurement_says_the_same(self):
        guest = self.guest(f"pattern=seq ws={self.part_mib} rate=max writers=1", 2)
        guest.qmp.set_dirty_limit(self.quotas[0], 0)
        start = guest.counts()
        for _ in range(2):
            info = guest.qmp.measure(1000, self.mode())
            pages = {vcpu["id"]: vcpu["n-dirty-pages"][-1] for vcpu in info["vcpu-dirty-rate"]}
            self.assert_rate(pages[0] / 256 * 1000 / info["calc-time"], self.quotas[0])
        self.assert_rate(guest.rates(0, start)[0], self.quotas[0])

    def mode(self) -> str:
        """The measurement that counts by vCPU."""
        return "dirty-bitmap"

    def test_hot_set_below_the_limit_is_not_slowed(self):
        guest = self.guest("pattern=seq ws=4 rate=max writers=1", 2)
        guest.qmp.set_dirty_limit(20, 0)
        # A new limit begins without credit; from the third second on there is enough of it.
        self.assertGreater(guest.rates(3)[0], 400)
        info = guest.qmp.query_dirty_limit()[0]
        self.assertEqual(info["resting-share"], 0)
        self.assert_rate(info["rate"], 4)

    def test_hot_set_above_the_limit_is_held(self):
        guest = self.guest("pattern=hotcold hot=4 ws=200 rate=max writers=1", 2)
        guest.qmp.set_dirty_limit(20, 0)
        guest.machine.still_works()
        seen = len(guest.machine.reports())
        guest.machine.until(lambda: len(guest.machine.reports()) >= seen + 3)
        reports = guest.machine.reports()[seen:]
        ms = sum(report.dt for report in reports)
        self.assert_rate(sum(r.distinct for r in reports) / 256 * 1000 / ms, 20)
        self.assertGreater(sum(r.wrote for r in reports), 2 * sum(r.distinct for r in reports))

    def seconds_until_free(self, guest: Limited, end: object) -> float:
        """How long it takes from ending a limit of 5 MiB/s until more is written than it allows."""
        guest.qmp.set_dirty_limit(5)
        self.assert_rate(guest.rates(1.2)[0], 5, 2 * FIRST_TOLERANCE)
        before = guest.counts()
        end(guest.qmp)
        # As many pages as it allows in half a second.
        guest.machine.until(lambda: guest.counts().done[0] - before.done[0] > 640)
        return time.monotonic() - before.time

    def test_end_and_rise_are_immediate(self):
        guest = self.guest(f"pattern=seq ws={self.part_mib} rate=max writers=1", 2)
        for end in (lambda qmp: qmp.cancel_dirty_limit(), lambda qmp: qmp.cancel_dirty_limit(0),
                    lambda qmp: qmp.set_dirty_limit(400)):
            self.assertLess(min(self.seconds_until_free(guest, end) for _ in range(TRIES)),
                            EFFECT_S)
        guest.qmp.cancel_dirty_limit()
        self.assertEqual(guest.qmp.query_dirty_limit(), {})

    def test_who_only_reads_notices_nothing(self):
        guest = self.guest(f"pattern=seq ws={self.part_mib} rate=max writers=1 readers=1 "
                           "readrate=20000", 3)
        begin = time.time()
        guest.qmp.set_dirty_limit(5)
        written, read, _ = guest.rates(3)
        self.assert_rate(written, 5, FIRST_TOLERANCE)
        self.assert_rate(read, 20000 / 256)
        self.assert_no_standstill(guest, 1, begin)
        self.assertEqual(guest.qmp.query_dirty_limit()[1]["resting-share"], 0)


class RingHeldTest(HeldTest):
    """With KVM and a dirty ring. One that emulates has a ring entry for each write, hot or not."""

    accel = "kvm,dirty-ring-size=4096"
    quotas = (20, 60)
    part_mib = 80
    test_hot_set_below_the_limit_is_not_slowed = test_hot_set_above_the_limit_is_held = None

    def setUp(self):
        reason = ring_works()
        if reason:
            self.skipTest(reason)

    def mode(self) -> str:
        return "dirty-ring"


class WholeGuestTest(HeldCase):
    """With KVM and no dirty ring: who dirtied a page is not known, so all vCPUs are held together."""

    accel = "kvm"

    def setUp(self):
        reason = kvm_works()
        if reason:
            self.skipTest(reason)

    def test_rate_is_held(self):
        """To what its vCPUs may together, although one of them does not write."""
        guest = self.guest("pattern=seq ws=70 rate=max writers=1", 2)
        with self.assertRaisesRegex(QmpError, "needs a dirty ring.*dirty-ring-size"):
            guest.qmp.set_dirty_limit(10, 0)
        self.assertEqual(guest.qmp.query_dirty_limit(), {})
        for quota in (10, 30):
            begin = time.time()
            guest.qmp.set_dirty_limit(quota)
            start = guest.counts()
            self.assert_rate(guest.rates(1, start)[0], 2 * quota, FIRST_TOLERANCE)
            self.assert_rate(guest.rates(2.5, start)[0], 2 * quota)
            infos = guest.qmp.query_dirty_limit()
            for info in (infos[0], infos[1]):
                self.assertEqual((info["limit-rate"], info["scope"]), (quota, "guest"))
                self.assert_rate(info["rate"], quota)
            self.assert_no_standstill(guest, 0, begin)
        guest.qmp.cancel_dirty_limit()
        self.assertGreater(guest.rates(0.5)[0], 4 * quota)


if __name__ == "__main__":
    unittest.main()
