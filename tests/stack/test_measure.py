# SPDX-License-Identifier: LGPL-2.1-or-later
"""What virsh getdirtyrate says of real guests, against what the guests themselves say they wrote."""

import concurrent.futures
import json
import math
import os
import statistics
import time
import unittest
from dataclasses import dataclass
from pathlib import Path

import published_model
from lab_case import MIB_PAGES, LabCase, run, usable_accels

MEASUREMENTS = 40
# 95 % bounds may miss the truth this often in 40 measurements.
MISSES_ALLOWED = 2

MEMORY_MIB = 512
WORKING_SET_MIB = 128
HOT, HOT_SHARE = 0.1, 0.9  # the lab's defaults
CALC_TIME_MS = 260
SAMPLE_PAGES = 4096

# Measurements between two looks at the reports.
ROUND = 20

# What the guest's own code dirties beside its work: a few pages of stack and counters.
OWN_PAGES = 16


@dataclass(frozen=True)
class Pattern:
    """A load whose theory is known."""
    name: str
    options: tuple[str, ...]

    def distinct(self, pages_per_s: float, ms: float) -> float:
        """Distinct pages written that long after a clean start, by theory."""
        written = pages_per_s * ms / 1000
        working_set = WORKING_SET_MIB * MIB_PAGES
        if "sequential" in self.name:
            return min(written, working_set)
        if "hot" in self.name:
            return (_drawn(written * HOT_SHARE, working_set * HOT)
                    + _drawn(written * (1 - HOT_SHARE), working_set * (1 - HOT)))
        return _drawn(written, working_set)


def _drawn(draws: float, pages: float) -> float:
    """Distinct pages among draws at random."""
    return pages * -math.expm1(draws * math.log1p(-1 / pages))


IDLE = Pattern("idle", ("--pattern", "idle"))
SLOW = Pattern("20 MiB/s uniform", ("--rate", "20"))
MIDDLE = Pattern("100 MiB/s uniform", ("--rate", "100"))
FAST = Pattern("400 MiB/s uniform", ("--rate", "400"))
HOT_COLD = Pattern("hot and cold", ("--rate", "100", "--pattern", "hotcold"))
SEQUENTIAL = Pattern("sequential", ("--rate", "100", "--pattern", "seq"))

# What is measured at the same time, by accelerator: together no more than two CPUs can write evenly.
# How pages are sampled does not depend on the accelerator, and a KVM that emulates is slow.
PATTERNS = {"tcg": ((IDLE, FAST), (SLOW, HOT_COLD), (MIDDLE, SEQUENTIAL)),
            "kvm": ((SLOW, HOT_COLD), (IDLE, SEQUENTIAL))}


