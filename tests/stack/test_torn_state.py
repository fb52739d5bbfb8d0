# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever happens half way: QEMU lives, no reply is torn, and the next measurement works."""

import threading
import time
import unittest

from dirtylab import accel
from dirtylab.programs import find_programs
from dirtylab.lab import runtime_directory
from guest_machine import Client, GuestMachine, QmpError, plug, ring_works, unplug, vcpus

VCPUS = 2
# Long enough to be half way in, ms.
LONG = 1500
# A result is there so soon after it is due, s; a busy host where KVM emulates needs some.
SOON = 15
# Members that only a finished measurement has.
RESULTS = ("dirty-rate", "rate", "periods", "n-dirty-pages", "vcpu-dirty-rate")


def whole(info: dict) -> None:
    """Raises AssertionError for a reply that does not agree with itself."""
    def check(holds: bool) -> None:
        if not holds:
            raise AssertionError(f"torn: {info}")

    if info["status"] != "measured":
        check(not any(name in info for name in RESULTS))
        return
    periods, dirty = info["periods"], info["n-dirty-pages"]
    check(len(periods) == len(dirty) > 0)
    check(periods == sorted(set(periods)) and periods[0] > 0)
    check(periods[-1] == info["calc-time"])
    check(dirty == sorted(dirty) and dirty[-1] <= info["n-sampled-pages"])
    check(info["n-zero-pages"] <= info["n-sampled-pages"] <= info["n-total-pages"])
    check(info["rate-low"] <= info["rate"] <= info["rate-high"])
    check(info["dirty-rate"] == int(info["rate"]))
    vcpu = info.get("vcpu-dirty-rate", [])
    check(len({v["id"] for v in vcpu}) == len(vcpu))
    check(all(len(v["n-dirty-pages"]) == len(periods) for v in vcpu))
    for at, total in enumerate(dirty):
        check(sum(v["n-dirty-pages"][at] for v in vcpu) <= total)


