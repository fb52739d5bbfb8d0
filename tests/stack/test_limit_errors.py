# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bad input and bad luck of virsh domdirtylimit: one clear error each, and nothing has changed."""

import json
import os
import socket
import tempfile
import time
import unittest
from pathlib import Path

from lab_case import run
from limit_case import LimitCase, parse

HERE = Path(__file__).resolve().parent
# What QEMU does at once takes less, s.
SOON = 10


class BadInputTest(LimitCase):
    """A guest with limits, and what a user can get wrong."""

    name = "limited"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run("lab", "guest", cls.name, "--name", cls.lab_name, "--accel", "tcg", "--vcpus", "4")

    def setUp(self):
        self.limit(self.name, "--cancel")
        self.limit(self.name, "--rate", "70", "--vcpu", "1-2")
        self.before = self.state()

    def state(self):
        """All that a refused command could have changed."""
        return (self.table(self.name).limits, self.virsh("dumpxml", self.name).stdout,
                [(entry["cpu-index"], entry["limit-rate"])
                 for entry in self.qmp("query-vcpu-dirty-limit")])

    def qmp(self, command: str, **arguments):
        request = json.dumps({"execute": command, "arguments": arguments} if arguments
                             else {"execute": command})
        reply = json.loads(self.virsh("qemu-monitor-command", self.name, request).stdout)
        return reply["return"]

    def refused(self, *options: str, words: tuple[str, ...] = ()):
        with self.subTest(options):
            self.assert_one_error(self.limit(self.name, *options, check=False), *words)

    def test_bad_input(self):
        highest = "1048576"
        for rate in ("-1", "1.5", "", "x", "1e3", "5 ", "0x10", "18446744073709551616",
                     "-18446744073709551615"):
            self.refused("--rate", rate, words=(f"'{rate}'", "1 to " + highest, "0 to end"))
        for rate in ("1048577", "9223372036854775808", "18446744073709551615"):
            self.refused("--rate", rate, words=(rate, "1 to " + highest, "0 for no"))
            self.refused("--rate", rate, "--vcpu", "0", words=(rate,))

        for vcpus in ("", " ", "0-3,", "0,,2", ",0", "3-1", "x", "-1", "0-", "^1", "1,^1", "0;1",
                      "4294967296", "9999999", "0-9999999999"):
            self.refused("--rate", "5", "--vcpu", vcpus,
                         words=(f"'{vcpus}'", "list of vCPUs", "such as 0-3,6"))
            self.refused("--cancel", "--vcpu", vcpus, words=("list of vCPUs",))
        for vcpus in ("4", "0-4", "0,4", "2-7", "0-3,1000"):
            missing = "1000" if "1000" in vcpus else "4"
            self.refused("--rate", "5", "--vcpu", vcpus, words=(f"vCPU {missing}", "0-3"))
        self.refused("--cancel", "--vcpu", "4", words=("vCPU 4", "0-3"))

        self.refused("--rate", "5", "--cancel", words=("--rate", "--cancel", "exclusive"))
        self.refused("--vcpu", "0", words=("--rate", "--cancel"))
        for option in ("--live", "--config"):
            self.refused("--current", option, words=("--current", option, "exclusive"))
            self.refused("--rate", "5", "--current", option, words=("exclusive",))
        self.refused("--live", "--config", words=("--live", "--config", "exclusive"))
        for options in ((), ("--rate", "5"), ("--rate", "5", "--live"), ("--cancel",),
                        ("--rate", "5", "--vcpu", "0")):
            self.refused("--config", *options, words=("transient",))
        self.assert_one_error(self.virsh("domdirtylimit", "nobody", "--rate", "5", check=False),
                              "nobody")

        for options in (("--rate", "5"), ("--cancel",), ("--rate", "5", "--vcpu", "0")):
            done = run("virsh", "--readonly", "-c", self.uri, "domdirtylimit", self.name, *options,
                       check=False)
            self.assert_one_error(done, "read only")
        done = run("virsh", "--readonly", "-c", self.uri, "domdirtylimit", self.name)
        self.assertEqual(parse(done.stdout).limits, self.before[0])

        self.assertEqual(self.state(), self.before)

    def test_migration_with_its_own_limits(self):
        """A migration that sends nothing: whoever accepts it does not read."""
        with socket.create_server(("127.0.0.1", 0)) as target:
            self.qmp("migrate-set-capabilities",
                     capabilities=[{"capability": "dirty-limit", "state": True}])
            self.qmp("migrate-set-parameters", **{"vcpu-dirty-limit": 3})
            self.qmp("migrate", uri=f"tcp:127.0.0.1:{target.getsockname()[1]}")
            connection, _ = target.accept()
            with connection:
                self.wait_for_migration("active")
                for options in (("--rate", "5"), ("--cancel",), ("--rate", "5", "--vcpu", "0"),
                                ("--rate", "5", "--vcpu", "0-2")):
                    self.refused(*options, words=("migrat",))
                self.assertEqual(self.state(), self.before)
                self.qmp("migrate_cancel")
            self.wait_for_migration("cancelled")
        self.assertEqual(self.state(), self.before)
        self.limit(self.name, "--rate", "5")
        self.assertEqual(self.table(self.name).limits, [5] * 4)

    def wait_for_migration(self, status: str):
        limit = time.monotonic() + SOON
        while (now := self.qmp("query-migrate")).get("status") != status:
            self.assertLess(time.monotonic(), limit, now)
            time.sleep(0.05)

    def test_one_of_several_fails(self):
        with tempfile.TemporaryDirectory() as directory:
            library = f"{directory}/fail-second-limit.so"
            run("cc", "-shared", "-fPIC", "-o", library, str(HERE / "fail-second-limit.c"), "-ldl")
            for options in (("--rate", "5", "--vcpu", "0-3"), ("--cancel", "--vcpu", "1,2"),
                            ("--rate", "5", "--vcpu", "1-2", "--live")):
                with self.subTest(options):
                    done = self.virsh("domdirtylimit", self.name, *options, check=False,
                                      env=dict(os.environ, LD_PRELOAD=library))
                    self.assert_one_error(done, "virDomainSetVcpuDirtyLimit")
                    self.assertEqual(self.state(), self.before)

    def test_virsh_under_valgrind(self):
        for options in ((), ("--rate", "9", "--vcpu", "0-3"), ("--rate", "9", "--vcpu", "0-7")):
            with self.subTest(options):
                done = run("valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full",
                           "--errors-for-leak-kinds=definite", "virsh", "-c", self.uri,
                           "domdirtylimit", self.name, *options, check=False)
                self.assertNotEqual(done.returncode, 99, done.stderr)


if __name__ == "__main__":
    unittest.main()
