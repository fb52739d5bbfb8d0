# SPDX-License-Identifier: LGPL-2.1-or-later
"""Limits with KVM: for the guest as a whole where there is no dirty ring, and beside migration."""

import contextlib
import time
import unittest

from dirtylab.qmp import QmpError
from guest_machine import GuestMachine, kvm_works, plug, ring_works, unplug, vcpus
from test_limit_held import BUSY_MS, FIRST_TOLERANCE, STANDSTILL_MS, TOLERANCE, Limited

# Pages of the moving guest that must arrive as they were last written.
INTACT_MIB = 32
# Slow enough to last for some of a limit's windows, MiB/s.
SLOW_MIBS = 12
FAST_MIBS = 10000


class GuestScopeTest(unittest.TestCase):
    """KVM without a dirty ring, which does not tell who wrote."""

    def setUp(self):
        reason = kvm_works()
        if reason:
            self.skipTest(reason)
        self.guest = Limited(self.enterContext(contextlib.ExitStack()), "kvm", 200,
                             "pattern=seq ws=120 rate=max writers=1", 2)

    def test_guest_is_held(self):
        """To what its vCPUs may together, although one of them does not write."""
        for quota in (10, 30):
            begin = time.time()
            self.guest.qmp.set_dirty_limit(quota)
            start = self.guest.counts()
            first = self.guest.rates(1, start)[0]
            self.assertAlmostEqual(first, 2 * quota, delta=2 * quota * FIRST_TOLERANCE)
            mean = self.guest.rates(3, start)[0]
            self.assertAlmostEqual(mean, 2 * quota, delta=2 * quota * TOLERANCE)
            info = self.guest.qmp.query_dirty_limit()
            for vcpu in (0, 1):
                self.assertEqual((info[vcpu]["limit-rate"], info[vcpu]["scope"]), (quota, "guest"))
                self.assertAlmostEqual(info[vcpu]["rate"], quota, delta=quota * TOLERANCE)
            self.assertLess(self.guest.standstill(0, begin), STANDSTILL_MS + BUSY_MS)
        self.guest.qmp.cancel_dirty_limit()
        self.assertGreater(self.guest.rates(0.5)[0], 4 * quota)

    def test_one_of_several_is_refused(self):
        with self.assertRaisesRegex(QmpError, "needs a dirty ring.*dirty-ring-size"):
            self.guest.qmp.set_dirty_limit(10, 0)
        self.assertEqual(self.guest.qmp.query_dirty_limit(), {})


class MovedTest(unittest.TestCase):
    """Counting for a limit takes no dirty page from a migration."""

    def assert_arrives_whole(self, accel: str):
        reason = kvm_works(accel)
        if reason:
            self.skipTest(reason)
        options = f"pattern=uniform ws={INTACT_MIB} mibs={SLOW_MIBS} check=1 report=200"
        source = self.enterContext(GuestMachine(options, accel=accel, memory=INTACT_MIB + 32))
        target = self.enterContext(GuestMachine("", "-incoming", f"unix:{source.path}/migrate",
                                                accel=accel, memory=INTACT_MIB + 32))
        qmp = source.ready()
        arrived = target.client()
        qmp.set_dirty_limit(SLOW_MIBS // 4)
        qmp.execute("migrate-set-parameters", max_bandwidth=SLOW_MIBS << 20)
        qmp.execute("migrate", uri=f"unix:{source.path}/migrate")
        # A limit that comes, changes and goes begins and ends the counting.
        for mibs in (SLOW_MIBS // 2, 0, SLOW_MIBS // 4, SLOW_MIBS // 2):
            time.sleep(0.7)
            self.assertEqual(qmp.execute("query-migrate")["status"], "active")
            qmp.set_dirty_limit(mibs)
        qmp.execute("migrate-set-parameters", max_bandwidth=FAST_MIBS << 20)
        source.until(lambda: qmp.execute("query-migrate")["status"] == "completed")
        target.until(lambda: arrived.execute("query-status")["status"] == "running")
        target.until(lambda: len(target.reports()) > 2)
        self.assertEqual({report.intact for report in target.reports()}, {True})
        self.assertEqual(qmp.query_dirty_limit()[0]["limit-rate"], SLOW_MIBS // 2)

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
        guest = Limited(self.enterContext(contextlib.ExitStack()), "kvm,dirty-ring-size=1024", 200,
                        "pattern=seq ws=120 rate=max writers=1", 2)
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
