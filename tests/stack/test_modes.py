# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every mode on real guests, through virsh and Python, against what the guests say they wrote."""

import json
import math
import time
import unittest
from typing import Callable, TypeVar

from lab_case import MIB_PAGES, LabCase, Measurement, run, usable_accels

SECONDS = 2
VCPUS = 3
# Measurements until one has a guest that writes evenly.
TRIES = 4

# A guest that writes one page after the other and never comes round dirties what it writes: MiB,
# MiB/s.
MEMORY, WORKING_SET, RATE = 768, 512, 60

# The guest's clock and its way of getting its work done in time; its own tests allow that.
PACING = 0.05
# What the guest's own code dirties beside its work, pages.
OWN_PAGES = 24
# A guest writes in bursts; a busy host makes it late, but it must not be later than this, s.
BURST, LATE = 0.03, 0.15

Result = TypeVar("Result")

MEASURE_BY_PYTHON = """
import json, sys, libvirt, libvirt_dirty
dom = libvirt.open(sys.argv[1]).lookupByName(sys.argv[2])
print(json.dumps(libvirt_dirty.getDirtyRate(dom, json.loads(sys.argv[3]))))
"""


class ModeCase(LabCase):
    """What is checked in the same way for each mode that counts exactly."""

    late: float  # how late the guest was with its writes while it was measured, s

    def writer(self, accel: str, *options: str) -> str:
        return self.guest("writer", "--accel", accel, "--memory", str(MEMORY), "--working-set",
                          str(WORKING_SET), "--rate", str(RATE), "--pattern", "seq", "--vcpus",
                          str(VCPUS), *options)

    def evenly(self, name: str, measure: Callable[[], Result]) -> tuple[Result, list[float]]:
        """A measurement, and the pages each vCPU wrote in a second meanwhile."""
        for _ in range(TRIES):
            start = time.time()
            result = measure()
            reports = self.even_reports(name, start, time.time(), LATE * 1000)
            if reports:
                self.late = max(BURST, max(r["late"] for r in reports) / 1000)
                ms = sum(r["dt"] for r in reports)
                return result, [sum(written) * 1000 / ms
                                for written in zip(*(r["writes"] for r in reports))]
        self.skipTest("the host ran the guest by fits and starts")

    def assert_pages(self, pages: float, per_second: float, ms: float, own: float = OWN_PAGES):
        wanted = per_second * ms / 1000
        slack = wanted * PACING + per_second * self.late
        self.assertGreaterEqual(pages, wanted - slack, f"of {wanted:.0f} after {ms} ms")
        self.assertLessEqual(pages, wanted + slack + own, f"of {wanted:.0f} after {ms} ms")

    def check_whole(self, m: Measurement, mode: str, per_second: float):
        self.assertEqual(m.mode, mode)
        self.assertEqual((m.low, m.high), (m.rate, m.rate))
        self.assertEqual([r.ms for r in m.readings], sorted({r.ms for r in m.readings}))
        self.assertGreaterEqual(len(m.readings), 8)
        for reading in m.readings:
            with self.subTest(f"{mode}, {reading.ms} ms"):
                self.assert_pages(reading.dirty, per_second, reading.ms)
        self.assertAlmostEqual(m.rate, m.readings[-1].dirty / MIB_PAGES * 1000 / m.ms,
                               delta=m.rate * 0.01)

    def check_vcpus(self, m: Measurement, per_second: list[float]):
        self.assertEqual(sorted(m.vcpus), list(range(VCPUS)))
        self.assertLessEqual(sum(v.pages for v in m.vcpus.values()), m.readings[-1].dirty)
        for vcpu, row in m.vcpus.items():
            with self.subTest(f"vCPU {vcpu}"):
                self.assert_pages(row.pages, per_second[vcpu], m.ms)
                self.assertAlmostEqual(row.rate, row.pages / MIB_PAGES * 1000 / m.ms,
                                       delta=row.rate * 0.01 + 0.001)

    def by_python(self, name: str, **params) -> dict:
        done = run("/usr/bin/python3", "-c", MEASURE_BY_PYTHON, self.uri, name, json.dumps(params))
        return json.loads(done.stdout)

    def check_virsh(self, name: str, mode: str, has_vcpus: bool):
        m, per_second = self.evenly(
            name, lambda: self.measure(name, str(SECONDS), "--mode", mode))
        self.check_whole(m, mode, sum(per_second))
        if has_vcpus:
            self.check_vcpus(m, per_second)
        else:
            self.assertEqual(m.vcpus, {})

    def check_python(self, name: str, mode: str, has_vcpus: bool):
        rate, per_second = self.evenly(
            name, lambda: self.by_python(name, **{"mode": mode, "calc-time": SECONDS * 1000}))
        self.assertEqual(rate["mode"], mode)
        self.assertEqual(rate["dirty-pages"], rate["pages"])
        self.assertEqual(rate["rate"], rate["rate.low"])
        for ms, pages in zip(rate["periods"], rate["dirty-pages"]):
            self.assert_pages(pages, sum(per_second), ms)
        self.assertEqual("vcpus" in rate, has_vcpus)
        if has_vcpus:
            for vcpu, curve in zip(rate["vcpus"], rate["vcpu-dirty-pages"]):
                for ms, pages in zip(rate["periods"], curve):
                    self.assert_pages(pages, per_second[vcpu], ms)


