# SPDX-License-Identifier: LGPL-2.1-or-later
"""A driver for virtio devices on PCI, by qtest: what virtio-mem and the balloon need, no more."""

import struct

from machine import Machine

CONFIG_ADDRESS, CONFIG_DATA = 0xCF8, 0xCFC
PCI_COMMAND, PCI_CAPABILITIES, PCI_BAR0 = 0x04, 0x34, 0x10
MEMORY_AND_MASTER = 0x6
VENDOR_CAPABILITY = 0x09
COMMON, NOTIFY, DEVICE = 1, 2, 4  # kinds of configuration structures

ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK = 1, 2, 4, 8
VERSION_1 = 1 << 32
# Features of the device itself; those of rings are not taken.
DEVICE_FEATURES = (1 << 24) - 1

DESCRIPTOR_NEXT, DESCRIPTOR_WRITE = 1, 2


class VirtioDevice:
    """A virtio device at a slot of bus 0, ready to use.

    @bars: free address of 1 MiB for its registers
    @rings: free guest memory, 16 KiB for each of @n_queues
    """

    def __init__(self, machine: Machine, slot: int, bars: int, rings: int, n_queues: int) -> None:
        self.machine = machine
        self.slot = slot
        self.rings = rings
        self.size = 0
        self.used = [0] * n_queues
        self.structures: dict[int, int] = {}
        self._map(bars)
        common = self.structures[COMMON]
        self._write("b", common + 20, 0)
        self._write("b", common + 20, ACKNOWLEDGE | DRIVER)
        self._take_features()
        for queue in range(n_queues):
            self._enable(queue)
        self._write("b", common + 20, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)

    def _read(self, kind: str, address: int) -> int:
        return int(self.machine.qtest(f"read{kind} {address:#x}")[0], 16)

    def _write(self, kind: str, address: int, value: int) -> None:
        self.machine.qtest(f"write{kind} {address:#x} {value:#x}")

    def _pci(self, register: int, value: int | None = None) -> int:
        """Reads or writes 4 bytes of the PCI configuration."""
        self.machine.qtest(f"outl {CONFIG_ADDRESS:#x} {1 << 31 | self.slot << 11 | register:#x}")
        if value is None:
            return int(self.machine.qtest(f"inl {CONFIG_DATA:#x}")[0], 16)
        self.machine.qtest(f"outl {CONFIG_DATA:#x} {value:#x}")
        return value

    def _map(self, bars: int) -> None:
        at = self._pci(PCI_CAPABILITIES) & 0xFC
        while at:
            header = self._pci(at)
            if header & 0xFF == VENDOR_CAPABILITY:
                kind, bar = header >> 24, self._pci(at + 4) & 0xFF
                if kind in (COMMON, NOTIFY, DEVICE):
                    self.structures[kind] = bars + self._pci(at + 8)
                    self._pci(PCI_BAR0 + 4 * bar, bars)
                    self._pci(PCI_BAR0 + 4 * bar + 4, 0)
                if kind == NOTIFY:
                    self.notify_step = self._pci(at + 16)
            at = header >> 8 & 0xFC
        self._pci(PCI_COMMAND, MEMORY_AND_MASTER)

    def _take_features(self) -> None:
        common = self.structures[COMMON]
        for half in (0, 1):
            self._write("l", common, half)
            offered = self._read("l", common + 4)
            self._write("l", common + 8, half)
            self._write("l", common + 12, offered & (DEVICE_FEATURES | VERSION_1) >> 32 * half)
        self._write("b", common + 20, ACKNOWLEDGE | DRIVER | FEATURES_OK)
        if not self._read("b", common + 20) & FEATURES_OK:
            raise RuntimeError("the device does not take the features")

    def _ring(self, queue: int) -> int:
        return self.rings + queue * 0x4000

    def _enable(self, queue: int) -> None:
        common, ring = self.structures[COMMON], self._ring(queue)
        self.machine.fill(ring, 0x4000, 0)
        self._write("w", common + 22, queue)
        self.size = self._read("w", common + 24)
        for register, address in ((32, ring), (40, ring + 0x1000), (48, ring + 0x2000)):
            self._write("q", common + register, address)
        self._write("w", common + 28, 1)

    def config(self, offset: int) -> int:
        """Reads 8 bytes of the device's own configuration."""
        return self._read("q", self.structures[DEVICE] + offset)

    def request(self, queue: int, data: bytes, answer_size: int = 0) -> bytes:
        """Sends a buffer and waits until it is used. Return: the answer."""
        ring, buffer = self._ring(queue), self._ring(queue) + 0x3000
        common = self.structures[COMMON]
        self.machine.qtest(f"write {buffer:#x} {len(data):#x} 0x{data.hex()}")
        descriptors = struct.pack("<QIHH", buffer, len(data),
                                  DESCRIPTOR_NEXT if answer_size else 0, 1)
        descriptors += struct.pack("<QIHH", buffer + 0x800, answer_size, DESCRIPTOR_WRITE, 0)
        self.machine.qtest(f"write {ring:#x} {len(descriptors):#x} 0x{descriptors.hex()}")
        self._write("w", ring + 0x1000 + 4 + 2 * (self.used[queue] % self.size), 0)
        self.used[queue] += 1
        self._write("w", ring + 0x1000 + 2, self.used[queue])
        self._write("w", common + 22, queue)
        offset = self._read("w", common + 30) * self.notify_step
        self._write("w", self.structures[NOTIFY] + offset, queue)
        while self._read("w", ring + 0x2000 + 2) != self.used[queue]:
            pass
        if not answer_size:
            return b""
        return bytes.fromhex(self.machine.qtest(f"read {buffer + 0x800:#x} "
                                                f"{answer_size:#x}")[0][2:])


class VirtioMem(VirtioDevice):
    """A virtio-mem device, of which parts can be plugged and unplugged."""

    PLUG, UNPLUG = 0, 1

    def __init__(self, machine: Machine, slot: int, bars: int, rings: int) -> None:
        super().__init__(machine, slot, bars, rings, 1)
        self.block_size = self.config(0)
        self.address = self.config(16)

    def _ask(self, kind: int, offset: int, size: int) -> None:
        request = struct.pack("<H6xQH6x", kind, self.address + offset, size // self.block_size)
        answer = struct.unpack("<H", self.request(0, request, 10)[:2])[0]
        if answer:
            raise RuntimeError(f"virtio-mem refuses: {answer}")

    def plug(self, offset: int, size: int) -> None:
        self._ask(self.PLUG, offset, size)

    def unplug(self, offset: int, size: int) -> None:
        self._ask(self.UNPLUG, offset, size)


class VirtioBalloon(VirtioDevice):
    """A balloon that takes the pages it is told to."""

    PFNS = 256  # of a request

    def __init__(self, machine: Machine, slot: int, bars: int, rings: int) -> None:
        super().__init__(machine, slot, bars, rings, 2)

    def inflate(self, address: int, size: int) -> None:
        """Gives pages of the guest back to the host."""
        first, count = address // 4096, size // 4096
        for at in range(first, first + count, self.PFNS):
            pfns = range(at, min(at + self.PFNS, first + count))
            self.request(0, struct.pack(f"<{len(pfns)}I", *pfns))
