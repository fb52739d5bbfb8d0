# SPDX-License-Identifier: LGPL-2.1-or-later
"""A lab: a directory with its hosts. There is one host now; there is room for more."""

import json
import os
from pathlib import Path

from dirtylab.errors import LabError
from dirtylab.host import Host
from dirtylab.programs import Programs

HOSTS = ("a",)
# Of a lab that died before it could say: enough to find its processes by name and directory.
UNKNOWN_PROGRAMS = Programs("virtqemud", "virsh", "qemu-system-x86_64", "dirty-guest.elf", None)


def runtime_directory() -> Path:
    """Where labs live unless told otherwise: gone after a reboot, as their daemons are."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    if os.geteuid() == 0:
        return Path("/run/libvirt-dirty")
    if base:
        return Path(base) / "libvirt-dirty"
    return Path(f"/tmp/libvirt-dirty-{os.geteuid()}")


class Lab:
    """The lab in a directory; it need not be up."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self._file = self.directory / "lab.json"

    def programs(self) -> Programs | None:
        """The programs the lab was started with, None if it is not up."""
        try:
            return Programs(**json.loads(self._file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _hosts(self, programs: Programs) -> list[Host]:
        return [Host(name, self.directory / name, programs) for name in HOSTS]

    def host(self) -> Host:
        """The lab's host, up and answering; LabError if it is not."""
        programs = self.programs()
        if not programs:
            raise LabError(f"no lab is up in {self.directory}: start it with 'lab up'")
        host = self._hosts(programs)[0]
        if not host.pid or not host.answers():
            raise LabError("the lab's daemon does not run any more: 'lab down' ends what is left "
                           "of it, and 'lab up' starts it again")
        return host

    def up(self, programs: Programs) -> Host:
        """Starts the lab; one that runs with the same programs is taken as it is."""
        known = self.programs()
        if known:
            host = self._hosts(known)[0]
            if host.pid and host.answers():
                if known != programs:
                    raise LabError(f"the lab in {self.directory} is up with other programs: end "
                                   "it with 'lab down' first, or give this one another --name")
                return host
        self.down()  # what a crash has left
        try:
            self.directory.mkdir(parents=True, mode=0o700)
            self._file.write_text(json.dumps(programs.as_dict(), indent=1), encoding="utf-8")
        except OSError as error:
            raise LabError(f"the lab's directory cannot be made: {error}: choose another with "
                           "--state") from None
        hosts = self._hosts(programs)
        for host in hosts:
            try:
                host.start()
            except BaseException:
                self.down()
                raise
        return hosts[0]

    def down(self) -> bool:
        """Ends all of the lab, in whatever state it is. Returns whether there was anything."""
        if not self.directory.exists():
            return False
        programs = self.programs()
        known = {"lab.json", *HOSTS}
        if not programs and not known.issuperset(os.listdir(self.directory)):
            raise LabError(f"{self.directory} holds something else than a lab: choose another "
                           "directory with --state")
        for host in self._hosts(programs or UNKNOWN_PROGRAMS):
            host.stop()
        self._file.unlink(missing_ok=True)
        try:
            self.directory.rmdir()
        except OSError as error:
            raise LabError(f"the lab's directory cannot be removed: {error}") from None
        return True
