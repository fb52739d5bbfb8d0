# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our part of each upstream tree: which files of ours go where, and the hooks that call them."""

import fnmatch
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from common import ROOT, Failure, say, stack_dir, write_if_changed

PROJECTS = ("qemu", "libvirt")

# Where the floors below the mounts go in each upstream tree: (directory of ours, glob, place).
SHARED = {
    "qemu": (("src/core", "*.[ch]", "migration/dirty-core"),),
    "libvirt": (("src/core", "*.[ch]", "src/dirty"),
                ("src/qmp", "*.[ch]", "src/dirty"),
                ("tools", "virsh-*dirty*.[ch]", "tools")),
}

# What upstream trees are compared by is never part of them.
NOT_COPIED = shutil.ignore_patterns(".git", "build")

_LIST = re.compile(r"^(Adds|Removes):\s*(.*)$")


@dataclass
class Hook:
    """One step of the series: a commit message, our files it brings, and a diff."""
    path: Path
    message: str = ""
    adds: list[str] = field(default_factory=list)
    removes: list[str] = field(default_factory=list)
    diff: str = ""

    @property
    def touched(self) -> list[str]:
        """The upstream files the diff changes."""
        return re.findall(r"^--- a/(\S+)", self.diff, re.MULTILINE)

    @property
    def added_lines(self) -> int:
        return sum(1 for line in self.diff.splitlines()
                   if line.startswith("+") and not line.startswith("+++"))


def read_hook(path: Path) -> Hook:
    hook = Hook(path)
    head, separator, hook.diff = path.read_text(encoding="utf-8").partition("\n---\n")
    if not separator or not head.startswith("Subject: "):
        raise Failure(f"hook {path.name} is not 'Subject:', a message, '---' and a diff")
    message = []
    for line in head.removeprefix("Subject: ").splitlines():
        listed = _LIST.match(line)
        if not listed:
            message.append(line)
        elif listed[1] == "Adds":
            hook.adds += listed[2].split()
        else:
            hook.removes += listed[2].split()
    hook.message = "\n".join(message).strip() + "\n"
    return hook


def read_hooks(project: str) -> list[Hook]:
    return [read_hook(path) for path in sorted((ROOT / "src" / project / "hooks").glob("*.patch"))]


def our_files(project: str) -> dict[str, Path]:
    """Every file of ours in an upstream tree, by its path there."""
    overlay = ROOT / "src" / project / "overlay"
    files = {str(path.relative_to(overlay)): path
             for path in sorted(overlay.rglob("*")) if path.is_file()}
    for directory, pattern, place in SHARED[project]:
        for path in sorted((ROOT / directory).glob(pattern)):
            files[f"{place}/{path.name}"] = path
    return files


def files_of_hook(hook: Hook, files: dict[str, Path]) -> list[str]:
    """Those of our files that arrive with one hook."""
    found = []
    for pattern in hook.adds:
        matches = fnmatch.filter(files, pattern)
        if not matches:
            raise Failure(f"hook {hook.path.name} adds {pattern}, but no file of ours is there")
        found += matches
    return found


def apply_hook(hook: Hook, pristine: Path, staging: Path) -> None:
    """Applies a hook in a directory that holds only the files hooks touch."""
    for name in hook.touched:
        target = staging / name
        if target.exists():
            continue
        if not (pristine / name).is_file():
            raise Failure(f"hook {hook.path.name} changes {name}, which {pristine} does not have")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(pristine / name, target)
    result = subprocess.run(
        ["patch", "-p1", "--batch", "--forward", "--no-backup-if-mismatch", "--reject-file=-"],
        cwd=staging, input=hook.diff, text=True, capture_output=True, check=False)
    if result.returncode != 0:
        failed = re.findall(r"patching file (\S+)(?:\n(?!patching).*)*?FAILED", result.stdout)
        raise Failure(f"hook {hook.path.name} does not apply to {', '.join(failed) or 'the tree'} "
                      f"of {pristine}:\n{result.stdout.strip()}")


def _stage(project: str, steps: int | None, pristine: Path, staging: Path) -> list[str]:
    """Makes the changed part of the patched tree; returns the upstream files that are removed."""
    hooks = read_hooks(project)
    files = our_files(project)
    if steps is not None:
        hooks = hooks[:steps]
        files = {name: files[name] for hook in hooks for name in files_of_hook(hook, files)}
    for hook in hooks:
        if hook.diff.strip():
            apply_hook(hook, pristine, staging)
    removed = [name for hook in hooks for name in hook.removes]
    for name in removed:
        (staging / name).unlink(missing_ok=True)
    for name, path in files.items():
        target = staging / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    return removed


def _copy_tree(project: str, pristine: Path, tree: Path) -> None:
    """A copy of the pristine tree, made anew when the pristine tree is another one."""
    mark = tree / ".pristine"
    if mark.is_file() and mark.read_text() == str(pristine):
        return
    say(f"copying {project} from {pristine}")
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(pristine, tree, symlinks=True, ignore=NOT_COPIED)
    mark.write_text(str(pristine))


def _restore(name: str, pristine: Path, tree: Path) -> None:
    if (pristine / name).is_file():
        write_if_changed(tree / name, (pristine / name).read_bytes())
    else:
        (tree / name).unlink(missing_ok=True)


def lay(project: str, pristine: Path, stock: bool = False, steps: int | None = None) -> Path:
    """
    Brings the tree to build to the state 'pristine plus our files and hooks' (or just pristine,
    with stock; or with the first steps of the series), writing only files that differ, and
    returns it.
    """
    kind = "stock" if stock else "patched" if steps is None else "steps"
    tree = stack_dir() / kind / project
    _copy_tree(project, pristine, tree)
    if stock:
        return tree
    record = tree / ".laid"
    before = set(json.loads(record.read_text())) if record.is_file() else set()
    with tempfile.TemporaryDirectory(prefix="libvirt-dirty-") as temporary:
        staging = Path(temporary)
        removed = _stage(project, steps, pristine, staging)
        staged = {str(path.relative_to(staging)): path
                  for path in staging.rglob("*") if path.is_file()}
        # Recorded before anything is written: an interrupted run leaves nothing unaccounted for.
        record.write_text(json.dumps(sorted(before | set(staged) | set(removed))))
        for name, path in staged.items():
            if write_if_changed(tree / name, path.read_bytes()):
                (tree / name).chmod(path.stat().st_mode)
        for name in removed:
            (tree / name).unlink(missing_ok=True)
        for name in before - set(staged) - set(removed):
            _restore(name, pristine, tree)
        record.write_text(json.dumps(sorted(set(staged) | set(removed))))
    return tree