class TcgTest(ModeCase):
    """What every machine can run."""

    def test_bitmap(self):
        name = self.writer("tcg")
        self.check_virsh(name, "dirty-bitmap", has_vcpus=True)
        self.check_python(name, "dirty-bitmap", has_vcpus=True)

    def test_bitmap_knows_which_vcpu_writes(self):
        name = self.guest("readers", "--accel", "tcg", "--memory", "512", "--rate", "50",
                          "--vcpus", "4", "--readers", "2", "--working-set", "256",
                          "--pattern", "seq")
        m, per_second = self.evenly(
            name, lambda: self.measure(name, str(SECONDS), "--mode", "dirty-bitmap"))
        for vcpu, pages_per_s in enumerate(per_second):
            with self.subTest(f"vCPU {vcpu}"):
                self.assert_pages(m.vcpus[vcpu].pages, pages_per_s, m.ms)
        self.assertEqual(sorted(pages == 0 for pages in per_second), [False, False, True, True])

    def test_rewritten_pages_count_once(self):
        """A hot set that is written over and over is dirty once, in either mode."""
        name = self.guest("hot", "--accel", "tcg", "--memory", "256", "--working-set", "16",
                          "--rate", "100", "--pattern", "seq")
        for options in (("--mode", "dirty-bitmap"), ("--sample-pages", "16384")):
            m = self.measure(name, "1", *options)
            with self.subTest(m.mode):
                self.assertLessEqual(m.low * m.ms / 1000, 16 + OWN_PAGES / MIB_PAGES)
                self.assertGreaterEqual(m.high * m.ms / 1000, 16)

    def test_zero_pages_of_exact_modes(self):
        name = self.guest("half", "--accel", "tcg", "--memory", "1024", "--working-set", "256",
                          "--fill", "256", "--pattern", "idle")
        m = self.measure(name, "--mode", "dirty-bitmap")
        share = m.zero / m.total
        self.assertAlmostEqual(share, 0.5, delta=4 * math.sqrt(0.25 / 512) + 0.01)

    def test_statistics_say_the_same(self):
        name = self.writer("tcg")
        m = self.measure(name, "--mode", "dirty-bitmap")
        stats = dict(line.strip().removeprefix("dirtyrate.").split("=", 1) for line in
                     self.virsh("domstats", "--dirtyrate", name).stdout.splitlines()
                     if "=" in line)
        self.assertEqual(stats["calc_mode"], "dirty-bitmap")
        self.assertEqual(stats["calc_time"], str(m.ms))
        self.assertEqual(int(stats["megabytes_per_second"]), int(float(stats["rate"])))
        for key in ("rate", "rate.low", "rate.high"):
            self.assertAlmostEqual(float(stats[key]), m.rate, delta=0.06)
        self.assertEqual(int(stats["period.count"]), len(m.readings))
        for i, reading in enumerate(m.readings):
            self.assertEqual(int(stats[f"period.{i}.time"]), reading.ms)
            self.assertEqual(int(stats[f"period.{i}.dirty_pages"]), reading.dirty)
        for vcpu, row in m.vcpus.items():
            self.assertAlmostEqual(float(stats[f"vcpu.{vcpu}.rate"]), row.rate, delta=0.06)
            self.assertEqual(int(stats[f"vcpu.{vcpu}.megabytes_per_second"]),
                             int(float(stats[f"vcpu.{vcpu}.rate"])))

    def test_auto_samples(self):
        name = self.writer("tcg")
        for options in ((), ("--mode", "auto")):
            m = self.measure(name, *options)
            self.assertEqual(m.mode, "page-sampling")
            self.assertIn("page-sampling (chosen automatically)", m.text)
        self.assertNotIn("chosen", self.measure(name, "--mode", "page-sampling").text)

    def test_completion_knows_all_modes(self):
        done = self.virsh("complete", "--", "getdirtyrate", "--mode", "")
        self.assertEqual(sorted(done.stdout.split()),
                         ["auto", "dirty-bitmap", "dirty-ring", "page-sampling"])

    def test_ring_needs_kvm(self):
        name = self.writer("tcg")
        self.assert_one_error(self.virsh("getdirtyrate", name, "--mode", "dirty-ring",
                                         check=False), "dirty-ring", "KVM", "page-sampling")

    def test_compression(self):
        name = self.guest("full", "--accel", "tcg", "--memory", "512", "--working-set", "64",
                          "--fill", "256", "--fill-words", "512", "--pattern", "idle")
        text = self.virsh("getdirtyrate", name, "--compression", "--sample-pages", "4096").stdout
        rows = {row[0]: tuple(map(float, row[1:])) for row in map(str.split, text.splitlines())
                if len(row) == 4 and row[0] in ("zlib", "zstd")}
        self.assertIn("zlib", rows, text)
        for ratio, speed, pages in rows.values():
            # The guest fills its pages with random words, and others have next to nothing in them.
            self.assertGreater(ratio, 0.9)
            self.assertGreater(speed, 1)
            self.assertGreater(pages, 100)

    def test_compression_needs_a_sample(self):
        name = self.writer("tcg")
        self.assert_one_error(self.virsh("getdirtyrate", name, "--compression", "--mode",
                                         "dirty-bitmap", check=False), "compress", "page-sampling")


