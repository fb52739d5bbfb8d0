# SPDX-License-Identifier: LGPL-2.1-or-later
"""What compression would do to a guest's pages, against what the same libraries do here."""

import base64
import os
import random
import tempfile
import unittest
import zlib
from pathlib import Path

from machine import PAGE, Machine, QmpError

MIB = 1 << 20
START = 1 * MIB         # what lies below is not all memory
DENSITY = 16384         # pages per GiB: one page of each 16 is sampled
STRATUM = 16
MOST_PAGES = 1024
PACKET = 128            # pages
PIECE = 1 << 16         # bytes


def zlib_ratio(page: bytes, n_pages: int) -> float:
    """What zlib at level 1 makes of pages like this one, in packets."""
    stream = zlib.compressobj(1)
    size = 0
    for at in range(n_pages):
        size += len(stream.compress(page))
        if (at + 1) % PACKET == 0 or at + 1 == n_pages:
            size += len(stream.flush(zlib.Z_SYNC_FLUSH))
    return n_pages * len(page) / size


class CompressionTest(unittest.TestCase):
    """The test is the guest, by qtest, and knows what its pages hold."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        # With a BIOS of zeros and no tables, what has content is what the test writes.
        bios = Path(scratch.name) / "bios"
        bios.write_bytes(bytes(65536))
        self.machine = Machine(Path(scratch.name), os.environ["LIBVIRT_DIRTY_EMULATOR"],
                               "-machine", "pc,acpi=off", "-bios", str(bios), "-m", "66",
                               qtest=True)
        self.addCleanup(self.machine.stop)

    def write(self, address: int, data: bytes):
        # In pieces: the time QEMU takes for a line grows with the square of its length.
        for at in range(0, len(data), PIECE):
            piece = data[at:at + PIECE]
            self.machine.qtest(f"b64write {address + at:#x} {len(piece):#x} "
                               f"{base64.b64encode(piece).decode()}")

    def measure(self, **options) -> dict[str, dict]:
        result = self.machine.measure(100, sample_pages=DENSITY, **options)
        self.assertEqual(result["status"], "measured")
        return {entry["method"]: entry for entry in result.get("compression", [])}

    def check(self, found: dict[str, dict], n_pages: int):
        self.assertEqual(set(found), {"zlib", "zstd"})
        for entry in found.values():
            self.assertAlmostEqual(entry["n-pages"], n_pages, delta=1)
            self.assertGreater(entry["ratio"], 0)
            # MiB/s: a machine of a tenth or ten times of what is usual is still a machine.
            self.assertTrue(1 < entry["speed"] < 100000, entry)

    def test_only_on_request(self):
        self.machine.fill(START, 16 * MIB, 1)
        self.assertEqual(self.measure(), {})
        self.assertEqual(self.measure(compression=False), {})

    def test_no_content(self):
        self.assertEqual(self.measure(compression=True), {})

    def test_other_modes_refuse(self):
        with self.assertRaisesRegex(QmpError, "compression"):
            self.machine.start_measuring(100, mode="dirty-bitmap", compression=True)

    def test_one_page(self):
        # A page for each sample of one stratum: one of them is sampled.
        self.machine.fill(START, STRATUM * PAGE, 1)
        found = self.measure(compression=True)
        self.check(found, 1)
        self.assertAlmostEqual(found["zlib"]["ratio"], zlib_ratio(b"\1" * PAGE, 1), delta=1)

    def test_fewer_than_a_packet(self):
        self.machine.fill(START, 50 * STRATUM * PAGE, 1)
        found = self.measure(compression=True)
        self.check(found, 50)
        self.assertAlmostEqual(found["zlib"]["ratio"], zlib_ratio(b"\1" * PAGE, 50), delta=20)

    def test_all_alike(self):
        self.machine.fill(START, 64 * MIB, 0x5a)
        found = self.measure(compression=True)
        self.check(found, MOST_PAGES)
        wanted = zlib_ratio(b"\x5a" * PAGE, MOST_PAGES)
        self.assertAlmostEqual(found["zlib"]["ratio"], wanted, delta=wanted / 50)
        self.assertGreater(found["zstd"]["ratio"], wanted)

    def test_noise_and_halves(self):
        noise = random.Random(1).randbytes(16 * MIB)
        self.write(START, noise)
        found = self.measure(compression=True)
        self.check(found, 256)
        for entry in found.values():
            self.assertAlmostEqual(entry["ratio"], 1, delta=0.02)

        # Each page half noise, half zeros: about 2, and less than that by no more than some percent.
        half = b"".join(noise[at:at + PAGE // 2] + bytes(PAGE // 2)
                        for at in range(0, len(noise), PAGE))
        self.write(START, half)
        found = self.measure(compression=True)
        for entry in found.values():
            self.assertAlmostEqual(entry["ratio"], 2, delta=0.1)


if __name__ == "__main__":
    unittest.main()
