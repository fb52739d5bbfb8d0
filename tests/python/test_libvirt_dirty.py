#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of the Python module libvirt_dirty.

Run it under ./run, which finds the patched libvirt and the module. Arguments are tested on
libvirt's test driver. What needs a guest takes it from the environment, or is skipped:

LIBVIRT_DIRTY_TEST_URI     the connection
LIBVIRT_DIRTY_TEST_DOMAIN  the name of a running guest, which the tests measure but do not change
"""

import signal
import subprocess
import sys
import threading
import time
import unittest

import libvirt
import libvirt_dirty as dirty
from stubs import DOMAIN, URI, GuestCase, assert_nothing_leaks, keys, public_names, resident_kib

NOWAIT = dirty.VIR_DOMAIN_DIRTY_RATE_NOWAIT
LAST = dirty.VIR_DOMAIN_DIRTY_RATE_LAST
CANCEL = dirty.VIR_DOMAIN_DIRTY_RATE_CANCEL


def setUpModule():
    # Without a handler of its own libvirt prints each error the tests provoke.
    libvirt.registerErrorHandler(lambda _context, _error: None, None)


def stub_keys():
    """The keys of a result that the stub file and the docstring promise."""
    return keys("DirtyRate")


class Module(unittest.TestCase):
    """What can be seen without a domain."""

    def test_docstrings_give_units(self):
        for unit in ("ms", "MiB/s", "pages", "bytes", "s since the epoch"):
            self.assertIn(unit, dirty.getDirtyRate.__doc__)
        self.assertIn("libvirtError", dirty.__doc__)

    def test_docstring_names_every_key(self):
        for key in stub_keys():
            self.assertIn(f"'{key}'", dirty.getDirtyRate.__doc__)

    def test_flags_are_distinct_bits(self):
        self.assertEqual({1, 2, 4}, {NOWAIT, LAST, CANCEL})

    def test_stubs_know_the_same_names(self):
        self.assertEqual({name for name in dir(dirty) if not name.startswith("_")}, public_names())

    def test_parameter_names(self):
        self.assertEqual("calc-time", dirty.VIR_DOMAIN_DIRTY_RATE_PARAM_CALC_TIME)
        self.assertEqual("rate.low", dirty.VIR_DOMAIN_DIRTY_RATE_PARAM_RATE_LOW)


class Arguments(unittest.TestCase):
    """What is wrong with an argument is said before libvirt is asked."""

    def setUp(self):
        self.connection = libvirt.open("test:///default")
        self.addCleanup(self.connection.close)
        self.domain = self.connection.lookupByName("test")

    def assert_refused(self, error, text, *args, **kwargs):
        with self.assertRaises(error) as caught:
            dirty.getDirtyRate(*args, **kwargs)
        self.assertIn(text, str(caught.exception))

    def test_no_domain(self):
        class Fake:
            _o = None

        for bad in (None, "test", 1, self.connection, Fake(), self.domain._o):
            with self.subTest(dom=bad):
                self.assert_refused(TypeError, f"not {type(bad).__name__}", bad)
        self.assert_refused(TypeError, "dom")

    def test_params_no_dict(self):
        for bad in ([], "calc-time", 1, ("calc-time", 1)):
            with self.subTest(params=bad):
                self.assert_refused(TypeError, "dict", self.domain, bad)

    def test_unknown_parameter(self):
        self.assert_refused(ValueError, "'calc-tim'", self.domain, {"calc-tim": 1000})
        self.assert_refused(ValueError, "'calc-time', 'mode', 'sample-pages', 'compression'",
                            self.domain, {"": 1})
        self.assert_refused(TypeError, "int", self.domain, {1: 1000})

    def test_wrong_type(self):
        for name in ("calc-time", "sample-pages"):
            for bad in ("1000", 1000.0, None, True, [1000]):
                with self.subTest(name=name, value=bad):
                    self.assert_refused(TypeError, f"'{name}' must be an int", self.domain,
                                        {name: bad})
        for bad in (0, None, b"page-sampling"):
            with self.subTest(mode=bad):
                self.assert_refused(TypeError, "'mode' must be a str", self.domain, {"mode": bad})

        for bad in (0, 1, None, "true"):
            with self.subTest(compression=bad):
                self.assert_refused(TypeError, "'compression' must be a bool", self.domain,
                                    {"compression": bad})

    def test_out_of_range(self):
        for bad in (-1, 2**32, 2**64, -2**64):
            with self.subTest(value=bad):
                self.assert_refused(ValueError, f"'calc-time' is {bad}", self.domain,
                                    {"calc-time": bad})
        self.assert_refused(ValueError, "NUL", self.domain, {"mode": "page\0sampling"})
        self.assert_refused(ValueError, "surrogates", self.domain, {"mode": "\ud800"})

    def test_exception_from_the_value(self):
        class Bad:
            def __index__(self):
                raise ZeroDivisionError("from __index__")

        self.assert_refused(ZeroDivisionError, "from __index__", self.domain, {"calc-time": Bad()})

    def test_flags(self):
        for bad in (-1, 2**32, 2**64):
            with self.subTest(flags=bad):
                self.assert_refused(OverflowError, "", self.domain, flags=bad)
        self.assert_refused(TypeError, "", self.domain, None, "LAST")

    def test_libvirt_refuses(self):
        for flags in (NOWAIT | LAST, NOWAIT | CANCEL, LAST | CANCEL):
            with self.subTest(flags=flags):
                with self.assertRaises(libvirt.libvirtError) as caught:
                    dirty.getDirtyRate(self.domain, flags=flags)
                error = caught.exception
                self.assertEqual(libvirt.VIR_ERR_INVALID_ARG, error.get_error_code())
                self.assertEqual(error.get_error_message(), str(error))

    def test_error_of_a_waiting_call(self):
        """It comes from another thread than the one that sees it."""
        with self.assertRaises(libvirt.libvirtError) as caught:
            dirty.getDirtyRate(self.domain, {"calc-time": 49})
        error = caught.exception
        self.assertIn(error.get_error_code(),
                      (libvirt.VIR_ERR_NO_SUPPORT, libvirt.VIR_ERR_INVALID_ARG))
        self.assertEqual(libvirt.VIR_ERR_ERROR, error.get_error_level())
        self.assertTrue(error.get_error_message())
        self.assertEqual(error.get_error_message(), str(error))

    def test_nothing_leaks(self):
        params = {"calc-time": 49, "mode": "page-" + "sampling", "sample-pages": 512}
        bad_params = dict(params, unknown=1)

        def refused():
            for args in ((params,), (bad_params,), (params, NOWAIT | LAST)):
                with self.assertRaises((libvirt.libvirtError, ValueError)):
                    dirty.getDirtyRate(self.domain, *args)

        # 6000 calls that lose a typed parameter's 100 bytes each would show as 600 KiB.
        assert_nothing_leaks(self, (self.domain, self.domain._o, params, bad_params), refused, 2000,
                             400)


class Guest(GuestCase):
    """Measurements of a real guest."""

    def setUp(self):
        super().setUp()
        dirty.getDirtyRate(self.domain, flags=CANCEL)

    def status(self):
        return dirty.getDirtyRate(self.domain, flags=LAST)["status"]

    def assert_consistent(self, rate):
        self.assertEqual("measured", rate["status"])
        self.assertGreater(rate["start-time"], 1_600_000_000)
        self.assertLessEqual(rate["rate.low"], rate["rate"])
        self.assertLessEqual(rate["rate"], rate["rate.high"])
        self.assertLessEqual(rate["pages.zero"], rate["pages.sampled"])
        self.assertLessEqual(rate["pages.sampled"], rate["pages.total"])
        # The machine's ROMs and video memory come on top of the domain's own.
        extra = rate["pages.total"] * rate["page-size"] - self.domain.info()[1] * 1024
        self.assertTrue(0 <= extra < 64 << 20, extra)
        self.assert_readings_consistent(rate)

    def assert_readings_consistent(self, rate):
        vectors = [rate[key] for key in
                   ("periods", "dirty-pages", "pages", "pages.low", "pages.high")]
        self.assertEqual({len(rate["periods"])}, {len(vector) for vector in vectors})
        self.assertEqual(sorted(set(rate["periods"])), rate["periods"])
        self.assertEqual(sorted(rate["dirty-pages"]), rate["dirty-pages"])
        self.assertLessEqual(rate["dirty-pages"][-1], rate["pages.sampled"])
        for _, _, pages, low, high in zip(*vectors):
            self.assertTrue(0 <= low <= pages <= high <= rate["pages.total"])

    def test_measure(self):
        rate = dirty.getDirtyRate(self.domain, {"calc-time": 1100, "mode": "page-sampling",
                                                "sample-pages": 1024})
        self.assert_consistent(rate)
        self.assertEqual("page-sampling", rate["mode"])
        self.assertEqual(1024, rate["sample-pages"])
        self.assertTrue(1100 <= rate["calc-time"] < 2000, rate["calc-time"])
        self.assertEqual(7, len(rate["periods"]))
        self.assertEqual(set(), set(rate) - stub_keys())

    def test_defaults_and_last(self):
        rate = dirty.getDirtyRate(self.domain)
        self.assert_consistent(rate)
        self.assertEqual(512, rate["sample-pages"])
        self.assertTrue(1000 <= rate["calc-time"] < 2000, rate["calc-time"])
        self.assertEqual(rate, dirty.getDirtyRate(self.domain, flags=LAST))

    def test_auto(self):
        rate = dirty.getDirtyRate(self.domain, {"mode": "auto", "calc-time": 100})
        self.assert_consistent(rate)
        self.assertEqual("page-sampling", rate["mode"])

    def test_compression(self):
        rate = dirty.getDirtyRate(self.domain, {"compression": True, "calc-time": 100,
                                                "sample-pages": 16384})
        self.assert_consistent(rate)
        self.assertEqual(set(), set(rate) - stub_keys())
        self.assertIn("zlib", rate["compression-methods"])
        vectors = [rate[f"compression-{key}"] for key in ("methods", "pages", "ratios", "speeds")]
        self.assertEqual({len(vectors[0])}, {len(vector) for vector in vectors})
        for _, pages, ratio, speed in zip(*vectors):
            self.assertTrue(0 < pages <= rate["pages.sampled"] - rate["pages.zero"])
            self.assertGreater(ratio, 1)  # pages of the test guest hold little
            self.assertGreater(speed, 0)

    def test_exact_mode(self):
        """Under TCG there are vCPUs' curves; under KVM without a ring there is only the sum."""
        rate = dirty.getDirtyRate(self.domain, {"mode": "dirty-bitmap", "calc-time": 500})
        self.assert_consistent(rate)
        self.assertEqual(set(), set(rate) - stub_keys())
        self.assertEqual("dirty-bitmap", rate["mode"])
        self.assertEqual(rate["pages.total"], rate["pages.sampled"])
        self.assertEqual(rate["dirty-pages"], rate["pages.low"])
        self.assertEqual(rate["dirty-pages"], rate["pages.high"])
        if "vcpus" not in rate:
            return
        curves = rate["vcpu-dirty-pages"]
        self.assertEqual(len(rate["vcpus"]), len(curves))
        for curve in curves:
            self.assertEqual(len(rate["periods"]), len(curve))
            self.assertEqual(sorted(curve), curve)
        for total, of_vcpus in zip(rate["dirty-pages"], zip(*curves)):
            self.assertLessEqual(sum(of_vcpus), total)

    def test_nowait(self):
        started = time.monotonic()
        rate = dirty.getDirtyRate(self.domain, {"calc-time": 1500}, NOWAIT)
        self.assertLess(time.monotonic() - started, 1)
        self.assertEqual("measuring", rate["status"])
        with self.assertRaises(libvirt.libvirtError) as caught:
            dirty.getDirtyRate(self.domain)
        self.assertEqual(libvirt.VIR_ERR_OPERATION_INVALID, caught.exception.get_error_code())
        while self.status() == "measuring":
            self.assertLess(time.monotonic() - started, 10)
            time.sleep(0.1)
        self.assert_consistent(dirty.getDirtyRate(self.domain, flags=LAST))

    def test_cancel(self):
        dirty.getDirtyRate(self.domain, {"calc-time": 20000}, NOWAIT)
        self.assertEqual({}, dirty.getDirtyRate(self.domain, flags=CANCEL))
        self.assertEqual("unstarted", self.status())

    def test_cancel_a_waiting_thread(self):
        errors = []

        def wait():
            try:
                dirty.getDirtyRate(self.domain, {"calc-time": 20000})
            except libvirt.libvirtError as error:
                errors.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        self.wait_until_measuring()
        dirty.getDirtyRate(self.domain, flags=CANCEL)
        thread.join(5)
        self.assertFalse(thread.is_alive())
        self.assertEqual(libvirt.VIR_ERR_OPERATION_ABORTED, errors[0].get_error_code())

    def wait_until_measuring(self):
        until = time.monotonic() + 5
        while self.status() != "measuring":
            self.assertLess(time.monotonic(), until)
            time.sleep(0.05)

    def test_results_do_not_leak(self):
        dirty.getDirtyRate(self.domain, {"calc-time": 50})

        def read(times):
            for _ in range(times):
                dirty.getDirtyRate(self.domain, flags=LAST)
            return resident_kib()

        before = read(200)
        # A result is some 20 typed parameters of 100 bytes each: 4 MiB if they were lost.
        self.assertLess(read(2000) - before, 1024)

    def test_other_threads_run(self):
        ticks = []
        done = threading.Event()

        def tick():
            while not done.wait(0.01):
                ticks.append(time.monotonic())

        thread = threading.Thread(target=tick)
        thread.start()
        try:
            dirty.getDirtyRate(self.domain, {"calc-time": 1000})
        finally:
            done.set()
            thread.join()
        self.assertGreater(len(ticks), 50)

    def interrupt_a_program(self, number):
        """Sends a signal to a program that waits for a measurement; returns what it printed."""
        # Who starts tests in the background may have turned the signal off for all they start.
        script = ("import libvirt, libvirt_dirty, signal, sys\n"
                  "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
                  "domain = libvirt.open(sys.argv[1]).lookupByName(sys.argv[2])\n"
                  "libvirt_dirty.getDirtyRate(domain, {'calc-time': 60000})\n")
        program = subprocess.Popen([sys.executable, "-c", script, URI, DOMAIN],
                                   stderr=subprocess.PIPE, text=True)
        try:
            self.wait_until_measuring()
            program.send_signal(number)
            return program.communicate(timeout=5)[1]
        finally:
            program.kill()
            program.wait()

    def test_ctrl_c(self):
        self.assertIn("KeyboardInterrupt", self.interrupt_a_program(signal.SIGINT))
        self.assertEqual("unstarted", self.status())

    def test_killed(self):
        """The daemon sees the connection go and ends what nobody waits for any more."""
        self.interrupt_a_program(signal.SIGKILL)
        until = time.monotonic() + 5
        while self.status() == "measuring":
            self.assertLess(time.monotonic(), until)
            time.sleep(0.05)
        self.assertEqual("unstarted", self.status())

    def test_exception_from_a_signal_handler(self):
        class Expired(Exception):
            pass

        def expire(_number, _frame):
            raise Expired

        before = signal.signal(signal.SIGALRM, expire)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        started = time.monotonic()
        with self.assertRaises(Expired):
            dirty.getDirtyRate(self.domain, {"calc-time": 60000})
        self.assertLess(time.monotonic() - started, 3)
        self.assertEqual("unstarted", self.status())

    def test_bad_values(self):
        for params in ({"calc-time": 0}, {"calc-time": 49}, {"calc-time": 60001},
                       {"sample-pages": 127}, {"sample-pages": 16385}, {"mode": "guess"},
                       {"mode": "dirty-bitmap", "sample-pages": 512}):
            with self.subTest(params=params):
                with self.assertRaises(libvirt.libvirtError) as caught:
                    dirty.getDirtyRate(self.domain, params)
                self.assertEqual(libvirt.VIR_ERR_INVALID_ARG, caught.exception.get_error_code())
        dirty.getDirtyRate(self.domain, {"calc-time": 50})

    def test_read_only_connection(self):
        connection = libvirt.openReadOnly(URI)
        self.addCleanup(connection.close)
        domain = connection.lookupByName(DOMAIN)
        with self.assertRaises(libvirt.libvirtError) as caught:
            dirty.getDirtyRate(domain)
        self.assertEqual(libvirt.VIR_ERR_OPERATION_DENIED, caught.exception.get_error_code())
        self.assertIn(dirty.getDirtyRate(domain, flags=LAST)["status"], ("unstarted", "measured"))


if __name__ == "__main__":
    unittest.main()
