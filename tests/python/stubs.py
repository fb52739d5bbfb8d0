# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests of the module share: a guest, what its stub file promises, and their memory."""

import ast
import os
import sys
import unittest
from pathlib import Path

import libvirt
import libvirt_dirty

URI = os.environ.get("LIBVIRT_DIRTY_TEST_URI")
DOMAIN = os.environ.get("LIBVIRT_DIRTY_TEST_DOMAIN")


@unittest.skipUnless(URI and DOMAIN,
                     "no guest: set LIBVIRT_DIRTY_TEST_URI and LIBVIRT_DIRTY_TEST_DOMAIN")
class GuestCase(unittest.TestCase):
    """Tests with a real guest, self.domain."""

    def setUp(self):
        self.connection = libvirt.open(URI)
        self.addCleanup(self.connection.close)
        self.domain = self.connection.lookupByName(DOMAIN)


def _assigned_names(node):
    """The names a statement of a stub file defines."""
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign):
        return [node.target.id]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets]
    return []


def _statements():
    stubs = Path(libvirt_dirty.__file__).with_name("libvirt_dirty.pyi")
    return ast.parse(stubs.read_text(encoding="utf-8")).body


def public_names():
    """The names of the module itself: types are there for type checkers only."""
    return {name for node in _statements() for name in _assigned_names(node)
            if not isinstance(node, ast.Assign)}


def keys(type_name):
    """The keys of a result."""
    (result,) = [node for node in _statements() if type_name in _assigned_names(node)]
    return {key.value for key in result.value.args[1].keys}


def resident_kib():
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def assert_nothing_leaks(case, objects, refused, times, kib):
    """Calls that are refused give back what they took: reference counts and memory stay."""
    def counts():
        return [sys.getrefcount(x) for x in objects]

    for _ in range(times // 10):
        refused()
    before, memory = counts(), resident_kib()
    for _ in range(times):
        refused()
    case.assertEqual(before, counts())
    case.assertLess(resident_kib() - memory, kib)
