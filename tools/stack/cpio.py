# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes an archive that a Linux kernel unpacks as its first file system (cpio, format newc)."""

import itertools
import os
import stat
from pathlib import Path
from typing import BinaryIO

CONSOLE = ("dev/console", 5, 1)  # the kernel opens it for init before init can make it


class Archive:
    """An archive being written; all in it belongs to root."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._inodes = itertools.count(1)
        self._directories: set[str] = set()

    def _entry(self, name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        fields = (next(self._inodes), mode, 0, 0, 1, 0, len(data), 0, 0, *device,
                  len(name.encode()) + 1, 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        for part in (header, data):
            self._out.write(part + bytes(-len(part) % 4))

    def directory(self, name: str) -> None:
        """Adds a directory, and those it is in, where they are not there yet."""
        for path in [*reversed(Path(name).parents), Path(name)]:
            if str(path) != "." and str(path) not in self._directories:
                self._directories.add(str(path))
                self._entry(str(path), stat.S_IFDIR | 0o755)

    def file(self, name: str, data: bytes, mode: int = 0o644) -> None:
        """Adds a file with its directories."""
        self.directory(str(Path(name).parent))
        self._entry(name, stat.S_IFREG | mode, data)

    def link(self, name: str, target: str) -> None:
        """Adds a symbolic link with its directories."""
        self.directory(str(Path(name).parent))
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def copy(self, root: Path, name: str) -> None:
        """Adds what has this name under root: a file, a link, or a directory with all in it."""
        path = root / name
        if path.is_symlink():
            self.link(name, os.readlink(path))
        elif path.is_dir():
            self.directory(name)
            for entry in sorted(os.listdir(path)):
                self.copy(root, f"{name}/{entry}")
        else:
            self.file(name, path.read_bytes(), 0o755 if os.access(path, os.X_OK) else 0o644)

    def end(self) -> None:
        """Writes what ends the archive."""
        name, *device = CONSOLE
        self.directory(str(Path(name).parent))
        self._entry(name, stat.S_IFCHR | 0o600, device=tuple(device))
        self._entry("TRAILER!!!", 0)
