# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each part of ours with each stock part works, or says what is missing and does no harm."""

import math
import re
import time
import unittest

import limit_case
import pairing_case as case
import peers
import predict_case
from dirtylab.guests import GuestSpec
from lab_case import usable_accels
from pairing_case import (MEMORY, NO_SUPPORT, OPERATION_UNSUPPORTED, OUR_SAMPLES, SECONDS,
                          STOCK_SAMPLES)


class OurClientStockDaemon(case.Pairing):
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

    def test_domdirtylimit_says_what_the_host_lacks(self):
        for options in ((), ("--config",), ("--rate", "20"), ("--cancel",),
                        ("--rate", "20", "--vcpu", "0"), ("--rate", "20", "--config")):
            error = self.refused(self.ours, "domdirtylimit", "paired", *options)
            self.assertIn("libvirt-dirty", error)
            self.assertIn("install", error)

    def test_migrate_predict_says_what_the_host_lacks(self):
        for options in ((), ("--bandwidth", "100"), ("--max-age", "60", "--explain")):
            error = self.refused(self.ours, "migrate-predict", "paired", *options)
            self.assertIn("libvirt-dirty", error)
            self.assertIn("install", error)

    def test_statistics_say_what_the_host_lacks(self):
        self.refused(self.ours, "domstats", "--enforce", "--dirtylimit", "paired")

    def test_other_commands_work(self):
        self.check_stock_commands(self.ours)

    def test_python_says_what_the_host_lacks(self):
        done = self.daemon.python(self.ours, case.MEASURE_BY_OUR_PYTHON, "paired")
        if "no module" in done.stderr:
            self.skipTest(done.stderr.strip())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, "^True .*libvirt-dirty")
        done = self.daemon.python(self.ours, case.PREDICT_BY_OUR_PYTHON, "paired")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, "^True .*libvirt-dirty")
        done = self.daemon.python(self.ours, case.LIMIT_BY_OUR_PYTHON, "paired")
        self.assertEqual(done.returncode, 0, done.stderr)
        for line in done.stdout.splitlines():
            self.assertRegex(line, f"^{NO_SUPPORT} .*libvirt-dirty")


class StockClientOurDaemon(case.Pairing):
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

    def test_virsh_does_not_know_our_commands(self):
        for command in ("getdirtyrate", "domdirtylimit", "migrate-predict"):
            self.assertIn("unknown command", self.refused(self.stock, command, "paired"))

    def test_limits_are_seen_and_kept(self):
        """What stock virsh shows and does has no trouble with limits, and does them none."""
        self.works(self.ours, "domdirtylimit", "paired", "--rate", "30")
        self.addCleanup(self.works, self.ours, "domdirtylimit", "paired", "--cancel")
        xml = self.works(self.stock, "dumpxml", "paired")
        self.assertIn("<dirtylimit vcpus='0' rate='30' unit='MiB'/>", xml)
        self.assertIn("dirtylimit.vcpu.0.limit=30", self.works(self.stock, "domstats", "paired"))
        self.works(self.stock, "suspend", "paired")
        self.works(self.stock, "resume", "paired")
        self.assertRegex(self.works(self.ours, "domdirtylimit", "paired"), r"(?m)^ 0 +30 ")

    def test_python(self):
        done = self.daemon.python(self.stock, case.MEASURE_BY_PYTHON, "paired", str(SECONDS))
        self.assertEqual(done.returncode, 0, done.stderr)
        names, rate = done.stdout.splitlines()
        self.assertIn("paired", names.split())
        self.assert_plausible(float(rate), STOCK_SAMPLES)


