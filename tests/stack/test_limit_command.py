# SPDX-License-Identifier: LGPL-2.1-or-later
"""What virsh domdirtylimit shows, sets and ends: running guests, configurations, statistics."""

import re
import unittest

from lab_case import usable_accels
from limit_case import LimitCase

KVM_MISSING = usable_accels()["kvm"]


class LiveTest(LimitCase):
    """A running guest."""

    def test_show_set_and_end(self):
        """One guest goes through all of it, so that it has to start once."""
        name = self.guest("writer", "--accel", "tcg", "--vcpus", "4", "--rate", "max")
        table = self.table(name)
        self.assertIsNone(table.scope)
        for row in table.rows.values():
            self.assertEqual((None, None, None), (row.limit, row.rate, row.resting))
        self.assertEqual(len(table.rows), 4)

        self.assertEqual(self.limit(name, "--rate", "12").stdout, "\n")
        table = self.held(name, 0, 1, 2, 3)
        self.assertEqual(table.limits, [12] * 4)
        self.assertIsNone(table.scope)
        for row in table.rows.values():
            self.assertTrue(0 < row.resting <= 1, row)

        self.limit(name, "--rate", "7", "--vcpu", "0,2-3")
        self.assertEqual(self.table(name).limits, [7, 12, 7, 7])
        self.limit(name, "--rate", "9", "--vcpu", "0-3,^2")
        self.assertEqual(self.table(name).limits, [9, 9, 7, 9])
        self.limit(name, "--cancel", "--vcpu", "1")
        self.limit(name, "--rate", "0", "--vcpu", "3", "--live")
        self.assertEqual(self.table(name).limits, [9, None, 7, None])
        self.assertIsNone(self.held(name, 0, 2).rows[1].rate)
        self.check_statistics(name)
        self.check_completion(name)

        self.limit(name, "--cancel")
        self.assertEqual(self.table(name).limits, [None] * 4)
        self.limit(name, "--rate", "1048576", "--current")
        self.assertEqual(self.table(name, "--current").limits, [1048576] * 4)
        self.limit(name, "--rate", "0")
        self.assertEqual(self.table(name, "--live").limits, [None] * 4)
        # What is not limited can be ended all the same.
        self.limit(name, "--cancel")

    def check_statistics(self, name: str):
        """They say what the table says of limited vCPUs, with the limits 9, none, 7, none."""
        stats = dict(line.strip().split("=", 1) for line in
                     self.virsh("domstats", "--dirtylimit", name).stdout.splitlines()
                     if "=" in line)
        self.assertEqual({key: value for key, value in stats.items() if key.endswith(".limit")},
                         {"dirtylimit.vcpu.0.limit": "9", "dirtylimit.vcpu.2.limit": "7"})
        self.assertEqual(stats["dirtylimit.scope"], "vcpu")
        self.assertGreater(float(stats["dirtylimit.vcpu.0.rate"]), 1)
        self.assertGreater(float(stats["dirtylimit.vcpu.0.resting_share"]), 0)
        self.assertNotIn("dirtylimit.vcpu.1.rate", stats)

    def check_completion(self, name: str):
        for so_far, wanted in (("", ["0", "1", "2", "3"]), ("1,", ["1,0", "1,2", "1,3"]),
                               ("3,0,", ["3,0,1", "3,0,2"])):
            done = self.virsh("complete", "--", "domdirtylimit", name, "--rate", "5", "--vcpu",
                              so_far)
            self.assertEqual(done.stdout.split(), wanted)
        options = self.virsh("complete", "--", "domdirtylimit", name, "--").stdout.split()
        self.assertEqual(sorted(options), ["--cancel", "--config", "--current", "--live", "--rate",
                                           "--vcpu"])

    @unittest.skipIf(KVM_MISSING, KVM_MISSING)
    def test_kvm_without_a_ring(self):
        name = self.guest("noring", "--accel", "kvm", "--vcpus", "2", "--rate", "40")
        self.limit(name, "--rate", "6")
        table = self.table(name)
        self.assertEqual(table.scope, "guest")
        self.assertEqual(table.limits, [6, 6])
        self.assert_one_error(self.limit(name, "--rate", "5", "--vcpu", "1", check=False),
                              "dirty ring")
        self.assertEqual(self.table(name).limits, [6, 6])
        self.limit(name, "--cancel")
        self.assertIsNone(self.table(name).scope)

    @unittest.skipIf(KVM_MISSING, KVM_MISSING)
    def test_kvm_with_a_ring(self):
        name = self.guest("ring", "--accel", "kvm", "--vcpus", "2", "--rate", "40",
                          "--dirty-ring", "4096")
        self.limit(name, "--rate", "6", "--vcpu", "1")
        table = self.held(name, 1)
        self.assertIsNone(table.scope)
        self.assertEqual(table.limits, [None, 6])


class ConfigurationTest(LimitCase):
    """The limits that a guest is started with."""

    def test_configuration(self):
        name = self.guest("writer", "--accel", "tcg", "--vcpus", "3")
        self.make_persistent(name)

        self.limit(name, "--rate", "30", "--vcpu", "0-1", "--config")
        self.assertEqual(self.table(name, "--config").limits, [30, 30, None])
        self.assertEqual(self.table(name).limits, [None] * 3)
        self.assertEqual(self.elements(name, "--inactive"), [("0-1", "30")])
        self.assertEqual(self.elements(name), [])

        self.limit(name, "--rate", "40", "--vcpu", "1", "--live", "--config")
        self.assertEqual(self.table(name, "--config").limits, [30, 40, None])
        self.assertEqual(self.table(name, "--live").limits, [None, 40, None])
        self.assertEqual(sorted(self.elements(name, "--inactive")), [("0", "30"), ("1", "40")])

        self.virsh("destroy", name)
        # Of a guest that does not run the present state is the configuration.
        self.assertEqual(self.table(name).limits, [30, 40, None])
        self.limit(name, "--rate", "50", "--vcpu", "2")
        self.assert_one_error(self.limit(name, "--rate", "1", "--live", check=False), "not running")
        self.assertEqual(self.table(name).limits, [30, 40, 50])

        self.virsh("setvcpus", name, "2", "--config")
        self.virsh("start", name)
        self.assertEqual(self.table(name).limits, [30, 40])
        # A limit of all vCPUs is also one of those plugged later.
        self.limit(name, "--rate", "20")
        self.virsh("setvcpus", name, "3", "--live")
        self.assertEqual(self.table(name).limits, [20] * 3)
        self.limit(name, "--cancel", "--config")
        self.assertEqual(self.elements(name, "--inactive"), [])
        self.assertEqual(self.table(name).limits, [20] * 3)

    def elements(self, name: str, *options: str) -> list[tuple[str, str]]:
        """The vCPUs and rates in the guest's XML."""
        xml = self.virsh("dumpxml", name, *options).stdout
        return re.findall(r"<dirtylimit vcpus='([^']*)' rate='([^']*)' unit='MiB'/>", xml)


if __name__ == "__main__":
    unittest.main()
