# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host of the lab: one private libvirt daemon with directories of its own.

As root the daemon runs in privileged mode in a mount namespace of its own, where the lab's
directories lie over those libvirt was built to use; a host that is linked to another has a network
and a host name of its own as well. As any other user the daemon runs in session mode, where
environment variables say where all of them are. Nothing of the system's libvirt is touched.
"""

import os
import shutil
import socket
import subprocess
import time
import uuid
from pathlib import Path

from dirtylab import mounts, network, processes
from dirtylab.errors import LabError
from dirtylab.programs import Programs, environment, install_dirs

START_SECONDS = 60  # the daemon's start; it asks QEMU for its capabilities only later
COMMAND_SECONDS = 120
MAX_SOCKET_PATH = 107  # bytes in sun_path, less the ending zero
# The longest path the daemon makes below a host's directory in session mode.
LONGEST_SOCKET = "config/libvirt/qemu/lib/domain-99-12345678901234567890/monitor.sock"

# In a plain chroot / is no mount point, whose propagation cannot be changed; nothing leaves it anyway.
MOUNTS = """
set -eu
mount --make-rprivate / 2>/dev/null || true
while [ "$1" != -- ]; do
    mount --bind "$1" "$2"
    shift 2
done
shift
exec "$@"
"""

# What the daemon needs of its users' rights and of the host's services is nothing.
DAEMON_CONF = """\
unix_sock_dir = "{sockets}"
unix_sock_ro_perms = "0700"
unix_sock_rw_perms = "0700"
unix_sock_admin_perms = "0700"
auth_unix_ro = "none"
auth_unix_rw = "none"
host_uuid = "{uuid}"
log_outputs = "3:stderr"
"""
QEMU_CONF = """\
stdio_handler = "file"
security_driver = "none"
"""
QEMU_CONF_ROOT = """\
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
namespaces = []
cgroup_controllers = []
"""


class Host:
    """One daemon; its state is in a directory, so every command of the lab finds it again.

    @guests: where its guests' files are, which hosts that guests move between share
    @linked: whether it has a network of its own
    """

    def __init__(self, name: str, directory: Path, programs: Programs, guests: Path,
                 linked: bool = False) -> None:
        self.name = name
        self.directory = directory
        self.programs = programs
        self.linked = linked
        self.privileged = os.geteuid() == 0
        self.install = install_dirs(programs.virtqemud)
        self.guests = guests
        self.log = directory / "daemon.log"
        self._pid_file = directory / "daemon.pid"
        self._anchor_file = directory / "anchor.pid"
        self._marker = self.install.runstate / "libvirt" / "lab"

    @property
    def socket(self) -> Path:
        """The daemon's main socket."""
        daemon = os.path.basename(self.programs.virtqemud)
        prefix = "libvirt" if daemon.startswith("libvirtd") else "virtqemud"
        return self.directory / "sockets" / f"{prefix}-sock"

    @property
    def uri(self) -> str:
        """What to give to virsh -c."""
        return f"qemu:///{'system' if self.privileged else 'session'}?socket={self.socket}"

    @property
    def pid(self) -> int | None:
        """The daemon's process, None if it does not run."""
        return self._process(self._pid_file)

    def guest_pid_file(self, guest: str) -> Path:
        """Where the daemon says which process is a guest's QEMU."""
        below = "qemu" if self.privileged else "libvirt/qemu/run"
        return self.directory / "run" / below / f"{guest}.pid"

    @property
    def anchor(self) -> int | None:
        """The process that holds the host's network, None if there is none."""
        return self._process(self._anchor_file)

    def _process(self, file: Path) -> int | None:
        pid = processes.read_pid(file)
        if pid is None or not processes.is_alive(pid) \
                or not any(f"{self.directory}/" in arg for arg in processes.arguments(pid)):
            return None  # also when another process has got the number since
        return pid

    def answers(self) -> bool:
        """Whether something listens on the daemon's socket."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket))
            except OSError:
                return False
        return True

    # Directories of the host, and what they stand for in the daemon's mount namespace.
    def _mounts(self) -> list[tuple[Path, Path]]:
        install = self.install
        return [(self.directory / "etc", install.sysconf / "libvirt"),
                (self.directory / "run", install.runstate / "libvirt"),
                (self.directory / "lib", install.localstate / "lib/libvirt"),
                (self.directory / "log", install.localstate / "log/libvirt"),
                (self.directory / "cache", install.localstate / "cache/libvirt")]

    def _environment(self) -> dict[str, str]:
        env = environment(self.programs.virtqemud)
        # Messages are read by the lab and by tests; a debug setting of the user's is not for us.
        for name in [name for name in env if name.startswith(("LIBVIRT_LOG", "LIBVIRT_DEBUG"))]:
            del env[name]
        if not self.privileged:
            for variable, name in (("CONFIG_HOME", "config"), ("CACHE_HOME", "cache"),
                                   ("DATA_HOME", "data"), ("RUNTIME_DIR", "run")):
                env[f"XDG_{variable}"] = str(self.directory / name)
        return env

    def _make_files(self) -> None:
        """Makes the directories and configuration files."""
        if not self.privileged and len(f"{self.directory}/{LONGEST_SOCKET}") > MAX_SOCKET_PATH:
            raise LabError(f"the lab's directory '{self.directory}' has too long a name for the "
                           "sockets in it: choose a shorter one with --state")
        try:
            for name in ("config", "cache", "data", "run", "etc", "lib", "log", "sockets"):
                (self.directory / name).mkdir(parents=True, mode=0o700)
            self.guests.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise LabError(f"the lab's directory cannot be made: {error}: choose another with "
                           "--state") from None
        conf = self.directory / ("etc" if self.privileged else "config/libvirt")
        conf.mkdir(exist_ok=True)
        (conf / "qemu.conf").write_text(
            QEMU_CONF + (QEMU_CONF_ROOT if self.privileged else ""), encoding="utf-8")
        (self.directory / "daemon.conf").write_text(
            DAEMON_CONF.format(sockets=self.socket.parent, uuid=uuid.uuid4()), encoding="utf-8")
        (self.directory / "run" / self._marker.name).write_text(str(self.directory),
                                                                encoding="utf-8")

    def prepare(self) -> None:
        """Makes all the daemon needs; of a linked host also the network, not joined to any yet."""
        self._make_files()
        if self.linked:
            marker = self.directory / "hostname"
            # Host names differ, or a daemon takes the other for itself.
            hostname = f"lab-{self.name}"
            marker.write_text(f"{hostname}\n", encoding="utf-8")
            self._anchor_file.write_text(str(network.start_anchor(hostname, marker, self.log)),
                                         encoding="ascii")

    def start(self) -> None:
        """Starts the daemon and waits until it answers."""
        self._launch()

    def restart(self) -> None:
        """Kills the daemon as a crash would and starts it again; guests and their state stay."""
        daemon = self.pid
        if daemon:
            processes.end([daemon], grace=0)
            self._wait_for_silence()
        self._launch()

    def _wait_for_silence(self) -> None:
        """Waits until the killed daemon's socket is closed, lest it be taken for the new one's.

        A process counts as dead while the last of its threads, and with it the socket, still go.
        """
        limit = time.monotonic() + START_SECONDS
        while self.answers() and time.monotonic() < limit:
            time.sleep(processes.POLL_SECONDS)

    def _launch(self) -> None:
        command = [self.programs.virtqemud, "--config", str(self.directory / "daemon.conf"),
                   "--pid-file", str(self._pid_file)]
        if not self.privileged:
            self._run(command)
            return
        paths = [str(path) for pair in self._mounts() for path in pair]
        command = ["unshare", "--mount", "--propagation", "unchanged", "--",
                   "sh", "-c", MOUNTS, "lab", *paths, "--", *command]
        if self.linked:
            if not self.anchor:
                raise LabError(f"the network of host {self.name} is gone: 'lab down' ends what is "
                               "left of the lab, and 'lab up' starts it again")
            command = [*network.enter(self.anchor), *command]
        with mounts.mount_points([target for _, target in self._mounts()]):
            self._run(command)

    def _run(self, command: list[str]) -> None:
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, env=self._environment(), cwd="/",
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True)
        limit = time.monotonic() + START_SECONDS
        while not self.answers():
            if process.poll() is not None or time.monotonic() > limit:
                state = f"ended with status {process.returncode}" \
                    if process.poll() is not None else f"did not answer in {START_SECONDS} s"
                processes.end([process.pid])
                raise LabError(f"the daemon {self.programs.virtqemud} {state}: "
                               f"{self._last_words()}")
            time.sleep(processes.POLL_SECONDS)

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it printed nothing"

    def stop(self) -> None:
        """Ends the daemon and all guests, whatever state they are in, and removes every trace.

        Does nothing when there is nothing; works as well after daemon or lab were killed.
        """
        daemon = self.pid
        if daemon:
            processes.end([daemon])  # first, so that it starts nothing more
        names = (network.ANCHOR, "qemu-system", "qemu-kvm", os.path.basename(self.programs.emulator),
                 os.path.basename(self.programs.virtqemud))
        rest = set(processes.working_in(self.directory, names))
        if self.privileged:
            rest.update(processes.in_namespace(self._marker, str(self.directory)))
        processes.end(sorted(rest))
        if self.privileged:
            mounts.remove_unused()
        shutil.rmtree(self.directory, ignore_errors=True)
        if self.directory.exists():
            raise LabError(f"'{self.directory}' cannot be removed: remove it by hand")

    def virsh(self, *args: str) -> str:
        """Runs a virsh command on this host. Returns what it prints; LabError if it fails."""
        command = [self.programs.virsh, "--quiet", "-c", self.uri, *args]
        env = environment(self.programs.virsh)
        env["LC_ALL"] = "C.UTF-8"
        try:
            done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, errors="replace", timeout=COMMAND_SECONDS,
                                  check=False)
        except subprocess.TimeoutExpired:
            raise LabError(f"'virsh {args[0]}' has not ended in {COMMAND_SECONDS} s: see "
                           f"{self.log}") from None
        if done.returncode != 0:
            reason = [line.removeprefix("error: ") for line in done.stderr.splitlines()
                      if line.strip()]
            raise LabError(f"'virsh {args[0]}' failed: {'; '.join(reason) or 'without a word'}")
        return done.stdout

    def command(self, argv: list[str]) -> tuple[list[str], dict[str, str]]:
        """Command line and environment that run argv as this host's root or user would."""
        env = dict(os.environ, LIBVIRT_DEFAULT_URI=self.uri, VIRSH_DEFAULT_CONNECT_URI=self.uri)
        if self.privileged:
            # In a chroot the root of the namespace is not the daemon's.
            own = ["--net", "--uts"] if self.linked else []
            argv = ["nsenter", "--mount", "--root", *own, f"--target={self.pid}",
                    f"--wdns={os.getcwd()}", "--", *argv]
        return argv, env
