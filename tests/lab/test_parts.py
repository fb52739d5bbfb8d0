#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of the lab's parts alone; test_lab.py is for the whole."""

import argparse
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "tools/lab/lab"
sys.path.insert(0, str(ROOT / "tools/lab"))

from dirtylab import (cli, events, guests, lab, linux, machine, migrate, network, predict, processes,
                      programs, relay, truth)
from dirtylab.errors import LabError

READY = "READY version=1 vcpus=2 ws=0x200000:4096 rate=100\n"
SEC = ("SEC n={n} t={t} dt=1000 wrote=300 asked=300 dropped=0 distinct=290 read=7 late=1 wrote_total={w} "
       "read_total=14 writes=100,200 reads=0,7 writes_total=1,2 reads_total=0,14 "
       "distincts=90,200 gaps=1200,1100 later=1\n")


def sec(n: int) -> str:
    """The n-th SEC line."""
    return SEC.format(n=n, t=n * 1000, w=n * 300)


class TruthTest(unittest.TestCase):
    """Reading the serial port."""

    def test_reports(self):
        said = truth.parse("SeaBIOS\r\n" + READY + sec(1) + sec(2), last_time=50.0)
        self.assertEqual(said.ready["rate"], "100")
        self.assertIsNone(said.error)
        self.assertEqual([(r.number, r.time, r.wrote) for r in said.reports],
                         [(1, 49.0, 300), (2, 50.0, 300)])

    def test_half_a_line_is_left_out(self):
        for end in range(len(sec(2))):
            self.assertEqual(len(truth.parse(READY + sec(1) + sec(2)[:end]).reports), 1)

    def test_a_reset_starts_anew(self):
        said = truth.parse(READY + sec(1) + sec(2) + READY + sec(1))
        self.assertEqual([r.number for r in said.reports], [1])

    def test_error_line(self):
        self.assertEqual(truth.parse("ERROR ws=x: no\n").error, "ws=x: no")

    def test_bad_lines(self):
        for line in ("SEC n=1\n", sec(1).replace("300", "many"), "SEC n=1 t= dt=\n",
                     sec(1).replace("writes=100,200", "writes=100,,200")):
            with self.subTest(line=line), self.assertRaisesRegex(LabError, "no report"):
                truth.parse(READY + line)

    def test_summary(self):
        reports = truth.parse(READY + sec(1) + sec(2), last_time=50.0).reports
        data = truth.summary("g", reports)
        self.assertEqual((data["from"], data["to"], data["seconds"]), (48.0, 50.0, 2.0))
        self.assertEqual((data["pages"], data["rate"]), (600, round(300 / 256, 3)))
        self.assertEqual([vcpu["pages"] for vcpu in data["vcpus"]], [200, 400])
        self.assertEqual([vcpu["read-pages"] for vcpu in data["vcpus"]], [0, 14])
        self.assertIsNone(data["intact"], "this guest does not check")
        self.assertEqual(data["distinct-pages"], [290, 290])
        self.assertIn("1.2 MiB/s", truth.table(data))
        json.dumps(data)


    def test_intact(self):
        for lines, intact, words in (("11", True, "is intact"), ("10", False, "NOT intact"),
                                     ("01", False, "NOT intact")):
            text = READY + "".join(sec(n).replace("SEC", f"SEC intact={bit}", 1)
                                   for n, bit in enumerate(lines, 1))
            data = truth.summary("g", truth.parse(text).reports)
            self.assertEqual(data["intact"], intact)
            self.assertIn(words, truth.table(data))


    def test_ticks_of_a_linux_guest(self):
        text = ("READY os=linux name=redis vcpus=1\nTICK n=1 t=10.50 idle=1.25\n"
                "TICK n=2 t=11.51 idle=1.75\n")
        said = truth.parse(text, last_time=50.0)
        self.assertEqual([(tick.number, tick.t) for tick in said.reports], [(1, 10500), (2, 11510)])
        data = truth.summary("g", said.reports)
        self.assertEqual((data["os"], data["uptime"], data["from"], data["to"], data["idle"]),
                         ("linux", 11.51, 48.99, 50.0, 0.5))
        self.assertIn("works, 11.5 s", truth.table(data))


