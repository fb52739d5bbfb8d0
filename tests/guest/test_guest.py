#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Boots the test guest and holds what it says against the host's clock and the guest's memory."""

import math
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/lab"))

from dirtylab import accel, records, truth
from dirtylab.errors import LabError
from dirtylab.programs import find_programs

BOOT_SECONDS = 90   # on a busy host where KVM emulates
MIB = 1024 * 1024
PAGE = 4096
WORD = struct.Struct("<Q")
RATE_TOLERANCE = 0.03
# Windows to look at until one is found in which the host gave the guest enough CPU.
WINDOWS = 6

try:
    PROGRAMS = find_programs(virtqemud="/bin/true", virsh="/bin/true")
    KVM = None
except LabError as error:
    PROGRAMS, NO_PROGRAMS = None, str(error)


def kvm() -> accel.Kvm:
    """Whether KVM works here; tried once."""
    global KVM
    if KVM is None:
        with tempfile.TemporaryDirectory() as cache:
            KVM = accel.probe(PROGRAMS, Path(cache))
    return KVM


class Guest:
    """A guest under QEMU alone, without libvirt."""

    def __init__(self, options: str, *arguments: str, memory: str = "256", cpus: int = 1,
                 accelerator: str = "tcg") -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="libvirt-dirty-")
        self.path = Path(self._directory.name)
        self._serial = self.path / "serial"
        firmware = [word for path in (PROGRAMS.firmware or "").split(":") if path
                    for word in ("-L", path)]
        self.process = subprocess.Popen(
            [PROGRAMS.emulator, "-accel", accelerator, "-m", memory, "-smp", str(cpus),
             "-nodefaults", "-no-user-config", "-display", "none", *firmware, *arguments,
             "-serial", f"file:{self._serial}", "-kernel", PROGRAMS.guest, "-append", options,
             "-monitor", f"unix:{self.path}/monitor,server=on,wait=off"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def __enter__(self) -> "Guest":
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.communicate()
        self._directory.cleanup()

    def said(self) -> truth.Serial:
        """What it has said so far."""
        return truth.read(self._serial)

    def wait(self, condition, seconds: float = BOOT_SECONDS):
        """What it has said once the condition on that is true."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            said = self.said()
            if condition(said):
                return said
            if self.process.poll() is not None:
                raise AssertionError(f"QEMU has ended: {self.process.stderr.read()}")
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s; the guest said {self.said()}")

    def reports(self, count: int) -> list[truth.Report]:
        """The first reports."""
        return self.wait(lambda said: said.error or len(said.reports) >= count,
                         BOOT_SECONDS + count).reports[:count]

    def monitor(self, command: str) -> None:
        """Runs a command on the monitor and waits until it is done."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(30)
            monitor.connect(f"{self.path}/monitor")
            self._read_prompt(monitor)
            monitor.sendall(f"{command}\n".encode())
            self._read_prompt(monitor)

    @staticmethod
    def _read_prompt(monitor: socket.socket) -> None:
        text = b""
        while not text.endswith(b"(qemu) "):
            data = monitor.recv(4096)
            if not data:
                raise AssertionError(f"the monitor has gone, its last words: {text}")
            text += data

    def first_words(self, address: int, pages: int) -> list[int]:
        """The first word of each page; the guest has to be stopped."""
        memory = self.memory(address, pages)
        return [WORD.unpack_from(memory, page * PAGE)[0] for page in range(pages)]

    def memory(self, address: int, pages: int) -> bytes:
        """Guest-physical memory."""
        path = self.path / f"memory-{address:x}"
        if not path.exists():
            self.monitor(f'pmemsave {address:#x} {pages * PAGE} "{path}"')
        return path.read_bytes()

    def region(self, name: str) -> list[tuple[int, int]]:
        """Address and pages of each part of the working set or the fill."""
        parts = [part.split(":") for part in self.said().ready[name].split(",")]
        return [(int(address, 16), int(pages)) for address, pages in parts]


def distinct_expected(pages: int, writes: int) -> tuple[float, float]:
    """Mean and standard deviation of the different pages among random writes."""
    untouched = math.exp(writes * math.log1p(-1 / pages))
    mean = pages * (1 - untouched)
    load = writes / pages
    return mean, math.sqrt(max(pages * untouched * (1 - (1 + load) * untouched), 1))


@unittest.skipUnless(PROGRAMS, "no QEMU or no dirty-guest.elf")
class GuestTest(unittest.TestCase):
    """Everything that can be seen under TCG; GuestKvmTest repeats part of it."""
    accelerator = "tcg"
    rates = (20, 100, 400)

    def guest(self, options: str, *arguments: str, **more) -> Guest:
        """A guest with this test's accelerator, ended with the test."""
        return self.enterContext(Guest(options, *arguments, accelerator=self.accelerator, **more))

    def assert_near(self, found: float, expected: float, sigma: float, what: str) -> None:
        """Within 5 standard deviations: a test run of thousands fails once by chance."""
        self.assertLessEqual(abs(found - expected), 5 * sigma,
                             f"{what}: {found}, expected {expected:.0f} +- {sigma:.1f}")

    def calm_window(self, guest: Guest, seconds: int) -> list[truth.Report]:
        """Reports of so many seconds, the first ones where the host let the guest work."""
        for window in range(1, WINDOWS + 1):
            reports = guest.reports(1 + window * seconds)[-seconds:]
            if not any(report.dropped for report in reports):
                return reports
        return self.skipTest("the host gave the guest too little CPU all the time")

    def assert_rate(self, guest: Guest, rate: int) -> None:
        """Pages per second within 3 %, and nothing missing that is not reported as dropped."""
        calm = self.calm_window(guest, 3)
        for reports in (calm, guest.said().reports):
            ms = sum(report.dt for report in reports)
            done = sum(report.wrote + report.dropped for report in reports)
            asked = rate * ms / 1000
            self.assertLess(abs(done - asked), asked * RATE_TOLERANCE, reports)

    def test_rates(self):
        for mibs in self.rates:
            with self.subTest(mibs=mibs), \
                    Guest(f"pattern=uniform ws=128 mibs={mibs}",
                          accelerator=self.accelerator) as guest:
                ready = guest.wait(lambda said: said.ready).ready
                self.assertEqual(ready["rate"], str(mibs * truth.PAGES_PER_MIB))
                self.assertEqual(guest.region("ws")[0][1], 128 * truth.PAGES_PER_MIB)
                self.assert_rate(guest, mibs * truth.PAGES_PER_MIB)

    def test_clock_is_the_hosts(self):
        guest = self.guest("pattern=uniform ws=16 rate=1000")
        first = guest.reports(1)[-1]
        last = guest.reports(6)[-1]
        # last_time of each is the time of the file, so these are the host's.
        for report in guest.said().reports:
            self.assertGreater(report.time, 0)
        host_ms = (last.time - first.time) * 1000
        self.assertLess(abs((last.t - first.t) - host_ms), 100 + (last.t - first.t) * 0.01)

    def test_uniform_touches_what_theory_says(self):
        guest = self.guest("pattern=uniform ws=32 rate=4096 seed=7")
        pages = 32 * truth.PAGES_PER_MIB
        for report in guest.reports(3):
            mean, sigma = distinct_expected(pages, report.wrote)
            # Slices in flight when the second ends are counted on either side.
            self.assert_near(report.distinct, mean, sigma + report.wrote * 0.002, "distinct pages")
        guest.monitor("stop")
        said = guest.said().reports[-1]
        words = guest.first_words(guest.region("ws")[0][0], pages)
        touched = sum(word >> 40 > 0 for word in words)
        low = distinct_expected(pages, said.wrote_total)
        high = distinct_expected(pages, said.wrote_total + 4096 * 1.2)
        self.assertGreater(touched, low[0] - 5 * low[1])
        self.assertLess(touched, high[0] + 5 * high[1])
        self.assertEqual({word >> 32 & 0xff for word in words}, {0}, "only vCPU 0 writes")
        counts = [word & 0xffffffff for word in words if word >> 40]
        self.assertEqual(len(set(counts)), len(counts), "every write leaves a value of its own")
        self.assertGreaterEqual(max(counts) + 1, said.wrote_total)

    def test_hotcold_shares(self):
        guest = self.guest("pattern=hotcold ws=64 rate=8192 hot=25 hotshare=80")
        guest.reports(2)
        guest.monitor("stop")
        pages = 64 * truth.PAGES_PER_MIB
        words = guest.first_words(guest.region("ws")[0][0], pages)
        writes = max(word & 0xffffffff for word in words if word >> 40) + 1
        hot = pages * 25 // 100
        for part, size, share in ((words[:hot], hot, 0.8), (words[hot:], pages - hot, 0.2)):
            mean, sigma = distinct_expected(size, round(writes * share))
            spread = math.sqrt(writes * 0.8 * 0.2)  # of the writes that fall to this part
            self.assert_near(sum(word >> 40 > 0 for word in part), mean, sigma + spread,
                             f"pages touched of {size}")

    def test_seq_goes_round_in_order(self):
        guest = self.guest("pattern=seq ws=256 rate=8000", memory="512", cpus=2)
        guest.reports(2)
        guest.monitor("stop")
        pages = 256 * truth.PAGES_PER_MIB
        words = guest.first_words(guest.region("ws")[0][0], pages)
        for vcpu, part in enumerate((words[:pages // 2], words[pages // 2:])):
            touched = [word for word in part if word >> 40]
            self.assertGreater(len(touched), 4000)
            self.assertEqual(part[:len(touched)], touched, "from the first page without a gap")
            self.assertEqual([word & 0xffffffff for word in touched], list(range(len(touched))))
            self.assertEqual({word >> 32 & 0xff for word in touched}, {vcpu})

    def test_fill_is_not_zero_and_the_rest_is(self):
        guest = self.guest("fill=64 ws=16 fillwords=4 rate=0")
        guest.wait(lambda said: said.ready)
        (address, pages), = guest.region("fill")
        self.assertEqual(pages, 64 * truth.PAGES_PER_MIB)
        memory = guest.memory(address, pages + 1000)
        for page in range(pages):
            words = struct.unpack_from("<5Q", memory, page * PAGE)
            self.assertEqual(words[0], page + 1)
            self.assertTrue(all(words[:4]) and not words[4], f"page {page}: {words}")
        self.assertFalse(any(memory[pages * PAGE:]), "behind the fill nothing is touched")
        (ws, ws_pages), = guest.region("ws")
        self.assertEqual(ws + ws_pages * PAGE, address, "the fill follows the working set")

    def test_readers_only_read(self):
        guest = self.guest("ws=32 rate=6000 readers=1 readrate=3000", cpus=4)
        report, = self.calm_window(guest, 1)
        self.assertEqual(report.writes[3], 0)
        self.assertEqual(report.reads[:3], [0, 0, 0])
        # A vCPU that waits for a CPU when the second ends is late by up to 50 ms, or earlier.
        self.assertAlmostEqual(report.reads[3], 3000 * report.dt / 1000, delta=400)
        for writes in report.writes[:3]:
            self.assertAlmostEqual(writes, 2000 * report.dt / 1000, delta=300)
        guest.monitor("stop")
        words = guest.first_words(guest.region("ws")[0][0], 32 * truth.PAGES_PER_MIB)
        self.assertEqual({word >> 32 & 0xff for word in words if word >> 40}, {0, 1, 2})

    def test_parts(self):
        guest = self.guest("pattern=uniform parts=1 ws=64 rate=9000 reporter=3", cpus=4)
        report = guest.reports(2)[-1]
        self.assertEqual(sum(report.distincts), report.distinct)
        for vcpu, distinct in enumerate(report.distincts):
            mean, sigma = distinct_expected(16 * truth.PAGES_PER_MIB, report.writes[vcpu])
            self.assert_near(distinct, mean, sigma + report.writes[vcpu] * 0.01, "distinct pages")
        guest.monitor("stop")
        words = guest.first_words(guest.region("ws")[0][0], 64 * truth.PAGES_PER_MIB)
        size = len(words) // 4
        for vcpu in range(4):
            part = words[vcpu * size:(vcpu + 1) * size]
            self.assertEqual({word >> 32 & 0xff for word in part if word >> 40}, {vcpu})

    def test_hot_set_counts_once_a_report(self):
        guest = self.guest("pattern=seq ws=4 mibs=max")
        for report in guest.reports(3):
            self.assertGreater(report.wrote, 2 * report.distinct)
            self.assertEqual(report.distinct, 4 * truth.PAGES_PER_MIB)

    def test_one_writer_slower_than_the_others(self):
        guest = self.guest("ws=32 rate=max rate0=2000", cpus=2)
        report, = self.calm_window(guest, 1)
        self.assertAlmostEqual(report.writes[0], 2 * report.dt, delta=300)
        self.assertGreater(report.writes[1], 10 * report.dt)

    def test_reports_finer_and_by_another_vcpu(self):
        guest = self.guest("ws=32 rate=6000 writers=1 readers=1 report=100 reporter=2", cpus=3)
        reports = guest.reports(20)
        self.assertLess(abs(reports[-1].t - 2000), 200)
        wrote = sum(report.wrote for report in reports)
        self.assertEqual(wrote, reports[-1].wrote_total)
        self.assertEqual([report.writes[1:] for report in reports], [[0, 0]] * len(reports))

    def test_gaps_show_a_standstill(self):
        """QEMU as a whole is held up: the guest's clock goes on, its vCPUs do not."""
        guest = self.guest("ws=32 pattern=seq mibs=max writers=1 readers=1 readrate=max", cpus=2)
        before = guest.reports(2)[-1]
        guest.process.send_signal(signal.SIGSTOP)
        time.sleep(0.7)
        guest.process.send_signal(signal.SIGCONT)
        reports = guest.reports(before.number + 3)[before.number:]
        for vcpu in (0, 1):
            longest = max(report.gaps[vcpu] for report in reports)
            self.assertGreater(longest, 690_000)
            self.assertLess(longest, 1_500_000)

    def test_records_are_what_the_reports_say(self):
        memory = self.enterContext(tempfile.NamedTemporaryFile(dir="/dev/shm"))
        guest = self.guest("ws=32 rate=6000 readers=1 readrate=3000", "-machine",
                           "memory-backend=ram", "-object", "memory-backend-file,id=ram,"
                           f"size=256M,mem-path={memory.name},share=on", cpus=2)
        guest.reports(2)
        counters = records.Records(Path(memory.name), guest.said())
        self.addCleanup(counters.close)
        guest.monitor("stop")
        last, counts = guest.said().reports[-1], counters.read()
        self.assertEqual(counters.read().done, counts.done, "it stands still")
        # What it has done after its last report, and before the one that would have been next.
        self.assertLess(abs(counts.done[0] - last.wrote_total - 3000), 3600)
        self.assertLess(abs(counts.done[1] - last.read_total - 1500), 1800)
        self.assertLessEqual(counts.distinct[0], counts.done[0])
        self.assertGreater(counts.distinct[0], last.distinct)

    def test_idle_sleeps(self):
        guest = self.guest("pattern=idle ws=32 mibs=100", cpus=2)
        guest.wait(lambda said: said.ready)

        def cpu_seconds() -> float:
            fields = Path(f"/proc/{guest.process.pid}/stat").read_text(encoding="ascii").split()
            return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

        before = cpu_seconds()
        reports = guest.reports(4)
        self.assertLess(cpu_seconds() - before, 1.0, "of 4 s: an idle guest uses little CPU")
        self.assertEqual([(r.wrote, r.distinct, r.read) for r in reports], [(0, 0, 0)] * 4)

    def test_no_burst_after_a_pause(self):
        rate = 20000
        guest = self.guest(f"ws=64 rate={rate}")
        guest.reports(2)
        guest.monitor("stop")
        time.sleep(1.5)
        guest.monitor("cont")
        for report in guest.reports(6):
            # The pause counts for 50 ms at most.
            self.assertLess(report.wrote, rate * (min(report.dt, 1100) / 1000 + 0.06))

    def test_memory_above_4_gib(self):
        guest = self.guest("start=4096 ws=64 rate=6400", "-machine", "q35", memory="6G")
        guest.reports(2)
        self.assertEqual(guest.region("ws"), [(4096 * MIB, 64 * truth.PAGES_PER_MIB)])
        status = Path(f"/proc/{guest.process.pid}/status").read_text(encoding="utf-8")
        resident = int(status.split("VmRSS:")[1].split()[0]) // 1024
        self.assertLess(resident, 400, "MiB: what is not used stays a hole")
        guest.monitor("stop")
        words = guest.first_words(4096 * MIB, 64 * truth.PAGES_PER_MIB)
        self.assertGreater(sum(word >> 40 > 0 for word in words), 6000)

    def test_working_set_around_the_hole(self):
        guest = self.guest("start=2000 ws=96 rate=24000 pattern=seq", "-machine", "q35",
                           memory="6G")
        guest.reports(2)
        (low, low_pages), (high, high_pages) = guest.region("ws")
        self.assertEqual((low, high), (2000 * MIB, 4096 * MIB))
        self.assertEqual(low_pages + high_pages, 96 * truth.PAGES_PER_MIB)
        guest.monitor("stop")
        for address, pages in ((low, low_pages), (high, high_pages)):
            words = guest.first_words(address, pages)
            self.assertEqual(sum(word >> 40 > 0 for word in words), pages)

    def test_wrong_options(self):
        for options, words in (("pattern=spiral", "pattern=spiral"), ("rate=-1", "rate=-1"),
                               ("ws=1x", "ws=1x"), ("ws=99999999999999999999", "from 0 to"),
                               ("fillwords=513 ws=1", "from 1 to 512"), ("speed=3", "speed"),
                               ("ws=200 fill=200", "do not fit"), ("rate=5", "ws=0"),
                               ("ws=1 readers=3", "readers=3"), ("report=9", "from 10 to"),
                               ("reporter=2", "vCPUs 0 to 1"),
                               ("ws=1 rate=9 readers=2", "a vCPU that writes")):
            with self.subTest(options=options), \
                    Guest(options, cpus=2, accelerator=self.accelerator) as guest:
                said = guest.wait(lambda said: said.error or said.ready)
                self.assertIsNone(said.ready)
                self.assertIn(words, said.error)

    def test_books(self):
        memory = self.enterContext(tempfile.NamedTemporaryFile(dir="/dev/shm"))
        options = "ws=32 fill=16 fillwords=2 check=1 pattern=hotcold rate=4000"
        guest = self.guest(options, "-machine", "memory-backend=ram", "-object",
                           f"memory-backend-file,id=ram,size=256M,mem-path={memory.name},share=on",
                           cpus=3)
        self.assertTrue(all(report.intact for report in guest.reports(4)))

        def next_report() -> truth.Report:
            number = guest.said().reports[-1].number
            return guest.wait(lambda said: said.reports[-1].number > number + 1).reports[-1]

        (fill, pages), = guest.region("fill")
        (ws, ws_pages), = guest.region("ws")
        with open(memory.name, "r+b", buffering=0) as ram:
            def word(address: int) -> bytes:
                return os.pread(ram.fileno(), WORD.size, address)

            for address in (fill, fill + (pages - 1) * PAGE + 8, ws + (ws_pages - 1) * PAGE + 8):
                before = word(address)
                os.pwrite(ram.fileno(), bytes([before[0] ^ 1]) + before[1:], address)
                self.assertFalse(next_report().intact, f"a bit at {address:#x} is another")
                os.pwrite(ram.fileno(), before, address)
                self.assertTrue(next_report().intact)
            # As a migration would lose it: a page that was written is what it was at the start.
            guest.monitor("stop")
            page = next(page for page in range(ws_pages)
                        if WORD.unpack(word(ws + page * PAGE))[0] >> 40)
            os.pwrite(ram.fileno(), WORD.pack(page + 1), ws + page * PAGE)
            guest.monitor("cont")
            self.assertFalse(next_report().intact)

    def test_many_vcpus(self):
        guest = self.guest("ws=64 rate=6400", cpus=32)
        report = guest.reports(3)[-1]
        self.assertEqual(len(report.writes), 32)
        self.assertTrue(all(report.writes), report.writes)

    def test_reset_starts_again(self):
        guest = self.guest("ws=16 rate=1000", cpus=2)
        guest.reports(2)
        guest.monitor("system_reset")
        said = guest.wait(lambda said: said.ready and said.reports
                          and said.reports[-1].number == 1)
        self.assertIsNone(said.error)


class GuestKvmTest(GuestTest):
    """The same under KVM; where that emulates, at rates it can reach."""
    accelerator = "kvm"
    rates = (20,)

    def setUp(self):
        if not kvm().works:
            self.skipTest(f"no usable KVM: {kvm().reason}")

    # What does not depend on the accelerator, or needs more CPU than an emulating KVM has.
    test_many_vcpus = test_wrong_options = test_books = test_parts = None
    test_fill_is_not_zero_and_the_rest_is = test_hotcold_shares = test_seq_goes_round_in_order = None
    test_working_set_around_the_hole = test_hot_set_counts_once_a_report = None
    test_reports_finer_and_by_another_vcpu = test_one_writer_slower_than_the_others = None
    test_records_are_what_the_reports_say = None


if __name__ == "__main__":
    unittest.main()
