# SPDX-License-Identifier: LGPL-2.1-or-later
"""What stack tests share: a lab of their own, its guests, and the commands under test."""

import json
import math
import os
import re
import subprocess
import time
import unittest
from dataclasses import dataclass

MIB_PAGES = 256  # pages of 4 KiB

# The guest reports each second; a report may come so late, s.
REPORT_S = 1.2
# A guest that is at most so late with its writes writes evenly: a tenth of the shortest reading.
LATE_MS = 12

# A command that has not ended by then never will, s.
TIMEOUT = 180


@dataclass
class Reading:
    """A row of getdirtyrate --periods."""
    ms: int
    dirty: int
    mib: float
    low: float
    high: float


@dataclass
class VcpuRate:
    """A row of the table of vCPUs; pages are -1 where they are not known."""
    pages: int
    rate: float


@dataclass
class Measurement:
    """What getdirtyrate printed: rates in MiB/s, sizes in pages."""
    text: str
    mode: str
    rate: float
    low: float
    high: float
    ms: int
    total: int
    sampled: int
    zero: int
    readings: list[Reading]
    vcpus: dict[int, VcpuRate]


def run(*command: str, check: bool = True, timeout: float = TIMEOUT,
        **options) -> subprocess.CompletedProcess:
    """Runs a command; with check, one that fails fails the test with all it said."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, check=False, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} ended with status {done.returncode}:\n"
                             f"{done.stdout}{done.stderr}")
    return done


def usable_accels() -> dict[str, str]:
    """The accelerators to test with, and why one is not: {name: reason to skip or ''}."""
    answer = json.loads(run("lab", "accel", "--json").stdout)
    return {"tcg": "", "kvm": "" if answer["kvm"] else "no usable KVM"}


class LabCase(unittest.TestCase):
    """A test class with a private libvirt daemon."""

    lab_options: tuple[str, ...] = ()

    @classmethod
    def setUpClass(cls):
        cls.lab_name = re.sub(r"[^a-z0-9]", "", cls.__name__.lower())
        run("lab", "down", "--name", cls.lab_name, check=False)
        cls.addClassCleanup(run, "lab", "down", "--name", cls.lab_name, check=False)
        run("lab", "up", "--name", cls.lab_name, *cls.lab_options)
        cls.uri = run("lab", "uri", "--name", cls.lab_name).stdout.strip()

    def guest(self, name: str, *options: str) -> str:
        """Starts a guest that ends with the test."""
        self.addCleanup(self.virsh, "destroy", name, check=False)
        run("lab", "guest", name, "--name", self.lab_name, *options)
        return name

    def truth(self, name: str, seconds: int = 5, *options: str) -> dict:
        return json.loads(run("lab", "truth", name, "--name", self.lab_name, "--json",
                              "--seconds", str(seconds), *options).stdout)

    def even_reports(self, name: str, start: float, end: float,
                     late_ms: float = LATE_MS) -> list[dict]:
        """
        What the guest says of the time from start to end, s since 1970; nothing if the host ran it
        by fits and starts meanwhile, so that theory does not hold.
        """
        time.sleep(REPORT_S)
        reports = [r for r in self.truth(name, math.ceil(end - start) + 2)["reports"]
                   if r["time"] > start and r["time"] - r["dt"] / 1000 < end]
        return [] if any(r["dropped"] or r["late"] > late_ms for r in reports) else reports

    def virsh(self, *args: str, uri: str | None = None, check: bool = True,
              **options) -> subprocess.CompletedProcess:
        return run("virsh", "-c", uri or self.uri, *args, check=check, **options)

    def measure(self, name: str, *options: str) -> Measurement:
        return parse(self.virsh("getdirtyrate", name, "--periods", *options).stdout)

    def start(self, name: str, *options: str, command="getdirtyrate") -> subprocess.Popen:
        """A measurement, or what rests on one, that a client of its own waits for."""
        client = subprocess.Popen(["virsh", "-c", self.uri, command, name, *options],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        self.addCleanup(client.stdout.close)
        self.addCleanup(client.stderr.close)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        return client

    def assert_one_error(self, done: subprocess.CompletedProcess, *words: str):
        """The command failed with one clear sentence that has these words."""
        self.assertNotEqual(done.returncode, 0, done.stdout)
        errors = [line for line in done.stderr.splitlines() if line.strip()]
        self.assertEqual(len(errors), 1, done.stderr)
        self.assertTrue(errors[0].startswith("error: "), errors[0])
        for word in words:
            self.assertIn(word, errors[0])


def _word(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    if not found:
        raise AssertionError(f"'{pattern}' is not in:\n{text}")
    return found[1]


def _number(pattern: str, text: str) -> float:
    return float(_word(pattern, text))


def parse(text: str) -> Measurement:
    """Reads what getdirtyrate --periods prints; what was counted exactly has itself as bounds."""
    number = r"(\d+(?:\.\d+)?)"
    exact = "(all pages counted)" in text
    rate = _number(rf"^Dirty rate: +{number} MiB/s", text)
    total = int(_number(r"^Memory: +(\d+) pages", text))
    bounds = "" if exact else rf"\s+{number} to {number}"
    rows = re.findall(rf"^\s*(\d+)\s+(\d+)\s+{number}{bounds}\s+{number}\s*$",
                      text.partition(" vCPU ")[0], re.MULTILINE)
    readings = [Reading(int(row[0]), int(row[1]), float(row[2]),
                        *(map(float, (row[2], row[2]) if exact else row[3:5]))) for row in rows]
    vcpus = re.findall(rf"^\s*(\d+)\s+(\d+|-)\s+{number}\s*$", text.partition(" vCPU ")[2],
                       re.MULTILINE)
    return Measurement(
        text=text,
        mode=_word(r"^Mode: +(\S+)", text),
        rate=rate,
        low=rate if exact else _number(rf"95 %: {number} to", text),
        high=rate if exact else _number(rf"95 %: [\d.]+ to {number}\)", text),
        ms=int(_number(r"^(?:Calc|Calculation) time: +(\d+) ms", text)),
        total=total,
        sampled=total if exact else int(_number(r"^Sampled pages: +(\d+)", text)),
        zero=int(_number(r"^Zero pages: +(?:about )?(\d+)", text)),
        readings=readings,
        vcpus={int(vcpu): VcpuRate(-1 if pages == "-" else int(pages), float(rate))
               for vcpu, pages, rate in vcpus})