class SpecTest(unittest.TestCase):
    """What a guest is told and what libvirt is told of it."""
    programs = programs.Programs("/d", "/v", "/usr/bin/qemu", "/g.elf", "/fw1:/fw2")

    def test_command_line(self):
        spec = guests.GuestSpec("g", rate=0.5, working_set=64, pattern="hotcold", hot=5,
                                hot_share=80, fill=10, fill_words=512, readers=1, vcpus=2, seed=3,
                                self_check=True)
        spec.check()
        self.assertEqual(set(spec.command_line().split()),
                         {"pattern=hotcold", "ws=64", "rate=128", "hot=5", "hotshare=80", "fill=10",
                          "fillwords=512", "readers=1", "seed=3", "check=1"})
        self.assertIn("rate=max", guests.GuestSpec("g", rate=None).command_line())

    def test_memory(self):
        self.assertEqual(guests.GuestSpec("g").memory_mib(), 256)
        self.assertEqual(guests.GuestSpec("g", working_set=512, fill=100).memory_mib(), 676)
        self.assertEqual(guests.GuestSpec("g", memory=300).memory_mib(), 300)

    def test_what_cannot_be(self):
        for words, spec in (("name", {"name": "a b"}), ("name", {"name": "../x"}),
                            ("feature of KVM", {"dirty_ring": 4096}),
                            ("power of 2", {"dirty_ring": 5000, "accel": "kvm"}),
                            ("only 1 vCPUs", {"readers": 2}), ("no vCPU", {"readers": 1}),
                            ("--memory 128", {"memory": 128})):
            with self.subTest(spec=spec), self.assertRaisesRegex(LabError, words):
                guests.GuestSpec(**{"name": "g", **spec}).check()

    def test_xml(self):
        spec = guests.GuestSpec("g&1", accel="kvm", dirty_ring=4096, vcpus=3)
        domain = ET.fromstring(machine.domain_xml(spec, self.programs, Path("/s<1>")))
        self.assertEqual(domain.get("type"), "kvm")
        self.assertEqual(domain.findtext("name"), "g&1")
        self.assertEqual(domain.findtext("vcpu"), "3")
        self.assertEqual(domain.findtext("os/kernel"), "/g.elf")
        self.assertEqual(domain.findtext("os/cmdline"), spec.command_line())
        self.assertEqual(domain.find("features/kvm/dirty-ring").attrib,
                         {"state": "on", "size": "4096"})
        self.assertEqual(domain.find("devices/serial/source").attrib,
                         {"path": "/s<1>", "append": "on"})
        arguments = [arg.get("value") for arg in domain.iter(f"{{{machine.QEMU_XML}}}arg")]
        self.assertEqual(arguments, ["-L", "/fw1", "-L", "/fw2"])

    def test_xml_of_tcg(self):
        domain = ET.fromstring(machine.domain_xml(guests.GuestSpec("g"), self.programs, Path("/s")))
        self.assertEqual(domain.get("type"), "qemu")
        self.assertIsNone(domain.find("features/kvm"))


