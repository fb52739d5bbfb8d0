# SPDX-License-Identifier: LGPL-2.1-or-later
"""The exported series applies to pristine trees with git am and gives the trees that were built."""

import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(os.environ.get("LIBVIRT_DIRTY_ROOT") or Path(__file__).resolve().parents[2])
sys.path.insert(0, str(ROOT / "tools" / "stack"))

import export
import patchset
import sources
from common import Failure

# What the build leaves in a tree beside the sources.
NOT_SOURCE = {".git", "build", ".pristine", ".laid"}


def git(repository: Path, *args: str) -> str:
    env = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null",
               GIT_AUTHOR_NAME="t", GIT_AUTHOR_EMAIL="t@localhost", GIT_COMMITTER_NAME="t",
               GIT_COMMITTER_EMAIL="t@localhost")
    return subprocess.run(["git", "-C", str(repository), *args], env=env, check=True,
                          capture_output=True, text=True).stdout


def sources_in(tree: Path) -> dict[str, Path]:
    found = {}
    for directory, names, files in os.walk(tree):
        if Path(directory) == tree:
            names[:] = [name for name in names if name not in NOT_SOURCE]
        for name in files:
            path = Path(directory) / name
            if "__pycache__" not in path.parts and not (path.parent == tree and name in NOT_SOURCE):
                found[str(path.relative_to(tree))] = path
    return found


class SeriesTest(unittest.TestCase):
    """git am of the series is the same as laying overlay and hooks."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="libvirt-dirty-series-")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)

    def check(self, project: str):
        pristine = sources.pristine_tree(project)
        built = patchset.lay(project, pristine)
        applied = self.scratch / "applied"
        shutil.copytree(pristine, applied, symlinks=True, ignore=patchset.NOT_COPIED)
        git(applied, "init", "--quiet")
        # Debian's trees carry ignore files that would hide sources from git.
        git(applied, "add", "--all", "--force")
        git(applied, "commit", "--quiet", "-m", "pristine")

        export.write_series(project, pristine, self.scratch / "series")
        patches = sorted((self.scratch / "series").glob("*.patch"))
        git(applied, "am", "--quiet", *map(str, patches))

        hooks = patchset.read_hooks(project)
        subjects = git(applied, "log", "--reverse", "--format=%s", f"-{len(hooks)}").splitlines()
        self.assertEqual(subjects, [hook.message.splitlines()[0] for hook in hooks])

        ours, theirs = sources_in(built), sources_in(applied)
        self.assertEqual(sorted(set(ours) ^ set(theirs)), [])
        differ = [name for name, path in ours.items() if not path.is_symlink()
                  and not filecmp.cmp(path, theirs[name], shallow=False)]
        self.assertEqual(differ, [])

    def test_qemu(self):
        self.check("qemu")

    def test_libvirt(self):
        self.check("libvirt")


class BrokenHookTest(unittest.TestCase):
    """A hook that no longer applies is named with the upstream file it fails on."""

    def test_error_names_hook_and_file(self):
        for project in patchset.PROJECTS:
            with self.subTest(project), tempfile.TemporaryDirectory() as directory:
                hook = next(h for h in patchset.read_hooks(project) if h.touched)
                name = hook.touched[0]
                pristine = Path(directory) / "pristine"
                (pristine / name).parent.mkdir(parents=True)
                for touched in hook.touched:
                    (pristine / touched).parent.mkdir(parents=True, exist_ok=True)
                    (pristine / touched).write_text("quite another file\n")
                with self.assertRaises(Failure) as caught:
                    patchset.apply_hook(hook, pristine, Path(directory) / "staging")
                self.assertIn(hook.path.name, str(caught.exception))
                self.assertIn(name, str(caught.exception))

    def test_error_names_missing_file(self):
        hook = next(h for h in patchset.read_hooks("qemu") if h.touched)
        with tempfile.TemporaryDirectory() as directory:
            with self.assertRaises(Failure) as caught:
                patchset.apply_hook(hook, Path(directory), Path(directory) / "staging")
        self.assertIn(hook.path.name, str(caught.exception))
        self.assertIn(hook.touched[0], str(caught.exception))


if __name__ == "__main__":
    unittest.main()