class TruthTest(LabCase):
    """The truth lies inside the printed bounds, at every reading, for every pattern."""

    def check_patterns(self, accel: str, patterns: tuple[Pattern, ...]):
        """Measures some guests at the same time, and looks at each by itself then."""
        names = [self.guest(f"writer{i}", "--accel", accel, "--memory", str(MEMORY_MIB),
                            "--working-set", str(WORKING_SET_MIB), *pattern.options)
                 for i, pattern in enumerate(patterns)]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            found = list(pool.map(self.measure_evenly_written, names))
        for pattern, (measured, pages_per_s) in zip(patterns, found):
            with self.subTest(f"{pattern.name}, {accel}"):
                if len(measured) < MEASUREMENTS:
                    self.skipTest("the host ran the guest by fits and starts")
                self.check_pattern(pattern, accel, measured, pages_per_s)

    def check_pattern(self, pattern: Pattern, accel: str, measured: list, pages_per_s: float):
        def missed(low_mib: float, high_mib: float, ms: float) -> bool:
            distinct = pattern.distinct(pages_per_s, ms)
            # Printed with one digit after the point.
            return not (low_mib - 0.05 <= (distinct + OWN_PAGES) / MIB_PAGES
                        and distinct / MIB_PAGES <= high_mib + 0.05)

        with self.subTest(f"{pattern.name}, {accel}: rate"):
            misses = sum(missed(m.low * m.ms / 1000, m.high * m.ms / 1000, m.ms) for m in measured)
            self.assertLessEqual(misses, MISSES_ALLOWED, f"{pages_per_s} pages/s: {measured}")
        for i, reading in enumerate(measured[0].readings):
            with self.subTest(f"{pattern.name}, {accel}: {reading.ms} ms"):
                readings = [m.readings[i] for m in measured if len(m.readings) > i]
                misses = sum(missed(r.low, r.high, r.ms) for r in readings)
                self.assertLessEqual(misses, MISSES_ALLOWED, f"{pages_per_s} pages/s: {readings}")
                self.check_mean(readings, [pattern.distinct(pages_per_s, r.ms) / MIB_PAGES
                                           for r in readings])

    def measure_evenly_written(self, name: str) -> tuple[list, float]:
        """
        MEASUREMENTS of them and the pages the guest wrote a second. Theory is that of a guest that
        writes evenly. Where the host runs it by fits and starts the guest says so, and what was
        measured then is measured again; less of them if that goes on.
        """
        measured, even = [], []
        for i in range(2 * MEASUREMENTS // ROUND):
            if i * ROUND >= MEASUREMENTS and not measured:
                break
            start = time.time()
            fresh = [self.measure(name, "--calc-time", str(CALC_TIME_MS),
                                  "--sample-pages", str(SAMPLE_PAGES)) for _ in range(ROUND)]
            reports = self.even_reports(name, start, time.time())
            if not reports:
                continue
            measured += fresh
            even += reports
            if len(measured) == MEASUREMENTS:
                break
        ms = sum(r["dt"] for r in even)
        return measured, sum(r["wrote"] for r in even) * 1000 / ms if ms else 0.0

    def check_mean(self, readings: list, theory: list[float]):
        """The mean of all measurements errs by chance alone, not to one side."""
        errors = [reading.mib - wanted for reading, wanted in zip(readings, theory)]
        by_chance = 4 * statistics.stdev(errors) / math.sqrt(len(errors))
        own = OWN_PAGES / MIB_PAGES
        pacing = 0.03 * statistics.mean(theory)  # of the guest's clock, as its own test allows
        self.assertLessEqual(abs(statistics.mean(errors)), by_chance + own + pacing)


def _add_truth_tests():
    for accel, reason in usable_accels().items():
        for patterns in PATTERNS[accel]:
            def test(self, patterns=patterns, accel=accel):
                self.check_patterns(accel, patterns)
            names = "_and_".join(pattern.name.replace(" ", "_").replace("/", "_per_")
                                 for pattern in patterns)
            setattr(TruthTest, f"test_{accel}_{names}",
                    unittest.skip(reason)(test) if reason else test)


_add_truth_tests()


class CountsTest(LabCase):
    """Counts are consistent with each other and with what QEMU says itself."""

    def qmp(self, name: str, command: str, **arguments) -> dict:
        request = json.dumps({"execute": command, "arguments": arguments})
        return json.loads(self.virsh("qemu-monitor-command", name, request).stdout)

    def test_readings_rise_and_never_fall(self):
        name = self.guest("writer", "--memory", "512", "--rate", "200")
        for calc_time in ("50", "125", "126", "1000", "3500"):
            m = self.measure(name, "--calc-time", calc_time)
            with self.subTest(calc_time):
                times = [r.ms for r in m.readings]
                dirty = [r.dirty for r in m.readings]
                self.assertEqual(times, sorted(set(times)))
                self.assertEqual(dirty, sorted(dirty))
                self.assertLessEqual(dirty[-1], m.sampled)
                self.assertLessEqual(m.sampled, m.total)
                self.assertLessEqual(m.zero, m.sampled)
                self.assertGreaterEqual(m.ms, int(calc_time))
                self.assertEqual(m.ms, times[-1])
                self.assertTrue(m.low <= m.rate <= m.high)

    def test_zero_pages_of_a_half_filled_guest(self):
        name = self.guest("half", "--memory", "512", "--working-set", "128",
                          "--fill", "128", "--pattern", "idle")
        m = self.measure(name, "--sample-pages", "16384")
        self.assertAlmostEqual(m.sampled, m.total / 16, delta=m.total * 0.001)
        share = m.zero / m.sampled
        by_chance = 3 * math.sqrt(0.25 / m.sampled)
        own = 2 * MIB_PAGES / m.total  # firmware, kernel and tables
        self.assertAlmostEqual(share, 0.5, delta=by_chance + own)

    def test_second_positional_argument_is_seconds(self):
        name = self.guest("writer")
        self.assertIn("2000 ms", self.virsh("getdirtyrate", name, "2").stdout.replace("2001",
                                                                                      "2000"))

    def test_hmp_prints_the_readings(self):
        name = self.guest("writer")
        m = self.measure(name, "--seconds", "1")
        text = self.virsh("qemu-monitor-command", name, "--hmp", "info dirty_rate").stdout
        for reading in m.readings:
            self.assertRegex(text, rf"\b{reading.ms}\b.*\b{reading.dirty}\b")

    def test_published_model_reads_the_reply(self):
        name = self.guest("writer", "--memory", "512", "--rate", "50")
        self.virsh("getdirtyrate", name, "3", "--sample-pages", "4096")
        reply = self.qmp(name, "query-dirty-rate")["return"]
        seconds = published_model.migration_ms(reply, 2 ** 30 / 8, 1000) / 1000
        # At least what is not zero must be sent at 128 MiB/s, and 50 MiB/s are slower than that.
        self.assertGreater(seconds, 128 / 128 * 0.9)
        self.assertLess(seconds, 20)


class PythonTest(LabCase):
    """The Python module on a real guest; its own tests tell the rest."""

    def test_module(self):
        name = self.guest("writer")
        done = run("/usr/bin/python3", "-m", "unittest", "-v", "test_libvirt_dirty",
                   "test_migrate_predict", "test_vcpu_dirty_limit", check=False,
                   cwd=Path(os.environ["LIBVIRT_DIRTY_ROOT"]) / "tests/python",
                   env=dict(os.environ, LIBVIRT_DIRTY_TEST_URI=self.uri,
                            LIBVIRT_DIRTY_TEST_DOMAIN=name))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("skipped", done.stderr)


if __name__ == "__main__":
    unittest.main()
