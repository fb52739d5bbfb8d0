# SPDX-License-Identifier: LGPL-2.1-or-later
"""What pairing tests share: a daemon and a guest, each ours or stock, and scripts for Python."""

import math
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
# libvirt's codes of errors.
NO_SUPPORT, OPERATION_UNSUPPORTED = 3, 84

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
# What scripts for our module begin with.
OUR_PYTHON = """
import sys, libvirt
try:
    import libvirt_dirty
except ImportError as error:
    sys.exit(f"no module: {error}")
libvirt.registerErrorHandler(lambda *_: None, None)
dom = libvirt.open(sys.argv[1]).lookupByName(sys.argv[2])
"""
MEASURE_BY_OUR_PYTHON = OUR_PYTHON + """
try:
    result = libvirt_dirty.getDirtyRate(dom, {"calc-time": 2000, "sample-pages": 4096})
    print(result["rate"], "rate.low" in result)
except libvirt.libvirtError as error:
    print(error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT, error)
"""
LIMIT_BY_OUR_PYTHON = OUR_PYTHON + """
for call in (lambda: libvirt_dirty.getVcpuDirtyLimit(dom),
             lambda: libvirt_dirty.setVcpuDirtyLimit(dom, -1, 20)):
    try:
        print(call())
    except libvirt.libvirtError as error:
        print(error.get_error_code(), error)
"""
PREDICT_BY_OUR_PYTHON = OUR_PYTHON + """
try:
    result = libvirt_dirty.migratePredict(dom, {"bandwidth": [20, 2000], "downtime": 300})
    print([cell["verdict"] for cell in result["cells"]], len(result["notes"]))
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