class LinuxSpecTest(unittest.TestCase):
    """What a Linux guest is told, and what there is of them."""

    def setUp(self):
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in ("vmlinuz", "redis.cpio", "idle.cpio"):
            (directory / name).touch()
        self.programs = programs.Programs("/d", "/v", "/q", "/g.elf", None, str(directory))

    def test_what_is_asked_for(self):
        self.assertEqual(linux.parse("redis"), ("redis", 100))
        self.assertEqual(linux.parse("stress-ng,1"), ("stress-ng", 1))
        for text in ("redis,", "redis,0", "redis,101", "redis,5%", "redis,-1", "redis,1,1", "redis,1.5"):
            with self.subTest(text), self.assertRaisesRegex(LabError, "--linux"):
                linux.parse(text)

    def test_xml(self):
        spec = linux.LinuxSpec("g", work="redis", share=30, size=200, fill=100)
        spec.check()
        domain = ET.fromstring(machine.domain_xml(spec, self.programs, Path("/s")))
        self.assertEqual(domain.findtext("os/kernel"), f"{self.programs.linux}/vmlinuz")
        self.assertEqual(domain.findtext("os/initrd"), f"{self.programs.linux}/redis.cpio")
        self.assertLessEqual({"console=ttyS0", "lab.name=redis", "lab.share=30", "lab.size=200",
                              "lab.fill=100"}, set(domain.findtext("os/cmdline").split()))
        self.assertEqual(domain.find("devices/memballoon").get("model"), "virtio")

    def test_memory(self):
        self.assertEqual(linux.LinuxSpec("g").memory_mib(), 512)
        self.assertEqual(linux.LinuxSpec("g", size=500, fill=100).memory_mib(), 760)
        linux.LinuxSpec("g", work="idle", memory=256).check()
        with self.assertRaisesRegex(LabError, "--memory 256.*288 MiB"):
            linux.LinuxSpec("g", work="redis", memory=256).check()

    def test_what_is_missing(self):
        with self.assertRaisesRegex(LabError, "no such workload, there are idle, redis"):
            linux.LinuxSpec("g", work="word").boot(self.programs)
        for directory in (None, "/none"):
            with self.assertRaisesRegex(LabError, "tools/stack/stack linux"):
                linux.LinuxSpec("g").boot(programs.Programs("/d", "/v", "/q", "/g", None, directory))


class StartTest(unittest.TestCase):
    """What can go wrong between 'virsh create' and READY."""

    def setUp(self):
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.running = []
        self.host = mock.Mock(guests=directory, directory=directory, privileged=True,
                              programs=SpecTest.programs)
        self.host.virsh.side_effect = self._virsh

    def _virsh(self, command: str, *args: str) -> str:
        if command == "create":
            self.running = ["g"]
            guests.serial_path(self.host, "g").write_text(self.serial, encoding="utf-8")
        elif command == "destroy":
            self.running = []
        return "\n".join(self.running) if command == "list" else ""

    def _assert_fails(self, serial: str, words: str, timeout: float = 30) -> None:
        self.serial = serial
        with self.assertRaisesRegex(LabError, words):
            guests.start(self.host, guests.GuestSpec("g"), timeout)
        self.assertEqual(self.running, [], "half a guest is left")

    def test_the_guest_says_no(self):
        self._assert_fails("BOOT version=1\nERROR ws=128 does not fit\n",
                           "has stopped: ws=128 does not fit")

    def test_the_guest_says_nothing(self):
        self._assert_fails("BOOT version=1\n", "not ready within 0.3 s", timeout=0.3)

    def test_qemu_ends(self):
        log = self.host.directory / "log/qemu/g.log"
        log.parent.mkdir(parents=True)
        log.write_text("2026: starting up\nqemu-system-x86_64: warning: odd\n"
                       "qemu-system-x86_64: cannot set up guest memory\n", encoding="utf-8")
        create = self._virsh

        def dies(command: str, *args: str) -> str:
            answer = create(command, *args)
            self.running = []
            return answer

        self.host.virsh.side_effect = dies
        self._assert_fails("", "ended before.*cannot set up guest memory")


class OptionTest(unittest.TestCase):
    """Ranges on the command line."""

    def test_numbers(self):
        convert = cli.number(1, 255, "vCPUs")
        self.assertEqual([convert("1"), convert("255")], [1, 255])
        for text in ("0", "256", "-1", "", "1.5", "x", "9" * 30, "٣"):
            with self.subTest(text=text), self.assertRaises(argparse.ArgumentTypeError):
                convert(text)

    def test_rates(self):
        self.assertEqual([cli.rate("0"), cli.rate("0.5"), cli.rate("max")], [0, 0.5, None])
        for text in ("-1", "nan", "inf", "100001", "fast", ""):
            with self.subTest(text=text), self.assertRaises(argparse.ArgumentTypeError):
                cli.rate(text)

    def test_every_command_has_help(self):
        for command in ("up", "uri", "guest", "migrate", "truth", "status", "accel", "exec",
                        "restart", "down"):
            done = subprocess.run([LAB, command, "--help"], capture_output=True, text=True,
                                  check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), command)


