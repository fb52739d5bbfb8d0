# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measuring while the guest migrates, between two hosts over a link of known rate."""

import json
import math
import signal
import statistics
import subprocess
import time
import unittest

from dirtylab import network
from lab_case import MIB_PAGES, TIMEOUT, LabCase, run, usable_accels

LINK = "500mbit"
# What a second later is another state, s.
SOON = 15

# A guest whose migration takes 4 to 5 s over that link: MiB, MiB/s.
WORKING_SET, FILL, RATE = 64, 120, 20
GUEST = ("--accel", "tcg", "--working-set", str(WORKING_SET), "--fill", str(FILL),
         "--rate", str(RATE), "--vcpus", "2", "--check")
# Slow enough to measure some times on the way; more than the guest writes, so that it ends, MiB/s.
SLOW = ("--bandwidth", str(RATE + 15))

# Migrations with and without measurements, taken in turn, until their difference is known well.
PAIRS = (6, 12)
# 95 % quantiles of Student's distribution, by the number of pairs.
STUDENT = {6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262, 11: 2.228, 12: 2.201}
# How well: half the width of the interval of the relative difference.
PRECISION = 0.04
# A longer time than that is a disturbance. Switching over at the next pass or one later makes 2 %.
DISTURBED = 0.02
EVERY_SECONDS = 2


def distinct_mib(ms: float) -> float:
    """What a guest that writes to random pages has dirtied after so long, by theory."""
    pages = WORKING_SET * MIB_PAGES
    return -pages * math.expm1(RATE * MIB_PAGES * ms / 1000 * math.log1p(-1 / pages)) / MIB_PAGES


class MigratingCase(LabCase):
    """Two hosts, and a guest that checks its memory."""

    lab_options = ("--hosts", "2", "--link", LINK)

    @classmethod
    def setUpClass(cls):
        reason = network.unusable()
        if reason:
            raise unittest.SkipTest(reason)
        super().setUpClass()
        cls.uris = {host: run("lab", "uri", "--name", cls.lab_name, "--host", host).stdout.strip()
                    for host in "ab"}

    def guest(self, name: str, *options: str) -> str:
        self.addCleanup(self.virsh, "destroy", name, uri=self.uris["b"], check=False)
        return super().guest(name, *options)

    def migration(self, name: str, *options: str) -> subprocess.Popen:
        """A migration under way."""
        process = subprocess.Popen(["lab", "migrate", name, "--name", self.lab_name, "--no-predict",
                                    *options],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.send_signal, signal.SIGINT)
        return process

    def slow_migration(self, name: str, *options: str) -> subprocess.Popen:
        """The same from host a, in its first pass."""
        process = self.migration(name, *SLOW, *options)
        limit = time.monotonic() + SOON
        while "memory_processed: 0" in self.job(name) or "memory_processed" not in self.job(name):
            self.assertLess(time.monotonic(), limit, "nothing is sent")
            self.assertIsNone(process.poll())
            time.sleep(0.05)
        return process

    def job(self, name: str) -> str:
        return self.virsh("domjobinfo", name, "--rawstats", check=False).stdout

    def figures(self, process: subprocess.Popen, status: str = "completed") -> dict:
        """What it has cost, once it has ended that way."""
        out, err = process.communicate(timeout=TIMEOUT)
        figures = json.loads(out) if out else {"status": err}
        self.assertEqual(figures["status"], status, figures)
        return figures

    def intact(self, name: str):
        """The guest works, and its memory holds what it wrote."""
        self.assertTrue(self.truth(name, 2, "--next")["intact"])

    def where(self, name: str) -> str:
        return "".join(host for host, uri in self.uris.items()
                       if name in self.virsh("list", "--name", uri=uri).stdout.split())


def _number(text: str, name: str) -> float:
    """The first number after a label of getdirtyrate's."""
    line, = (line for line in text.splitlines() if line.startswith(name))
    return float(line.removeprefix(name).lstrip(" :").split()[0])


