#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of the limits in the Python module libvirt_dirty.

Run it under ./run, as test_libvirt_dirty.py, whose variables it takes; a guest's limits are ended.
"""

import time
import unittest

import libvirt
import libvirt_dirty as dirty
from stubs import DOMAIN, URI, GuestCase, assert_nothing_leaks, keys, resident_kib

# Until a limit of a guest is in its figures, s: a whole window of a second, and what is left of the
# one before.
SETTLED = 2.2


def setUpModule():
    # Without a handler of its own libvirt prints each error the tests provoke.
    libvirt.registerErrorHandler(lambda _context, _error: None, None)


class Module(unittest.TestCase):
    """What can be seen without a domain."""

    def test_docstrings_give_units_and_names(self):
        self.assertIn("MiB/s", dirty.setVcpuDirtyLimit.__doc__)
        for key in keys("VcpuDirtyLimits") | keys("VcpuDirtyLimit"):
            self.assertIn(f"'{key}'", dirty.getVcpuDirtyLimit.__doc__)

    def test_statistics_flag_is_none_of_libvirts(self):
        taken = {name: getattr(libvirt, name) for name in dir(libvirt)
                 if name.startswith("VIR_DOMAIN_STATS_")}
        self.assertNotIn(dirty.VIR_DOMAIN_STATS_DIRTYLIMIT, taken.values())


class Arguments(unittest.TestCase):
    """What is wrong with an argument is said before libvirt is asked."""

    def setUp(self):
        self.connection = libvirt.open("test:///default")
        self.addCleanup(self.connection.close)
        self.domain = self.connection.lookupByName("test")

    def assert_refused(self, error, text, *args, **kwargs):
        with self.assertRaises(error) as caught:
            dirty.setVcpuDirtyLimit(*args, **kwargs)
        self.assertIn(text, str(caught.exception))

    def test_no_domain(self):
        for bad in (None, "test", 1, self.connection, self.domain._o):
            with self.subTest(dom=bad):
                self.assert_refused(TypeError, f"not {type(bad).__name__}", bad, 0, 1)
                with self.assertRaises(TypeError):
                    dirty.getVcpuDirtyLimit(bad)

    def test_wrong_number_of_arguments(self):
        self.assert_refused(TypeError, "")
        self.assert_refused(TypeError, "", self.domain, 0)
        with self.assertRaises(TypeError):
            dirty.getVcpuDirtyLimit()

    def test_wrong_type(self):
        for bad in ("1", 1.0, None, True, [1]):
            with self.subTest(value=bad):
                self.assert_refused(TypeError, "vcpu must be an int", self.domain, bad, 1)
                self.assert_refused(TypeError, "rate must be an int", self.domain, 1, bad)

    def test_out_of_range(self):
        for bad in (2**31, -2**31 - 1, 2**63, 2**64, -2**64):
            with self.subTest(vcpu=bad):
                self.assert_refused(ValueError, f"vcpu is {bad}", self.domain, bad, 1)
        for bad in (-1, 2**64, -2**64):
            with self.subTest(rate=bad):
                self.assert_refused(ValueError, f"rate is {bad}", self.domain, 0, bad)

    def test_flags(self):
        for bad in (-1, 2**32):
            with self.subTest(flags=bad):
                self.assert_refused(OverflowError, "", self.domain, 0, 1, bad)
                with self.assertRaises(OverflowError):
                    dirty.getVcpuDirtyLimit(self.domain, bad)

    def refused_by_libvirt(self):
        with self.assertRaises(libvirt.libvirtError) as caught:
            dirty.setVcpuDirtyLimit(self.domain, -2, 1)
        error = caught.exception
        self.assertEqual(libvirt.VIR_ERR_INVALID_ARG, error.get_error_code())
        self.assertIn("-2", str(error))
        self.assertEqual(error.get_error_message(), str(error))
        both = libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG
        with self.assertRaises(libvirt.libvirtError):
            dirty.getVcpuDirtyLimit(self.domain, both)

    def test_libvirt_refuses(self):
        self.refused_by_libvirt()

    def test_refused_calls_leak_nothing(self):
        # 4000 errors of some 200 bytes each would show as 800 KiB.
        assert_nothing_leaks(self, (self.domain, self.domain._o), self.refused_by_libvirt, 2000,
                             400)


class Guest(GuestCase):
    """Limits of a real guest."""

    def setUp(self):
        super().setUp()
        self.addCleanup(dirty.setVcpuDirtyLimit, self.domain, -1, 0)

    def vcpus(self):
        return dirty.getVcpuDirtyLimit(self.domain)["vcpus"]

    def test_none(self):
        limits = dirty.getVcpuDirtyLimit(self.domain)
        self.assertEqual({"vcpus"}, set(limits))
        self.assertEqual([{"id": vcpu, "limit": 0} for vcpu in range(self.domain.maxVcpus())],
                         limits["vcpus"])

    def test_set_and_end(self):
        dirty.setVcpuDirtyLimit(self.domain, -1, 7)
        time.sleep(SETTLED)
        limits = dirty.getVcpuDirtyLimit(self.domain, libvirt.VIR_DOMAIN_AFFECT_LIVE)
        self.assertIn(limits["scope"], ("vcpu", "guest"))
        self.assertEqual(keys("VcpuDirtyLimits"), set(limits))
        for vcpu in limits["vcpus"]:
            self.assertEqual(keys("VcpuDirtyLimit"), set(vcpu))
            self.assertEqual(7, vcpu["limit"])
            self.assertTrue(0 <= vcpu["rate"] < 10, vcpu)
            self.assertTrue(0 <= vcpu["resting-share"] <= 1, vcpu)
        dirty.setVcpuDirtyLimit(self.domain, vcpu=-1, rate=0)
        self.assertEqual({0}, {vcpu["limit"] for vcpu in self.vcpus()})

    def test_refused_changes_nothing(self):
        dirty.setVcpuDirtyLimit(self.domain, -1, 1000)
        before = [vcpu["limit"] for vcpu in self.vcpus()]
        for vcpu, rate in ((-1, 2**63), (-1, 2**64 - 1), (-1, 1048577), (4096, 1), (-2, 1)):
            with self.subTest(vcpu=vcpu, rate=rate):
                with self.assertRaises(libvirt.libvirtError) as caught:
                    dirty.setVcpuDirtyLimit(self.domain, vcpu, rate)
                self.assertEqual(libvirt.VIR_ERR_INVALID_ARG, caught.exception.get_error_code())
        self.assertEqual(before, [vcpu["limit"] for vcpu in self.vcpus()])

    def test_read_only_connection(self):
        connection = libvirt.openReadOnly(URI)
        self.addCleanup(connection.close)
        domain = connection.lookupByName(DOMAIN)
        with self.assertRaises(libvirt.libvirtError) as caught:
            dirty.setVcpuDirtyLimit(domain, -1, 1)
        self.assertEqual(libvirt.VIR_ERR_OPERATION_DENIED, caught.exception.get_error_code())
        self.assertEqual({0}, {v["limit"] for v in dirty.getVcpuDirtyLimit(domain)["vcpus"]})

    def test_results_do_not_leak(self):
        dirty.setVcpuDirtyLimit(self.domain, -1, 1000)

        def read(times):
            for _ in range(times):
                dirty.getVcpuDirtyLimit(self.domain)
            return resident_kib()

        before = read(200)
        # A result is at least 5 typed parameters of 100 bytes each: 1 MiB if they were lost.
        self.assertLess(read(2000) - before, 400)


if __name__ == "__main__":
    unittest.main()