class LinkTest(unittest.TestCase):
    """What joins two hosts."""

    def test_rates_and_latencies(self):
        for text, rate, latency, back in (
                ("1gbit", 10**9, 0, "1gbit"), ("2.5gbit", 25 * 10**8, 0, "2500mbit"),
                ("500mbit,2ms", 5 * 10**8, 2, "500mbit,2ms"),
                ("10gbit,50us", 10**10, 0.05, "10gbit,0.05ms"), ("1000kbit", 10**6, 0, "1mbit"),
                ("100gbit,1s", 10**11, 1000, "100gbit,1000ms"), ("1mbit,0ms", 10**6, 0, "1mbit")):
            with self.subTest(text):
                link = network.parse(text)
                self.assertEqual((link.rate, link.latency, str(link)), (rate, latency, back))

    def test_what_no_link_can_be(self):
        for text in ("", "1", "gbit", "1tbit", "0gbit", "999kbit", "101gbit", "-1gbit", "1 gbit",
                     "1gbit,", "1gbit,1", "1gbit,-1ms", "1gbit,2s", "1gbit,1h", "1gbit,1ms,1ms",
                     "nangbit", "1e3mbit", "٣gbit", "9999999999gbit"):
            with self.subTest(text), self.assertRaisesRegex(LabError, "--link"):
                network.parse(text)

    def test_settings_are_kept(self):
        for link in (None, network.Link(10**9), network.Link(10**9, 0.5)):
            settings = lab.Settings(SpecTest.programs, link)
            self.assertEqual(lab.Settings.from_json(settings.to_json()), settings)


class RelayTest(unittest.TestCase):
    """The program that delays packets where the kernel cannot."""

    def test_packets_wait_for_their_time(self):
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2)]
        (outside, inside), (there, arrived) = pairs
        for end in (*pairs[0], *pairs[1]):
            self.addCleanup(end.close)
            end.setblocking(False)
        direction = relay.Direction(inside, there, 0.05)
        self.assertIsNone(direction.give(), "nothing is on its way")
        for packet in (b"1", b"2"):
            outside.send(packet)
        direction.take()
        self.assertTrue(0 < direction.give() <= 0.05)
        with self.assertRaises(BlockingIOError):
            arrived.recv(1)
        time.sleep(0.05)
        self.assertIsNone(direction.give())
        self.assertEqual([arrived.recv(1), arrived.recv(1)], [b"1", b"2"])

    def test_an_end_that_is_not_up_yet(self):
        source = mock.Mock()
        direction = relay.Direction(source, mock.Mock(), 0)
        source.recv.side_effect = OSError(errno.ENETDOWN, "down")
        direction.take()
        self.assertIsNone(direction.give())
        source.recv.side_effect = [b"1", BlockingIOError]
        direction.take()
        self.assertIsNone(direction.give())
        source.recv.side_effect = OSError(errno.ENXIO, "gone")
        self.assertRaises(OSError, direction.take)


class EventsTest(unittest.TestCase):
    """What QEMUs' events tell of a migration."""
    SOURCE = """\
event MIGRATION at 100.000000 for domain 'g': {"status":"setup"}
event MIGRATION_PASS at 100.001000 for domain 'g': {"pass":1}
event STOP at 90.500000 for domain 'other': <null>
event MIGRATION_PASS at 102.500000 for domain 'g': {"pass":2}
event STOP at 102.600000 for domain 'g': <null>
event MIGRATION at 102.700000 for domain 'g': {"status":"completed"}
events received: 6
"""
    TARGET = "event RESUME at 102.720000 for domain 'g': <null>\n"

    def test_precopy(self):
        found = events.timing(events.parse(self.SOURCE, "g"), events.parse(self.TARGET, "g"))
        self.assertEqual(found, {"pass-ms": [1.0, 2500.0], "stop-ms": 2600.0, "qemu-total-ms": 2700.0,
                                 "qemu-downtime-ms": 100.0, "standstill-ms": 120.0})

    def test_postcopy(self):
        text = self.SOURCE.replace("completed", "postcopy-active").replace("events received: 6",
            "event MIGRATION at 103.000000 for domain 'g': {\"status\":\"completed\"}")
        found = events.timing(events.parse(text, "g"), events.parse(self.TARGET, "g"))
        self.assertEqual((found["postcopy-ms"], found["qemu-total-ms"], found["standstill-ms"]),
                         (2700.0, 3000.0, 120.0))
        self.assertNotIn("qemu-downtime-ms", found, "the guest did not stand still for all of that")

    def test_what_was_not_seen(self):
        self.assertEqual(events.timing(events.parse("", "g")), {})
        found = events.timing(events.parse(self.SOURCE.split("event STOP at 102")[0], "g"))
        self.assertEqual(found, {"pass-ms": [1.0, 2500.0]})


