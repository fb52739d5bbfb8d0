# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kinds of tests there are, in the order they are run: cheap ones first."""

import os
import subprocess
import sys
from pathlib import Path

import upstream
from results import Stage
from tap import read_tap

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "stack"))

from build import build_environment
from common import stack_dir


def _unittest(stage: Stage, directory: str) -> None:
    """Runs the unittest modules of a directory and takes their results as they come."""
    command = ["/usr/bin/python3", str(ROOT / "tests/harness/unittest_tap.py"),
               str(ROOT / directory)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          errors="replace") as process:
        read_tap(stage, process.stdout)
    if process.returncode != 0 and not stage.failures:
        stage.failed(directory, f"the tests ended with status {process.returncode}")


def tree(stage: Stage) -> None:
    """rules every file of the tree keeps"""
    _unittest(stage, "tests/tree")


def unit(stage: Stage) -> None:
    """core, qmp and virt-dirty, natively"""
    own = stack_dir() / "own"
    upstream.meson_suite(stage, own, build_environment(), ["--suite", "libvirt-dirty:unit"])
    _unittest(stage, "tests/model")
    _unittest(stage, "tests/tools")


def series(stage: Stage) -> None:
    """the exported patch series against pristine trees"""
    _unittest(stage, "tests/series")


def guest(stage: Stage) -> None:
    """the test guest, and the lab that starts it"""
    _unittest(stage, "tests/guest")
    _unittest(stage, "tests/lab")


def stack(stage: Stage) -> None:
    """patched libvirt and QEMU, real guests, and every pairing with stock ones"""
    _unittest(stage, "tests/stack")
    _unittest(stage, "tests/bench")
    _unittest(stage, "tests/accuracy")


def qemu(stage: Stage) -> None:
    """QEMU's qtests on the patched tree, ours among them"""
    upstream.qtests(stage)


def libvirt(stage: Stage) -> None:
    """libvirt's own tests on the patched tree, ours among them"""
    upstream.compare_with_stock(stage, "libvirt", [])


STAGES = {function.__name__: function
          for function in (tree, unit, series, guest, stack, libvirt, qemu)}

# A stage that takes longer hangs: four times what it takes on two busy CPUs with an empty cache, s.
SECONDS = {"tree": 120, "unit": 300, "series": 600, "guest": 900, "stack": 2400, "libvirt": 900,
           "qemu": 1500}

# Tests find the checkout's tools by this.
os.environ["LIBVIRT_DIRTY_ROOT"] = str(ROOT)
