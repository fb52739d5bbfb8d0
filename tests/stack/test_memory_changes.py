# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory that comes and goes while it is measured. The test itself is the guest, by qtest."""

import ctypes
import mmap
import os
import tempfile
import time
import unittest
from pathlib import Path

from machine import PAGE, Machine, host_view, memfd_blocks
from virtio import VirtioBalloon, VirtioMem

MIB = 1 << 20
MEMORY = 256 * MIB
DENSITY = 16384         # pages per GiB: one page of each 16 is sampled
STRATUM = 16
# Readings are due at 500, 750, 1000 and 1500 ms: what a test does after HALF_WAY may take long on a
# busy host and is seen by the last.
CALC_TIME = 1500        # ms
HALF_WAY = 0.4          # s
# Boot firmware and tables, which are memory too: pages.
OWN_PAGES = 1024
# Free places in the address space of a pc machine with MEMORY.
REGISTERS = 0xF0000000
RINGS = 1 * MIB

# What the host sees may move by this much for other reasons than the guest's memory, KiB: QEMU's
# own heap, and the sample itself.
SLACK = 1536
TABLES_SLACK = 64

HUGE_PAGES = Path("/proc/sys/vm/nr_hugepages")


class Case(unittest.TestCase):
    """Tests of a machine of the test's own."""

    def machine(self, *args: str) -> Machine:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        machine = Machine(Path(scratch.name), os.environ["LIBVIRT_DIRTY_EMULATOR"],
                          "-machine", "pc", *args, qtest=True)
        self.addCleanup(machine.stop)
        return machine

    def assert_sampled(self, count: int, size: int, what: str):
        """@count of sampled pages is what a contiguous stretch of @size bytes has."""
        self.assertAlmostEqual(count, size / PAGE / STRATUM, delta=2, msg=what)

    def assert_total(self, result: dict, size: int):
        own = result["n-total-pages"] - size // PAGE
        self.assertTrue(0 <= own <= OWN_PAGES, result)

    def assert_zero(self, result: dict, written: int):
        """All but @written bytes, and the firmware, are zero pages."""
        content = (result["n-sampled-pages"] - result["n-zero-pages"]) * STRATUM * PAGE
        self.assertAlmostEqual(content, written, delta=(OWN_PAGES + 4 * STRATUM) * PAGE)

    def assert_not_grown(self, machine: Machine, before: dict[str, int], *names: str):
        after = host_view(machine.pid)
        for name in names or ("RssAnon", "RssShmem", "RssFile", "HugetlbPages"):
            self.assertLessEqual(after[name], before[name] + SLACK, name)
        self.assertLessEqual(after["VmPTE"], before["VmPTE"] + TABLES_SLACK)