class PredictTest(unittest.TestCase):
    """What libvirt is asked of a migration, and how what it says is held against what came."""
    FOUND = {"cells": [{"converges": True, "verdict": "converges", "certainty": 1.0, "time": 2600.0,
                        "time.low": 2000.0, "time.high": 2800.0, "downtime": 90.0, "throttle": 0.25,
                        "bandwidth": 100.0}],
             "measurement": {"rate": 50.126, "rate.low": 40.0}, "plan": {"recommendation": "Do it."}}

    def test_parameters(self):
        link = network.Link(10**9, 0.5)
        params = predict.parameters(link, migrate.Request("g"), predict.Measurement(2, "dirty-ring"))
        self.assertAlmostEqual(params.pop("bandwidth")[0], 114.01, places=2)
        self.assertEqual(params, {"bounds": True, "mode": "dirty-ring", "calc-time": 2000,
                                  "latency": 1.0})
        request = migrate.Request("g", bandwidth=50, downtime=100, dirty_limit=9, parallel=2,
                                  compression="zstd")
        params = predict.parameters(link, request, predict.Measurement())
        self.assertEqual((params["downtime"], params["max-bandwidth"], params["dirty-limit"],
                          params["parallel.connections"], params["compression"],
                          params["sample-pages"]), ([100], 50, 9, 2, ["zstd"], 16384))

    def test_summary_and_comparison(self):
        predicted = predict.summary(self.FOUND)
        self.assertEqual(predicted,
                         {"converges": True, "verdict": "converges", "certainty": 1.0,
                          "total-ms": 2600.0, "total-ms-low": 2000.0, "total-ms-high": 2800.0,
                          "downtime-ms": 90.0, "throttle-percent": 25.0, "rate": 50.13,
                          "rate-low": 40.0, "recommendation": "Do it."})
        actual = {"status": "completed", "qemu-total-ms": 2500.0, "standstill-ms": 100.0}
        self.assertEqual(predict.compare(predicted, actual),
                         {"as-foretold": True, "total-percent": 4.0, "within": True,
                          "downtime-ms": -10.0})
        actual["qemu-total-ms"] = 3000.0
        self.assertFalse(predict.compare(predicted, actual)["within"])
        found = {**self.FOUND, "cells": [{**self.FOUND["cells"][0], "time.high": float("inf")}]}
        predicted = predict.summary(found)
        self.assertIsNone(predicted["total-ms-high"], "JSON knows no infinity")
        self.assertTrue(predict.compare(predicted, actual)["within"])

    def test_what_does_not_complete(self):
        predicted = {"converges": False, "verdict": "dirties-too-fast"}
        self.assertEqual(predict.compare(predicted, {"status": "cancelled"}), {"as-foretold": True})
        self.assertEqual(predict.compare(predicted, {"status": "completed", "qemu-total-ms": 1.0}),
                         {"as-foretold": False})


