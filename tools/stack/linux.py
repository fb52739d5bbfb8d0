# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds the lab's Linux guests from Debian's packages: a kernel, and a file system in memory for
each workload."""

import functools
import io
import lzma
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from common import ROOT, Failure, cache_dir, say, stack_dir, write_if_changed
from cpio import Archive
from sources import guest_apt

KERNEL = "linux-image-cloud-amd64"  # names the package with the kernel of the day
BASE = ("busybox-static",)
# What a guest has: a balloon. Modules that these need come with them.
MODULES = ("virtio_balloon",)
SCRIPTS = ROOT / "tests/linux-guest"

# Debian's directories are merged; links stand for the old places.
PROGRAMS = "usr/bin"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
LINKS = {"bin": "usr/bin", "sbin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64"}
LOADER = "usr/lib64/ld-linux-x86-64.so.2"


@dataclass(frozen=True)
class Workload:
    """What one of the scripts in tests/linux-guest/work needs.

    @packages: where it comes from; libraries follow by themselves
    @programs: what it runs, busybox aside
    @files: further files and directories, as glob patterns
    """
    packages: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


WORKLOADS = {
    "idle": Workload(),
    "redis": Workload(("redis-server", "redis-tools"),
                      ("redis-server", "redis-benchmark", "redis-cli")),
    "compile": Workload(("tcc", "libc6-dev", "linux-libc-dev", "libstb-dev"), ("tcc",),
                        (f"{LIBRARIES}/tcc", "usr/include/*.h", "usr/include/stb",
                         *(f"usr/include/x86_64-linux-gnu/{part}" for part in ("bits", "gnu", "sys")),
                         "usr/include/linux/limits.h")),
    "stress-ng": Workload(("stress-ng",), ("stress-ng",)),
}


def _is_library(package: str) -> bool:
    return package.startswith("lib") or package == "zlib1g"


@functools.cache
def _needed(program: Path) -> list[str]:
    """Names of the shared libraries that a program or library asks for."""
    said = subprocess.run(["objdump", "-p", str(program)], capture_output=True, text=True,
                          check=False).stdout
    return re.findall(r"^\s+NEEDED\s+(\S+)", said, re.MULTILINE)


def _closure(tree: Path, programs: tuple[str, ...]) -> tuple[set[str], set[str]]:
    """The libraries that programs need, directly or not: those that are there, and those missing."""
    found, missing = set(), set()
    rest = [tree / PROGRAMS / program for program in programs]
    while rest:
        for name in _needed(rest.pop()):
            path = tree / LIBRARIES / name
            if name in found or name in missing or name == Path(LOADER).name:
                continue
            if path.exists():
                found.add(name)
                rest.append(path)
            else:
                missing.add(name)
    return found, missing


class _Unpacked:
    """A directory that packages are unpacked into."""

    def __init__(self, tree: Path, downloads: Path) -> None:
        self.tree = tree
        self._downloads = downloads
        self._names: set[str] = set()

    def add(self, packages: Iterable[str]) -> list[str]:
        """Fetches and unpacks packages. Returns those that are new here."""
        new = sorted(set(packages) - self._names)
        self._names.update(new)
        if new:
            for archive in guest_apt().download_binaries(new, self._downloads):
                subprocess.run(["dpkg-deb", "-x", str(archive), str(self.tree)], check=True)
                archive.unlink()
        return new

    def add_libraries(self, workload: Workload) -> None:
        """Fetches what packages depend on, and what these do, until all libraries are there."""
        packages = list(workload.packages)
        while packages and _closure(self.tree, workload.programs)[1]:
            packages = self.add(filter(_is_library, guest_apt().dependencies(packages)))
        missing = _closure(self.tree, workload.programs)[1]
        if missing:
            raise Failure(f"the archive's packages for {', '.join(workload.programs)} do not bring "
                          f"{', '.join(sorted(missing))}: tools/stack/linux.py has to name the "
                          "package that does")


def _fetch(trees: Path) -> Path:
    """Fetches and unpacks all packages. Returns the tree, named for its kernel."""
    apt = guest_apt()
    kernel = next((name for name in apt.dependencies([KERNEL])
                   if name.startswith("linux-image-")), None)
    if not kernel:
        raise Failure(f"the archive has no package {KERNEL} that names a kernel: the lab's Linux "
                      "guests cannot be built")
    say(f"fetching the Linux guests' packages, {kernel} among them")
    partial = trees / ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "download").mkdir(parents=True)
    (partial / "tree").mkdir()
    unpacked = _Unpacked(partial / "tree", partial / "download")
    unpacked.add([kernel, *BASE, *(package for workload in WORKLOADS.values()
                                   for package in workload.packages)])
    for workload in WORKLOADS.values():
        unpacked.add_libraries(workload)
    tree = trees / kernel.removeprefix("linux-image-")
    (partial / "tree").rename(tree)
    shutil.rmtree(partial)
    return tree


def _tree() -> Path:
    """The unpacked packages, fetched now where they have not been before."""
    trees = cache_dir() / "linux"
    trees.mkdir(parents=True, exist_ok=True)
    whole = sorted(path for path in trees.iterdir() if not path.name.startswith("."))
    return whole[-1] if whole else _fetch(trees)


def _only(paths: list[Path], what: str, tree: Path) -> Path:
    if len(paths) != 1:
        raise Failure(f"{len(paths)} files in {tree} are {what}, and one is needed: remove that "
                      "directory and run this again")
    return paths[0]


def _module(tree: Path, name: str) -> bytes:
    """A kernel module, uncompressed: busybox knows no xz."""
    path = _only(list(tree.glob(f"usr/lib/modules/*/kernel/drivers/**/{name}.ko*")),
                 f"the module {name}", tree)
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def _modules(tree: Path) -> dict[str, bytes]:
    """The modules and those that they need, each after what it needs."""
    ordered: dict[str, bytes] = {}

    def add(name: str) -> None:
        if name in ordered:
            return
        data = _module(tree, name)
        said = re.search(rb"\0depends=([^\0]*)\0", data)
        for needed in filter(None, said[1].decode().split(",") if said else []):
            add(needed.replace("-", "_"))
        ordered[name] = data

    for name in MODULES:
        add(name)
    return ordered


def _image(tree: Path, name: str) -> bytes:
    """The file system of a workload."""
    workload = WORKLOADS[name]
    out = io.BytesIO()
    archive = Archive(out)
    for link, target in LINKS.items():
        archive.link(link, target)
    for directory in ("proc", "sys", "dev", "tmp", "data"):
        archive.directory(directory)
    archive.file("init", (SCRIPTS / "init").read_bytes(), 0o755)
    archive.file("work", (SCRIPTS / "work" / name).read_bytes(), 0o755)
    archive.file(f"{PROGRAMS}/busybox", (tree / PROGRAMS / "busybox").read_bytes(), 0o755)
    modules = _modules(tree)
    for number, (module, data) in enumerate(modules.items()):
        archive.file(f"modules/{number:02}-{module}.ko", data)
    libraries, missing = _closure(tree, workload.programs)
    if missing:
        raise Failure(f"{tree} lacks {', '.join(sorted(missing))}: remove that directory and run "
                      "this again")
    for program in workload.programs:  # followed: redis-server is a link
        archive.file(f"{PROGRAMS}/{program}", (tree / PROGRAMS / program).read_bytes(), 0o755)
    for library in sorted(libraries):
        archive.file(f"{LIBRARIES}/{library}", (tree / LIBRARIES / library).read_bytes(), 0o755)
    if libraries:
        archive.file(LOADER, (tree / LIBRARIES / Path(LOADER).name).read_bytes(), 0o755)
    for pattern in workload.files:
        for path in sorted(tree.glob(pattern)):
            archive.copy(tree, str(path.relative_to(tree)))
    archive.end()
    return out.getvalue()


def build_linux() -> None:
    """Builds all Linux guests into this checkout's builds."""
    tree = _tree()
    into = stack_dir() / "linux"
    kernel = _only(list(tree.glob("boot/vmlinuz-*")), "a kernel", tree)
    write_if_changed(into / "vmlinuz", kernel.read_bytes())
    for name in WORKLOADS:
        write_if_changed(into / f"{name}.cpio", _image(tree, name))
