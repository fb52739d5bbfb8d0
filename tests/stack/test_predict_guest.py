# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a prediction goes by besides the measurement: the guest's memory, limits and load."""

import json
import tempfile
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path

from lab_case import run, usable_accels
from predict_case import PredictCase

ASKED = ("--bandwidth", "100", "--downtime", "300", "--calc-time", "500")
LAST = (*ASKED, "--max-age", "600")

# What the API gives for one prediction, as JSON.
PREDICT = """
import json, sys, libvirt, libvirt_dirty
dom = libvirt.open(sys.argv[1]).lookupByName(sys.argv[2])
print(json.dumps(libvirt_dirty.migratePredict(dom, json.loads(sys.argv[3]))))
"""

# What it refuses, and the words of its errors: a row for each call.
REFUSE = """
import sys, libvirt, libvirt_dirty
dom = libvirt.open(sys.argv[1]).lookupByName(sys.argv[2])
for params, flags, words in (
        ({"bandwidth": [100.0] * 10000}, 0, "10000 at most 1024 bandwidth"),
        ({"bandwidth": 100.0, "downtime": [300] * 10000}, 0, "10000 at most 1024 downtime"),
        ({"bandwidth": [float(i) for i in range(1, 101)], "downtime": list(range(1, 101))}, 0,
         "100 4096"),
        ({"bandwidth": 0.0}, 0, "bandwidth 0"),
        ({"bandwidth": float("nan")}, 0, "bandwidth nan"),
        ({"bandwidth": float("inf")}, 0, "bandwidth inf"),
        ({"bandwidth": 100.0, "downtime": 0}, 0, "downtime 0"),
        ({"bandwidth": 100.0, "latency": float("nan")}, 0, "latency nan"),
        ({"bandwidth": 100.0}, libvirt.VIR_MIGRATE_NON_SHARED_DISK, "NON_SHARED_DISK"),
        ({"bandwidth": 100.0}, libvirt.VIR_MIGRATE_OFFLINE, "offline"),
        ({"bandwidth": 100.0}, 1 << 31, "flag"),
        ({"bandwidth": 100.0, "auto_converge.initial": 20}, 0, "auto")):
    try:
        libvirt_dirty.migratePredict(dom, params, flags)
    except libvirt.libvirtError as error:
        missing = [word for word in words.split() if word not in str(error)]
        if missing:
            sys.exit(f"{missing} not in: {error}")
    else:
        sys.exit(f"{words}: not refused")
"""

MODULE = """<memory model='dimm'>
  <target><size unit='MiB'>128</size><node>0</node></target>
</memory>"""


class GuestTest(PredictCase):
    """What the daemon finds out about a guest."""

    def ask(self, name: str, **params) -> dict:
        return json.loads(run("/usr/bin/python3", "-c", PREDICT, self.uri, name,
                              json.dumps({"bandwidth": 100.0, **params})).stdout)

    def with_slots(self, name: str) -> str:
        """Starts the guest again with memory slots."""
        domain = ET.fromstring(self.virsh("dumpxml", name).stdout)
        memory = domain.find("memory").text
        cpu = domain.find("cpu")
        if cpu is None:
            cpu = ET.SubElement(domain, "cpu")
        ET.SubElement(ET.SubElement(cpu, "numa"), "cell", id="0", cpus="0", memory=memory,
                      unit="KiB")
        ET.SubElement(domain, "maxMemory", slots="2", unit="GiB").text = "4"
        self.virsh("destroy", name)
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write(ET.tostring(domain, encoding="unicode"))
            file.flush()
            self.virsh("create", file.name)
        return name

    def test_memory_that_was_plugged(self):
        name = self.with_slots(self.guest("grows", "--accel", "tcg"))
        self.virsh("getdirtyrate", name, "--calc-time", "500")
        self.predict(name, *LAST)
        with tempfile.TemporaryDirectory() as directory:
            module = Path(directory) / "module.xml"
            module.write_text(MODULE, encoding="utf-8")
            self.virsh("attach-device", name, str(module), "--live")
        done = self.predict_raw(name, *LAST, check=False)
        self.assert_one_error(done, "memory", "measure it again")
        self.predict(name, *ASKED)
        self.predict(name, *LAST)

    def test_limits_that_were_set(self):
        """A measurement from before is none of a guest with limits."""
        name = self.guest("limited", "--accel", "tcg")
        started = [self.ask(name, **{"calc-time": 500, "max-age": age})["measurement"]["start-time"]
                   for age in (0, 600)]
        self.assertEqual(*started)
        self.virsh("domdirtylimit", name, "--rate", "5")
        limited = self.ask(name, **{"calc-time": 500, "max-age": 600})
        self.assertGreaterEqual(limited["measurement"]["start-time"], started[0])
        self.assertEqual(limited["measurement"]["age"], 0)
        self.assertTrue(any("limited" in note for note in limited["notes"]), limited["notes"])

    def test_load(self):
        """A guest that rests between its writes has time to spare."""
        loads = [self.ask(self.guest(f"writes{rate}", "--accel", "tcg", "--rate", str(rate)),
                          **{"calc-time": 2000})["settings"]["vcpu-load"] for rate in (1, 100000)]
        self.assertLess(loads[0], 0.5)
        self.assertGreater(loads[1], loads[0])
        self.assertLessEqual(loads[1], 1)

    def test_logs(self):
        """How a guest's writes are logged depends on what runs it."""
        skip = usable_accels()
        for accel, options, log in (("tcg", (), "tcg"), ("kvm", (), "lazy-bitmap"),
                                    ("kvm", ("--dirty-ring", "4096"), "ring")):
            with self.subTest(log):
                if skip[accel]:
                    self.skipTest(skip[accel])
                name = self.guest(log, "--accel", accel, "--working-set", "32", "--rate", "4",
                                  *options)
                predicted = self.ask(name, **{"calc-time": 500, "dirty-limit": 2})
                self.assertEqual(predicted["settings"]["log"], log)
                self.assertTrue(predicted["cells"][0]["converges"], predicted["cells"])

    def test_api_refuses(self):
        run("/usr/bin/python3", "-c", REFUSE, self.uri, self.guest("asked", "--accel", "tcg"))


if __name__ == "__main__":
    unittest.main()
