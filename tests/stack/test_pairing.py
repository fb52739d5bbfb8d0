# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each part of ours with each stock part works, or says what is missing and does no harm."""

import math
import re
import tempfile
import time
import unittest
from pathlib import Path

import peers
import roots
from dirtylab import truth
from dirtylab.guests import GuestSpec

# Over half of the memory gets dirty while it is measured, so that even stock QEMU's 512 samples a
# GiB tell the rate well: MiB, MiB/s, s.
MEMORY, WORKING_SET, RATE, SECONDS = 512, 384, 200, 2
STOCK_SAMPLES = 512
OUR_SAMPLES = 4096
# domstats' word for a measurement that has ended.
MEASURED = "2"

MEASURE_BY_PYTHON = """
import sys, time, libvirt
dom = libvirt.open(sys.argv[1]).lookupByName(sys.argv[2])
print(*(d.name() for d in dom.connect().listAllDomains()))
dom.startDirtyRateCalc(int(sys.argv[3]))
stats = {}
while stats.get("dirtyrate.calc_status") != libvirt.VIR_DOMAIN_DIRTYRATE_MEASURED:
    time.sleep(0.2)
    stats = dom.connect().domainListGetStats([dom], libvirt.VIR_DOMAIN_STATS_DIRTYRATE)[0][1]
print(stats["dirtyrate.megabytes_per_second"])
"""
MEASURE_BY_OUR_PYTHON = """
import sys, libvirt
try:
    import libvirt_dirty
except ImportError as error:
    sys.exit(f"no module: {error}")
libvirt.registerErrorHandler(lambda *_: None, None)
dom = libvirt.open(sys.argv[1]).lookupByName(sys.argv[2])
try:
    result = libvirt_dirty.getDirtyRate(dom, {"calc-time": 2000, "sample-pages": 4096})
    print(result["rate"], "rate.low" in result)
except libvirt.libvirtError as error:
    print(error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT, error)
"""


def stock_root(name: str) -> Path:
    try:
        return roots.stock_root(name)
    except roots.Unavailable as reason:
        raise unittest.SkipTest(str(reason)) from None


def expected_rate(reports: list[truth.Report]) -> float:
    """What a measurement of SECONDS must find in MiB/s, by what the guest says it wrote."""
    written = sum(r.wrote for r in reports) / truth.PAGES_PER_MIB \
        / sum(r.dt for r in reports) * 1000
    # A write to a random page is no new dirty page if that one is dirty already.
    return WORKING_SET * (1 - math.exp(-written * SECONDS / WORKING_SET)) / SECONDS


