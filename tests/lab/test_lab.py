#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of the lab with a real daemon and real guests, also after crashes."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "tools/lab/lab"
sys.path.insert(0, str(ROOT / "tools/lab"))

from dirtylab import network, processes, programs
from dirtylab.errors import LabError

NOBODY = 65534


def missing_stack() -> str | None:
    """Why no real lab can be had here, None if it can."""
    try:
        programs.find_programs()
    except LabError as error:
        return str(error)
    return None


@unittest.skipIf(missing_stack(), "no stack")
class RealLabTest(unittest.TestCase):
    """A lab with a real daemon and real guests."""
    user: list[str] = []  # command that changes to the user of the lab

    def setUp(self):
        # Short: session mode has sockets below it.
        self.directory = Path(tempfile.mkdtemp(prefix="ld-", dir="/tmp"))
        self.state = self.directory / "l"
        if self.user:
            os.chown(self.directory, NOBODY, NOBODY)
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.addCleanup(self.run_lab, "down", check=False)

    def run_lab(self, command: str, *args: str, check: bool = True) -> subprocess.CompletedProcess:
        """Runs a lab command on this test's lab."""
        env = {key: value for key, value in os.environ.items() if key != "XDG_RUNTIME_DIR"}
        done = subprocess.run([*self.user, LAB, command, "--state", self.state, *args], text=True,
                              env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def assert_error(self, words: str, command: str, *args: str) -> None:
        """One line on stderr, nothing on stdout, exit code 1."""
        done = self.run_lab(command, *args, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, words)
        errors = [line for line in done.stderr.splitlines() if not line.endswith("the guest runs under TCG")]
        self.assertEqual(len(errors), 1, done.stderr)

    def status(self) -> dict:
        """The lab's own view of itself."""
        return json.loads(self.run_lab("status", "--json").stdout)

    def our_processes(self) -> list[int]:
        """All that works in this lab's directory."""
        found = processes.working_in(self.state, ("qemu-system", "virtqemud", network.ANCHOR))
        if os.geteuid() == 0:
            for host in ("a", "b"):
                found += processes.in_namespace(Path("/run/libvirt/lab"), str(self.state / host))
        return found

    def test_a_guest_from_up_to_down(self):
        uri = self.run_lab("up").stdout.strip()
        self.assertIn("?socket=", uri)
        self.assertEqual(self.run_lab("up").stdout.strip(), uri, "up again is the same lab")
        self.assertEqual(self.run_lab("uri").stdout.strip(), uri)
        done = self.run_lab("guest", "g1", "--rate", "50", "--vcpus", "3", "--readers", "1",
                            "--working-set", "64", "--accel", "tcg")
        self.assertIn("guest g1 is ready", done.stdout)
        for _ in range(5):  # until the host gives the guest enough CPU
            data = json.loads(self.run_lab("truth", "g1", "--next", "--seconds", "2",
                                           "--json").stdout)
            if not data["dropped-pages"]:
                break
        self.assertAlmostEqual(data["rate"] + data["dropped-pages"] / 512, 50, delta=2)
        self.assertLess(abs(data["to"] - time.time()), 5, "times are the host's")
        self.assertEqual(data["vcpus"][2]["pages"], 0)
        self.assertGreater(data["vcpus"][2]["read-pages"], 0)
        self.assertIn("MiB/s", self.run_lab("truth", "g1").stdout)
        self.assertEqual(self.run_lab("exec", "--", "virsh", "-q", "list", "--name").stdout.split(),
                         ["g1"])
        self.assertEqual(self.run_lab("exec", "--", "sh", "-c", "exit 7", check=False).returncode,
                         7)
        self.assertEqual(self.status()["guests"], ["g1"])
        self.assert_error("runs already", "guest", "g1")
        self.assert_error("no guest 'g2'", "truth", "g2")
        self.assertGreaterEqual(len(self.our_processes()), 2)
        self.run_lab("down")
        self.assertEqual(self.our_processes(), [])
        self.assertFalse(self.state.exists())
        self.assertIn("no lab is up", self.run_lab("down").stderr, "down again does nothing")

    def test_a_guest_that_cannot_be(self):
        self.run_lab("up")
        self.assert_error("no name for a guest", "guest", "a/b")
        self.assert_error("--memory 100", "guest", "g", "--memory", "100")
        self.assert_error("dirty-ring is a feature of KVM", "guest", "g", "--accel", "tcg",
                          "--dirty-ring", "4096")
        self.assert_error("not ready within 1 s", "guest", "slow", "--fill", "4000",
                          "--fill-words", "512", "--timeout", "1", "--accel", "tcg")
        self.assertEqual(self.status()["guests"], [], "what was not ready in time is ended")

    def test_a_linux_guest(self):
        if not os.environ.get("LIBVIRT_DIRTY_LINUX"):
            self.skipTest("no Linux guests are built")
        self.run_lab("up")
        self.assert_error("no such workload", "guest", "g1", "--linux", "none", "--accel", "tcg")
        self.assert_error("--rate is for the test guest", "guest", "g1", "--linux", "redis",
                          "--rate", "5", "--accel", "tcg")
        self.assert_error("--memory 256", "guest", "g1", "--linux", "redis", "--memory", "256",
                          "--accel", "tcg")
        said = self.run_lab("guest", "g1", "--linux", "redis,50", "--working-set", "32", "--accel",
                            "tcg", "--memory", "256").stdout
        self.assertIn("name redis, vcpus 1, share 50, size 32", said)
        data = json.loads(self.run_lab("truth", "g1", "--next", "--seconds", "3", "--json").stdout)
        # Half of its time it may not work.
        self.assertGreater(data["idle"], 0.2 * (data["to"] - data["from"]))
        self.assertEqual(self.status()["guests"], ["g1"])

    def test_down_after_the_daemon_was_killed(self):
        self.run_lab("up")
        self.run_lab("guest", "g1", "--accel", "tcg")
        os.kill(self.status()["pid"], signal.SIGKILL)
        self.assert_error("does not run any more", "status")
        self.assertGreater(len(self.our_processes()), 0, "the guest outlives its daemon")
        self.run_lab("down")
        self.assertEqual(self.our_processes(), [])
        self.assertFalse(self.state.exists())

    def test_up_after_a_crash(self):
        self.run_lab("up")
        self.run_lab("guest", "g1", "--accel", "tcg")
        for pid in self.our_processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        (self.state / "lab.json").write_text("{half", encoding="utf-8")
        self.run_lab("up")
        self.assertEqual(self.status()["guests"], [])

    def test_a_directory_that_is_no_lab(self):
        self.state.mkdir()
        (self.state / "thesis").touch()
        self.assert_error("something else than a lab", "down")
        self.assert_error("something else than a lab", "up")
        self.assertTrue((self.state / "thesis").exists())
        (self.state / "thesis").unlink()

    def test_a_daemon_that_does_not_start(self):
        self.assert_error("ended with status", "up", "--virtqemud", "/bin/false")
        self.assertFalse(self.state.exists())
        self.assert_error("no libvirt daemon found", "up", "--virtqemud", "/none")

    def test_two_labs_do_not_meet(self):
        other = ("--state", str(self.directory / "m"))
        self.addCleanup(self.run_lab, "down", *other, check=False)
        self.run_lab("up")
        self.run_lab("up", *other)
        self.run_lab("guest", "g1", "--accel", "tcg")
        self.assertEqual(json.loads(self.run_lab("status", "--json", *other).stdout)["guests"], [])
        self.run_lab("down", *other)
        self.assertEqual(self.status()["guests"], ["g1"])
        self.run_lab("truth", "g1", "--next")


SEND = """
import socket, sys, time
with socket.create_connection((sys.argv[1], 5000)) as peer:
    start, sent, chunk = time.monotonic(), 0, bytes(1 << 16)
    while time.monotonic() < start + 2:
        sent += peer.send(chunk)
    peer.shutdown(socket.SHUT_WR)
    peer.recv(1)
print(sent * 8 / (time.monotonic() - start))
"""
RECEIVE = """
import socket, sys
with socket.create_server((sys.argv[1], 5000)) as server:
    print("ready", flush=True)
    peer = server.accept()[0]
    while peer.recv(1 << 20):
        pass
"""


class TwoHostsTest(RealLabTest):
    """A lab with two hosts, and what moves between them."""

    def setUp(self):
        reason = network.unusable()
        if reason:
            self.skipTest(reason)
        super().setUp()

    def up(self, *options: str) -> list[str]:
        """Starts the lab. Returns its URIs."""
        return self.run_lab("up", "--hosts", "2", *options).stdout.split()

    def migrate(self, *options: str, check: bool = True) -> dict:
        """Migrates the guest. Returns what the lab says of it."""
        done = self.run_lab("migrate", "g1", *options, check=check)
        self.assertEqual(len(done.stdout.splitlines()), 1, done.stderr)
        return json.loads(done.stdout)

    def anchors(self) -> list[int]:
        """The processes that hold the hosts' networks."""
        return processes.working_in(self.state, (network.ANCHOR,))

    def test_a_guest_moves(self):
        uris = self.up("--link", "500mbit")
        self.assertEqual(len(set(uris)), 2)
        self.assertEqual([self.run_lab("uri", "--host", host).stdout.strip() for host in "aB"],
                         uris)
        self.assertEqual(self.up("--link", "0.5gbit"), uris, "up again is the same lab")
        self.assert_error("other hosts or link", "up")
        self.assert_error("other hosts or link", "up", "--hosts", "2", "--link", "1gbit")
        self.run_lab("guest", "g1", "--accel", "tcg", "--working-set", "32", "--rate", "10",
                     "--fill", "60", "--check", "--vcpus", "2")
        self.assert_error("runs on host a already", "guest", "g1", "--host", "b")

        moved = self.migrate("--no-predict", "--downtime", "250")
        self.assertEqual((moved["status"], moved["from"], moved["to"]), ("completed", "a", "b"))
        # What is not zero, at the link's rate less what the headers take.
        least = 92 * 2**20 / (500e6 / 8) * 1000
        self.assertGreater(moved["total-ms"], least)
        self.assertLess(moved["total-ms"], 6 * least)
        self.assertGreater(moved["bytes"], 92 * 2**20)
        self.assertGreater(moved["downtime-ms"], 0)
        self.assertGreaterEqual(moved["passes"], 2)
        self.assertEqual([host["guests"] for host in self.status()["hosts"]], [[], ["g1"]])
        # Its reports go on where they were.
        data = json.loads(self.run_lab("truth", "g1", "--next", "--seconds", "2",
                                       "--json").stdout)
        self.assertTrue(data["intact"])
        numbers = [report["number"] for report in data["reports"]]
        self.assertGreater(numbers[0], 2)

        back = self.migrate("--no-predict", "--postcopy", "--bandwidth", "40")
        self.assertEqual((back["status"], back["from"], back["to"]), ("completed", "b", "a"))
        self.assertGreater(back["total-ms"], 92 / 40 * 1000 * 0.9)
        self.assertTrue(json.loads(self.run_lab("truth", "g1", "--next",
                                                "--json").stdout)["intact"])

        stayed = self.migrate("--no-predict", "--timeout", "1", "--bandwidth", "10",
                              check=False)
        self.assertEqual(stayed["status"], "cancelled")
        self.assertGreater(stayed["bytes"], 0)
        failed = self.migrate("--no-predict", "--virsh=--no-such-option", check=False)
        self.assertEqual(failed["status"], "failed")
        self.assertIn("no-such-option", failed["error"])
        self.assertEqual([host["guests"] for host in self.status()["hosts"]], [["g1"], []])
        self.assertTrue(json.loads(self.run_lab("truth", "g1", "--next",
                                                "--json").stdout)["intact"])
        self.run_lab("down")
        self.assertEqual(self.our_processes(), [])
        self.assertFalse(self.state.exists())

    def test_a_linux_guest_moves(self):
        if not os.environ.get("LIBVIRT_DIRTY_LINUX"):
            self.skipTest("no Linux guests are built")
        self.up("--link", "1gbit")
        self.run_lab("guest", "g1", "--linux", "compile,30", "--accel", "tcg", "--memory", "320")
        moved = self.migrate("--downtime", "500", "--seconds", "2")
        self.assertEqual(moved["status"], "completed")
        self.assertLess(moved["qemu-downtime-ms"], moved["standstill-ms"])
        self.assertLess(moved["qemu-total-ms"], moved["total-ms"])
        self.assertEqual(len(moved["pass-ms"]), moved["passes"])
        predicted, off = moved["predicted"], moved["off"]
        self.assertGreater(predicted["rate"], 0)
        self.assertEqual(predicted["converges"], off["as-foretold"])
        self.assertIn("works", self.run_lab("truth", "g1", "--next").stdout)

    def throughput(self, sender: str, receiver: str, address: str) -> float:
        """bit/s from one host to the other, as a program there sees it."""
        command = [LAB, "exec", "--state", self.state, "--host"]
        with subprocess.Popen([*command, receiver, "--", sys.executable, "-c", RECEIVE, address],
                              stdout=subprocess.PIPE, text=True) as server:
            self.assertEqual(server.stdout.readline(), "ready\n")
            return float(subprocess.run([*command, sender, "--", sys.executable, "-c", SEND,
                                         address], capture_output=True, text=True, timeout=60,
                                        check=True).stdout)

    def test_the_link_has_its_rate_both_ways(self):
        self.up("--link", "200mbit")
        for sender, receiver, address in (("a", "b", network.ADDRESSES[1]),
                                          ("b", "a", network.ADDRESSES[0])):
            # Headers take 5 %, and what is in buffers when the time ends was not sent.
            rate = self.throughput(sender, receiver, address)
            self.assertLess(rate, 200e6)
            self.assertGreater(rate, 160e6)
        self.assertEqual([self.run_lab("exec", "--host", host, "--", "hostname").stdout
                          for host in ("a", "b")], ["lab-a\n", "lab-b\n"])

    def test_latency(self):
        self.up("--link", "200mbit,5ms")
        script = ("import socket, time\nstart = time.monotonic()\nfor i in range(20):\n"
                  "    try: socket.create_connection(('192.0.2.2', 9))\n"
                  "    except ConnectionRefusedError: pass\nprint(time.monotonic() - start)")
        took = float(self.run_lab("exec", "--", sys.executable, "-c", script).stdout)
        self.assertGreater(took, 20 * 0.01)
        self.assertLess(took, 20 * 0.02)
        rate = self.throughput("a", "b", network.ADDRESSES[1])
        self.assertGreater(rate, 150e6)
        self.assertLess(rate, 200e6)
        for link, least, most in (("400mbit", 320e6, 400e6), ("100mbit,2ms", 70e6, 100e6)):
            self.run_lab("link", link)
            self.assertEqual(self.status()["link"], link)
            self.assertTrue(least < self.throughput("a", "b", network.ADDRESSES[1]) < most)
        self.assert_error("--link fast", "link", "fast")
        self.run_lab("down")
        self.assertEqual(self.our_processes(), [])

    def test_after_crashes(self):
        self.up()
        self.run_lab("guest", "g1", "--accel", "tcg", "--host", "b")
        self.run_lab("restart", "--host", "b")
        self.assertEqual(self.status()["guests"], ["g1"])
        for pid in self.anchors():
            os.kill(pid, signal.SIGKILL)
        self.assert_error("does not run any more", "status")
        self.up()
        self.assertEqual(self.status()["guests"], [])
        for pid in self.our_processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.run_lab("down")
        self.assertEqual(self.our_processes(), [])
        self.assertFalse(self.state.exists())

    def test_one_host_alone(self):
        self.assert_error("add --hosts 2", "up", "--link", "1gbit")
        self.assert_error("--link fast", "up", "--hosts", "2", "--link", "fast")
        self.run_lab("up")
        self.assert_error("no host 'b'", "uri", "--host", "b")
        self.assert_error("the lab has one host", "migrate", "g1")
        self.assert_error("the lab has one host", "link", "1gbit")
        self.run_lab("down")
        self.up()
        self.assert_error("no guest 'g1' runs", "migrate", "g1")

    def test_two_labs_do_not_meet(self):
        other = ("--state", str(self.directory / "m"))
        self.addCleanup(self.run_lab, "down", *other, check=False)
        self.up()
        self.run_lab("up", "--hosts", "2", *other)
        self.run_lab("guest", "g1", "--accel", "tcg", "--working-set", "16")
        self.run_lab("guest", "g1", "--accel", "tcg", "--working-set", "16", *other)
        moves = [subprocess.Popen([LAB, "migrate", "g1", *state], stdout=subprocess.PIPE, text=True)
                 for state in (("--state", self.state), other)]
        for move in moves:
            self.assertEqual(json.loads(move.communicate()[0])["status"], "completed")
        self.run_lab("down", *other)
        self.assertEqual([host["guests"] for host in self.status()["hosts"]], [[], ["g1"]])

    # What one host shows as well.
    test_a_guest_from_up_to_down = test_a_guest_that_cannot_be = None
    test_down_after_the_daemon_was_killed = test_up_after_a_crash = None
    test_a_directory_that_is_no_lab = test_a_daemon_that_does_not_start = None


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root to be another user")
class SessionLabTest(RealLabTest):
    """The same as an ordinary user, in session mode."""
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]

    def setUp(self):
        done = subprocess.run([*self.user, LAB, "accel"], capture_output=True, check=False)
        if done.returncode != 0:
            self.skipTest("another user cannot read this checkout or its build")
        super().setUp()

    def test_two_hosts_need_root(self):
        self.assert_error("need root", "up", "--hosts", "2")
        self.assertFalse(self.state.exists())

    # What does not depend on the user.
    test_a_directory_that_is_no_lab = test_a_guest_that_cannot_be = None


if __name__ == "__main__":
    unittest.main()
