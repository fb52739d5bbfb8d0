# SPDX-License-Identifier: LGPL-2.1-or-later
"""Any libvirt with any QEMU: a daemon, its clients and guests, each ours or from a stock root.

Ours is what ./run puts on PATH. A stock daemon runs in its root; a stock QEMU runs where the daemon
does, through a wrapper that gives it the libraries and firmware it was built with.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from roots import in_root

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools" / "stack"), str(ROOT / "tools" / "lab")]

from build import FIRMWARE_DIRS
from dirtylab import guests, truth
from dirtylab.programs import Programs, install_dirs

LIBRARIES = "usr/lib/x86_64-linux-gnu"
# Where a stock root sees the host: an empty directory that every Debian root has.
HOST_IN_ROOT = Path("/mnt")
# On a machine that does other things too; nothing here takes a tenth of it.
PATIENCE = 60

QEMU_CONF = """\
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
namespaces = []
security_driver = "none"
stdio_handler = "file"
"""
DAEMON_CONF = """\
auth_unix_ro = "none"
auth_unix_rw = "none"
"""
STOCK_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/"}


@dataclass(frozen=True)
class Libvirt:
    """A libvirt: where it is installed, and which directories its daemon writes to."""
    root: Path
    daemon: str
    socket: str
    configuration: str
    state: tuple[str, ...]

    @property
    def is_ours(self) -> bool:
        return self.root == Path("/")

    @property
    def environment(self) -> dict[str, str]:
        return dict(os.environ, LC_ALL="C.UTF-8") if self.is_ours else STOCK_ENVIRONMENT


def our_libvirt() -> Libvirt:
    daemon = shutil.which("virtqemud")
    if not daemon:
        raise RuntimeError("no virtqemud on PATH: run this under ./run")
    dirs = install_dirs(daemon)
    return Libvirt(Path("/"), daemon, "virtqemud-sock", str(dirs.sysconf),
                   (str(dirs.sysconf), str(dirs.localstate)))


def stock_libvirt(root: Path) -> Libvirt:
    return Libvirt(root, "libvirtd", "libvirt-sock", "/etc",
                   ("/tmp", "/etc/libvirt", "/var/lib/libvirt", "/var/cache/libvirt",
                    "/var/log/libvirt"))


class Daemon:
    """A libvirt daemon with directories, mounts and processes of its own; its guests end with it.

    @scratch: an empty directory, which the daemon and what it starts see at the same path
    """

    def __init__(self, libvirt: Libvirt, scratch: Path) -> None:
        self.libvirt = libvirt
        self.scratch = scratch
        etc, run, self.log = scratch / "etc", scratch / "run", scratch / "daemon.log"
        etc.mkdir()
        run.mkdir()
        (etc / "qemu.conf").write_text(QEMU_CONF)
        (etc / f"{Path(libvirt.daemon).name}.conf").write_text(DAEMON_CONF)
        self.socket = run / "libvirt" / libvirt.socket
        binds = [f"{etc}:{libvirt.configuration}/libvirt", f"{run}:/run"]
        if not libvirt.is_ours:
            binds[:0] = [f"/:{HOST_IN_ROOT}", str(scratch)]
        with self.log.open("wb") as log:
            # Its standard input stays open as long as this process lives, and the daemon with it.
            self.process = subprocess.Popen(
                in_root(libvirt.root, [libvirt.daemon], binds=tuple(binds), owns=libvirt.state,
                        tie=True),
                env=libvirt.environment, stdin=subprocess.PIPE, stdout=log, stderr=log,
                start_new_session=True)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    @property
    def uri(self) -> str:
        return f"qemu:///system?socket={self.socket}"

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def _wait(self) -> None:
        limit = time.monotonic() + PATIENCE
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"{self.libvirt.daemon} of {self.libvirt.root} does not answer:"
                                   f"\n{self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Ends the daemon and whatever it started."""
        self.process.stdin.close()
        try:
            self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def client(self, libvirt: Libvirt, command: list[str]) -> tuple[list[str], dict[str, str]]:
        """The command line and environment of a client from @libvirt, for Popen."""
        if not libvirt.is_ours:
            command = in_root(libvirt.root, command, binds=(str(self.scratch),), owns=("/tmp",))
        return command, libvirt.environment

    def virsh(self, libvirt: Libvirt, *args: str) -> subprocess.CompletedProcess:
        """Runs @libvirt's virsh on this daemon."""
        command, env = self.client(libvirt, ["virsh", "-c", self.uri, *args])
        return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", timeout=PATIENCE, check=False)

    def start_virsh(self, libvirt: Libvirt, *args: str) -> subprocess.Popen:
        """Runs it beside the test."""
        command, env = self.client(libvirt, ["virsh", "-c", self.uri, *args])
        return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def interrupted_virsh(self, libvirt: Libvirt, seconds: float,
                          *args: str) -> tuple[subprocess.CompletedProcess, float]:
        """The same, interrupted after some time as Ctrl-C does it; also how long it ran, s."""
        start = time.monotonic()
        with self.start_virsh(libvirt, *args) as process:
            time.sleep(seconds)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
        return (subprocess.CompletedProcess(process.args, process.returncode, out, err),
                time.monotonic() - start)

    def python(self, libvirt: Libvirt, script: str, *args: str) -> subprocess.CompletedProcess:
        """Runs a script by @libvirt's Python; its first argument is the URI."""
        command, env = self.client(libvirt, ["/usr/bin/python3", "-c", script, self.uri, *args])
        return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=PATIENCE, check=False)