class TornStateTest(unittest.TestCase):
    """Page sampling, under TCG; the other modes repeat it."""

    accel, mode = "tcg", "page-sampling"
    # So many that some of the pages written in a short time are among them.
    samples: dict[str, int] = {"sample-pages": 16384}
    # What KVM can do as well where it emulates, pages/s.
    options = "ws=32 rate=4000"

    def machine(self, *arguments: str, **more) -> GuestMachine:
        return self.enterContext(GuestMachine(self.options, *arguments, accel=self.accel,
                                              vcpus=VCPUS, **more))

    def works(self, client: Client) -> dict:
        """A measurement from start to end. Returns its reply."""
        # The longer one is for a host that did not run the guest for that long.
        for ms in (250, 2000):
            info = client.measure(ms, self.mode, **self.samples)
            whole(info)
            if info["rate"] > 0:
                return info
        raise AssertionError(f"the guest writes, and QEMU says {info}")

    def half_way(self, client: Client, ms: int = LONG) -> float:
        """Starts a measurement and waits a little. Returns when it has begun."""
        client.calc(ms, self.mode, **self.samples)
        start = time.monotonic()
        time.sleep(0.3)
        return start

    def end(self, client: Client) -> dict:
        """The reply once the measurement is done."""
        info = client.wait(SOON)
        whole(info)
        return info

    def test_many_clients(self):
        machine = self.machine(clients=6)
        first = machine.ready()
        clients = [machine.client() for _ in range(5)]
        stop = threading.Event()
        broken, started, refused = [], [], []

        def ask(client: Client) -> None:
            while not stop.is_set():
                try:
                    whole(client.query())
                    client.calc(60, self.mode)
                    started.append(client)
                except QmpError as error:
                    refused.append(str(error))
                except AssertionError as error:
                    broken.append(error)

        threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        time.sleep(4)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(broken, [])
        self.assertGreater(len(started), 5)
        self.assertGreater(len(refused), len(started), "only one at a time can be measured")
        self.assertEqual({error.split(":")[0] for error in refused},
                         {"dirty page rate is already being measured"})
        self.end(first)
        self.works(first)

    def test_one_right_after_another(self):
        machine = self.machine()
        client = machine.ready()
        self.works(client)
        before = machine.threads_and_files()
        for number in range(20):
            # Sent at once, so that the second is there before the first could have begun to count.
            client.send(*[("calc-dirty-rate", {"calc-time": ms, "calc-time-unit": "millisecond",
                                               "mode": self.mode}) for ms in (50, 60000)])
            replies = [client.receive(), client.receive()]
            self.assertEqual(["error" in reply for reply in replies], [False, True])
            if number % 2:
                client.execute("cancel-dirty-rate")
                self.assertEqual(client.query()["status"], "unstarted")
            else:
                self.assertLess(self.end(client)["calc-time"], 30000, "this is the second's length")
        self.works(client)
        machine.until(lambda: machine.threads_and_files() == before, SOON)

    def test_vcpu_plugged_and_unplugged(self):
        # TCG has room for so many vCPUs in all its life, those that have gone included.
        machine = self.machine(room=16)
        client = machine.ready()
        for _ in range(2):
            self.half_way(client)
            plug(client, 3)
            info = self.end(client)
            self.assertGreater(info["rate"], 0)
            self.assertLessEqual({v["id"] for v in info.get("vcpu-dirty-rate", [])}, {0, 1, 3})
            # Numbers of vCPUs have a gap now.
            self.works(client)
            self.half_way(client)
            unplug(client, 3)
            machine.until(lambda: vcpus(client) == [0, 1])
            self.assertGreater(self.end(client)["rate"], 0)
            self.works(client)
            # Both, and its number is given anew.
            self.half_way(client)
            plug(client, 2)
            unplug(client, 2)
            machine.until(lambda: vcpus(client) == [0, 1])
            plug(client, 2)
            self.end(client)
            unplug(client, 2)
            machine.until(lambda: vcpus(client) == [0, 1])
        self.works(client)
        machine.still_works()

    def test_unplugged_vcpu_that_wrote(self):
        machine = self.machine("-device", "qemu64-x86_64-cpu,id=cpu2,socket-id=2,core-id=0,"
                               "thread-id=0", "-device", "qemu64-x86_64-cpu,id=cpu3,socket-id=3,"
                               "core-id=0,thread-id=0")
        client = machine.ready()
        self.assertEqual(vcpus(client), [0, 1, 2, 3])
        self.half_way(client)
        # In the middle: there are fewer vCPUs now than the highest number says.
        unplug(client, 2)
        machine.until(lambda: vcpus(client) == [0, 1, 3])
        info = self.end(client)
        self.assertGreater(info["rate"], 0)
        info = self.works(client)
        self.assertLessEqual({v["id"] for v in info.get("vcpu-dirty-rate", [])}, {0, 1, 3})
        machine.still_works()

    def test_reset(self):
        machine = self.machine()
        client = machine.ready()
        for _ in range(3):
            self.half_way(client)
            client.execute("system_reset")
            self.end(client)
        machine.still_works()
        self.works(client)

    def test_pause_and_resume(self):
        machine = self.machine()
        client = machine.ready()
        start = self.half_way(client)
        client.execute("stop")
        time.sleep(0.7)
        client.execute("cont")
        info = self.end(client)
        # The time that the guest did not run is none of the measurement's.
        self.assertGreaterEqual(time.monotonic() - start, LONG / 1000 + 0.7)
        self.assertGreaterEqual(info["calc-time"], LONG)
        self.assertLess(info["calc-time"], (time.monotonic() - start) * 1000 - 600)
        self.works(client)

    def test_pause_to_the_end(self):
        machine = self.machine()
        client = machine.ready()
        start = self.half_way(client)
        client.execute("stop")
        stopped = time.monotonic() - start
        info = self.end(client)
        # It does not wait for ever, and says how much it has seen.
        self.assertLess(info["calc-time"], stopped * 1000 + 100)
        # A guest that is stopped from the start dirties nothing.
        info = client.measure(250, self.mode)
        whole(info)
        self.assertEqual(info["n-dirty-pages"][-1], 0)
        client.execute("cont")
        self.works(client)
        machine.still_works()

    def job(self, client: Client, command: str, **arguments) -> None:
        """Runs a job of QEMU's to its end."""
        client.execute(command, {"job-id": "job", **arguments})
        limit = time.monotonic() + SOON
        while True:
            job, = (job for job in client.execute("query-jobs") if job["id"] == "job")
            if job["status"] == "concluded":
                break
            self.assertLess(time.monotonic(), limit, job)
            time.sleep(0.02)
        client.execute("job-dismiss", {"id": "job"})
        self.assertNotIn("error", job)

    def test_snapshot(self):
        machine = self.machine()
        client = machine.ready()
        path = str(machine.path / "disk")
        self.job(client, "blockdev-create",
                 options={"driver": "file", "filename": path, "size": 0})
        client.execute("blockdev-add", {"driver": "file", "filename": path, "node-name": "file"})
        self.job(client, "blockdev-create",
                 options={"driver": "qcow2", "file": "file", "size": 2 ** 20})
        client.execute("blockdev-add", {"driver": "qcow2", "file": "file", "node-name": "disk"})
        for command in ("snapshot-save", "snapshot-load", "snapshot-load"):
            with self.subTest(command):
                self.half_way(client)
                self.job(client, command, tag="tag", vmstate="disk",
                         **{"devices": ["disk"]})
                self.end(client)
                self.works(client)
        machine.still_works()

    def test_guest_quits(self):
        machine = self.machine()
        client = machine.ready()
        self.half_way(client, 60000)
        client.execute("quit")
        self.assertEqual(machine.wait_end(SOON), 0, machine.said())

    def test_clients_that_drop(self):
        machine = self.machine(clients=2)
        client = machine.ready()
        self.works(client)
        before = None
        for _ in range(30):
            other = machine.client()
            other.calc(150, self.mode)
            machine.drop(other)
            self.end(client)
            before = before or machine.threads_and_files()
        other = machine.client()
        other.send(*[("query-dirty-rate", {})] * 1000)
        machine.drop(other)
        machine.until(lambda: machine.threads_and_files() == before, SOON)
        self.works(client)


def _kvm() -> accel.Kvm:
    return accel.probe(find_programs(), runtime_directory())


class TcgBitmapTest(TornStateTest):
    """The exact mode under TCG."""
    mode = "dirty-bitmap"
    samples = {}


class KvmBitmapTest(TcgBitmapTest):
    """The exact mode of KVM without a ring."""
    accel = "kvm"

    # What does not depend on who counts.
    test_many_clients = test_clients_that_drop = None

    @classmethod
    def setUpClass(cls):
        if not _kvm().works:
            raise unittest.SkipTest(f"no usable KVM: {_kvm().reason}")


class KvmRingTest(KvmBitmapTest):
    """The exact mode of KVM with a ring."""
    accel, mode = "kvm,dirty-ring-size=4096", "dirty-ring"

    @classmethod
    def setUpClass(cls):
        reason = ring_works()
        if reason:
            raise unittest.SkipTest(reason)

    def test_reset(self):
        if _kvm().emulates:
            # On stock QEMU as well: the firmware does not leave the kernel often enough.
            self.skipTest("KVM emulates, and cannot run firmware with a dirty ring in use")
        super().test_reset()


if __name__ == "__main__":
    unittest.main()
