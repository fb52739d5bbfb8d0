# SPDX-License-Identifier: LGPL-2.1-or-later
"""Exports our files and hooks as a series of patches for git am."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from common import ROOT, Failure, say
from patchset import Hook, apply_hook, files_of_hook, our_files, read_hooks


def _git(repository: Path, *args: str) -> str:
    # The user's own configuration must not change what is exported.
    env = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null")
    result = subprocess.run(["git", "-C", str(repository), *args], capture_output=True, text=True,
                            env=env, check=False)
    if result.returncode != 0:
        raise Failure(f"git {args[0]} failed: {result.stderr.strip()}")
    return result.stdout.strip()


def _author() -> list[str]:
    """The series is sent by whoever exports it; the date is that of the last change here."""
    def ask(*args: str) -> str:
        return subprocess.run(["git", "-C", str(ROOT), *args], capture_output=True, text=True,
                              check=False).stdout.strip()
    name = ask("config", "user.name") or ask("log", "-1", "--format=%an") or "libvirt-dirty"
    email = ask("config", "user.email") or ask("log", "-1", "--format=%ae") or "unknown@localhost"
    date = ask("log", "-1", "--format=%ad", "--date=raw") or "0 +0000"
    return [f"--author={name} <{email}>", f"--date={date}"]


def check_every_file_arrives(project: str, hooks: list[Hook], files: dict[str, Path]) -> None:
    seen: dict[str, str] = {}
    for hook in hooks:
        for name in files_of_hook(hook, files):
            if name in seen:
                raise Failure(f"{name} arrives with hook {seen[name]} and with {hook.path.name}")
            seen[name] = hook.path.name
    missing = sorted(set(files) - set(seen))
    if missing:
        raise Failure(f"no {project} hook adds {', '.join(missing)}")


def _commit_step(hook: Hook, files: dict[str, Path], pristine: Path, repository: Path) -> None:
    if hook.diff.strip():
        apply_hook(hook, pristine, repository)
    for name in files_of_hook(hook, files):
        target = repository / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(files[name], target)
    for name in hook.removes:
        (repository / name).unlink()
    _git(repository, "add", "--all")
    _git(repository, "-c", "user.name=libvirt-dirty", "-c", "user.email=unknown@localhost",
         "commit", "--quiet", "--cleanup=whitespace", *_author(), "-m", hook.message)


def write_series(project: str, pristine: Path, output: Path) -> None:
    """Writes one patch per hook, in their order, each with the files of ours it brings."""
    hooks = read_hooks(project)
    files = our_files(project)
    check_every_file_arrives(project, hooks, files)
    with tempfile.TemporaryDirectory(prefix="libvirt-dirty-") as temporary:
        repository = Path(temporary)
        _git(repository, "init", "--quiet")
        # Only what the series changes need be there: the patches are the same as from a whole tree.
        for name in sorted({name for hook in hooks for name in hook.touched + hook.removes}):
            if not (pristine / name).is_file():
                raise Failure(f"{pristine} has no {name}")
            (repository / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(pristine / name, repository / name)
        _git(repository, "add", "--all")
        _git(repository, "-c", "user.name=upstream", "-c", "user.email=unknown@localhost",
             "commit", "--quiet", "-m", "upstream")
        for hook in hooks:
            _commit_step(hook, files, pristine, repository)
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True)
        _git(repository, "format-patch", "--quiet", "--no-renames", "--output-directory",
             str(output.resolve()), f"-{len(hooks)}")
    say(f"{len(hooks)} patches for {project} in {output}")


def count_hooks(project: str) -> None:
    """Prints how many lines each hook adds to upstream files."""
    hooks = read_hooks(project)
    for hook in hooks:
        print(f"{hook.added_lines:5} {project} {hook.path.name}")
    print(f"{sum(hook.added_lines for hook in hooks):5} {project} in all")