class Pairing(unittest.TestCase):
    """A daemon for all tests of a class, and a guest for each test."""

    ROOT: str               # name of the stock root
    QEMU_IS_OURS = False

    @classmethod
    def daemon_libvirt(cls) -> peers.Libvirt:
        raise NotImplementedError

    @classmethod
    def emulator(cls) -> str:
        raise NotImplementedError

    @classmethod
    def setUpClass(cls):
        cls.root = stock_root(cls.ROOT)
        cls.ours = peers.our_libvirt()
        cls.stock = peers.stock_libvirt(cls.root)
        scratch = tempfile.TemporaryDirectory(prefix="ld-pairing-", ignore_cleanup_errors=True)
        cls.addClassCleanup(scratch.cleanup)
        cls.daemon = peers.Daemon(cls.daemon_libvirt(), Path(scratch.name))
        cls.addClassCleanup(cls.daemon.stop)
        # Guests end with the daemon at the latest.
        cls.guest = peers.Guest(cls.daemon, cls.daemon.libvirt, cls.emulator(),
                                GuestSpec("paired", memory=MEMORY, working_set=WORKING_SET,
                                          rate=RATE))

        commands = cls.daemon.virsh(cls.daemon.libvirt, "qemu-monitor-command", "paired",
                                    '{"execute": "query-commands"}').stdout
        if ("calc-dirty-rate" not in commands
                or ("cancel-dirty-rate" in commands) != cls.QEMU_IS_OURS):
            raise RuntimeError(f"{cls.__name__} runs the wrong QEMU")

    def setUp(self):
        self.before = self.guest.last_report().number

    def tearDown(self):
        """Whatever was asked of it, the guest goes on."""
        last = self.guest.last_report().number
        self.assertTrue(self.guest.reports_after(last))
        state = self.daemon.virsh(self.daemon.libvirt, "domstate", "paired")
        self.assertEqual(state.stdout.strip(), "running", state.stderr)

    def works(self, libvirt: peers.Libvirt, *args: str) -> str:
        done = self.daemon.virsh(libvirt, *args)
        self.assertEqual(done.returncode, 0, f"virsh {' '.join(args)}: {done.stderr}")
        return done.stdout

    def refused(self, libvirt: peers.Libvirt, *args: str) -> str:
        """Returns the one error that a command ends with."""
        done = self.daemon.virsh(libvirt, *args)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        errors = [line for line in done.stderr.splitlines() if line.strip()]
        self.assertEqual(len(errors), 1, errors)
        self.assertRegex(errors[0], "^error: ")
        return errors[0]

    def assert_plausible(self, rate: float, samples_per_gib: int):
        """The rate is within what that sample allows of what the guest wrote since setUp."""
        reports = self.guest.reports_after(self.before + 1, SECONDS)
        expected = expected_rate(reports)
        share = expected * SECONDS / MEMORY
        n_samples = samples_per_gib * MEMORY / 1024
        # Four standard deviations, and what a busy machine does to the length of a measurement.
        margin = expected * (4 * math.sqrt((1 - share) / share / n_samples) + 0.1)
        self.assertAlmostEqual(rate, expected, delta=margin)

    def measure_as_stock(self, libvirt: peers.Libvirt, *options: str) -> float:
        """Measures by the commands that stock has too."""
        self.works(libvirt, "domdirtyrate-calc", "paired", "--seconds", str(SECONDS), *options)
        limit = time.monotonic() + peers.PATIENCE
        while True:
            stats = dict(line.strip().split("=", 1) for line in
                         self.works(libvirt, "domstats", "--dirtyrate", "paired").splitlines()
                         if "=" in line)
            if stats["dirtyrate.calc_status"] == MEASURED:
                return float(stats["dirtyrate.megabytes_per_second"])
            self.assertLess(time.monotonic(), limit, stats)
            time.sleep(0.2)

    def check_stock_commands(self, libvirt: peers.Libvirt):
        self.assertIn("paired", self.works(libvirt, "list", "--name").split())
        self.assert_plausible(self.measure_as_stock(libvirt), STOCK_SAMPLES)


class OurClientStockDaemon(Pairing):
    """Our virsh and Python module, stock daemon and QEMU."""

    @classmethod
    def daemon_libvirt(cls):
        return peers.stock_libvirt(cls.root)

    @classmethod
    def emulator(cls):
        return peers.stock_emulator(cls.daemon, cls.root)

    def test_getdirtyrate_says_what_the_host_lacks(self):
        for options in ((), ("--last",), ("--cancel",), ("--nowait",)):
            error = self.refused(self.ours, "getdirtyrate", "paired", *options)
            self.assertIn("libvirt-dirty", error)
            self.assertIn("install", error)

    def test_other_commands_work(self):
        self.check_stock_commands(self.ours)

    def test_python_says_what_the_host_lacks(self):
        done = self.daemon.python(self.ours, MEASURE_BY_OUR_PYTHON, "paired")
        if "no module" in done.stderr:
            self.skipTest(done.stderr.strip())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, "^True .*libvirt-dirty")


