# SPDX-License-Identifier: LGPL-2.1-or-later
"""What all guests have in common: the machine they run on, and its domain XML."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dirtylab.errors import LabError
from dirtylab.programs import Programs

QEMU_XML = "http://libvirt.org/schemas/domain/qemu/1.0"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


class Boot(NamedTuple):
    """What the machine starts; initrd None: the kernel is all there is."""
    kernel: str
    initrd: str | None
    command_line: str


@dataclass(frozen=True)
class Machine:
    """The machine of a guest; what runs on it says a subclass. Memory in MiB, None: as needed."""
    name: str
    accel: str = "tcg"
    memory: int | None = None
    vcpus: int = 1
    max_vcpus: int | None = None  # as many as there are
    dirty_ring: int | None = None
    machine: str = "pc"

    def memory_mib(self) -> int:
        """Memory of the guest, MiB."""
        raise NotImplementedError

    def boot(self, programs: Programs) -> Boot:
        """What it starts with."""
        raise NotImplementedError

    def describe(self, ready: dict[str, str]) -> str:
        """What it does, given what it said when it was ready."""
        raise NotImplementedError

    def has_balloon(self) -> bool:
        """Whether it has a memory balloon."""
        return False

    def check(self) -> None:
        """LabError for what no guest can be; the ranges of single options argparse checks."""
        if not NAME.fullmatch(self.name):
            raise LabError(f"'{self.name}' is no name for a guest: use up to 40 letters, digits, "
                           "'.', '_' and '-'")
        if self.dirty_ring and self.accel != "kvm":
            raise LabError("--dirty-ring is a feature of KVM, and this guest runs under "
                           f"{self.accel.upper()}: leave it out or use --accel kvm")
        if self.dirty_ring and self.dirty_ring & (self.dirty_ring - 1):
            raise LabError(f"--dirty-ring {self.dirty_ring}: a power of 2 is needed")


def domain_xml(machine: Machine, programs: Programs, serial: Path) -> str:
    """The domain's XML, with nothing in it that the guest does not need."""
    ET.register_namespace("qemu", QEMU_XML)
    domain = ET.Element("domain", type="kvm" if machine.accel == "kvm" else "qemu")
    boot = machine.boot(programs)

    def add(parent: ET.Element, tag: str, text: str | None = None, **attributes) -> ET.Element:
        element = ET.SubElement(parent, tag, {key: str(value)
                                              for key, value in attributes.items()})
        element.text = text
        return element

    add(domain, "name", machine.name)
    add(domain, "memory", str(machine.memory_mib()), unit="MiB")
    vcpus = add(domain, "vcpu", str(machine.max_vcpus or machine.vcpus))
    if machine.max_vcpus:
        vcpus.set("current", str(machine.vcpus))
    system = add(domain, "os")
    add(system, "type", "hvm", arch="x86_64", machine=machine.machine)
    add(system, "kernel", boot.kernel)
    if boot.initrd:
        add(system, "initrd", boot.initrd)
    add(system, "cmdline", boot.command_line)
    features = add(domain, "features")
    add(features, "acpi")
    add(features, "apic")
    if machine.dirty_ring:
        add(add(features, "kvm"), "dirty-ring", state="on", size=machine.dirty_ring)
    devices = add(domain, "devices")
    add(devices, "emulator", programs.emulator)
    add(devices, "controller", type="usb", model="none")
    port = add(devices, "serial", type="file")
    # Where the guest comes to after a migration, its new QEMU goes on in the same file.
    add(port, "source", path=serial, append="on")
    add(port, "target", port=0)
    add(devices, "memballoon", model="virtio" if machine.has_balloon() else "none")
    if programs.firmware:
        line = add(domain, f"{{{QEMU_XML}}}commandline")
        for directory in programs.firmware.split(":"):
            add(line, f"{{{QEMU_XML}}}arg", value="-L")
            add(line, f"{{{QEMU_XML}}}arg", value=directory)
    ET.indent(domain)
    return ET.tostring(domain, encoding="unicode")