class KvmTest(ModeCase):
    """The same where KVM works."""

    def setUp(self):
        reason = usable_accels()["kvm"]
        if reason:
            self.skipTest(reason)

    def test_bitmap(self):
        name = self.writer("kvm")
        self.check_virsh(name, "dirty-bitmap", has_vcpus=False)
        self.check_python(name, "dirty-bitmap", has_vcpus=False)

    def test_ring(self):
        name = self.writer("kvm", "--dirty-ring", "65536", "--rate", "20")
        self.check_virsh(name, "dirty-ring", has_vcpus=True)
        self.check_python(name, "dirty-ring", has_vcpus=True)
        self.assert_one_error(self.virsh("getdirtyrate", name, "--mode", "dirty-bitmap",
                                         check=False), "dirty-bitmap", "dirty-ring")

    def test_auto_samples(self):
        name = self.writer("kvm", "--dirty-ring", "65536", "--rate", "20")
        self.assertEqual(self.measure(name).mode, "page-sampling")

    def test_ring_needs_the_feature(self):
        name = self.writer("kvm")
        self.assert_one_error(self.virsh("getdirtyrate", name, "--mode", "dirty-ring",
                                         check=False), "dirty-ring", "feature")


class PauseTest(ModeCase):
    """A pause half way is no time of the measurement."""

    def measure_with_pause(self, name: str, *options: str) -> tuple[Measurement, float]:
        """Pauses the guest for 1.5 s half a second after the start; how long all took as well."""
        start = time.monotonic()
        self.virsh("getdirtyrate", name, "4", "--nowait", *options)
        time.sleep(0.5)
        self.virsh("suspend", name)
        time.sleep(1.5)
        self.virsh("resume", name)
        limit = time.monotonic() + 20
        while "measuring" in (text := self.virsh("getdirtyrate", name, "--last").stdout):
            self.assertLess(time.monotonic(), limit, text)
            time.sleep(0.1)
        took = time.monotonic() - start
        return self.measure(name, "--last"), took

    def check(self, *options: str):
        name = self.writer("tcg")
        m, took = self.measure_with_pause(name, *options)
        self.assertGreater(took, 5)
        self.assertAlmostEqual(m.ms, 4000, delta=100)
        # Had the 1.5 s been counted, the rate would be little over 60 % of this. The guest's clock
        # goes on in the pause, and it makes up for some of what it could not write.
        self.assertGreaterEqual(m.high, RATE * 0.9)
        self.assertLessEqual(m.low, RATE * 1.5)

    def test_sampling(self):
        self.check("--sample-pages", "16384")

    def test_bitmap(self):
        self.check("--mode", "dirty-bitmap")

    def test_who_waits_gets_the_result(self):
        name = self.writer("tcg")
        self.virsh("getdirtyrate", name, "--calc-time", "50")
        with self.start(name, "3") as client:
            time.sleep(1)
            self.virsh("suspend", name)
            time.sleep(0.5)
            self.virsh("resume", name)
            out, err = client.communicate(timeout=20)
        self.assertEqual(client.returncode, 0, err)
        self.assertIn("measured", out)

    def test_who_waits_for_a_guest_at_rest_is_told(self):
        name = self.writer("tcg")
        with self.start(name, "2") as client:
            time.sleep(1)
            self.virsh("suspend", name)
            out, err = client.communicate(timeout=20)
        self.virsh("resume", name)
        self.assertNotEqual(client.returncode, 0, out)
        self.assertIn("paused", err)
        self.assertEqual(self.measure(name, "--calc-time", "250").mode, "page-sampling")


if __name__ == "__main__":
    unittest.main()