class ChangesTest(Case):
    """Memory that is plugged, unplugged or given back half way."""

    def test_virtio_mem(self):
        machine = self.machine(
            "-m", "256,maxmem=2G", "-object", "memory-backend-ram,id=mem,size=1G",
            "-device", "virtio-mem-pci,id=vm,memdev=mem,requested-size=1G,block-size=2M,addr=5")
        before = machine.measure(200, sample_pages=DENSITY)
        self.assert_total(before, MEMORY)

        memory = VirtioMem(machine, 5, REGISTERS, RINGS)
        memory.plug(0, 64 * MIB)
        memory.plug(512 * MIB, 64 * MIB)
        view = host_view(machine.pid)
        result = machine.measure(200, sample_pages=DENSITY)
        self.assert_total(result, MEMORY + 128 * MIB)
        self.assert_zero(result, 0)
        self.assert_not_grown(machine, view)

        # Written: all that is plugged. Half way the second part is written again, of the first a
        # half goes; what is plugged meanwhile is not part of this measurement.
        machine.fill(memory.address, 64 * MIB, 1)
        machine.fill(memory.address + 512 * MIB, 64 * MIB, 1)
        machine.start_measuring(CALC_TIME, sample_pages=DENSITY)
        time.sleep(HALF_WAY)
        memory.unplug(0, 32 * MIB)
        memory.plug(256 * MIB, 64 * MIB)
        machine.fill(memory.address + 512 * MIB, 64 * MIB, 2)
        machine.fill(memory.address + 256 * MIB, 64 * MIB, 2)
        view = host_view(machine.pid)
        result = machine.measured()
        self.assert_total(result, MEMORY + 128 * MIB)
        self.assert_zero(result, 128 * MIB)
        self.assert_sampled(result["n-dirty-pages"][-1], 64 * MIB, str(result))
        self.assert_not_grown(machine, view)
        self.assert_total(machine.measure(200, sample_pages=DENSITY), MEMORY + 160 * MIB)

    def test_balloon(self):
        machine = self.machine("-m", "256",
                               "-device", "virtio-balloon-pci,disable-legacy=on,addr=5")
        balloon = VirtioBalloon(machine, 5, REGISTERS, RINGS)
        machine.fill(64 * MIB, 128 * MIB, 1)
        machine.start_measuring(CALC_TIME, sample_pages=DENSITY)
        time.sleep(HALF_WAY)
        balloon.inflate(64 * MIB, 64 * MIB)
        machine.fill(128 * MIB, 32 * MIB, 2)
        view = host_view(machine.pid)
        result = machine.measured()
        self.assert_zero(result, 128 * MIB)
        # What was given back was not written, and does not come back by being looked at.
        self.assert_sampled(result["n-dirty-pages"][-1], 32 * MIB, str(result))
        self.assert_not_grown(machine, view)

        result = machine.measure(200, sample_pages=DENSITY)
        self.assert_zero(result, 64 * MIB)
        self.assert_not_grown(machine, view)

    def test_dimm_unplugged(self):
        machine = self.machine(
            "-m", "256,slots=2,maxmem=2G", "-object", "memory-backend-ram,id=mem,size=256M",
            "-device", "pc-dimm,id=dimm,memdev=mem")
        dimm = next(d["data"]["addr"] for d in machine.qmp("query-memory-devices"))
        machine.fill(dimm, 256 * MIB, 1)
        machine.start_measuring(2 * CALC_TIME, sample_pages=DENSITY)
        time.sleep(HALF_WAY)
        machine.fill(64 * MIB, 32 * MIB, 1)
        machine.fill(dimm, 32 * MIB, 2)
        # That is seen until 1500 ms; the readings at 2000 and 3000 must not look.
        time.sleep(3 * HALF_WAY)
        # What the guest's ACPI code does when asked to let a DIMM go: choose its slot, eject.
        machine.qmp("device_del", id="dimm")
        machine.qtest("outl 0xa00 0x0")
        machine.qtest("outb 0xa14 0x8")
        machine.qmp("object-del", id="mem")
        machine.fill(96 * MIB, 32 * MIB, 1)
        result = machine.measured()
        self.assertEqual(result["status"], "measured")
        self.assert_total(result, MEMORY + 256 * MIB)
        self.assert_sampled(result["n-dirty-pages"][-1], 96 * MIB, str(result))
        self.assert_total(machine.measure(200, sample_pages=DENSITY), MEMORY)

    def test_dimm_plugged(self):
        machine = self.machine("-m", "256,slots=2,maxmem=2G")
        machine.start_measuring(CALC_TIME, sample_pages=DENSITY)
        time.sleep(HALF_WAY)
        machine.qmp("object-add", qom_type="memory-backend-memfd", id="mem", size=64 * MIB)
        machine.qmp("device_add", driver="pc-dimm", id="dimm", memdev="mem")
        dimm = next(d["data"]["addr"] for d in machine.qmp("query-memory-devices"))
        machine.fill(dimm, 64 * MIB, 1)
        machine.fill(64 * MIB, 32 * MIB, 1)
        result = machine.measured()
        self.assert_total(result, MEMORY)
        self.assert_sampled(result["n-dirty-pages"][-1], 32 * MIB, str(result))

        blocks = memfd_blocks(machine.pid)
        result = machine.measure(200, sample_pages=DENSITY)
        self.assert_total(result, MEMORY + 64 * MIB)
        self.assert_zero(result, 96 * MIB)
        self.assertEqual(memfd_blocks(machine.pid), blocks)


