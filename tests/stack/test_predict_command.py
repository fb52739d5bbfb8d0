# SPDX-License-Identifier: LGPL-2.1-or-later
"""What virsh migrate-predict prints: tables, bounds, reasons, what to do."""

import os
import pty
import re
import signal
import subprocess
import threading
import time
import unittest

from lab_case import run
from predict_case import PredictCase

# As fast as the sample is large enough for bounds that mean something.
MEASURE = ("--calc-time", "1000", "--sample-pages", "8192")


class TableTest(PredictCase):
    """One guest that dirties 60 MiB/s of fresh pages, so that it has to start once."""

    name = "writer"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run("lab", "guest", cls.name, "--name", cls.lab_name, "--accel", "tcg", "--memory", "512",
            "--working-set", "256", "--rate", "60")

    def test_table(self):
        p = self.predict(self.name, *MEASURE, "--bandwidth", "5,100mbit,50,1gbit,10Gbps",
                         "--downtime", "20,300,2s,unlimited")
        self.assertEqual(p.bandwidths, ["5 MiB/s", "100 Mbit/s", "50 MiB/s", "1 Gbit/s",
                                        "10 Gbit/s"])
        self.assertEqual(p.downtimes, ["20 ms", "300 ms", "2 s", "unlimited"])
        # 60 MiB/s are more than 5 and 11 MiB/s, whatever is measured, and less than a GiB/s.
        self.assertEqual([row[:2] for row in p.times[:2]], [[None, None]] * 2)
        for row in p.times:
            self.assertIsNotNone(row[3])
            # What converges with a downtime limit does with a longer one, and not later.
            for time_s, next_s in zip(row, row[1:]):
                if time_s is not None:
                    self.assertLessEqual(next_s, time_s)
        # At least 256 MiB of it are not zero.
        self.assertGreater(p.times[4][3], 256 * 2**20 / (10e9 / 8))
        for slow, fast in zip(p.times, p.times[1:]):
            self.assertLessEqual(fast[3], slow[3])
        self.assertRegex(p.recommendation, "5(.0)? MiB/s")
        # What is dirtied while 1 Gbit/s carries 256 MiB, 2 s, is not known after one; with any
        # downtime the guest stands still meanwhile.
        self.assertEqual([cell.extrapolated for cell in p.rows[3][1::2]], [True, False])
        self.assertRegex(p.text, r"(?m)^ ~ a pass takes longer")

    def test_bounds_and_reasons(self):
        p = self.predict(self.name, *MEASURE, "--bandwidth", "10,1gbit", "--downtime", "300",
                         "--bounds", "--explain")
        fast = p.rows[1][0]
        self.assertTrue(fast.low <= fast.time <= fast.high, fast)
        self.assertIsNone(p.rows[0][0].low)
        self.assertRegex(p.reasons["10 MiB/s", "300 ms"], "does not converge")
        self.assertRegex(p.reasons["1 Gbit/s", "300 ms"],
                         r"done after .* passes: .* sent: .* MiB.* downtime: .* ms")
        before, _, _ = p.text.partition("Downtime limit")
        # The measurement, as getdirtyrate has it, and what was assumed.
        for pattern in (r"^Mode: +page-sampling", r"^Calc time: +1\d\d\d ms", r"^Dirty rate: ",
                        r"^ Period ms", r"^Assumed:$", r"^ log +\S", r"^ vcpus +1$"):
            self.assertRegex(before, re.compile(pattern, re.MULTILINE))

    def test_ways(self):
        """Each way to migrate is accepted, and changes the answer where it must."""
        slow = ("--max-age", "600", "--downtime", "300", "--bandwidth")
        self.predict(self.name, *MEASURE, "--bandwidth", "100")
        plain = self.predict(self.name, *slow, "20").rows[0][0]
        self.assertIsNone(plain.time)
        self.assertIsNotNone(self.predict(self.name, *slow, "20", "--postcopy", "--latency",
                                          "0.5").rows[0][0].time)
        self.assertIsNotNone(self.predict(self.name, *slow, "20", "--dirty-limit",
                                          "2").rows[0][0].time)
        self.assertIsNotNone(self.predict(self.name, *slow, "40", "--auto-converge",
                                          "--auto-converge-initial", "50",
                                          "--auto-converge-increment", "20").rows[0][0].time)
        self.predict(self.name, *slow, "500", "--parallel", "--parallel-connections", "4")
        # The domain sends no faster than its limit lets it.
        limited = self.predict(self.name, *slow, "1000", "--max-bandwidth", "150").times[0][0]
        free = self.predict(self.name, *slow, "1000").times[0][0]
        self.assertGreater(limited, 2 * free)

    def test_compression(self):
        p = self.predict(self.name, *MEASURE, "--bandwidth", "200", "--parallel", "--comp-methods",
                         "zstd", "--explain")
        self.assertRegex(p.text, re.compile(r"^ compression.ratio +\d", re.MULTILINE))

    def test_last_measurement(self):
        """With --max-age nothing is measured anew, and without bounds the answer stays the same."""
        options = ("--bandwidth", "1gbit", "--downtime", "300", "--explain")
        first = self.predict(self.name, *MEASURE, *options)
        began = time.monotonic()
        again = self.predict(self.name, "--max-age", "600", "--seconds", "60", *options)
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual(first.times, again.times)
        start = re.compile("^Start time: .*$", re.MULTILINE)
        self.assertEqual(start.search(first.text)[0], start.search(again.text)[0])
        # One that is too old is none.
        time.sleep(2.1)
        anew = self.predict(self.name, "--max-age", "1", *MEASURE, *options)
        self.assertNotEqual(start.search(first.text)[0], start.search(anew.text)[0])

    def test_defaults_are_the_domains(self):
        for what in ("speed", "maxdowntime"):
            before = self.virsh(f"migrate-get{what}", self.name).stdout.split()[0]
            self.addCleanup(self.virsh, f"migrate-set{what}", self.name, before)
        self.virsh("migrate-setspeed", self.name, "200")
        self.virsh("migrate-setmaxdowntime", self.name, "450")
        p = self.predict(self.name)
        self.assertEqual((p.bandwidths, p.downtimes), (["200 MiB/s"], ["450 ms"]))

    def test_guest_is_not_stopped(self):
        self.predict(self.name, "--bandwidth", "100", "--downtime", "300")
        self.assertEqual(self.virsh("domstate", self.name).stdout.strip(), "running")
        self.assertIn("None", self.virsh("domjobinfo", self.name).stdout)

    def test_completion(self):
        for options, wanted in ((("--bandwidth", "1gbit,2"), {"1gbit,2.5gbit", "1gbit,25gbit"}),
                                (("--downtime", "300,u"), {"300,unlimited"}),
                                (("--comp-methods", ""), {"zlib", "zstd"}),
                                (("--mode", "page"), {"page-sampling"})):
            done = self.virsh("complete", "--", "migrate-predict", self.name, *options)
            self.assertEqual(set(done.stdout.split()), wanted)
        done = self.virsh("complete", "--", "migrate-predict", self.name[:1])
        self.assertEqual(done.stdout.split(), [self.name])


