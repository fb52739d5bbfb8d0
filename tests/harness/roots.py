# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bare Debian roots that hold the stock peers our side is tested against; made once and kept."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "stack"))

from common import cache_dir, run_logged, say
from sources import mirror

IN_ROOT = Path(__file__).resolve().parent / "in-root"

# A stock QEMU and libvirt with its clients, and nothing they only recommend.
STOCK_PACKAGES = ("qemu-system-x86", "libvirt-daemon", "libvirt-daemon-driver-qemu",
                  "libvirt-clients", "python3-libvirt")

# Debian's libvirt looks this user up even when told to run guests as another; in Debian 12 only a
# package with services makes it.
MAKE_LIBVIRT_USER = ("sh", "-c", "id libvirt-qemu || useradd --system --user-group libvirt-qemu")

# Says what a finished root was made from.
STAMP = ".made-from"


@dataclass(frozen=True)
class Recipe:
    """What a root is made from."""
    suite: str
    packages: tuple[str, ...]


RECIPES = {
    "bookworm-stock": Recipe("bookworm", STOCK_PACKAGES),  # QEMU 7.2, libvirt 9.0
    "trixie-stock": Recipe("trixie", STOCK_PACKAGES),      # QEMU 10.0, libvirt 11.3, as we patch
}


class Unavailable(Exception):
    """This user or machine cannot have such a root; the text says why."""


def in_root(root: Path | str, command: list[str], binds: tuple[str, ...] = (),
            owns: tuple[str, ...] = (), tie: bool = False) -> list[str]:
    """The command that runs @command in @root with mounts and processes of its own."""
    options = [word for bind in binds for word in ("--bind", bind)]
    options += [word for own in owns for word in ("--own", own)]
    return [str(IN_ROOT), *options, *(["--tie"] if tie else []), str(root), *command]


def require() -> None:
    """Raises Unavailable where roots can be neither made nor entered."""
    if os.geteuid() != 0:
        raise Unavailable("entering a Debian root needs root")
    probe = subprocess.run(in_root("/", ["true"]), capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        raise Unavailable(f"no mount or process namespace: {probe.stderr.strip()}")


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _prepare(root: Path) -> None:
    """Lets packages be installed quickly, and without starting what they bring."""
    _write(root / "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
    _write(root / "etc/apt/apt.conf.d/50small",
           'APT::Install-Recommends "0";\nAcquire::Languages "none";\n')
    shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")


def _make(name: str, recipe: Recipe, root: Path) -> None:
    partial = root.with_name(f".partial-{name}-{os.getpid()}")
    log = cache_dir() / "logs" / f"root-{name}.log"
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
           "DEBIAN_FRONTEND": "noninteractive",
           # A root that is lost half way is made anew: nothing needs to be flushed to the disk.
           "DPKG_FORCE": "unsafe-io"}
    say(f"making the Debian root {name}")
    try:
        # What debootstrap mounts in the new root goes with the namespace it runs in.
        run_logged(f"debootstrap of {recipe.suite}",
                   in_root("/", ["debootstrap", "--variant=minbase", recipe.suite, str(partial),
                                 mirror()[0]]), log, env=env)
        _prepare(partial)
        for what, *command in (("update", "apt-get", "update"),
                               ("install", "apt-get", "install", "-y", *recipe.packages),
                               ("user", *MAKE_LIBVIRT_USER)):
            run_logged(f"{what} in {name}", in_root(partial, command),
                       log.with_suffix(f".{what}.log"), env=env)
        shutil.rmtree(partial / "var/cache/apt/archives")
        (partial / STAMP).write_text(repr(recipe))
        shutil.rmtree(root, ignore_errors=True)
        partial.rename(root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def stock_root(name: str) -> Path:
    """The root of that name in RECIPES; made if it is not there, or was made from something else.

    Raises Unavailable without the rights, Failure when making it fails.
    """
    require()
    recipe = RECIPES[name]
    root = cache_dir() / "roots" / name
    stamp = root / STAMP
    if not stamp.is_file() or stamp.read_text() != repr(recipe):
        root.parent.mkdir(parents=True, exist_ok=True)
        _make(name, recipe, root)
    return root