class WhileMigratingTest(MigratingCase):
    """What is measured is true, and what cannot be measured is refused with the reason."""

    def check_rates(self, name: str, *options: str) -> None:
        """Measures three times: the rate is what the guest writes."""
        # Bounds of 4096 samples a GiB are 20 % wide at this rate; of all pages there are none.
        margin = 0.1 if "dirty-bitmap" in options else 0.4
        wanted = distinct_mib(1000)
        n_checked = 0
        for _ in range(3):
            text = self.virsh("getdirtyrate", name, "--calc-time", "1000", *options).stdout
            self.assertIn("Unbounded", self.virsh("domjobinfo", name).stdout, "it has migrated")
            truth = self.truth(name, 3)
            if truth["dropped-pages"] > truth["pages"] * 0.03:
                continue  # the host gave the guest too little CPU
            n_checked += 1
            rate = _number(text, "Dirty rate")
            self.assertGreater(rate, wanted * (1 - margin), text)
            self.assertLess(rate, wanted * (1 + margin), text)
        if not n_checked:
            self.skipTest("the host gave the guest too little CPU all the time")

    def test_sampling(self):
        name = self.guest("mover", *GUEST)
        moving = self.slow_migration(name)
        self.check_rates(name, "--mode", "page-sampling", "--sample-pages", "4096")
        self.figures(moving)
        self.intact(name)

    def test_bitmap_and_vcpus_under_tcg(self):
        name = self.guest("mover", *GUEST)
        moving = self.slow_migration(name)
        self.check_rates(name, "--mode", "dirty-bitmap")
        reply = json.loads(self.virsh("qemu-monitor-command", name,
                                      '{"execute": "query-dirty-rate"}').stdout)["return"]
        self.figures(moving)
        self.intact(name)
        pages = {vcpu["id"]: vcpu["n-dirty-pages"][-1] for vcpu in reply["vcpu-dirty-rate"]}
        self.assertEqual(set(pages), {0, 1})
        # Both write as much; a page that both wrote counts for the first.
        for share in pages.values():
            self.assertAlmostEqual(share / reply["n-dirty-pages"][-1], 0.5, delta=0.1)

    def test_auto(self):
        name = self.guest("mover", *GUEST)
        moving = self.slow_migration(name)
        self.assertIn("page-sampling (chosen automatically)", self.measure(name).text)
        # The default's 128 pages of this guest would say too little about its rate.
        self.check_rates(name, "--sample-pages", "4096")
        self.figures(moving)
        self.intact(name)

    def kvm_guest(self, *options: str) -> str:
        reason = usable_accels()["kvm"]
        if reason:
            self.skipTest(reason)
        # Slow, and little to send: where KVM emulates, an instruction takes a microsecond.
        return self.guest("mover", "--accel", "kvm", "--working-set", "32", "--rate", "4",
                          "--fill", "60", *options)

    def test_bitmap_of_kvm_is_refused(self):
        name = self.kvm_guest()
        moving = self.migration(name, "--bandwidth", "20")
        time.sleep(2)
        self.assert_one_error(self.virsh("getdirtyrate", name, "--mode", "dirty-bitmap",
                                         check=False), "dirty-bitmap", "migrat")
        self.virsh("getdirtyrate", name, "--mode", "page-sampling")
        self.figures(moving)

    def test_ring_of_kvm(self):
        name = self.kvm_guest("--dirty-ring", "4096")
        moving = self.migration(name, "--bandwidth", "20")
        time.sleep(2)
        text = self.virsh("getdirtyrate", name, "--mode", "dirty-ring").stdout
        self.assertIn("Unbounded", self.virsh("domjobinfo", name).stdout)
        rate = _number(text, "Dirty rate")
        # All that it writes and little more: its own pages.
        self.assertGreater(rate, 4 * 0.5, text)
        self.assertLess(rate, 4 * 1.5, text)
        self.figures(moving)
        self.truth(name, 1, "--next")

    def test_destination_is_refused(self):
        name = self.guest("mover", *GUEST)
        moving = self.slow_migration(name)
        for mode in ("page-sampling", "dirty-bitmap"):
            self.assert_one_error(self.virsh("getdirtyrate", name, "--mode", mode,
                                             uri=self.uris["b"], check=False), "migrat")
        self.figures(moving)
        # It is this guest's host now.
        self.virsh("getdirtyrate", name, uri=self.uris["b"])
        self.intact(name)

    def test_prediction(self):
        """The next migration can be predicted on the source, which says what disturbs that."""
        name = self.guest("mover", *GUEST)
        predict = ("migrate-predict", name, "--calc-time", "500", "--bandwidth", "1gbit",
                   "--downtime", "300")
        moving = self.slow_migration(name)
        self.assert_one_error(self.virsh(*predict, uri=self.uris["b"], check=False),
                              "still being migrated to this host")
        self.assertIn("Note: the domain is being migrated", self.virsh(*predict).stdout)
        self.figures(moving)
        self.assertNotIn("is being migrated", self.virsh(*predict, uri=self.uris["b"]).stdout)
        self.intact(name)