class MigrateTest(unittest.TestCase):
    """What virsh is asked for, and what it says."""

    def test_options(self):
        request = migrate.Request("g", bandwidth=100, auto_converge=True, postcopy=True, parallel=4,
                                  extra=("--compressed",))
        self.assertEqual(request.options(),
                         ["--bandwidth", "100", "--auto-converge", "--postcopy",
                          "--postcopy-after-precopy", "--parallel", "--parallel-connections", "4",
                          "--compressed"])
        self.assertEqual(migrate.Request("g").options(), [])
        self.assertEqual(migrate.Request("g", compression="xbzrle").options(),
                         ["--compressed", "--comp-methods", "xbzrle"])

    def test_figures(self):
        text = ("event 'job-completed' for domain 'g':\n\toperation: 1\n\ttime_elapsed: 4365\n"
                "\tdowntime: 337\n\tmemory_iteration: 5\n\tmemory_processed: 245048025\n"
                "\tmemory_bps: x\nevents received: 1\n")
        self.assertEqual(migrate._figures(text),
                         {"total-ms": 4365, "downtime-ms": 337, "passes": 5,
                          "ram-bytes": 245048025, "bytes": 245048025})
        self.assertEqual(migrate._figures(""), {})


class ProgramsTest(unittest.TestCase):
    """Patched and stock programs side by side."""

    def setUp(self):
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in ("configmake.h", "src/libvirt.so.0", "src/virtqemud"):
            path = self.directory / "build" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('#define SYSCONFDIR "/e"\n#define LOCALSTATEDIR "/v"\n'
                            '#define RUNSTATEDIR "/r"\n', encoding="utf-8")
        self.build = str(self.directory / "build/src")

    def test_a_built_daemon(self):
        daemon = f"{self.build}/virtqemud"
        with mock.patch.dict(os.environ, {"LD_LIBRARY_PATH": "/other"}):
            env = programs.environment(daemon)
        self.assertEqual(env["LIBVIRT_DIR_OVERRIDE"], "1")
        self.assertEqual(env["LD_LIBRARY_PATH"], f"{self.build}:/other")
        self.assertEqual(programs.install_dirs(daemon),
                         programs.InstallDirs(Path("/e"), Path("/v"), Path("/r")))

    def test_an_installed_daemon_finds_nothing_of_the_build(self):
        with mock.patch.dict(os.environ, {"LD_LIBRARY_PATH": self.build,
                                          "LIBVIRT_DIR_OVERRIDE": "1"}):
            env = programs.environment("/usr/sbin/virtqemud")
        self.assertNotIn("LIBVIRT_DIR_OVERRIDE", env)
        self.assertNotIn("LD_LIBRARY_PATH", env)
        self.assertEqual(programs.install_dirs("/usr/sbin/virtqemud").localstate, Path("/var"))

    def test_what_is_missing_is_named(self):
        with self.assertRaisesRegex(LabError, "no libvirt daemon.*/none/virtqemud"):
            programs.find_programs(virtqemud="/none/virtqemud")


class ProcessTest(unittest.TestCase):
    """Which processes are the lab's."""

    def test_only_named_programs_are_found(self):
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        script = "import time; time.sleep(100)"
        ours = self._start(["qemu-system-test", "-c", script, f"file:{directory}/serial"])
        self._start(["less", "-c", script, f"{directory}/serial"])
        self._start(["qemu-system-test", "-c", script, f"file:{directory}2/serial"])
        self.assertEqual(processes.working_in(directory, ("qemu-system",)), [ours.pid])
        processes.end([ours.pid])
        self.assertFalse(processes.is_alive(ours.pid))

    def test_end_kills_what_does_not_listen(self):
        script = ("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
                  "print(flush=True); time.sleep(100)")
        process = self._start(["deaf", "-c", script], stdout=subprocess.PIPE)
        process.stdout.readline()
        processes.end([process.pid], grace=0.2)
        self.assertFalse(processes.is_alive(process.pid))
        self.assertEqual(process.wait(), -signal.SIGKILL)

    def _start(self, argv: list[str], **more) -> subprocess.Popen:
        process = subprocess.Popen(argv, executable=sys.executable, **more)

        def reap():
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()

        self.addCleanup(reap)
        limit = time.monotonic() + 10
        while processes.arguments(process.pid)[:1] != argv[:1] and time.monotonic() < limit:
            time.sleep(0.01)
        return process


if __name__ == "__main__":
    unittest.main()
