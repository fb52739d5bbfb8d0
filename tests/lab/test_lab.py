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

from dirtylab import processes, programs
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
        found = processes.working_in(self.state, ("qemu-system", "virtqemud"))
        if os.geteuid() == 0:
            host = self.state / "a"
            found += processes.in_namespace(Path("/run/libvirt/lab"), str(host))
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


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root to be another user")
class SessionLabTest(RealLabTest):
    """The same as an ordinary user, in session mode."""
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]

    def setUp(self):
        done = subprocess.run([*self.user, LAB, "accel"], capture_output=True, check=False)
        if done.returncode != 0:
            self.skipTest("another user cannot read this checkout or its build")
        super().setUp()

    # What does not depend on the user.
    test_a_directory_that_is_no_lab = test_a_guest_that_cannot_be = None


if __name__ == "__main__":
    unittest.main()
