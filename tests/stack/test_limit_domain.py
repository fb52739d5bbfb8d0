# SPDX-License-Identifier: LGPL-2.1-or-later
"""Limits as a property of the domain: they outlast all that can happen to it."""

import json
import subprocess
import xml.etree.ElementTree as ET

from lab_case import LabCase, run
from test_migrating import MigratingCase

N_VCPUS, MAX_VCPUS = 2, 4
# Of vCPUs 0 and 1 together what the guest may write, and what it wants to, MiB/s.
LIMIT, WANTED = 20, 200
# So long it is looked at, s. What it has left of its limit before, up to a second's, it may use then.
SECONDS = 3
MOST = LIMIT * (SECONDS + 1) / SECONDS * 1.05


def elements(*limits: tuple[str, int]) -> list[dict]:
    """<dirtylimit> elements: (vCPUs, MiB/s)."""
    return [{"vcpus": vcpus, "rate": str(rate), "unit": "MiB"} for vcpus, rate in limits]


class DomainLimits:
    """What is looked at: what QEMU does, and what libvirt says it should."""

    def told(self, name: str, uri: str) -> dict[int, int]:
        """The limits QEMU has been told, by vCPU."""
        reply = self.virsh("qemu-monitor-command", name, '{"execute": "query-vcpu-dirty-limit"}',
                           uri=uri).stdout
        return {limit["cpu-index"]: limit["limit-rate"] for limit in json.loads(reply)["return"]}

    def in_xml(self, name: str, *options: str, uri: str) -> list[dict]:
        domain = ET.fromstring(self.virsh("dumpxml", name, *options, uri=uri).stdout)
        return [element.attrib for element in domain.iterfind("cputune/dirtylimit")]

    def check(self, name: str, limits: list[dict], told: dict[int, int], uri: str | None = None):
        self.assertEqual(self.in_xml(name, uri=uri or self.uri), limits)
        self.assertEqual(self.told(name, uri or self.uri), told)


class DomainLimitTest(DomainLimits, LabCase):
    """A persistent guest with limits, and vCPUs to plug."""

    def limited_guest(self, name: str, limits: list[dict]) -> str:
        """Defines a guest that is off."""
        run("lab", "guest", name, "--name", self.lab_name, "--accel", "tcg", "--rate", str(WANTED),
            "--vcpus", str(N_VCPUS), "--pattern", "seq", "--working-set", "48")
        domain = ET.fromstring(self.virsh("dumpxml", name, "--inactive").stdout)
        self.virsh("destroy", name)
        vcpus = domain.find("vcpu")
        vcpus.text = str(MAX_VCPUS)
        vcpus.set("current", str(N_VCPUS))
        tune = ET.SubElement(domain, "cputune")
        for limit in limits:
            ET.SubElement(tune, "dirtylimit", limit)
        self.define(ET.tostring(domain, encoding="unicode"))
        self.addCleanup(self.virsh, "undefine", name, check=False)
        self.addCleanup(self.virsh, "destroy", name, check=False)
        return name

    def define(self, xml: str):
        subprocess.run(["virsh", "-c", self.uri, "define", "--validate", "/dev/stdin"], input=xml,
                       text=True, check=True, capture_output=True)

    def test_whole_life(self):
        limits = elements(("0-1,3", LIMIT // N_VCPUS), ("2", 70))
        told = {0: LIMIT // 2, 1: LIMIT // 2, 2: 70, 3: LIMIT // 2}
        name = self.limited_guest("limited", limits)

        self.virsh("start", name)
        self.check(name, limits, told)
        self.assertLess(self.truth(name, SECONDS, "--next")["rate"], MOST)

        # Somebody has meddled with QEMU while the daemon was away.
        self.virsh("qemu-monitor-command", name,
                   '{"execute": "set-vcpu-dirty-limit", "arguments": {"dirty-rate": 900}}')
        run("lab", "restart", "--name", self.lab_name)
        self.check(name, limits, told)

        self.virsh("setvcpus", name, "3")
        self.check(name, limits, told)
        self.assertIn("dirtylimit.vcpu.2.limit=70",
                      self.virsh("domstats", "--dirtylimit", name).stdout)

        self.virsh("domdirtylimit", name, "--rate", "30", "--vcpu", "1")
        image = f"/tmp/{self.lab_name}.image"
        self.addCleanup(run, "rm", "-f", image)
        self.virsh("save", name, image)
        self.virsh("restore", image)
        changed = elements(("0,3", LIMIT // N_VCPUS), ("1", 30), ("2", 70))
        self.check(name, changed, told | {1: 30})

        # That was the running guest's; its configuration still is the old one.
        self.assertEqual(self.in_xml(name, "--inactive", uri=self.uri), limits)
        self.virsh("domdirtylimit", name, "--cancel", "--live", "--config")
        self.check(name, [], {})
        self.virsh("destroy", name)
        self.virsh("start", name)
        self.check(name, [], {})


class MigratingLimitTest(DomainLimits, MigratingCase):
    """Limits go along, also those changed on the way."""

    def test_migration(self):
        name = self.guest("mover", "--accel", "tcg", "--vcpus", "3", "--rate", "20",
                          "--working-set", "32", "--check")
        self.virsh("domdirtylimit", name, "--rate", "15", "--vcpu", "1-2")
        moving = self.slow_migration(name)
        self.virsh("domdirtylimit", name, "--rate", "12", "--vcpu", "0")
        self.virsh("domdirtylimit", name, "--cancel", "--vcpu", "2")
        self.figures(moving)
        self.check(name, elements(("0", 12), ("1", 15)), {0: 12, 1: 15}, self.uris["b"])
        self.intact(name)
