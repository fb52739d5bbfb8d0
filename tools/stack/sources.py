# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fetches the upstream sources and a new enough meson from Debian's archive, checked by apt."""

import functools
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from common import Failure, cache_dir, run_logged, say

# The Debian release whose sources are our base.
SOURCE_SUITE = "trixie"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# QEMU 10.0 asks for this meson; Debian 12 has it in its backports.
MESON_NEEDED = (1, 5, 0)


@dataclass(frozen=True)
class Upstream:
    """One upstream: what it is called in Debian, and which versions our hooks are for."""
    package: str
    series: str
    # Debian's QEMU does not build without two of Debian's patches; libvirt's tarball does, and
    # its .dsc is not always served.
    tar_only: bool
    source_variable: str
    # A file that tells an upstream tree from any other directory.
    landmark: str


UPSTREAMS = {
    "qemu": Upstream("qemu", "10.0", False, "QEMU_SOURCE", "qapi/migration.json"),
    "libvirt": Upstream("libvirt", "11.3", True, "LIBVIRT_SOURCE", "src/libvirt.c"),
}


def mirror() -> tuple[str, str]:
    """The archive and release that the host's own apt uses: (URI, codename)."""
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format",
         "$(REPO_URI)|$(CODENAME)|$(ORIGIN)|$(LABEL)", "Created-By: Packages"],
        capture_output=True, text=True, check=False).stdout
    for line in listing.splitlines():
        uri, codename, origin, label = (line.split("|") + [""] * 4)[:4]
        if origin == "Debian" and label == "Debian" and "-" not in codename:
            return uri, codename
    raise Failure("apt knows no Debian archive: run 'apt-get update', or name unpatched trees "
                  "in QEMU_SOURCE and LIBVIRT_SOURCE")


class PrivateApt:
    """apt with a source list and state of its own: the host's stay as they are."""

    def __init__(self, name: str, suites: list[str]) -> None:
        self.dir = cache_dir() / name
        for sub in ("lists/partial", "archives/partial"):
            (self.dir / sub).mkdir(parents=True, exist_ok=True)
        uri, _ = mirror()
        (self.dir / "sources.list").write_text("".join(
            f"{kind} [signed-by={KEYRING}] {uri} {suite} main\n"
            for kind, _, suite in (line.partition(" ") for line in suites)))
        config = self.dir / "apt.conf"
        config.write_text(
            f'Dir::Etc::SourceList "{self.dir}/sources.list";\n'
            f'Dir::Etc::SourceParts "/dev/null";\n'
            f'Dir::State::Lists "{self.dir}/lists";\n'
            f'Dir::Cache "{self.dir}";\n'
            f'Dir::Cache::Archives "{self.dir}/archives";\n'
            # The download user of apt cannot write into a private directory.
            f'APT::Sandbox::User "";\n')
        self.env = dict(os.environ, APT_CONFIG=str(config), LC_ALL="C")
        self.log = cache_dir() / "logs" / f"{name}.log"
        run_logged("reading the archive's index", ["apt-get", "update"], self.log, env=self.env)

    def source_versions(self, package: str) -> list[str]:
        listing = subprocess.run(["apt-cache", "showsrc", "--only-source", package],
                                 capture_output=True, text=True, env=self.env, check=False).stdout
        return re.findall(r"^Version: (\S+)$", listing, re.MULTILINE)

    def download_source(self, package: str, version: str, tar_only: bool, into: Path) -> None:
        what = ["--tar-only"] if tar_only else []
        run_logged(f"downloading {package} {version}",
                   ["apt-get", "source", "--download-only", *what, f"{package}={version}"],
                   self.log, cwd=into, env=self.env)

    def download_binaries(self, packages: list[str], into: Path) -> list[Path]:
        """Downloads packages into an empty directory. Returns the files; Failure if one is missing."""
        run_logged(f"downloading {', '.join(packages)}", ["apt-get", "download", *packages],
                   self.log, cwd=into, env=self.env)
        return sorted(into.glob("*.deb"))

    def dependencies(self, packages: list[str]) -> list[str]:
        """Names of the packages that packages depend on; of alternatives the first."""
        listing = subprocess.run(["apt-cache", "show", "--no-all-versions", *packages],
                                 capture_output=True, text=True, env=self.env, check=False).stdout
        return [re.split(r"[ :|(]", name)[0]
                for depends in re.findall(r"^Depends: (.*)$", listing, re.MULTILINE)
                for name in depends.split(", ")]


@functools.cache
def private_apt() -> PrivateApt:
    """The one of this run for sources and meson: its index is read once, whatever is fetched."""
    suites = [f"deb-src {SOURCE_SUITE}", f"deb-src {SOURCE_SUITE}-updates"]
    _, codename = mirror()
    if codename != SOURCE_SUITE:
        suites.append(f"deb {codename}-backports")
    return PrivateApt("apt", suites)


