# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bad input and bad luck of virsh migrate-predict: one clear error each, nothing left behind."""

import signal
import subprocess
import time
import unittest

from lab_case import run
from predict_case import PredictCase

ASKED = ("--bandwidth", "100", "--downtime", "300")


class BadInputTest(PredictCase):
    """What a user can get wrong."""

    name = "writer"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run("lab", "guest", cls.name, "--name", cls.lab_name, "--accel", "tcg")

    def refused(self, *options: str, words: tuple[str, ...]):
        with self.subTest(options):
            began = time.monotonic()
            self.assert_one_error(self.predict_raw(self.name, *options, check=False), *words)
            # It is said before anything is measured.
            self.assertLess(time.monotonic() - began, 15)

    def test_lists(self):
        for bandwidth in ("0", "-1", "", "nan", "inf", "-inf", "1e9", "0x10", "100,", ",100",
                          "100,,200", "100;200", "1gb", "5 bananas", "0gbit", "99999999999999999",
                          "1.2.3"):
            self.refused("--bandwidth", bandwidth,
                         words=("is no bandwidth", "MiB/s above 0", "100mbit"))
        for downtime in ("0", "-1", "", "nan", "0.5", "300,", "2000001", "1e3", "infinite", "1h"):
            self.refused("--downtime", downtime, "--bandwidth", "100",
                         words=("is no downtime limit", "1 to 2000000"))
        self.refused("--bandwidth", ",".join(["100"] * 10000), words=("at most 1024",))
        self.refused("--bandwidth", "100", "--downtime", ",".join(["300"] * 10000),
                     words=("at most 1024",))
        self.refused("--bandwidth", ",".join(["100"] * 1000), "--downtime",
                     ",".join(["300"] * 1000), words=("1000", "4096"))
        self.refused(words=("bandwidth",))

    def test_measurement(self):
        self.refused(*ASKED, "--seconds", "0", words=("0", "1 to 60"))
        self.refused(*ASKED, "--seconds", "61", words=("61", "1 to 60"))
        self.refused(*ASKED, "--calc-time", "49", words=("49", "50", "60000"))
        self.refused(*ASKED, "--seconds", "1", "--calc-time", "100", words=("exclusive",))
        self.refused(*ASKED, "--mode", "guessing", words=("guessing", "page-sampling"))
        self.refused(*ASKED, "--sample-pages", "127", words=("127", "128", "16384"))
        for age in ("-1", "x", "4294967296"):
            self.refused(*ASKED, "--max-age", age, words=(f"'{age}'", "--max-age"))

    def test_ways(self):
        for option, bad, words in (("--dirty-limit", "-1", ("'-1'",)),
                                   ("--dirty-limit", "0", ("0", "1048576")),
                                   ("--dirty-limit", "1048577", ("1048577", "1048576")),
                                   ("--latency", "nan", ("nan",)),
                                   ("--latency", "-1", ("-1", "latency")),
                                   ("--latency", "1e9", ("latency",)),
                                   ("--max-bandwidth", "x", ("'x'", "--max-bandwidth")),
                                   ("--auto-converge-initial", "100", ()),
                                   ("--parallel-connections", "256", ())):
            more = {"--auto-converge-initial": ("--auto-converge",),
                    "--parallel-connections": ("--parallel",)}.get(option, ())
            self.refused(*ASKED, option, bad, *more, words=words)
        self.refused(*ASKED, "--comp-methods", "zlib", words=("parallel",))
        self.refused(*ASKED, "--parallel", "--comp-methods", "lzma", words=("lzma",))
        self.refused(*ASKED, "--parallel", "--comp-methods", "zstd", "--comp-zstd-level", "21",
                     words=("'21'", "0 to 20"))
        self.refused(*ASKED, "--auto-converge", "--dirty-limit", "10", words=("AUTO_CONVERGE",))
        self.refused(*ASKED, "--parallel", "--postcopy", words=("PARALLEL", "POSTCOPY"))

    def test_domain(self):
        self.assert_one_error(self.predict_raw("nobody", *ASKED, check=False), "nobody")
        done = run("virsh", "--readonly", "-c", self.uri, "migrate-predict", self.name, *ASKED,
                   check=False)
        self.assert_one_error(done, "read only")
        self.virsh("suspend", self.name)
        try:
            self.refused(*ASKED, words=("paused",))
        finally:
            self.virsh("resume", self.name)
        self.predict(self.name, *ASKED)


class BadLuckTest(PredictCase):
    """What can happen half way."""

    def start_prediction(self, name: str, *options: str) -> subprocess.Popen:
        return self.start(name, *ASKED, *options, command="migrate-predict")

    def end_with_error(self, client: subprocess.Popen, *words: str):
        out, err = client.communicate(timeout=10)
        self.assert_one_error(subprocess.CompletedProcess([], client.returncode, out, err), *words)

    def wait_for(self, name: str, status: str):
        limit = time.monotonic() + 10
        while status not in self.virsh("getdirtyrate", name, "--last").stdout:
            self.assertLess(time.monotonic(), limit, f"{name} is not {status}")
            time.sleep(0.05)

    def test_interrupted_killed_and_destroyed(self):
        name = self.guest("writer", "--accel", "tcg")
        client = self.start_prediction(name, "--seconds", "60")
        self.wait_for(name, "measuring")
        self.assert_one_error(self.predict_raw(name, *ASKED, check=False), "already running")
        client.send_signal(signal.SIGINT)
        self.end_with_error(client, "cancel")
        self.wait_for(name, "unstarted")

        client = self.start_prediction(name, "--seconds", "60")
        self.wait_for(name, "measuring")
        client.kill()
        self.wait_for(name, "unstarted")

        client = self.start_prediction(name, "--seconds", "60")
        self.wait_for(name, "measuring")
        self.virsh("getdirtyrate", name, "--cancel")
        self.end_with_error(client, "cancel")
        # With no measurement left there is nothing to predict from, so it measures.
        self.predict(name, *ASKED, "--max-age", "600")

        client = self.start_prediction(name, "--seconds", "60")
        self.wait_for(name, "measuring")
        self.virsh("destroy", name)
        self.end_with_error(client)

    def test_virsh_under_valgrind(self):
        name = self.guest("writer", "--accel", "tcg")
        for options in (("--bounds", "--explain"), ("--bandwidth", "0"), ("--latency", "-1")):
            with self.subTest(options):
                done = run("valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full",
                           "--errors-for-leak-kinds=definite", "virsh", "-c", self.uri,
                           "migrate-predict", name, *ASKED, *options, check=False)
                self.assertNotEqual(done.returncode, 99, done.stderr)


if __name__ == "__main__":
    unittest.main()