class StockClientOurDaemon(Pairing):
    """Stock virsh and Python, our daemon and QEMU."""

    QEMU_IS_OURS = True

    @classmethod
    def daemon_libvirt(cls):
        return peers.our_libvirt()

    @classmethod
    def emulator(cls):
        return peers.our_emulator(cls.daemon)

    def test_virsh(self):
        self.check_stock_commands(self.stock)

    def test_statistics_have_the_bounds(self):
        self.measure_as_stock(self.stock)
        stats = self.works(self.stock, "domstats", "--dirtyrate", "paired")
        for name in ("rate", "rate.low", "rate.high", "period.count", "pages.zero"):
            self.assertIn(f"dirtyrate.{name}=", stats)

    def test_virsh_does_not_know_our_command(self):
        self.assertIn("unknown command", self.refused(self.stock, "getdirtyrate", "paired"))

    def test_python(self):
        done = self.daemon.python(self.stock, MEASURE_BY_PYTHON, "paired", str(SECONDS))
        self.assertEqual(done.returncode, 0, done.stderr)
        names, rate = done.stdout.splitlines()
        self.assertIn("paired", names.split())
        self.assert_plausible(float(rate), STOCK_SAMPLES)


class OurLibvirtStockQemu(Pairing):
    """Our virsh, daemon and Python module, stock QEMU."""

    @classmethod
    def daemon_libvirt(cls):
        return peers.our_libvirt()

    @classmethod
    def emulator(cls):
        return peers.stock_emulator(cls.daemon, cls.root)

    def setUp(self):
        self.wait_idle()
        super().setUp()

    def wait_idle(self):
        """Waits for what cannot be cancelled here."""
        limit = time.monotonic() + peers.PATIENCE
        while "measuring" in self.works(self.ours, "getdirtyrate", "paired", "--last"):
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.2)

    def measure(self, *options: str) -> str:
        return self.works(self.ours, "getdirtyrate", "paired", *options,
                          "--sample-pages", str(OUR_SAMPLES))

    def test_rate_without_bounds(self):
        text = self.measure(str(SECONDS), "--periods")
        rate = re.search(r"^Dirty rate: +([0-9.]+) MiB/s$", text, re.M)
        self.assertTrue(rate, text)
        self.assert_plausible(float(rate[1]), OUR_SAMPLES)
        self.assertNotIn("95 %:", text)

    def test_auto_samples(self):
        self.assertIn("page-sampling (chosen automatically)",
                      self.works(self.ours, "getdirtyrate", "paired"))

    def test_bitmap_of_a_guest_without_kvm(self):
        # Stock QEMU answers 0 then, and some versions crash.
        if "<domain type='kvm'" in self.works(self.ours, "dumpxml", "paired"):
            self.skipTest("the guest runs under KVM")
        error = self.refused(self.ours, "getdirtyrate", "paired", "--mode", "dirty-bitmap")
        self.assertIn("libvirt-dirty", error)
        self.assertIn("page-sampling", error)

    def test_compression_says_what_is_missing(self):
        error = self.refused(self.ours, "getdirtyrate", "paired", "--compression")
        self.assertIn("'compression'", error)
        self.assertIn("libvirt-dirty", error)

    def test_pause_ends_the_wait(self):
        # Stock QEMU counts the pause as time of the measurement, so its result would be too low.
        self.works(self.ours, "getdirtyrate", "paired", "--calc-time", "1000")
        with self.daemon.start_virsh(self.ours, "getdirtyrate", "paired", "4") as client:
            time.sleep(1)
            self.works(self.ours, "suspend", "paired")
            _, err = client.communicate(timeout=peers.PATIENCE)
        self.works(self.ours, "resume", "paired")
        self.assertNotEqual(client.returncode, 0)
        self.assertIn("paused", err)

    def test_statistics(self):
        self.measure(str(SECONDS))
        stats = dict(line.strip().split("=", 1) for line in
                     self.works(self.ours, "domstats", "--dirtyrate", "paired").splitlines()
                     if "=" in line)
        self.assertEqual(stats["dirtyrate.calc_mode"], "page-sampling")
        self.assertEqual(float(stats["dirtyrate.rate"]),
                         float(stats["dirtyrate.megabytes_per_second"]))
        self.assertNotIn("dirtyrate.rate.low", stats)

    def test_periods_are_explained(self):
        text = self.works(self.ours, "getdirtyrate", "paired", "--periods")
        self.assertRegex(text, "(?s)Dirty rate:.*No readings: .*QEMU does not report any")

    def test_cancel_says_what_is_missing(self):
        self.works(self.ours, "getdirtyrate", "paired", "1", "--nowait")
        error = self.refused(self.ours, "getdirtyrate", "paired", "--cancel")
        self.assertIn("cancel-dirty-rate", error)
        self.assertIn("libvirt-dirty", error)
        self.wait_idle()
        self.assertIn("Dirty rate:", self.works(self.ours, "getdirtyrate", "paired", "--last"))

    def test_interrupt_ends_the_wait_and_the_next_says_what_goes_on(self):
        done, seconds = self.daemon.interrupted_virsh(self.ours, 1, "getdirtyrate", "paired", "6")
        self.assertNotEqual(done.returncode, 0, done.stdout)
        # It is the wait that was cancelled: QEMU cannot cancel, and virsh must not say it did.
        self.assertRegex(done.stderr, "was cancelled, but .* goes on for about [1-9][0-9]* ms")
        self.assertLess(seconds, 4)
        error = self.refused(self.ours, "getdirtyrate", "paired")
        self.assertRegex(error, "already running and ends in about [1-9][0-9]* ms")
        self.wait_idle()
        self.assertIn("Dirty rate:", self.works(self.ours, "getdirtyrate", "paired"))

    def test_python(self):
        done = self.daemon.python(self.ours, MEASURE_BY_OUR_PYTHON, "paired")
        if "no module" in done.stderr:
            self.skipTest(done.stderr.strip())
        self.assertEqual(done.returncode, 0, done.stderr)
        rate, has_bounds = done.stdout.split()
        self.assertEqual(has_bounds, "False")
        self.assert_plausible(float(rate), OUR_SAMPLES)


