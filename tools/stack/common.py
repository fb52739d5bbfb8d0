# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the stack's modules share: places, messages and running programs with a log."""

import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# How often progress is printed where the output is no terminal, s.
PROGRESS_INTERVAL = 15

# How much of a failed program's log is shown, lines.
LOG_TAIL = 40

_STEP = re.compile(r"^\[(\d+)/(\d+)\]")


class Failure(Exception):
    """Something went wrong that the user can read in one sentence."""


def say(text: str) -> None:
    print(f"stack: {text}", file=sys.stderr, flush=True)


def cache_dir() -> Path:
    """The directory for all that is fetched or built, outside the checkout."""
    given = os.environ.get("LIBVIRT_DIRTY_CACHE")
    if given:
        return Path(given).resolve()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).resolve() / "libvirt-dirty"


def stack_dir() -> Path:
    """This checkout's own builds: two checkouts must not share a tree."""
    key = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
    return cache_dir() / f"stack-{key}"


def write_if_changed(path: Path, content: bytes) -> bool:
    """Writes a file only where it differs, so that builds redo only what they must."""
    if path.is_file() and not path.is_symlink() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    return True


class _Progress:
    """Shows how far a program is from the [step/steps] lines that ninja prints."""

    def __init__(self, label: str):
        self.label = label
        self.shown = time.monotonic()
        self.tty = sys.stderr.isatty()

    def line(self, text: str) -> None:
        step = _STEP.match(text)
        if not step:
            return
        now = time.monotonic()
        if self.tty:
            print(f"\rstack: {self.label} [{step[1]}/{step[2]}] ", end="", file=sys.stderr,
                  flush=True)
        elif now - self.shown >= PROGRESS_INTERVAL:
            self.shown = now
            say(f"{self.label} [{step[1]}/{step[2]}]")

    def end(self) -> None:
        if self.tty:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def run_logged(label: str, command: list[str], log: Path, cwd: Path | None = None,
               env: dict[str, str] | None = None) -> None:
    """Runs a program, keeps its output in a log, shows its progress and a failure's last lines."""
    log.parent.mkdir(parents=True, exist_ok=True)
    progress = _Progress(label)
    with open(log, "w", encoding="utf-8", errors="replace") as out:
        out.write(f"$ {' '.join(map(str, command))}\n")
        with subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace") as process:
            for line in process.stdout:
                out.write(line)
                out.flush()
                progress.line(line)
        progress.end()
    if process.returncode != 0:
        tail = log.read_text(errors="replace").splitlines()[-LOG_TAIL:]
        print("\n".join(tail), file=sys.stderr)
        raise Failure(f"{label} failed with status {process.returncode}; its last lines are above, "
                      f"all of them in {log}")