class CancelTest(MigratingCase):
    """Migration and measurement end each in its own way, and the other goes on."""

    def measuring(self, name: str, seconds: int, *options: str) -> subprocess.Popen:
        process = subprocess.Popen(["virsh", "-c", self.uri, "getdirtyrate", name, str(seconds),
                                    *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        time.sleep(0.7)
        return process

    def test_migration_cancelled(self):
        for mode in ("page-sampling", "dirty-bitmap"):
            with self.subTest(mode):
                name = self.guest(f"mover-{mode}", *GUEST)
                moving = self.slow_migration(name)
                client = self.measuring(name, 3, "--mode", mode)
                self.virsh("domjobabort", name)
                self.figures(moving, "failed")
                out, err = client.communicate(timeout=SOON)
                self.assertEqual(client.returncode, 0, err)
                self.assertGreater(_number(out, "Dirty rate"), 0)
                self.assertEqual(self.where(name), "a")
                self.virsh("getdirtyrate", name, "--mode", mode)
                # And once more, to the end.
                self.figures(self.migration(name))
                self.intact(name)
                self.virsh("destroy", name, uri=self.uris["b"])

    def test_measurement_cancelled(self):
        for mode in ("page-sampling", "dirty-bitmap"):
            with self.subTest(mode):
                name = self.guest(f"mover-{mode}", *GUEST)
                moving = self.slow_migration(name)
                client = self.measuring(name, 60, "--mode", mode)
                client.send_signal(signal.SIGINT)
                out, err = client.communicate(timeout=SOON)
                self.assert_one_error(subprocess.CompletedProcess([], client.returncode, out, err),
                                      "cancel")
                self.virsh("getdirtyrate", name, "--mode", mode, "--calc-time", "250")
                self.figures(moving)
                self.intact(name)
                self.virsh("destroy", name, uri=self.uris["b"])

    def test_guest_leaves_half_way(self):
        for mode in ("page-sampling", "dirty-bitmap"):
            with self.subTest(mode):
                name = self.guest(f"mover-{mode}", *GUEST)
                moving = self.migration(name)
                time.sleep(1)
                client = self.measuring(name, 60, "--mode", mode)
                self.figures(moving)
                out, err = client.communicate(timeout=SOON)
                self.assert_one_error(subprocess.CompletedProcess([], client.returncode, out, err))
                self.virsh("getdirtyrate", name, "--mode", mode, uri=self.uris["b"])
                self.intact(name)
                self.virsh("destroy", name, uri=self.uris["b"])

    def test_postcopy(self):
        # Much is dirty after the first pass: after the switch there is time to ask.
        name = self.guest("mover", "--accel", "tcg", "--working-set", "160", "--rate", "100",
                          "--check")
        moving = self.migration(name, "--postcopy")
        said = {"a": set(), "b": set()}
        measured = {"a": 0, "b": 0}
        while moving.poll() is None:
            for host, uri in self.uris.items():
                done = self.virsh("getdirtyrate", name, "--calc-time", "50", uri=uri, check=False)
                measured[host] += done.returncode == 0
                if done.returncode != 0:
                    said[host].add(done.stderr.strip().splitlines()[-1])
        figures = self.figures(moving)
        self.assertGreater(figures["postcopy-requests"], 0, "it was not post-copy")
        self.assertGreater(measured["a"], 0)
        # Once it runs on b, b's memory is not there yet, and a's is not the guest's any more.
        for host, errors in said.items():
            self.assertTrue(any("post-copy" in error or "migrat" in error for error in errors),
                            f"{host}: {errors}")
        self.virsh("getdirtyrate", name, uri=self.uris["b"])
        self.intact(name)


class DisturbanceTest(MigratingCase):
    """A migration takes as long as it takes, measured or not."""

    def measured_migration(self, name: str) -> dict:
        """With a measurement of a second every two."""
        source = self.uris[self.where(name)]
        moving = self.migration(name)
        counted, start = 0, time.monotonic()
        while moving.poll() is None:
            done = self.virsh("getdirtyrate", name, "1", "--mode", "page-sampling", uri=source,
                              check=False)
            counted += done.returncode == 0
            with_next = start + EVERY_SECONDS
            while moving.poll() is None and time.monotonic() < with_next:
                time.sleep(0.02)
            start = with_next
        self.measurements += counted
        return self.figures(moving)

    def test_page_sampling_disturbs_nothing(self):
        self.measurements = 0
        name = self.guest("mover", *GUEST)
        # The first ones have the daemons start their first QEMU.
        for _ in range(2):
            self.figures(self.migration(name))
        differences, plain = [], []
        for pair in range(PAIRS[1]):
            # Both ways are gone as often with as without: a, b, b, a.
            order = (False, True) if pair % 2 == 0 else (True, False)
            ms = {measured: (self.measured_migration(name) if measured else
                             self.figures(self.migration(name)))["total-ms"]
                  for measured in order}
            differences.append(ms[True] / ms[False] - 1)
            plain.append(ms[False])
            if pair + 1 < PAIRS[0]:
                continue
            mean = statistics.mean(differences)
            half = STUDENT[pair + 1] * statistics.stdev(differences) / math.sqrt(pair + 1)
            if half <= PRECISION:
                break
        print(f"   {len(plain)} pairs of migrations of {statistics.median(plain):.0f} ms, "
              f"{self.measurements} measurements: {mean * 100:+.1f} % +- {half * 100:.1f} % (95 %)",
              flush=True)
        self.intact(name)
        self.assertGreaterEqual(self.measurements, len(plain))
        if half > PRECISION:
            self.skipTest(f"the host is too noisy: {mean * 100:+.1f} % +- {half * 100:.1f} %")
        self.assertLessEqual(mean - half, DISTURBED)


if __name__ == "__main__":
    unittest.main()