class OurLibvirtStockQemu(case.Pairing):
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

    def test_limit_without_a_ring_says_what_is_missing(self):
        for options in (("--rate", "20"), ("--rate", "20", "--vcpu", "0")):
            error = self.refused(self.ours, "domdirtylimit", "paired", *options)
            self.assertIn("dirty-ring", error)
            self.assertIn("libvirt-dirty", error)
        for options in ((), ("--cancel",)):
            self.works(self.ours, "domdirtylimit", "paired", *options)
        self.assertNotIn("dirtylimit", self.works(self.ours, "dumpxml", "paired"))

    def test_guest_with_a_limit_it_cannot_have_is_not_started(self):
        xml = self.daemon.scratch / "limited.xml"
        text = self.works(self.ours, "dumpxml", "paired")
        text = re.sub("<uuid>.*</uuid>", "", text.replace("<name>paired<", "<name>limited<"))
        xml.write_text(text.replace("<os>", "<cputune><dirtylimit vcpus='0' rate='20'/></cputune>"
                                    "<os>", 1))
        done = self.daemon.virsh(self.ours, "create", str(xml))
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, "has a <dirtylimit>: .*dirty-ring.*libvirt-dirty")
        self.assertNotIn("limited", self.works(self.ours, "list", "--all", "--name"))

    def test_limit_with_a_ring(self):
        reason = usable_accels()["kvm"]
        if reason:
            self.skipTest(reason)
        peers.Guest(self.daemon, self.daemon.libvirt, self.emulator(),
                    GuestSpec("ring", accel="kvm", vcpus=2, rate=40, dirty_ring=1024))
        self.addCleanup(self.works, self.ours, "destroy", "ring")
        self.works(self.ours, "domdirtylimit", "ring", "--rate", "20")
        self.works(self.ours, "domdirtylimit", "ring", "--rate", "30", "--vcpu", "1")
        table = limit_case.parse(self.works(self.ours, "domdirtylimit", "ring"))
        self.assertEqual(table.limits, [20, 30])
        self.assertIsNone(table.scope)
        for row in table.rows.values():
            self.assertIsNotNone(row.rate)
            # Stock QEMU does not tell.
            self.assertIsNone(row.resting)
        self.assertIn("vCPU 2", self.refused(self.ours, "domdirtylimit", "ring", "--rate", "5",
                                             "--vcpu", "2"))
        self.works(self.ours, "domdirtylimit", "ring", "--cancel")
        self.assertEqual(limit_case.parse(self.works(self.ours, "domdirtylimit", "ring")).limits,
                         [None, None])

    def test_prediction_from_one_figure(self):
        """It knows one rate and no curve: it answers, as wide as that is, and says so."""
        text = self.works(self.ours, "migrate-predict", "paired", "--seconds", str(SECONDS),
                          "--sample-pages", str(OUR_SAMPLES), "--bandwidth", "20,2000",
                          "--downtime", "300", "--bounds")
        prediction = predict_case.parse(text)
        slow, fast = (row[0] for row in prediction.rows)
        # 200 MiB/s over 384 MiB against 20 and 2000 MiB/s.
        self.assertIsNone(slow.time)
        self.assertGreater(fast.time, MEMORY / 2000 * 0.9)
        self.assertLess(fast.low, fast.high or math.inf)
        self.assertTrue(any("only a rate" in note for note in prediction.notes), text)
        # Its vCPUs cannot be limited without a ring.
        self.assertNotIn("limit vCPUs", text)

    def test_prediction_by_python(self):
        done = self.daemon.python(self.ours, case.PREDICT_BY_OUR_PYTHON, "paired")
        if "no module" in done.stderr:
            self.skipTest(done.stderr.strip())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^\['(?!converges).*', '.*'\] [1-9]")

    def test_prediction_says_what_compression_needs(self):
        error = self.refused(self.ours, "migrate-predict", "paired", "--bandwidth", "100",
                             "--parallel", "--comp-methods", "zlib")
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
        done = self.daemon.python(self.ours, case.MEASURE_BY_OUR_PYTHON, "paired")
        if "no module" in done.stderr:
            self.skipTest(done.stderr.strip())
        self.assertEqual(done.returncode, 0, done.stderr)
        rate, has_bounds = done.stdout.split()
        self.assertEqual(has_bounds, "False")
        self.assert_plausible(float(rate), OUR_SAMPLES)

    def test_python_says_what_limits_need(self):
        done = self.daemon.python(self.ours, case.LIMIT_BY_OUR_PYTHON, "paired")
        if "no module" in done.stderr:
            self.skipTest(done.stderr.strip())
        self.assertEqual(done.returncode, 0, done.stderr)
        limits, refusal = done.stdout.splitlines()
        self.assertEqual(limits, "{'vcpus': [{'id': 0, 'limit': 0}]}")
        self.assertRegex(refusal, f"^{OPERATION_UNSUPPORTED} .*dirty-ring")


class StockLibvirtOurQemu(case.Pairing):
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

    def test_limit_by_qmp(self):
        """Where libvirt has no limits QEMU's own command sets them."""
        for command in ("set_vcpu_dirty_limit 20", "info vcpu_dirty_limit",
                        "cancel_vcpu_dirty_limit"):
            text = self.works(self.stock, "qemu-monitor-command", "paired", "--hmp", command)
            self.assertNotIn("rror", text)
            if command.startswith("info"):
                self.assertRegex(text, r"limit rate +20 ")

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
        time = re.search(r"^Calc time: +([0-9]+) ms$", text, re.M)
        self.assertTrue(time, text)
        # stock QEMU tells when it was done, which on a busy host is later than asked for
        self.assertTrue(500 <= int(time[1]) < 1000, text)
        self.assertRegex(text, "(?m)^Dirty rate: +[1-9]")


class StockLibvirtDebian12(StockLibvirtOurQemu):
    """Debian 12's libvirt, 9.0."""
    ROOT = "bookworm-stock"


class StockLibvirtDebian13(StockLibvirtOurQemu):
    """Debian 13's libvirt, 11.3."""
    ROOT = "trixie-stock"


# The classes above them have no root to run with.
del OurClientStockDaemon, StockClientOurDaemon, OurLibvirtStockQemu, StockLibvirtOurQemu

if __name__ == "__main__":
    unittest.main()
