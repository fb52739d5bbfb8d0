# SPDX-License-Identifier: LGPL-2.1-or-later
"""Configures and builds the upstream trees."""

import hashlib
import os
import shutil
from pathlib import Path

from common import ROOT, Failure, cache_dir, run_logged, say, stack_dir
from sources import meson_environment

# A small QEMU: one target, KVM and TCG, and zstd, which measurements can try. '--disable-download'
# and the python named keep the build to what Debian's packages hold.
QEMU_CONFIGURE = (
    "../configure", "--python=/usr/bin/python3", "--target-list=x86_64-softmmu",
    "--without-default-features", "--enable-kvm", "--enable-tcg", "--enable-system",
    "--enable-attr", "--enable-zstd", "--disable-docs", "--disable-download", "--disable-werror",
    "--disable-install-blobs",
)

# A libvirt with the QEMU and test drivers, remote and monolithic daemons, and its tests.
LIBVIRT_FEATURES = (
    "driver_qemu", "driver_remote", "driver_libvirtd", "driver_test", "tests", "json_c",
    "readline", "nls", "libnl", "pciaccess", "udev", "capng", "numactl", "attr",
)
LIBVIRT_CONFIGURE = (
    "meson", "setup", "build", "--auto-features=disabled",
    *(f"-D{feature}=enabled" for feature in LIBVIRT_FEATURES),
    "-Dinit_script=none", "-Dqemu_user=root", "-Dqemu_group=root",
)

CONFIGURE = {"qemu": QEMU_CONFIGURE, "libvirt": LIBVIRT_CONFIGURE}

# What is built; everything else of QEMU's is not needed here.
TARGETS = {
    "qemu": ("qemu-system-x86_64", "tests/qtest/migration-test"),
    "libvirt": (),
}

# QEMU's source package comes without firmware; these packages' directories supply it.
FIRMWARE_DIRS = ("/usr/share/qemu", "/usr/share/seabios", "/usr/lib/ipxe/qemu")
FIRMWARE_LANDMARK = "bios-256k.bin"


def build_environment() -> dict[str, str]:
    env = dict(os.environ)
    env.update(meson_environment())
    # Two checkouts, and the stock and patched trees, share what compiles to the same.
    env.setdefault("CCACHE_DIR", str(cache_dir() / "ccache"))
    env.setdefault("CCACHE_BASEDIR", str(stack_dir().parent))
    env.setdefault("CCACHE_NOHASHDIR", "1")
    env.setdefault("CCACHE_SLOPPINESS", "time_macros")
    env["LC_ALL"] = "C.UTF-8"
    # What a caller such as ./run or make set for itself must not reach the builds and their tests.
    for name in ("MAKEFLAGS", "LD_LIBRARY_PATH", "LIBVIRT_DIR_OVERRIDE", "PKG_CONFIG_PATH"):
        env.pop(name, None)
    return env


def _log_dir(tree: Path) -> Path:
    return stack_dir() / "logs" / tree.parent.name


def configure(project: str, tree: Path, env: dict[str, str]) -> None:
    """Configures a tree where that was not done with the same flags before."""
    build_dir = tree / "build"
    command = CONFIGURE[project]
    stamp = build_dir / ".configured"
    key = hashlib.sha256(repr(command).encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == key and (build_dir / "build.ninja").is_file():
        return
    say(f"configuring {tree.parent.name} {project}")
    shutil.rmtree(build_dir, ignore_errors=True)
    build_dir.mkdir()
    run_logged(f"configuring {project}", list(command), _log_dir(tree) / f"{project}-configure.log",
               cwd=build_dir if project == "qemu" else tree, env=env)
    stamp.write_text(key)


def link_firmware(build_dir: Path) -> None:
    """Puts Debian's firmware where an uninstalled QEMU looks for it."""
    share = build_dir / "qemu-bundle/usr/local/share/qemu"
    share.mkdir(parents=True, exist_ok=True)
    for directory in map(Path, FIRMWARE_DIRS):
        for blob in directory.glob("*"):
            link = share / blob.name
            if blob.suffix in (".bin", ".rom") and not link.exists():
                link.unlink(missing_ok=True)
                link.symlink_to(blob)
    if not (share / FIRMWARE_LANDMARK).exists():
        raise Failure(f"{FIRMWARE_LANDMARK} is in none of {', '.join(FIRMWARE_DIRS)}: "
                      "run tools/stack/packages")


def build(project: str, tree: Path) -> None:
    """Configures a tree where needed and builds it."""
    env = build_environment()
    configure(project, tree, env)
    label = f"building {tree.parent.name} {project}"
    say(label)
    targets = list(TARGETS[project])
    if tree.parent.name == "patched" and project == "qemu":
        targets += ["tests/qtest/dirty-limit-test", "tests/qtest/dirty-rate-test"]
    run_logged(label, ["ninja", "-C", str(tree / "build"), *targets],
               _log_dir(tree) / f"{project}-build.log", env=env)
    if project == "qemu":
        link_firmware(tree / "build")


def build_own() -> None:
    """Builds what is ours alone; needs no upstream tree."""
    own = stack_dir() / "own"
    logs = stack_dir() / "logs"
    env = build_environment()
    if not (own / "build.ninja").is_file():
        shutil.rmtree(own, ignore_errors=True)
        run_logged("configuring what is ours", ["meson", "setup", str(own), str(ROOT)],
                   logs / "own-configure.log", env=env)
    run_logged("building what is ours", ["ninja", "-C", str(own)], logs / "own-build.log", env=env)


def build_python_module() -> None:
    """Builds the Python module against the patched libvirt, for the Python that runs this."""
    module = stack_dir() / "python"
    logs = stack_dir() / "logs" / "patched"
    libvirt = stack_dir() / "patched" / "libvirt" / "build"
    env = build_environment()
    env["PKG_CONFIG_PATH"] = f"{libvirt}/src"
    env["LD_LIBRARY_PATH"] = f"{libvirt}/src"
    if not (module / "build.ninja").is_file():
        shutil.rmtree(module, ignore_errors=True)
        run_logged("configuring the Python module",
                   ["meson", "setup", str(module), str(ROOT / "src/python"),
                    "-Dpython=/usr/bin/python3"],
                   logs / "python-configure.log", env=env)
    run_logged("building the Python module", ["ninja", "-C", str(module)],
               logs / "python-build.log", env=env)
