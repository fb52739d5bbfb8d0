# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs a lab runs: where they are, and the environment each needs.

Patched and stock parts can be paired: a program from a build directory is run so that it finds that
build's libraries and drivers, an installed one so that it does not.
"""

import os
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from dirtylab.errors import LabError


@dataclass(frozen=True)
class InstallDirs:
    """The directories a libvirt was configured with."""
    sysconf: Path
    localstate: Path
    runstate: Path


@dataclass(frozen=True)
class Programs:
    """Paths of the programs, and the directories with QEMU's firmware (None: QEMU's own) and with the
    Linux guests (None: there are none)."""
    virtqemud: str
    virsh: str
    emulator: str
    guest: str
    firmware: str | None
    linux: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """For the lab's state file."""
        return asdict(self)


def _find(what: str, given: str | None, variable: str | None, name: str | None) -> str:
    """The path of a program or file: as given, else from the environment, else on PATH."""
    wanted = given or (os.environ.get(variable) if variable else None)
    if wanted and ("/" in wanted or not name):
        path = os.path.abspath(wanted)
    else:
        path = shutil.which(wanted or name or "", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not path or not os.path.exists(path):
        source = f"'{wanted}'" if wanted else f"'{name}' on PATH" if name else f"in {variable}"
        raise LabError(f"no {what} found ({source}): run the lab under ./run, "
                       "or name it with an option (lab up --help)")
    return path


def find_programs(virtqemud: str | None = None, virsh: str | None = None,
                  emulator: str | None = None, guest: str | None = None,
                  firmware: str | None = None) -> Programs:
    """The programs to use; None: take the one ./run gives."""
    return Programs(
        virtqemud=_find("libvirt daemon", virtqemud, None, "virtqemud"),
        virsh=_find("virsh", virsh, None, "virsh"),
        emulator=_find("QEMU", emulator, "LIBVIRT_DIRTY_EMULATOR", "qemu-system-x86_64"),
        guest=_find("test guest (dirty-guest.elf)", guest, "LIBVIRT_DIRTY_GUEST", None),
        firmware=firmware or os.environ.get("LIBVIRT_DIRTY_FIRMWARE") or None,
        linux=os.environ.get("LIBVIRT_DIRTY_LINUX") or None)


def build_directory(program: str) -> Path | None:
    """The build directory of libvirt that a program is run from, None for an installed one."""
    build = Path(program).resolve().parent.parent
    return build if (build / "configmake.h").exists() else None


def environment(program: str) -> dict[str, str]:
    """The environment for a libvirt program: its own libraries, whatever ./run has set."""
    env = dict(os.environ)
    env.pop("LIBVIRT_DIR_OVERRIDE", None)
    libraries = [path for path in env.pop("LD_LIBRARY_PATH", "").split(":")
                 if path and not os.path.exists(os.path.join(path, "libvirt.so.0"))]
    build = build_directory(program)
    if build:
        env["LIBVIRT_DIR_OVERRIDE"] = "1"
        libraries.insert(0, str(build / "src"))
    if libraries:
        env["LD_LIBRARY_PATH"] = ":".join(libraries)
    return env


def install_dirs(daemon: str) -> InstallDirs:
    """Where a daemon run as root keeps its files, unless a mount puts others there."""
    build = build_directory(daemon)
    if build:
        defines = dict(re.findall(r'^#define (\w+) "([^"]*)"',
                                  (build / "configmake.h").read_text(encoding="utf-8"), re.M))
        return InstallDirs(*(Path(defines[name])
                             for name in ("SYSCONFDIR", "LOCALSTATEDIR", "RUNSTATEDIR")))
    if Path(daemon).is_relative_to("/usr/local"):
        return InstallDirs(Path("/usr/local/etc"), Path("/var/local"), Path("/run"))
    return InstallDirs(Path("/etc"), Path("/var"), Path("/run"))