class HugePagesTest(Case):
    """Memory of 2 MiB pages of the host's."""

    WANTED = MEMORY // (2 * MIB)

    def setUp(self):
        free = int(HUGE_PAGES.read_text())
        self.addCleanup(HUGE_PAGES.write_text, str(free))
        try:
            HUGE_PAGES.write_text(str(free + self.WANTED))
        except OSError as error:
            self.skipTest(f"no huge pages can be reserved: {error}")
        if int(HUGE_PAGES.read_text()) < free + self.WANTED:
            self.skipTest(f"the host has no {self.WANTED} free huge pages")

    def check(self, backend: str):
        machine = self.machine("-m", "256", "-object", backend, "-machine", "memory-backend=mem")
        machine.fill(64 * MIB, 64 * MIB, 1)
        view = host_view(machine.pid)
        result = machine.measure(200, sample_pages=DENSITY)
        self.assert_total(result, MEMORY)
        self.assert_zero(result, 64 * MIB)
        self.assert_not_grown(machine, view)
        # No page of the host's is only partly dirty here, but each of the guest's counts.
        machine.start_measuring(CALC_TIME, sample_pages=DENSITY)
        time.sleep(HALF_WAY)
        machine.fill(64 * MIB, 32 * MIB, 2)
        machine.fill(192 * MIB, 1 * MIB, 2)
        result = machine.measured()
        self.assert_sampled(result["n-dirty-pages"][-1], 33 * MIB, str(result))
        self.assertEqual(host_view(machine.pid)["HugetlbPages"], view["HugetlbPages"] + 2048)

    def test_memfd(self):
        self.check(f"memory-backend-memfd,id=mem,size={MEMORY},hugetlb=on,hugetlbsize=2M")

    def test_private_memfd(self):
        self.check(f"memory-backend-memfd,id=mem,size={MEMORY},hugetlb=on,hugetlbsize=2M,"
                   "share=off")


class FileTest(Case):
    """Memory whose content is in a file, but not in memory."""

    def file(self) -> Path:
        """A file of MEMORY bytes, 64 MiB of it data, none in memory."""
        # Where a disk is: tmpfs has no other place for what it holds.
        handle, name = tempfile.mkstemp(dir="/var/tmp")
        self.addCleanup(os.unlink, name)
        with os.fdopen(handle, "r+b") as file:
            file.truncate(MEMORY)
            file.seek(64 * MIB)
            for _ in range(64):
                file.write(b"\x01" * MIB)
            file.flush()
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        if in_memory(Path(name)) > MIB:
            self.skipTest("/var/tmp keeps files in memory")
        return Path(name)

    def check(self, share: str):
        path = self.file()
        machine = self.machine("-m", "256", "-machine", "memory-backend=mem", "-object",
                               f"memory-backend-file,id=mem,size={MEMORY},mem-path={path},{share}")
        cached = in_memory(path)
        view = host_view(machine.pid)
        result = machine.measure(200, sample_pages=DENSITY)
        self.assert_total(result, MEMORY)
        # Data that was not read is no zero page; holes are.
        self.assert_zero(result, 64 * MIB)
        self.assertEqual(result["n-dirty-pages"][-1], 0)
        self.assert_not_grown(machine, view)
        self.assertLessEqual(in_memory(path), cached + MIB)

        machine.start_measuring(CALC_TIME, sample_pages=DENSITY)
        time.sleep(HALF_WAY)
        machine.fill(192 * MIB, 32 * MIB, 2)
        result = machine.measured()
        self.assert_sampled(result["n-dirty-pages"][-1], 32 * MIB, str(result))

    def test_shared(self):
        self.check("share=on")

    def test_private(self):
        self.check("share=off")


def in_memory(path: Path) -> int:
    """How much of a file is in memory, bytes."""
    libc = ctypes.CDLL(None, use_errno=True)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        n_pages = len(mapping) // PAGE
        present = (ctypes.c_ubyte * n_pages)()
        address = ctypes.addressof(ctypes.c_char.from_buffer(mapping))
        if libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(len(mapping)), present):
            raise OSError(ctypes.get_errno(), "mincore")
        return sum(byte & 1 for byte in present) * PAGE


if __name__ == "__main__":
    unittest.main()
