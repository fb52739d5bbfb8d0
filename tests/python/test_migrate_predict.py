#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of the predictions in the Python module libvirt_dirty.

Run it under ./run, as test_libvirt_dirty.py, whose variables it takes; the guest is measured only.
"""

import os
import signal
import threading
import time
import unittest

import libvirt
import libvirt_dirty as dirty
from stubs import GuestCase, assert_nothing_leaks, keys

ANY_DOWNTIME = 2**64 - 1


def setUpModule():
    # Without a handler of its own libvirt prints each error the tests provoke.
    libvirt.registerErrorHandler(lambda _context, _error: None, None)


class Module(unittest.TestCase):
    """What can be seen without a domain."""

    def test_docstring_gives_units_and_names(self):
        doc = dirty.migratePredict.__doc__
        for unit in ("MiB/s", "ms", "bytes"):
            self.assertIn(unit, doc)
        for key in keys("MigratePrediction") | keys("MigrateCell") | keys("MigratePlan"):
            self.assertIn(f"'{key}'", doc)


class Arguments(unittest.TestCase):
    """What is wrong with an argument is said before libvirt is asked."""

    def setUp(self):
        self.connection = libvirt.open("test:///default")
        self.addCleanup(self.connection.close)
        self.domain = self.connection.lookupByName("test")

    def assert_refused(self, error, text, params):
        with self.assertRaises(error) as caught:
            dirty.migratePredict(self.domain, params)
        self.assertIn(text, str(caught.exception))

    def test_wrong_type(self):
        for params, text in (({"bandwidth": "1gbit"}, "'bandwidth' must be a number, not str"),
                             ({"bandwidth": [1, True]}, "'bandwidth' must be a number, not bool"),
                             ({"downtime": 300.0}, "'downtime' must be an int, not float"),
                             ({"max-age": None}, "'max-age' must be an int, not NoneType"),
                             ({"max-age": [1]}, "'max-age' must be an int, not list"),
                             ({"mode": 1}, "'mode' must be a str, not int"),
                             ({"bounds": 1}, "'bounds' must be a bool, not int"),
                             ({"compression": [b"zlib"]}, "'compression' must be a str, not bytes"),
                             ({1: 2}, "name must be a str"),
                             ("bandwidth", "must be a dict")):
            with self.subTest(params=params):
                self.assert_refused(TypeError, text, params)

    def test_wrong_value(self):
        for params, text in (({"bandwidth": []}, "'bandwidth' is empty"),
                             ({"downtime": (300, -1)}, "'downtime' is -1: use 0 to 18446744"),
                             ({"max-age": 2**32}, "'max-age' is 4294967296"),
                             ({"parallel.connections": 2**31}, "use 0 to 2147483647"),
                             ({"compression": "z\0"}, "NUL"),
                             ({"compression": "zlib", "rate": 1}, "unknown parameter 'rate'")):
            with self.subTest(params=params):
                self.assert_refused(ValueError, text, params)

    def test_a_list_that_changes_under_way(self):
        values = [1.0]

        class Growing:
            def __float__(self):
                values.append(2.0)
                return 3.0

        values.append(Growing())
        self.assert_refused(libvirt.libvirtError, "not supported", {"bandwidth": values})
        self.assertEqual(3, len(values))

    def refused_by_libvirt(self):
        with self.assertRaises(libvirt.libvirtError) as caught:
            dirty.migratePredict(self.domain, {"bandwidth": [1.0] * 1025})
        self.assertEqual(libvirt.VIR_ERR_INVALID_ARG, caught.exception.get_error_code())
        self.assertIn("at most 1024", str(caught.exception))

    def test_refused_calls_leak_nothing(self):
        # 1025 parameters of 100 bytes each, 100 times, would show as 10 MiB.
        assert_nothing_leaks(self, (self.domain, self.domain._o), self.refused_by_libvirt, 100,
                             2000)


class Guest(GuestCase):
    """Predictions for a real guest."""

    def test_cells(self):
        result = dirty.migratePredict(self.domain, {"bandwidth": [50, 1000.5],
                                                    "downtime": [300, 1000, ANY_DOWNTIME]})
        self.assertEqual(keys("MigratePrediction"), set(result))
        cells = result["cells"]
        self.assertEqual([(50, 300), (50, 1000), (50, ANY_DOWNTIME),
                          (1000.5, 300), (1000.5, 1000), (1000.5, ANY_DOWNTIME)],
                         [(cell["bandwidth"], cell["downtime-limit"]) for cell in cells])
        for cell in cells:
            self.assertLessEqual(set(cell), keys("MigrateCell"))
            self.assertEqual(cell["converges"], "time" in cell)
            if cell["converges"]:
                self.assertLessEqual(cell["time.low"], cell["time"])
                self.assertLessEqual(cell["time"], cell["time.high"])
        self.assertTrue(cells[-1]["converges"], cells[-1])
        self.assertLess(cells[-1]["time"], cells[2]["time"])
        self.assertLessEqual(set(result["plan"]), keys("MigratePlan"))
        self.assertGreater(len(result["plan"]["recommendation"]), 10)
        self.assertGreater(result["measurement"]["pages.total"], 0)
        self.assertEqual(0, result["measurement"]["age"])
        self.assertIn("log", result["settings"])

    def test_without_bounds_of_the_last_measurement(self):
        first = dirty.migratePredict(self.domain, {"bandwidth": 100, "calc-time": 300})
        started = time.monotonic()
        again = dirty.migratePredict(self.domain, {"bandwidth": 100, "max-age": 3600,
                                                   "bounds": False, "calc-time": 60000})
        self.assertLess(time.monotonic() - started, 10)
        for key in ("start-time", "periods", "dirty-pages"):
            self.assertEqual(first["measurement"][key], again["measurement"][key])
        self.assertNotIn("time.low", again["cells"][0])

    def test_interrupt_cancels_the_measurement(self):
        timer = threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        self.addCleanup(timer.join)
        started = time.monotonic()
        with self.assertRaises(KeyboardInterrupt):
            dirty.migratePredict(self.domain, {"bandwidth": 100, "calc-time": 30000})
        self.assertLess(time.monotonic() - started, 5)
        last = dirty.getDirtyRate(self.domain, flags=dirty.VIR_DOMAIN_DIRTY_RATE_LAST)
        self.assertNotEqual("measuring", last["status"])

    def test_libvirt_refuses(self):
        for params, flags in (({"bandwidth": 0}, 0), ({"bandwidth": float("nan")}, 0),
                              ({"bandwidth": 100, "downtime": 0}, 0),
                              ({"bandwidth": 100, "calc-time": 1}, 0),
                              ({"bandwidth": 100, "dirty-limit": 0}, 0),
                              ({"bandwidth": 100, "latency": -1.0}, 0)):
            with self.subTest(params=params):
                with self.assertRaises(libvirt.libvirtError) as caught:
                    dirty.migratePredict(self.domain, params, flags)
                self.assertEqual(libvirt.VIR_ERR_INVALID_ARG, caught.exception.get_error_code())
        with self.assertRaises(libvirt.libvirtError) as caught:
            dirty.migratePredict(self.domain, {"bandwidth": 100},
                                 libvirt.VIR_MIGRATE_NON_SHARED_DISK)
        self.assertEqual(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED, caught.exception.get_error_code())


if __name__ == "__main__":
    unittest.main()
