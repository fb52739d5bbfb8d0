# SPDX-License-Identifier: LGPL-2.1-or-later
"""On what a benchmark was run: the host and the two QEMUs."""

import os
import platform
import re
import subprocess
from pathlib import Path


def _first(pattern: str, path: str, otherwise: str) -> str:
    try:
        found = re.search(pattern, Path(path).read_text(encoding="utf-8", errors="replace"), re.M)
    except OSError:
        found = None
    return found[1] if found else otherwise


def _last_level_cache() -> str:
    caches = sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"))
    return caches[-1].read_text(encoding="ascii").strip() if caches else "unknown"


def _version(binary: Path) -> str:
    done = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False)
    return done.stdout.split("\n", 1)[0].removeprefix("QEMU emulator version ") or "unknown"


def host() -> str:
    """The host, without a full stop."""
    gib = int(_first(r"^MemTotal: +(\d+)", "/proc/meminfo", "0")) / 2**20
    system = _first(r'^PRETTY_NAME="(.*)"', "/etc/os-release", platform.system())
    model = _first(r"^model name\s*: (.*)", "/proc/cpuinfo", platform.machine())
    virtual = ", itself a virtual machine" \
        if re.search(r"^flags.*\bhypervisor\b", Path("/proc/cpuinfo").read_text(encoding="utf-8"),
                     re.M) else ""
    return (f"Machine: {os.cpu_count()} CPUs, {model}{virtual}; last-level cache "
            f"{_last_level_cache()}, {gib:.0f} GiB of memory; {system}, kernel "
            f"{platform.release()}")


def describe(ours: Path, stock: Path, kvm: str) -> list[str]:
    """Sentences for the head of a report."""
    return [f"{host()}; {kvm}; load average at the start {os.getloadavg()[0]:.1f}.",
            f"QEMU: ours {_version(ours)} with our patches, stock {_version(stock)}, "
            "both built from the same source with the same flags."]
