# SPDX-License-Identifier: LGPL-2.1-or-later
"""Limits with KVM: for the guest as a whole where there is no dirty ring, and beside migration."""

import contextlib
import time
import unittest

from dirtylab.qmp import QmpError
from guest_machine import GuestMachine, kvm_works, plug, ring_works, unplug, vcpus
from test_limit_held import BUSY_MS, FIRST_TOLERANCE, STANDSTILL_MS, TOLERANCE, Limited

# A guest that moves, MiB: what it writes, and at what rate, MiB/s, without and with limits. At the
# slow one migration cannot keep up with it, so that it goes round several times.
INTACT_MIB = 16
WRITES, LIMITS = 12, (6, 9, 0, 6, 9)
SLOW_MIBS, FAST_MIBS = 7, 10000


class GuestScopeTest(unittest.TestCase):
    """KVM without a dirty ring, which does not tell who wrote."""

    def test_guest_is_held(self):
        """To what its vCPUs may together, although one of them does not write."""
        reason = kvm_works()
        if reason:
            self.skipTest(reason)
        guest = Limited(self.enterContext(contextlib.ExitStack()), "kvm", 150,
                        "pattern=seq ws=70 rate=max writers=1", 2)
        with self.assertRaisesRegex(QmpError, "needs a dirty ring.*dirty-ring-size"):
            guest.qmp.set_dirty_limit(10, 0)
        self.assertEqual(guest.qmp.query_dirty_limit(), {})
        for quota in (10, 30):
            self.check_held(guest, quota)
        guest.qmp.cancel_dirty_limit()
        self.assertGreater(guest.rates(0.5)[0], 4 * quota)

    def check_held(self, guest: Limited, quota: int):
        begin = time.time()
        guest.qmp.set_dirty_limit(quota)
        start = guest.counts()
        first = guest.rates(1, start)[0]
        self.assertAlmostEqual(first, 2 * quota, delta=2 * quota * FIRST_TOLERANCE)
        mean = guest.rates(2.5, start)[0]
        self.assertAlmostEqual(mean, 2 * quota, delta=2 * quota * TOLERANCE)
        info = guest.qmp.query_dirty_limit()
        for vcpu in (0, 1):
            self.assertEqual((info[vcpu]["limit-rate"], info[vcpu]["scope"]), (quota, "guest"))
            self.assertAlmostEqual(info[vcpu]["rate"], quota, delta=quota * TOLERANCE)
        self.assertLess(guest.standstill(0, begin), STANDSTILL_MS + BUSY_MS)


class MovedTest(unittest.TestCase):
    """Counting for a limit takes no dirty page from a migration."""

    def assert_arrives_whole(self, accel: str):
        reason = kvm_works(accel)
        if reason:
            self.skipTest(reason)
        options = f"pattern=uniform ws={INTACT_MIB} mibs={WRITES} check=1 report=200"
        source = self.enterContext(GuestMachine(options, accel=accel, memory=INTACT_MIB + 32))
        target = self.enterContext(GuestMachine("", "-incoming", f"unix:{source.path}/migrate",
                                                accel=accel, memory=INTACT_MIB + 32))
        qmp = source.ready()
        arrived = target.client()
        qmp.execute("migrate-set-parameters", max_bandwidth=SLOW_MIBS << 20, downtime_limit=1)
        qmp.execute("migrate", uri=f"unix:{source.path}/migrate")
        # A limit that comes, changes and goes begins and ends the counting.
        for mibs in LIMITS:
            time.sleep(0.7)
            qmp.set_dirty_limit(mibs)
        self.assertEqual(qmp.execute("query-migrate")["status"], "active")
        qmp.execute("migrate-set-parameters", max_bandwidth=FAST_MIBS << 20, downtime_limit=1000)
        source.until(lambda: qmp.execute("query-migrate")["status"] == "completed")
        target.until(lambda: arrived.execute("query-status")["status"] == "running")
        target.until(lambda: len(target.reports()) > 2)
        self.assertEqual({report.intact for report in target.reports()}, {True})
        self.assertEqual(qmp.query_dirty_limit()[0]["limit-rate"], LIMITS[-1])

    def test_without_ring(self):
        self.assert_arrives_whole("kvm")

    def test_with_ring(self):
        self.assert_arrives_whole("kvm,dirty-ring-size=1024")


class PlugTest(unittest.TestCase):
    """KVM keeps unplugged vCPUs, their rings included, for those that come in their place."""

    def test_any_order(self):
        reason = ring_works()
        if reason:
            self.skipTest(reason)
        guest = Limited(self.enterContext(contextlib.ExitStack()), "kvm,dirty-ring-size=1024", 150,
                        "pattern=seq ws=70 rate=max writers=1", 2)
        machine, qmp = guest.machine, guest.qmp
        plug(qmp, 2)
        qmp.set_dirty_limit(10)
        for number in (3, 2, 3, 2):
            if number in vcpus(qmp):
                unplug(qmp, number)
                machine.until(lambda gone=number: gone not in vcpus(qmp))
            plug(qmp, number)
        self.assertEqual(sorted(qmp.query_dirty_limit()), [0, 1, 2, 3])
        self.assertAlmostEqual(guest.rates(1.5)[0], 10, delta=10 * FIRST_TOLERANCE)
        qmp.cancel_dirty_limit(3)
        unplug(qmp, 3)
        machine.until(lambda: 3 not in vcpus(qmp))
        self.assertEqual(sorted(qmp.query_dirty_limit()), [0, 1, 2])


if __name__ == "__main__":
    unittest.main()
