# SPDX-License-Identifier: LGPL-2.1-or-later
"""Limits with KVM: beside migration, and with vCPUs that are plugged and unplugged."""

import contextlib
import time
import unittest

from guest_machine import GuestMachine, kvm_works, plug, ring_works, unplug, vcpus
from test_limit_held import FIRST_TOLERANCE, Limited

# A guest that moves, MiB: what it writes, and at what rate, MiB/s, without and with limits. At the
# slow one migration cannot keep up with it, also where a busy host halves what the guest does, so
# that it goes round several times.
INTACT_MIB = 8
WRITES, LIMITS = 12, (7, 9, 0, 7, 9)
SLOW_MIBS, FAST_MIBS = 3, 10000


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
            time.sleep(0.9)
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