@functools.cache
def guest_apt() -> PrivateApt:
    """The same for what runs in the lab's Linux guests, which are the same on every host."""
    return PrivateApt("apt-guest", [f"deb {SOURCE_SUITE}"])


def _pick_version(upstream: Upstream, versions: list[str]) -> str:
    of_series = [v for v in versions
                 if re.match(rf"(\d+:)?{re.escape(upstream.series)}\.", v)]
    if not of_series:
        raise Failure(
            f"the archive serves no {upstream.package} {upstream.series}.x "
            f"(found: {', '.join(versions) or 'none'}); name a tree in {upstream.source_variable}")
    newest = of_series[0]
    for version in of_series[1:]:
        newer = subprocess.run(["dpkg", "--compare-versions", version, "gt", newest], check=False)
        newest = version if newer.returncode == 0 else newest
    return newest


def _unpack(upstream: Upstream, download: Path, into: Path) -> None:
    log = cache_dir() / "logs" / f"unpack-{upstream.package}.log"
    if upstream.tar_only:
        archive = next(download.glob(f"{upstream.package}_*.orig.tar.*z"))
        into.mkdir()
        run_logged(f"unpacking {archive.name}",
                   ["tar", "-xf", str(archive), "-C", str(into), "--strip-components=1"], log)
    else:
        dsc = next(download.glob(f"{upstream.package}_*.dsc"))
        run_logged(f"unpacking {dsc.name}",
                   ["dpkg-source", "--no-copy", "-x", str(dsc), str(into)], log)


def _fetch(project: str, trees: Path) -> Path:
    upstream = UPSTREAMS[project]
    apt = private_apt()
    version = _pick_version(upstream, apt.source_versions(upstream.package))
    tree = trees / f"{project}-{re.sub(r'^[0-9]+:|[+-].*$', '', version)}"
    partial = trees / f".partial-{project}"
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "download").mkdir(parents=True)
    say(f"fetching {upstream.package} {version}")
    apt.download_source(upstream.package, version, upstream.tar_only, partial / "download")
    _unpack(upstream, partial / "download", partial / "tree")
    if not (partial / "tree" / upstream.landmark).is_file():
        raise Failure(f"what the archive serves as {upstream.package} {version} has no "
                      f"{upstream.landmark}")
    (partial / "tree").rename(tree)
    shutil.rmtree(partial)
    return tree


def pristine_tree(project: str) -> Path:
    """An unpatched upstream tree: the user's, one fetched before, or one fetched now."""
    upstream = UPSTREAMS[project]
    given = os.environ.get(upstream.source_variable)
    if given:
        tree = Path(given).resolve()
        if not (tree / upstream.landmark).is_file():
            raise Failure(f"{upstream.source_variable}={given} is no {project} tree: it has no "
                          f"{upstream.landmark}")
        return tree
    trees = cache_dir() / "sources"
    trees.mkdir(parents=True, exist_ok=True)
    fetched = sorted(trees.glob(f"{project}-{upstream.series}.*"),
                     key=lambda path: [int(n) for n in re.findall(r"\d+", path.name)])
    return fetched[-1] if fetched else _fetch(project, trees)


def _meson_version(command: list[str], env: dict[str, str]) -> tuple[int, ...]:
    try:
        text = subprocess.run([*command, "--version"], capture_output=True, text=True,
                              env=dict(os.environ, **env), check=False).stdout
    except FileNotFoundError:
        return (0,)
    return tuple(int(n) for n in re.findall(r"\d+", text)[:3]) or (0,)


def meson_environment() -> dict[str, str]:
    """What the environment needs so that 'meson' is new enough; fetches one if it must."""
    # A python3 or meson earlier on PATH need not be Debian's.
    path = "/usr/lib/ccache:/usr/bin:/bin:/usr/sbin:/sbin"
    if _meson_version(["/usr/bin/meson"], {}) >= MESON_NEEDED:
        return {"PATH": path}
    unpacked = cache_dir() / "tools" / "meson"
    meson = unpacked / "usr/bin/meson"
    if not meson.is_file():
        partial = cache_dir() / "tools" / ".partial-meson"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        package, = private_apt().download_binaries(["meson"], partial)
        subprocess.run(["dpkg-deb", "-x", str(package), str(partial / "tree")], check=True)
        (partial / "tree").rename(unpacked)
        shutil.rmtree(partial)
    modules = {"PYTHONPATH": str(unpacked / "usr/lib/python3/dist-packages")}
    found = _meson_version(["/usr/bin/python3", str(meson)], modules)
    if found < MESON_NEEDED:
        raise Failure(f"meson {'.'.join(map(str, MESON_NEEDED))} or newer is needed; the archive "
                      f"has {'.'.join(map(str, found))}")
    return {"PATH": f"{meson.parent}:{path}", **modules}
