# SPDX-License-Identifier: LGPL-2.1-or-later
"""The archive of make dist builds into packages with rpmbuild."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(os.environ.get("LIBVIRT_DIRTY_ROOT") or Path(__file__).resolve().parents[2])

# What must be in the packages, by the end of its path.
WANTED = ("/bin/virt-dirty", "/completions/virt-dirty", "/man1/virt-dirty.1",
          "/man1/virsh-dirty.1", "/qemu/0001-", "/libvirt/0001-", "/guide.md",
          "/dirty-limit.md", "/COPYING")


class PackageTest(unittest.TestCase):
    """As a packager would build it."""

    def test_rpmbuild(self):
        with tempfile.TemporaryDirectory(prefix="libvirt-dirty-rpm-") as top:
            made = subprocess.run([str(ROOT / "tools/stack/dist"), top], capture_output=True,
                                  text=True, check=False)
            self.assertEqual(made.returncode, 0, made.stderr)
            archive = Path(made.stdout.strip().splitlines()[-1])
            # Debian's packages are not in rpm's database, so what the spec needs is not looked up.
            env = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
            built = subprocess.run(
                ["rpmbuild", "--nodeps", "--define", f"_topdir {top}/rpmbuild", "-ta",
                 str(archive)], capture_output=True, text=True, env=env, check=False)
            self.assertEqual(built.returncode, 0, built.stdout[-3000:] + built.stderr[-3000:])
            packages = sorted(Path(top).glob("rpmbuild/RPMS/*/*.rpm"))
            self.assertEqual(len(packages), 2, packages)
            listing = subprocess.run(["rpm", "-qpl", "--nosignature", *map(str, packages)],
                                     capture_output=True, text=True, env=env, check=True).stdout
        for name in WANTED:
            self.assertIn(name, listing)


if __name__ == "__main__":
    unittest.main()
