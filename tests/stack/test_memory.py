# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every memory a domain can have: it is counted rightly, and does not grow by being measured."""

import json
import math
import os
import tempfile
import time
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path

import roots
from dirtylab import guests, truth
from dirtylab.programs import Programs
from lab_case import MIB_PAGES, TIMEOUT, LabCase, parse, run
from machine import Machine, host_view, memfd_blocks
from peers import qemu_wrapper

GIB = 1024                  # MiB
DENSITY = 16384             # pages per GiB
CALC_TIME = 1000            # ms
RATE = 100                  # MiB/s
# Boot firmware and tables, which are memory too: pages.
OWN_PAGES = 1024
# What the guest and its firmware write besides working set and fill: MiB.
OWN_MIB = 8

# What the host sees may move by this much for other reasons than the guest's memory, KiB: QEMU's
# own heap, and the sample itself.
SLACK = 2048
TABLES_SLACK = 128

# A guest under TCG: the same everywhere, and quick to start.
MODES = ("page-sampling", "dirty-bitmap")


def element(text: str) -> ET.Element:
    return ET.fromstring(text)


def pid_of(name: str) -> int:
    """The process of a domain's QEMU."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"-name" in words and f"guest={name},".encode() in \
                    words[words.index(b"-name") + 1] + b",":
                return int(process.name)
    raise AssertionError(f"no QEMU of {name}")


def distinct(working_set_mib: float, seconds: float) -> float:
    """Distinct pages that uniform writes at RATE dirty in a working set."""
    pages = working_set_mib * MIB_PAGES
    return -pages * math.expm1(-RATE * MIB_PAGES * seconds / pages)


class MemoryCase(LabCase):
    """Domains with memory of many kinds."""

    def domain(self, name: str, memory_mib: int, *parts: str, **work) -> int:
        """Starts a domain with more XML. Return: its QEMU's process."""
        status = json.loads(run("lab", "status", "--name", self.lab_name, "--json").stdout)
        spec = guests.GuestSpec(name, memory=memory_mib, **work)
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.serial = Path(scratch.name) / "serial"
        xml = element(guests.domain_xml(spec, Programs(**status["programs"]), self.serial))
        for part in map(element, parts):
            there = xml.find(part.tag)
            if there is None:
                xml.append(part)
            else:
                there.extend(part)
        self.adapt(xml, spec)
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write(ET.tostring(xml, encoding="unicode"))
            file.flush()
            self.addCleanup(self.virsh, "destroy", name, check=False)
            self.virsh("create", file.name)
        self.wait_ready()
        return pid_of(name)

    def adapt(self, xml: ET.Element, spec: guests.GuestSpec) -> None:
        """What a test changes in a domain's XML."""

    def wait_ready(self):
        limit = time.monotonic() + TIMEOUT
        while not (said := truth.read(self.serial)).reports:
            self.assertIsNone(said.error)
            self.assertLess(time.monotonic(), limit, "the guest does not work")
            time.sleep(0.1)

    def check_counts(self, m, memory_mib: int, content_mib: float, working_set_mib: float):
        """A measurement says how much memory there is, how much of it is zero and gets dirty."""
        own = m.total - memory_mib * MIB_PAGES
        self.assertTrue(0 <= own <= OWN_PAGES, m.text)
        content = (1 - m.zero / m.sampled) * m.total / MIB_PAGES
        self.assertGreaterEqual(content, content_mib * 0.98, m.text)
        self.assertLessEqual(content, content_mib * 1.02 + OWN_MIB, m.text)
        if not working_set_mib:
            self.assertLessEqual(m.rate, 0.5, m.text)
            return
        # Twice the 95 % bounds, and what the guest's pace may be off on a busy host.
        wanted = distinct(working_set_mib, m.ms / 1000) / MIB_PAGES
        found = [rate * m.ms / 1000 for rate in (m.low, m.rate, m.high)]
        self.assertGreaterEqual(wanted, found[1] - 2 * (found[1] - found[0]) - 1, m.text)
        self.assertLessEqual(wanted * 0.8, found[1] + 2 * (found[2] - found[1]), m.text)

    def check_memory(self, name: str, pid: int, memory_mib: int, working_set_mib: int,
                     *files: Path, content_mib: int | None = None):
        """Measures in all modes, and has a look at the host before and after."""
        content = working_set_mib if content_mib is None else content_mib
        for mode in MODES:
            with self.subTest(mode):
                before, blocks = host_view(pid), self.blocks(pid, files)
                density = ("--sample-pages", str(DENSITY)) if mode == "page-sampling" else ()
                m = self.measure(name, "--mode", mode, "--calc-time", str(CALC_TIME), *density)
                after = host_view(pid)
                for kind in ("RssAnon", "RssShmem", "RssFile"):
                    self.assertLessEqual(after[kind], before[kind] + SLACK, kind)
                self.assertLessEqual(after["VmPTE"], before["VmPTE"] + TABLES_SLACK)
                self.assertEqual(self.blocks(pid, files), blocks)
                self.check_counts(m, memory_mib, content, working_set_mib)

    @staticmethod
    def blocks(pid: int, files: tuple[Path, ...]) -> int:
        """What the files of a guest's memory hold, KiB."""
        return memfd_blocks(pid) + sum(file.stat().st_blocks // 2 for file in files)


class SparseTest(MemoryCase):
    """Guests of 16 GiB that touched 256 MiB."""

    WORK = {"working_set": 256, "rate": RATE}

    def test_memfd(self):
        pid = self.domain("memfd", 16 * GIB, """<memoryBacking><source type="memfd"/>
                          <access mode="shared"/></memoryBacking>""", **self.WORK)
        self.check_memory("memfd", pid, 16 * GIB, 256)

    def test_anonymous(self):
        pid = self.domain("anonymous", 16 * GIB, **self.WORK)
        self.check_memory("anonymous", pid, 16 * GIB, 256)

    def check_file(self, access: str):
        name = f"file-{access}"
        pid = self.domain(name, 16 * GIB, f"""<memoryBacking><source type="file"/>
                          <access mode="{access}"/></memoryBacking>""", **self.WORK)
        self.check_memory(name, pid, 16 * GIB, 256)

    def test_shared_file(self):
        self.check_file("shared")

    def test_private_file(self):
        self.check_file("private")

    def test_stock_grows(self):
        """Why this is tested: stock QEMU makes the host keep each page it samples."""
        try:
            root = roots.stock_root("trixie-stock")
        except roots.Unavailable as reason:
            self.skipTest(str(reason))
        with tempfile.TemporaryDirectory() as scratch:
            wrapper = qemu_wrapper(root, Path("/usr/bin/qemu-system-x86_64"),
                                   Path(scratch) / "stock-qemu")
            machine = Machine(Path(scratch), str(wrapper), "-accel", "tcg", "-m", "16G", "-object",
                              "memory-backend-memfd,id=mem,size=16G", "-machine",
                              "memory-backend=mem", "-S")
            self.addCleanup(machine.stop)
            before = memfd_blocks(machine.pid)
            machine.measure(CALC_TIME, sample_pages=512)
            # 16 * 512 pages of 4 KiB are sampled, a few of them twice.
            self.assertGreater(memfd_blocks(machine.pid), before + 16 * 512 * 4 * 0.9)


class LayoutTest(MemoryCase):
    """Memory of several parts."""

    def adapt(self, xml: ET.Element, spec: guests.GuestSpec) -> None:
        if xml.find("cpu/numa") is not None:
            xml.find("vcpu").text = "2"
        if xml.find("maxMemory") is not None:
            xml.find("os/cmdline").text += " start=4096 high=256"

    def test_numa(self):
        pid = self.domain("numa", 6 * GIB, """<memoryBacking><source type="memfd"/>
                          <access mode="shared"/></memoryBacking>""",
                          """<cpu><numa>
                          <cell id="0" cpus="0" memory="1" unit="GiB"/>
                          <cell id="1" cpus="1" memory="3" unit="GiB" memAccess="private"/>
                          <cell id="2" memory="2" unit="GiB"/>
                          </numa></cpu>""", working_set=1536, rate=RATE)
        # The working set lies in the first two nodes.
        self.check_memory("numa", pid, 6 * GIB, 1536)

    DIMM = """<memory model="dimm"><target><size unit="MiB">256</size><node>0</node></target>
              </memory>"""
    SLOTS = ("""<maxMemory slots="4" unit="GiB">8</maxMemory>""",
             """<cpu><numa><cell id="0" cpus="0-1" memory="512" unit="MiB"/></numa></cpu>""")

    def test_dimms(self):
        pid = self.domain("dimms", 768, *self.SLOTS, f"<devices>{self.DIMM}</devices>",
                          working_set=128, fill=64, rate=RATE)
        # All that is written lies in the DIMM.
        self.check_memory("dimms", pid, 768, 128, content_mib=192)

        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write(self.DIMM)
            file.flush()
            self.virsh("getdirtyrate", "dimms", "--calc-time", "1500", "--nowait")
            time.sleep(0.5)
            self.virsh("attach-device", "dimms", file.name, "--live")
        time.sleep(1.5)
        m = parse(self.virsh("getdirtyrate", "dimms", "--last", "--periods").stdout)
        self.check_counts(m, 768, 192, 128)
        self.check_memory("dimms", pid, 768 + 256, 128, content_mib=192)

    def test_virtio_mem_without_a_driver(self):
        """What the guest has not plugged is no memory of the guest's."""
        pid = self.domain("virtio-mem", 768, *self.SLOTS, """<devices>
                          <memory model="virtio-mem"><target>
                          <size unit="MiB">256</size><node>0</node><block unit="MiB">2</block>
                          <requested unit="MiB">256</requested></target></memory></devices>""",
                          working_set=0, rate=0)
        self.check_memory("virtio-mem", pid, 512, 0, content_mib=0)


if __name__ == "__main__":
    unittest.main()
