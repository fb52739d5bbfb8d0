# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rules that every file of the tree keeps."""

import ast
import os
import re
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

# Files whose format has no place for a licence tag, or that carry it in their own way.
WITHOUT_TAG = re.compile(
    r"(^|/)(COPYING[^/]*|README[^/]*|LINGUAS|POTFILES|py\.typed|libvirt_dirty\.syms|\.gitignore)$"
    r"|\.(json|pot|po|patch|options|syms|in|out|md|rst|svg|png|xz)$|^tests/fuzz/corpus/|/qemuxmlconfdata/|^meson_options\.txt$"
    r"|(^|/)\.(editorconfig|clang-format)$|-structs$")

# What programs have written, and no editor is to change.
GENERATED = re.compile(r"\.(svg|png|xz)$")

# Where a tag may stand at the latest: headers of libvirt's API begin with what apibuild.py reads.
TAG_LINES = 8

# What each floor may include beside the C library: the rest stands above it.
FLOORS = {
    "src/core": r"glib(/gi18n-lib)?\.h|xxhash\.h|xxh_x86dispatch\.h",
    "src/qmp": r"glib(/gi18n-lib)?\.h|json-glib/json-glib\.h",
}
C_LIBRARY = {"errno", "float", "inttypes", "limits", "math", "stdbool", "stddef", "stdint",
             "stdio", "stdlib", "string"}


def tracked_files() -> list[str]:
    listing = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True,
                             text=True, check=False)
    if listing.returncode == 0:
        return [name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]
    return [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file()]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


class TreeTest(unittest.TestCase):
    """What review would ask of any change."""

    def test_every_file_names_its_licence(self):
        missing = [name for name in tracked_files() if not WITHOUT_TAG.search(name)
                   and not (ROOT / name).is_symlink()
                   and "SPDX-License-Identifier: " not in "\n".join(read(name).splitlines()[:TAG_LINES])]
        self.assertEqual(missing, [])

    def test_licence_of_qemu_files(self):
        for name in tracked_files():
            if name.startswith("src/qemu/overlay/") and not WITHOUT_TAG.search(name):
                self.assertIn("GPL-2.0-or-later", read(name), name)
            elif name.startswith(("src/core/", "src/qmp/", "src/libvirt/", "src/python/")):
                self.assertNotIn("SPDX-License-Identifier: GPL", read(name), name)

    def test_arrows_point_down(self):
        for floor, allowed in FLOORS.items():
            own = {path.name for directory in FLOORS for path in (ROOT / directory).glob("*.h")}
            if floor == "src/core":
                own = {path.name for path in (ROOT / floor).glob("*.h")}
            for path in (ROOT / floor).glob("*.[ch]"):
                for header in re.findall(r'#\s*include\s*[<"]([^>"]+)[>"]', path.read_text()):
                    if header in own or header.removesuffix(".h") in C_LIBRARY:
                        continue
                    self.assertRegex(header, f"^({allowed})$", path.name)

    def test_no_place_of_one_machine(self):
        # Written so that this file does not match itself.
        words = ["/" + "work/", "/" + "root/", "deb." + "debian.org"]
        for name in tracked_files():
            for word in words:
                self.assertNotIn(word, read(name), name)

    def test_text_is_clean(self):
        for name in tracked_files():
            text = read(name)
            if name.endswith(".patch") or GENERATED.search(name) or not text:
                continue
            self.assertTrue(text.endswith("\n"), f"{name} ends without a newline")
            self.assertNotRegex(text, r"[ \t]+\n", f"{name} has trailing white space")

    def test_scripts_parse(self):
        for name in tracked_files():
            first = read(name).split("\n", 1)[0]
            if name.endswith(".py") or "python3" in first and first.startswith("#!"):
                ast.parse(read(name), name)
            elif first.startswith("#!") and "sh" in first:
                subprocess.run(["bash", "-n", str(ROOT / name)], check=True)

    def test_every_overlaid_file_arrives_with_one_hook(self):
        for project in patchset.PROJECTS:
            hooks = patchset.read_hooks(project)
            self.assertTrue(hooks)
            export.check_every_file_arrives(project, hooks, patchset.our_files(project))

    def test_hooks_stay_small(self):
        # What the design allows once everything is in.
        for project, most in (("qemu", 300), ("libvirt", 600)):
            added = sum(hook.added_lines for hook in patchset.read_hooks(project))
            self.assertLess(added, most, project)

    def test_readme_opens_with_the_two_commands(self):
        top = "\n".join(read("README.md").splitlines()[:20])
        self.assertIn("make demo", top)
        self.assertIn("make check", top)

    def test_format_of_our_own_floors(self):
        clang_format = shutil.which("clang-format-14") or shutil.which("clang-format")
        if not clang_format:
            self.skipTest("clang-format is not installed")
        version = subprocess.run([clang_format, "--version"], capture_output=True, text=True,
                                 check=True).stdout
        if " 14." not in version:
            self.skipTest("the format is that of clang-format 14")
        files = [str(ROOT / name) for name in tracked_files()
                 if re.match(r"(src/(core|qmp|client)|tests/(unit|fuzz)|tools/virt-dirty)/.*\.[ch]$", name)]
        result = subprocess.run([clang_format, "--dry-run", "-Werror", *files],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)


class TranslationTest(unittest.TestCase):
    """The template that translators start from has every message of ours."""

    def test_template_is_up_to_date(self):
        for name in read("po/POTFILES").split():
            self.assertTrue((ROOT / name).is_file(), f"po/POTFILES names {name}")
        with tempfile.TemporaryDirectory() as directory:
            fresh = Path(directory) / "fresh.pot"
            subprocess.run([str(ROOT / "po/update-template"), str(fresh)], check=True)
            wanted = re.findall(r"^msgid .*(?:\n\".*)*", fresh.read_text(), re.MULTILINE)
        found = re.findall(r"^msgid .*(?:\n\".*)*", read("po/libvirt-dirty.pot"), re.MULTILINE)
        self.assertEqual(found, wanted, "run po/update-template")

    def test_every_file_with_messages_is_listed(self):
        listed = set(read("po/POTFILES").split())
        for name in tracked_files():
            if re.match(r"(src|tools)/.*\.[ch]$", name) and "src/qemu" not in name \
                    and re.search(r"\b_\(\"", read(name)):
                self.assertIn(name, listed)


if __name__ == "__main__":
    unittest.main()