class StockLibvirtOurQemu(Pairing):
    """Stock virsh and daemon, our QEMU."""

    QEMU_IS_OURS = True

    @classmethod
    def daemon_libvirt(cls):
        return peers.stock_libvirt(cls.root)

    @classmethod
    def emulator(cls):
        return peers.our_emulator(cls.daemon)

    def test_virsh(self):
        self.check_stock_commands(self.stock)

    def test_bitmap(self):
        """By the stock commands the mode that stock QEMU gets wrong without KVM is right."""
        rate = self.measure_as_stock(self.stock, "--mode", "dirty-bitmap")
        # All pages are counted: as sure as a sample of all of them.
        self.assert_plausible(rate, 2 ** 18)


class OurClientDebian12(OurClientStockDaemon):
    """Debian 12's daemon, libvirt 9.0."""
    ROOT = "bookworm-stock"


class OurClientDebian13(OurClientStockDaemon):
    """Debian 13's daemon, libvirt 11.3."""
    ROOT = "trixie-stock"


class StockClientDebian12(StockClientOurDaemon):
    """Debian 12's virsh and Python."""
    ROOT = "bookworm-stock"


class StockClientDebian13(StockClientOurDaemon):
    """Debian 13's virsh and Python."""
    ROOT = "trixie-stock"


class OurLibvirtDebian12(OurLibvirtStockQemu):
    """Debian 12's QEMU, 7.2: knows no calc-time-unit."""
    ROOT = "bookworm-stock"

    def test_milliseconds_need_a_later_qemu(self):
        error = self.refused(self.ours, "getdirtyrate", "paired", "--calc-time", "500")
        self.assertIn("8.2", error)
        self.assertIn("seconds", error)


class OurLibvirtDebian13(OurLibvirtStockQemu):
    """Debian 13's QEMU, 10.0."""
    ROOT = "trixie-stock"

    def test_milliseconds(self):
        text = self.measure("--calc-time", "500")
        self.assertRegex(text, "(?m)^Calc time: +500 ms$")
        self.assertRegex(text, "(?m)^Dirty rate: +[1-9]")


class StockLibvirtDebian12(StockLibvirtOurQemu):
    """Debian 12's libvirt, 9.0."""
    ROOT = "bookworm-stock"


class StockLibvirtDebian13(StockLibvirtOurQemu):
    """Debian 13's libvirt, 11.3."""
    ROOT = "trixie-stock"


# The classes above them have no root to run with.
del OurClientStockDaemon, StockClientOurDaemon, OurLibvirtStockQemu, StockLibvirtOurQemu, Pairing

if __name__ == "__main__":
    unittest.main()
