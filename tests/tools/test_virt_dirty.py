# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-dirty as its user meets it: what it prints, and how it ends where something is wrong."""

import json
import math
import os
import pty
import re
import resource
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(os.environ.get("LIBVIRT_DIRTY_ROOT") or Path(__file__).resolve().parents[2])
SAMPLE = ROOT / "tests/data/published-sample.json"

STOCK = {"status": "measured", "start-time": 5, "calc-time": 1, "dirty-rate": 40,
         "sample-pages": 512, "mode": "page-sampling"}

# What a plan may take, s of CPU time; and the pace of 100,000 measurements planned in a minute.
PLAN_SECONDS = 0.010
PACE_SECONDS = 60 / 100000


def run(*arguments: str, given: str | bytes = "", **environment: str) -> subprocess.CompletedProcess:
    """Runs virt-dirty in plain English, with something on its standard input."""
    text = given if isinstance(given, bytes) else given.encode()
    done = subprocess.run(["virt-dirty", *arguments], input=text, capture_output=True, check=False,
                          timeout=60, env={**os.environ, "LC_ALL": "C.UTF-8", **environment})
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    return done


def sample(**changes) -> str:
    return json.dumps({**json.loads(SAMPLE.read_text()), **changes})


def children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class VirtDirtyCase(unittest.TestCase):
    """What the tests share."""

    def good(self, *arguments: str, given: str | bytes = "", **environment: str) -> str:
        done = run(*arguments, given=given, **environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
        return done.stdout

    def bad(self, status: int, pattern: str, *arguments: str, given: str | bytes = "") -> None:
        """It must end with one line that says what is wrong."""
        done = run(*arguments, given=given)
        self.assertEqual(done.returncode, status, (arguments, done.stderr))
        self.assertRegex(done.stderr, f"^virt-dirty: .*{pattern}.*\n$")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def predict(self, *arguments: str, given: str | bytes = "") -> list[dict]:
        lines = self.good("predict", "--json", *arguments, given=given).splitlines()
        # Strictly: what JSON has no number for must not be written as one.
        return [json.loads(line, parse_constant=self.fail) for line in lines]


class PredictTest(VirtDirtyCase):
    """virt-dirty predict."""

    def test_table_of_the_published_sample(self):
        text = self.good("predict", str(SAMPLE))
        rows = [line.split() for line in text.splitlines() if re.match(r" [\d.]+ [GM]bit/s ", line)]
        self.assertEqual([" ".join(row[:2]) for row in rows],
                         ["100 Mbit/s", "1 Gbit/s", "2 Gbit/s", "2.5 Gbit/s", "5 Gbit/s",
                          "10 Gbit/s", "25 Gbit/s", "40 Gbit/s"])
        for row in rows:
            self.assertEqual(len(row), 8, row)
        self.assertEqual(rows[0][2:7], ["-"] * 5)
        self.assertRegex(text, r"\ndoes not converge at 100 Mbit/s with 125 ms downtime: .*"
                               r"use at least [\d.]+ Gbit/s")

    def test_the_plan_is_what_the_table_says(self):
        (plan,) = [r["plan"] for r in self.predict(str(SAMPLE), "--bandwidth", "2gbit",
                                                   "--downtime", "300")]
        for name, value, works in (("bandwidth", plan["needed-bandwidth"], True),
                                   ("bandwidth", plan["needed-bandwidth"] / 1.06, False),
                                   ("downtime", plan["needed-downtime"], True),
                                   ("downtime", math.floor(plan["needed-downtime"] / 1.06), False)):
            asked = {"bandwidth": "2gbit", "downtime": "300", name: f"{value:.9f}".rstrip("0").rstrip(".")}
            (result,) = self.predict(str(SAMPLE), "--bandwidth", asked["bandwidth"],
                                     "--downtime", asked["downtime"])
            self.assertEqual(result["cells"][0]["converges"], works, (name, value))

    def test_json_has_every_cell(self):
        (result,) = self.predict(str(SAMPLE), "--bandwidth", "100,1gbit", "--downtime",
                                 "300,unlimited", "--bounds")
        self.assertEqual([(round(c["bandwidth"], 1), c["downtime"]) for c in result["cells"]],
                         [(100, 300), (100, None), (112.2, 300), (112.2, None)])
        for cell in result["cells"]:
            self.assertEqual(cell["time"] is not None, cell["converges"])
            self.assertEqual(cell["verdict"] == "converges", cell["converges"])
            if cell["converges"]:
                self.assertLessEqual(cell["time-low"], cell["time"])
                self.assertGreaterEqual(cell["time-high"], cell["time"])
        self.assertEqual(result["memory"], 8392704 * 4096)

    def test_several_measurements(self):
        text = json.dumps({"return": json.loads(SAMPLE.read_text()), "id": "libvirt-9"})
        results = self.predict("-", "--bandwidth", "1gbit", given=text * 3)
        self.assertEqual([r["measurement"] for r in results], [1, 2, 3])
        self.assertEqual(results[0]["cells"], results[2]["cells"])
        shown = self.good("predict", "-", str(SAMPLE), "--bandwidth", "1gbit", given=text)
        self.assertIn("-, measurement 1:", shown)
        self.assertIn("published-sample.json, measurement 1:", shown)

    def test_explain_says_why(self):
        text = self.good("predict", str(SAMPLE), "--bandwidth", "1gbit,10gbit", "--downtime",
                         "300", "--explain")
        self.assertRegex(text, r"\n1 Gbit/s, 300 ms: does not converge")
        self.assertRegex(text, r"\n10 Gbit/s, 300 ms: done after")

    def test_short_measurement_is_no_certainty(self):
        short = sample(**{"periods": [125, 500, 1000], "n-dirty-pages": [33, 151, 236]})
        (result,) = self.predict("-", "--bandwidth", "1gbit", "--downtime", "5000", given=short)
        self.assertTrue(result["cells"][0]["extrapolated"])
        self.assertRegex(" ".join(result["notes"]), "longer than the 1 s that were measured")

    def test_stock_measurement(self):
        self.bad(1, "measurement 1: .*--memory", "predict", "-", given=json.dumps(STOCK))
        (result,) = self.predict("-", "--memory", "2048", "--bandwidth", "1gbit", "--bounds",
                                 given=json.dumps(STOCK))
        self.assertEqual(result["memory"], 2048 << 20)
        self.assertRegex(" ".join(result["notes"]), "zero pages not known")

    def test_stock_measurements_joined(self):
        """Three lengths tell a hot set from a steady writer, which one cannot."""
        rates = [{**STOCK, "calc-time": s, "dirty-rate": 64 // s} for s in (4, 1, 2)]
        options = ("--memory", "2048", "--bandwidth", "1gbit", "--downtime", "300")
        (joined,) = self.predict("-", "--join", *options, given="".join(map(json.dumps, rates)))
        (alone,) = self.predict("-", *options, given=json.dumps(rates[1]))
        self.assertLess(joined["cells"][0]["bytes"], alone["cells"][0]["bytes"])
        self.assertEqual(joined["measured"], 4000)
        self.bad(2, "--join needs --memory", "predict", "-", "--join", given=json.dumps(STOCK))
        self.bad(1, "measurement 1: .*whole curve", "predict", str(SAMPLE), str(SAMPLE), "--join",
                 "--memory", "32768")

    def test_pipe_as_file(self):
        command = "virt-dirty predict --bandwidth 1gbit <(cat \"$1\")"
        subprocess.run(["bash", "-c", command, "bash", str(SAMPLE)], check=True,
                       stdout=subprocess.DEVNULL)


class BadInputTest(VirtDirtyCase):
    """One clear error each."""

    def test_lists(self):
        many = ",".join(["100"] * 10000)
        for option, value, pattern in (
                ("--bandwidth", "0", "'0' is no bandwidth"),
                ("--bandwidth", "-5", "no bandwidth"),
                ("--bandwidth", "nan", "no bandwidth"),
                ("--bandwidth", "inf", "no bandwidth"),
                ("--bandwidth", "", "no bandwidth"),
                ("--bandwidth", "1,,2", "no bandwidth"),
                ("--bandwidth", "1furlong", "no bandwidth"),
                ("--bandwidth", many, "at most 1024"),
                ("--downtime", "0", "'0' is no downtime limit"),
                ("--downtime", "nan", "no downtime"),
                ("--downtime", "99999999", "no downtime"),
                ("--downtime", many, "at most 1024")):
            self.bad(2, pattern, "predict", str(SAMPLE), option, value)
        wide = ",".join(["100"] * 1000)
        self.bad(2, "at most 4096", "predict", str(SAMPLE), "--bandwidth", wide, "--downtime", wide)

    def test_options(self):
        for pattern, *options in (
                ("--latency nan is out of range: use 0 to 60000", "--latency", "nan"),
                ("--latency -1 ", "--latency", "-1"), ("--latency 1e\\+09 ", "--latency", "1e9"),
                ("--max-bandwidth -1 .* use 0, or", "--max-bandwidth", "-1"),
                ("--device-state -5 ", "--device-state", "-5"),
                ("--vcpus 0", "--vcpus", "0"), ("--dirty-limit 0", "--dirty-limit", "0"),
                ("--memory 0", "--memory", "0"), ("--log 'foo'", "--log", "foo"),
                ("--time-limit -1 .*: use 0, or 0.001 to 1e\\+09", "--time-limit", "-1"),
                ("--vcpu-load 2 .*: use 0.001 to 1", "--vcpu-load", "2"),
                ("--auto-converge-initial 0 .*: use 1 to 99", "--auto-converge",
                 "--auto-converge-initial", "0"),
                ("--auto-converge-increment 100 .*: use 0 to 99", "--auto-converge",
                 "--auto-converge-increment", "100"),
                ("need --auto-converge", "--auto-converge-initial", "50"),
                ("exclude", "--auto-converge", "--dirty-limit", "5"),
                ("exclude", "--postcopy", "--parallel"),
                ("needs --parallel", "--parallel-connections", "4"),
                ("connections", "--parallel", "--parallel-connections", "1000"),
                ("needs --parallel", "--comp-methods", "zstd"), ("Unknown option", "--foo")):
            self.bad(2, pattern, "predict", str(SAMPLE), *options)
        self.bad(1, "did not try to compress with 'zstd'", "predict", str(SAMPLE), "--parallel",
                 "--comp-methods", "zstd")

    def test_files(self):
        with tempfile.TemporaryDirectory() as directory:
            self.bad(1, "Is a directory", "predict", directory)
            self.bad(1, "No such file", "predict", f"{directory}/none")
            with open(f"{directory}/huge", "wb") as huge:
                huge.truncate(1 << 40)
            self.bad(1, "huge' is longer than the 1024 MiB that are read: split it", "predict",
                     f"{directory}/huge")
            Path(f"{directory}/closed").write_text(sample())
            Path(f"{directory}/closed").chmod(0)
            if not os.access(f"{directory}/closed", os.R_OK):
                self.bad(1, "Permission denied", "predict", f"{directory}/closed")
            self.bad(1, "JSON", "predict", "/bin/sh")
        self.bad(2, "no measurement given", "predict")
        self.bad(2, "no command", )
        self.bad(2, "no command 'foo'", "foo")

    def test_measurements(self):
        for pattern, text in (
                ("no measurement in it", ""), ("no measurement in it", "\n"),
                ("from byte 0: .*JSON", "NaN"), ("JSON", "{"), ("JSON", sample()[:-20]),
                ("JSON", b"\xff\x00\x01"), ("JSON", '{"status": NaN}'), ("'status'", "{}"),
                ("'n-zero-pages'", sample(**{"n-zero-pages": math.nan}).replace("NaN", "1e999")),
                ("n-dirty-pages", sample(**{"n-dirty-pages": [9, 3]})),
                ("n-sampled-pages", sample(**{"n-sampled-pages": 0})),
                ("'measuring'", '{"status": "measuring", "start-time": 1, "calc-time": 1}'),
                ("'unstarted'", '{"status": "unstarted", "start-time": 0, "calc-time": 0}'),
                ("no", '{"error": {"class": "GenericError", "desc": "no"}}'),
                ("measurement 2, from byte", sample() + "{}")):
            self.bad(1, pattern, "predict", "-", "--bandwidth", "1gbit", given=text)
        self.bad(1, "of a guest with 32784 MiB of memory, not of one with 512 MiB", "predict",
                 str(SAMPLE), "--memory", "512")

    @unittest.skipUnless(Path("/dev/full").exists(), "the system has no /dev/full")
    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(["virt-dirty", "predict", str(SAMPLE)], stdout=full, check=False,
                                  stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"cannot write the output", done.stderr)


class CompletionTest(VirtDirtyCase):
    """What the shell offers."""

    def complete(self, *words: str) -> list[str]:
        return self.good("complete", "--", *words).split()

    def test_words(self):
        self.assertEqual(self.complete("pre"), ["predict"])
        self.assertEqual(self.complete("predict", "--paral"),
                         ["--parallel", "--parallel-connections"])
        self.assertEqual(self.complete("predict", "--log", ""),
                         ["lazy-bitmap", "bitmap", "ring", "tcg"])
        self.assertEqual(self.complete("predict", "--bandwidth", "x"), [])

    def test_every_option_is_offered_and_in_the_manual(self):
        helped = set(re.findall(r"^  (--[a-z-]+)", self.good("predict", "--help"), re.MULTILINE))
        self.assertEqual(set(self.complete("predict", "--")), helped)
        self.assertGreater(len(helped), 15)
        manual = (ROOT / "docs/virt-dirty.rst").read_text()
        for option in helped:
            self.assertRegex(manual, rf"\*\*{option}\*\*")

    def test_bash(self):
        script = f"""
            source {ROOT}/tools/virt-dirty/virt-dirty.bash
            COMP_WORDS=(virt-dirty predict --bou) COMP_CWORD=2
            _virt_dirty_complete virt-dirty --bou predict
            echo "${{COMPREPLY[@]}}"
        """
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "--bounds\n")


class PaceTest(VirtDirtyCase):
    """That it is quick enough for a whole data centre, and says how far it is."""

    def measurements(self, n: int) -> str:
        base = json.loads(SAMPLE.read_text())
        lines = []
        for i in range(n):
            share = (i + 1) / n
            dirty = [int(count * share) for count in base["n-dirty-pages"]]
            zero = int(base["n-zero-pages"] * (i * 7 % n) / n)
            lines.append(json.dumps({**base, "n-dirty-pages": dirty, "n-zero-pages": zero}))
        return "\n".join(lines)

    def test_pace(self):
        n, tries = 1000, 5
        text = self.measurements(n)
        spent = math.inf
        for _ in range(tries):
            before = children_seconds()
            shown = self.good("predict", "-", "--json", "--bandwidth", "1gbit", "--downtime", "300",
                              given=text)
            # The quickest is what it takes: the others were disturbed.
            spent = min(spent, children_seconds() - before)
            self.assertEqual(shown.count("\n"), n)
        print(f"# {n} measurements planned in {spent:.2f} s of CPU time, "
              f"100,000 in {spent / n * 100000:.0f} s")
        self.assertLess(spent / n, PACE_SECONDS)

    def test_progress(self):
        """On a terminal, as long as nothing else is shown there."""
        terminal, slave = pty.openpty()
        with tempfile.NamedTemporaryFile("w") as many, os.fdopen(terminal, "rb", 0) as reader:
            many.write(self.measurements(3000))
            many.flush()
            with subprocess.Popen(["virt-dirty", "predict", many.name], stderr=slave,
                                  stdout=subprocess.DEVNULL) as running:
                os.close(slave)
                self.assertEqual(running.wait(60), 0)
            shown = reader.read(65536).decode()
        self.assertRegex(shown, rf"\d+ measurements done, \d+ % of {many.name}")
        self.assertTrue(shown.endswith("\r\x1b[K"), shown)


if __name__ == "__main__":
    unittest.main()
