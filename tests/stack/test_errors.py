# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bad input and bad luck: one clear error each, nothing left behind, the next measurement works."""

import os
import re
import signal
import subprocess
import time
import unittest
from pathlib import Path

from lab_case import LabCase, run

# An end that is said to be at once must come within this, s; a busy machine needs some.
AT_ONCE = 5


def process_of(guest: str) -> int:
    """The QEMU process of a guest."""
    for directory in Path("/proc").iterdir():
        try:
            words = (directory / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"guest={guest},debug-threads=on".encode() in words:
            return int(directory.name)
    raise AssertionError(f"no QEMU of guest {guest} runs")


def daemon_of(uri: str) -> int:
    """The daemon of a lab, which has its sockets in the directory of its pid file."""
    host = Path(uri.partition("socket=")[2]).parents[1]
    return int((host / "daemon.pid").read_text(encoding="ascii"))


def private_kib(pid: int) -> int:
    """Memory of a process that no other has."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return int(re.search(r"^Private_Dirty: +(\d+)", rollup, re.MULTILINE)[1])


def threads_and_files(pid: int) -> tuple[int, int]:
    proc = Path(f"/proc/{pid}")
    return len(list((proc / "task").iterdir())), len(list((proc / "fd").iterdir()))


class BadInputTest(LabCase):
    """What a user can get wrong."""

    def setUp(self):
        self.name = self.guest("writer", "--accel", "tcg")

    def tearDown(self):
        # Whatever was refused, the next measurement works.
        self.assertGreater(self.measure(self.name, "--calc-time", "250").rate, 0)

    def refused(self, *options: str, words: tuple[str, ...]):
        with self.subTest(options):
            self.assert_one_error(self.virsh("getdirtyrate", self.name, *options, check=False),
                                  *words)

    def test_lengths(self):
        for seconds in ("0", "-1", "61", "4294967297", "1x", "1.5", ""):
            self.refused("--seconds", seconds, words=())
        self.refused("--seconds", "0", words=("0", "1 to 60"))
        self.refused("--seconds", "61", words=("61", "1 to 60"))
        for ms in ("0", "-1", "49", "60001", "9223372036854775808", "1e3"):
            self.refused("--calc-time", ms, words=())
        self.refused("--calc-time", "49", words=("49", "50", "60000"))
        self.refused("--calc-time", "60001", words=("60001", "50", "60000"))
        self.refused("--seconds", "1", "--calc-time", "100", words=("seconds", "calc-time"))

    def test_modes_and_samples(self):
        self.refused("--mode", "guessing", words=("guessing", "page-sampling", "dirty-ring"))
        self.refused("--sample-pages", "127", words=("127", "128", "16384"))
        self.refused("--sample-pages", "16385", words=("16385", "128", "16384"))
        self.refused("--sample-pages", "0", words=("0", "128", "16384"))
        self.refused("--sample-pages", "-1", words=("128", "16384"))
        self.refused("--mode", "dirty-bitmap", "--sample-pages", "512", words=("dirty-bitmap",))
        self.refused("--mode", "dirty-bitmap", "--compression", words=("compress", "sampling"))
        self.refused("--mode", "", words=("mode",))
        self.refused("--mode", "dirty-ring", words=("dirty-ring",))
        self.refused("--last", "--cancel", words=())
        self.refused("--last", "--nowait", words=())

    def test_api_refuses_what_virsh_does_not_let_through(self):
        script = """
import sys, libvirt, libvirt_dirty
dom = libvirt.open(sys.argv[1]).lookupByName(sys.argv[2])
for params, flags in (({"calc-time": 0}, 0), ({"calc-time": 49}, 0), ({"calc-time": 60001}, 0),
                      ({"sample-pages": 127}, 0), ({"sample-pages": 16385}, 0),
                      ({"mode": "?"}, 0), ({"compression": 1}, 0),
                      ({"compression": True, "mode": "dirty-bitmap"}, 0), ({"no-such": 1}, 0), ({"calc-time": "1"}, 0),
                      ({}, 8), ({}, 3), ({}, 2**31)):
    try:
        libvirt_dirty.getDirtyRate(dom, params, flags)
    except (libvirt.libvirtError, ValueError, TypeError, OverflowError) as error:
        assert str(error).strip(), (params, flags)
    else:
        sys.exit(f"{params} {flags} was not refused")
"""
        run("/usr/bin/python3", "-c", script, self.uri, self.name)

    def test_read_only(self):
        self.measure(self.name, "--calc-time", "250")
        for options in ((), ("--nowait",), ("--cancel",)):
            with self.subTest(options):
                done = run("virsh", "--readonly", "-c", self.uri, "getdirtyrate", self.name,
                           *options, check=False)
                self.assert_one_error(done, "read only")
        done = run("virsh", "--readonly", "-c", self.uri, "getdirtyrate", self.name, "--last")
        self.assertIn("measured", done.stdout)

    def test_paused(self):
        self.virsh("suspend", self.name)
        try:
            self.refused(words=("paused", "resume"))
        finally:
            self.virsh("resume", self.name)

    def test_unknown_domain(self):
        self.assert_one_error(self.virsh("getdirtyrate", "nobody", check=False), "nobody")

    def test_second_measurement_while_one_runs(self):
        self.virsh("getdirtyrate", self.name, "60", "--nowait")
        try:
            self.refused(words=("ms",))
            self.assertIn("measuring", self.virsh("getdirtyrate", self.name, "--last").stdout)
        finally:
            self.virsh("getdirtyrate", self.name, "--cancel")
        self.assertIn("unstarted", self.virsh("getdirtyrate", self.name, "--last").stdout)


class BadLuckTest(LabCase):
    """What can happen half way."""

    def start_a_minute(self, name: str) -> subprocess.Popen:
        """A measurement of a minute, under way."""
        client = self.start(name, "60")
        self.wait_for(name, "measuring")
        return client

    def wait_for(self, name: str, status: str):
        limit = time.monotonic() + AT_ONCE
        while status not in self.virsh("getdirtyrate", name, "--last").stdout:
            self.assertLess(time.monotonic(), limit, f"{name} is not {status}")
            time.sleep(0.05)

    def end_with_error(self, client: subprocess.Popen, *words: str):
        out, err = client.communicate(timeout=AT_ONCE)
        self.assert_one_error(subprocess.CompletedProcess([], client.returncode, out, err), *words)

    def works(self, name: str):
        self.assertGreater(self.measure(name, "--calc-time", "250").rate, 0)

    def test_interrupted_client(self):
        name = self.guest("writer", "--accel", "tcg")
        client = self.start_a_minute(name)
        client.send_signal(signal.SIGINT)
        self.end_with_error(client, "cancel")
        self.wait_for(name, "unstarted")
        self.works(name)

    def test_killed_client(self):
        name = self.guest("writer", "--accel", "tcg")
        before = threads_and_files(process_of(name))
        for _ in range(3):
            client = self.start_a_minute(name)
            client.kill()
            self.wait_for(name, "unstarted")
        self.assertEqual(threads_and_files(process_of(name)), before)
        self.works(name)

    def test_client_that_goes_after_nowait(self):
        # It said it would not wait: its measurement goes on.
        name = self.guest("writer", "--accel", "tcg")
        self.virsh("getdirtyrate", name, "1", "--nowait")
        time.sleep(1.5)
        self.assertIn("measured", self.virsh("getdirtyrate", name, "--last").stdout)

    def test_guest_destroyed(self):
        name = self.guest("writer", "--accel", "tcg")
        client = self.start_a_minute(name)
        self.virsh("destroy", name)
        self.end_with_error(client)

    def test_guest_paused(self):
        name = self.guest("writer", "--accel", "tcg")
        client = self.start(name, "2")
        self.wait_for(name, "measuring")
        self.virsh("suspend", name)
        # It could go on; when it should have ended and has not, the wait does.
        self.end_with_error(client, "paused")
        # QEMU may have come first, and keeps what it knows of the time the guest ran.
        self.assertNotIn("measuring", self.virsh("getdirtyrate", name, "--last").stdout)
        self.virsh("resume", name)
        self.works(name)

    def test_qemu_killed(self):
        name = self.guest("writer", "--accel", "tcg")
        client = self.start_a_minute(name)
        os.kill(process_of(name), signal.SIGKILL)
        self.end_with_error(client)
        self.works(self.guest("another", "--accel", "tcg"))

    def test_daemon_killed_and_restarted(self):
        name = self.guest("writer", "--accel", "tcg")
        client = self.start_a_minute(name)
        run("lab", "restart", "--name", self.lab_name)
        out, err = client.communicate(timeout=AT_ONCE)
        # virsh itself says of any command that its connection broke; then comes the error.
        notice, _, err = err.partition("\n")
        self.assertIn("Disconnected from", notice)
        self.assert_one_error(subprocess.CompletedProcess([], client.returncode, out, err))
        # The daemon finds a measurement that nobody waits for, ends it and starts anew.
        self.works(name)

    def test_off(self):
        name = self.guest("writer", "--accel", "tcg")
        xml = self.virsh("dumpxml", name).stdout
        self.virsh("destroy", name)
        subprocess.run(["virsh", "-c", self.uri, "define", "/dev/stdin"], input=xml, text=True,
                       check=True, capture_output=True)
        self.addCleanup(self.virsh, "undefine", name, check=False)
        self.assert_one_error(self.virsh("getdirtyrate", name, check=False), "not running")

    def test_many_measurements_leave_nothing(self):
        name = self.guest("writer", "--accel", "tcg")
        self.works(name)
        before = threads_and_files(process_of(name))
        for i in range(100):
            self.virsh("getdirtyrate", name, "--calc-time", "50")
            if i % 4 == 0:
                self.virsh("getdirtyrate", name, "60", "--nowait")
                self.virsh("getdirtyrate", name, "--cancel")
        self.assertEqual(threads_and_files(process_of(name)), before)


READ_STATISTICS = """
import sys, libvirt
conn = libvirt.openReadOnly(sys.argv[1])
dom = conn.lookupByName(sys.argv[2])
for _ in range(int(sys.argv[3])):
    (_, stats), = conn.domainListGetStats([dom], libvirt.VIR_DOMAIN_STATS_DIRTYRATE)
print(sorted(name for name in stats if name.startswith("dirtyrate.vcpu.")))
"""


class LeakTest(LabCase):
    """Neither client nor daemon leaks."""

    def test_statistics_do_not_grow_the_daemon(self):
        """Stock libvirt loses the rates of all vCPUs each time it is asked for statistics."""
        vcpus, times = 16, 10000
        name = self.guest("many", "--accel", "tcg", "--vcpus", str(vcpus), "--pattern", "idle")
        self.virsh("getdirtyrate", name, "--calc-time", "50", "--mode", "dirty-bitmap")

        def read(count: int) -> int:
            done = run("/usr/bin/python3", "-c", READ_STATISTICS, self.uri, name, str(count))
            self.assertIn("dirtyrate.vcpu.15.rate", done.stdout)
            return private_kib(daemon_of(self.uri))

        before = read(times // 5)
        # An id and a rate, 16 bytes, for each vCPU: 2.5 MiB if they were lost.
        self.assertLess(read(times) - before, 1024)

    def test_driver_test_under_valgrind(self):
        """What turns replies into results and statistics gives back all it takes."""
        program = Path(os.environ["LIBVIRT_DIRTY_STACK"]) / \
            "patched/libvirt/build/tests/qemudirtytest"
        done = run("valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full",
                   "--errors-for-leak-kinds=definite", str(program), check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_virsh_under_valgrind(self):
        name = self.guest("writer", "--accel", "tcg")
        for options in (("--calc-time", "250", "--periods"), ("--calc-time", "49"),
                        ("--mode", "guessing"), ("--last",), ("--cancel",)):
            with self.subTest(options):
                done = run("valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full",
                           "--errors-for-leak-kinds=definite", "virsh", "-c", self.uri,
                           "getdirtyrate", name, *options, check=False)
                self.assertNotEqual(done.returncode, 99, done.stderr)


if __name__ == "__main__":
    unittest.main()