class TerminalTest(PredictCase):
    """On a terminal it shows how far it is, and Ctrl-C ends it."""

    def on_terminal(self, *command: str) -> tuple[subprocess.Popen, list[bytes]]:
        """Starts a command on a terminal of its own; what it writes there comes into the list."""
        ours, its = pty.openpty()
        process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its,
                                   start_new_session=True)
        os.close(its)
        written: list[bytes] = []

        def read():
            try:
                while data := os.read(ours, 4096):
                    written.append(data)
            except OSError:
                # The other side is closed.
                pass
            os.close(ours)

        reader = threading.Thread(target=read)
        reader.start()
        self.addCleanup(reader.join)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, written

    def test_progress_and_interrupt(self):
        name = self.guest("shown", "--accel", "tcg")
        command = ("virsh", "-c", self.uri, "migrate-predict", name, "--bandwidth", "1gbit")
        process, written = self.on_terminal(*command, "--seconds", "1")
        self.assertEqual(process.wait(60), 0)
        self.assertRegex(b"".join(written), rb"Measuring: \[#+ *\] \d+/1000 ms")

        process, written = self.on_terminal(*command, "--seconds", "60")
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(10), 1)
        text = b"".join(written)
        self.assertRegex(text, rb"error: .*cancelled")
        self.assertNotIn(b"Downtime limit", text)
        # It has ended in the guest too.
        self.assertNotIn("measuring", self.virsh("getdirtyrate", name, "--last").stdout)


if __name__ == "__main__":
    unittest.main()
