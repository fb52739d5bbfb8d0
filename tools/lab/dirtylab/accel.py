# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which accelerator a guest can have here: KVM is tried, since /dev/kvm alone says little."""

import json
import os
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from dirtylab import processes, truth
from dirtylab.programs import Programs

TRY_SECONDS = 30  # a busy host that emulates needs some seconds for the firmware
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Kvm:
    """Whether KVM works, whether it only emulates, and a sentence that says so."""
    works: bool
    emulates: bool
    reason: str

    def accel(self) -> str:
        """What 'auto' stands for: KVM that emulates is slower than TCG."""
        return "kvm" if self.works and not self.emulates else "tcg"


def has_hardware_virtualization() -> bool:
    """Whether the CPUs have what KVM needs; without it KVM, where there is any, emulates."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("flags"):
                return not {"vmx", "svm"}.isdisjoint(line.split())
    except OSError:
        pass
    return False


def _try_kvm(programs: Programs) -> str | None:
    """Boots a guest under KVM. Returns None if it runs, else why not."""
    if not os.path.exists("/dev/kvm"):
        return "there is no /dev/kvm"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "/dev/kvm is not for this user, who may need to be in the group kvm"
    with tempfile.TemporaryDirectory(prefix="libvirt-dirty-") as directory:
        serial = Path(directory) / "serial"
        command = [programs.emulator, "-accel", "kvm", "-m", "64", "-nodefaults", "-no-user-config",
                   "-display", "none", "-monitor", "none", "-serial", f"file:{serial}",
                   "-kernel", programs.guest, "-append", "pattern=idle"]
        for path in (programs.firmware or "").split(":"):
            command += ["-L", path] if path else []
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, errors="replace") as process:
            limit = time.monotonic() + TRY_SECONDS
            try:
                while time.monotonic() < limit and process.poll() is None:
                    if truth.read(serial).ready:
                        return None
                    time.sleep(POLL_SECONDS)
                if process.poll() is None:
                    return f"a guest under KVM was not ready within {TRY_SECONDS} s"
                lines = process.stderr.read().strip().splitlines()
                return f"QEMU cannot use KVM: {lines[-1] if lines else 'without a word'}"
            finally:
                processes.end([process.pid], grace=1)


def probe(programs: Programs, cache: Path) -> Kvm:
    """Tries KVM with these programs; what was found is kept in the directory cache."""
    key = f"{programs.emulator} {os.stat(programs.emulator).st_mtime_ns} {os.geteuid()}"
    path = cache / "kvm.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        if known["key"] == key:
            return Kvm(**known["kvm"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not known, or written by another version
    reason = _try_kvm(programs)
    emulates = reason is None and not has_hardware_virtualization()
    kvm = Kvm(works=reason is None, emulates=emulates,
              reason=reason or ("KVM works but emulates: the CPU has no vmx or svm" if emulates
                                else "KVM works"))
    try:
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(json.dumps({"key": key, "kvm": asdict(kvm)}), encoding="utf-8")
    except OSError:
        pass  # then it is tried again next time
    return kvm