def qemu_wrapper(tree: Path, binary: Path, at: Path) -> Path:
    """Writes to @at a script that runs @binary, a file under @tree, with what else @tree holds."""
    libraries = tree / LIBRARIES
    firmware = " ".join(f"-L '{tree}{directory}'" for directory in FIRMWARE_DIRS)
    at.write_text(f"""#!/bin/sh
# The loader must be of the same C library as the libraries.
QEMU_MODULE_DIR='{libraries}/qemu' exec '{libraries}/ld-linux-x86-64.so.2' \\
    --library-path '{libraries}' '{tree}{binary}' {firmware} "$@"
""")
    at.chmod(0o755)
    return at


def our_emulator(daemon: Daemon) -> str:
    """Our QEMU, for a daemon of whatever root."""
    emulator = Path(os.environ["LIBVIRT_DIRTY_EMULATOR"])
    if daemon.libvirt.is_ours:
        return str(emulator)
    return str(qemu_wrapper(HOST_IN_ROOT, emulator, daemon.scratch / "our-qemu"))


def stock_emulator(daemon: Daemon, root: Path) -> str:
    """A root's QEMU, for the daemon in that root or for ours."""
    binary = Path("/usr/bin/qemu-system-x86_64")
    if daemon.libvirt.root == root:
        return str(binary)
    return str(qemu_wrapper(root, binary, daemon.scratch / f"{root.name}-qemu"))


class Guest:
    """A test guest on a daemon; works, and tells its truth, once it is made."""

    def __init__(self, daemon: Daemon, admin: Libvirt, emulator: str,
                 spec: guests.GuestSpec) -> None:
        self.daemon = daemon
        self.admin = admin
        self.name = spec.name
        self.spec = spec
        self.serial = daemon.scratch / f"{spec.name}.serial"
        kernel = daemon.scratch / "dirty-guest.elf"
        kernel.write_bytes(Path(os.environ["LIBVIRT_DIRTY_GUEST"]).read_bytes())
        programs = Programs(virtqemud="", virsh="", emulator=emulator, guest=str(kernel),
                            firmware=None)
        xml = daemon.scratch / f"{spec.name}.xml"
        xml.write_text(guests.domain_xml(spec, programs, self.serial))
        created = daemon.virsh(admin, "create", str(xml))
        if created.returncode != 0:
            raise RuntimeError(f"the guest {spec.name} cannot be started: {created.stderr}")
        self.reports_after(0)

    def reports_after(self, number: int, count: int = 1) -> list[truth.Report]:
        """Waits until there are @count reports of a second's work after the one of that number."""
        limit = time.monotonic() + PATIENCE
        while True:
            said = truth.read(self.serial)
            reports = [report for report in said.reports if report.number > number]
            if said.error:
                raise RuntimeError(f"the guest {self.name} has stopped: {said.error}")
            if len(reports) >= count:
                return reports
            if time.monotonic() > limit:
                raise RuntimeError(f"the guest {self.name} reports nothing more; it is "
                                   f"{self.daemon.virsh(self.admin, 'domstate', self.name).stdout}")
            time.sleep(0.1)

    def last_report(self) -> truth.Report:
        return truth.read(self.serial).reports[-1]
