# SPDX-License-Identifier: LGPL-2.1-or-later
"""A lab: a directory with its hosts, one or two that are linked."""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from dirtylab import guests, network
from dirtylab.errors import LabError
from dirtylab.host import Host
from dirtylab.programs import Programs

HOSTS = ("a", "b")
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


@dataclass(frozen=True)
class Settings:
    """What a lab was started with; link: None for one host alone."""
    programs: Programs
    link: network.Link | None = None

    def to_json(self) -> str:
        """For the lab's state file."""
        return json.dumps({"programs": self.programs.as_dict(),
                           "link": vars(self.link) if self.link else None}, indent=1)

    @staticmethod
    def from_json(text: str) -> "Settings":
        """The opposite; ValueError, KeyError or TypeError for what to_json() did not write."""
        data = json.loads(text)
        return Settings(Programs(**data["programs"]),
                        network.Link(**data["link"]) if data["link"] else None)


class Lab:
    """The lab in a directory; it need not be up."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self._file = self.directory / "lab.json"

    def settings(self) -> Settings | None:
        """What the lab was started with, None if it is not up."""
        try:
            return Settings.from_json(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def programs(self) -> Programs | None:
        """The programs the lab was started with, None if it is not up."""
        settings = self.settings()
        return settings.programs if settings else None

    def _hosts(self, settings: Settings) -> list[Host]:
        linked = settings.link is not None
        files = self.directory / HOSTS[0] / "guests"
        return [Host(name, self.directory / name, settings.programs, files, linked)
                for name in (HOSTS if linked else HOSTS[:1])]

    def hosts(self) -> list[Host]:
        """The lab's hosts, up and answering; LabError if one is not."""
        settings = self.settings()
        if not settings:
            raise LabError(f"no lab is up in {self.directory}: start it with 'lab up'")
        hosts = self._hosts(settings)
        for host in hosts:
            if not _is_up(host):
                raise LabError("the lab's daemon does not run any more: 'lab down' ends what is "
                               "left of it, and 'lab up' starts it again")
        return hosts

    def host(self, name: str | None = None) -> Host:
        """One of the lab's hosts, the first if none is named; LabError if it is not there."""
        hosts = {host.name: host for host in self.hosts()}
        name = (name or HOSTS[0]).lower()
        if name not in hosts:
            raise LabError(f"the lab has no host '{name}': "
                           + (f"its hosts are {' and '.join(hosts)}" if len(hosts) > 1 else
                              "it was started with one host, 'lab up --hosts 2' starts two"))
        return hosts[name]

    def host_of(self, guest: str) -> Host | None:
        """The host a guest runs on, None if there is none; while it moves, the one it comes from."""
        for host in self.hosts():
            if guest in guests.running(host):
                return host
        return None

    def up(self, settings: Settings) -> list[Host]:
        """Starts the lab; one that runs with the same settings is taken as it is."""
        known = self.settings()
        if known:
            hosts = self._hosts(known)
            if all(_is_up(host) for host in hosts):
                if known != settings:
                    what = "programs" if known.programs != settings.programs else "hosts or link"
                    raise LabError(f"the lab in {self.directory} is up with other {what}: end "
                                   "it with 'lab down' first, or give this one another --name")
                return hosts
        if settings.link:
            reason = network.unusable()
            if reason:
                raise LabError(f"two hosts cannot be had: {reason}")
        self.down()  # what a crash has left
        try:
            self.directory.mkdir(parents=True, mode=0o700)
            self._file.write_text(settings.to_json(), encoding="utf-8")
        except OSError as error:
            raise LabError(f"the lab's directory cannot be made: {error}: choose another with "
                           "--state") from None
        hosts = self._hosts(settings)
        try:
            for host in hosts:
                host.prepare()
            if settings.link:
                network.join((hosts[0].anchor, hosts[1].anchor), settings.link, hosts[0].directory)
            for host in hosts:
                host.start()
        except BaseException:
            self.down()
            raise
        return hosts

    def relink(self, link: network.Link) -> list[Host]:
        """Joins the hosts of a lab that is up by another link; connections over the one before break."""
        settings, hosts = self.settings(), self.hosts()
        if not settings.link:
            raise LabError("the lab has one host: 'lab up --hosts 2' starts one with two, linked")
        anchors = tuple(host.anchor for host in hosts)
        network.part(anchors, hosts[0].directory)
        network.join(anchors, link, hosts[0].directory)
        self._file.write_text(replace(settings, link=link).to_json(), encoding="utf-8")
        return hosts

    def down(self) -> bool:
        """Ends all of the lab, in whatever state it is. Returns whether there was anything."""
        if not self.directory.exists():
            return False
        settings = self.settings()
        known = {"lab.json", *HOSTS}
        if not settings and not known.issuperset(os.listdir(self.directory)):
            raise LabError(f"{self.directory} holds something else than a lab: choose another "
                           "directory with --state")
        programs = settings.programs if settings else UNKNOWN_PROGRAMS
        # All there could be, whatever of it there is. The last one first: the files of all guests
        # are with the first.
        for name in reversed(HOSTS):
            Host(name, self.directory / name, programs,
                 self.directory / HOSTS[0] / "guests").stop()
        self._file.unlink(missing_ok=True)
        try:
            self.directory.rmdir()
        except OSError as error:
            raise LabError(f"the lab's directory cannot be removed: {error}") from None
        return True


def _is_up(host: Host) -> bool:
    return bool(host.pid and host.answers() and (host.anchor or not host.linked))
