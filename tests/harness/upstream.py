# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs meson test suites; a failure in a patched upstream tree counts if stock does not share it."""

import json
import os
import subprocess
import sys
from pathlib import Path

from results import Stage
from tap import read_tap

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "stack"))

import build
import patchset
import sources
from common import LOG_TAIL, stack_dir

# meson's words for the ways a test can end well.
GOOD = ("OK", "EXPECTEDFAIL")


def _meson(build_dir: Path) -> list[str]:
    """QEMU runs its tests with the meson of the environment it was configured in."""
    own = build_dir / "pyvenv/bin/meson"
    return [str(own)] if own.exists() else ["meson"]


def _without_kvm() -> list[str]:
    """
    A command prefix that hides /dev/kvm where KVM does not run plain guests as hardware does:
    there QEMU's own tests of the dirty ring hang, on the unpatched tree too.
    """
    accel = json.loads(subprocess.run(["lab", "accel", "--json"], capture_output=True, text=True,
                                      check=True).stdout)
    if os.geteuid() != 0 or (accel["kvm"] and not accel["emulates"]) \
            or not Path("/dev/kvm").exists():
        return []
    return ["unshare", "--mount", "--propagation", "unchanged", "sh", "-c",
            "mount --make-rprivate / 2>/dev/null; "
            'mount --bind /dev/null /dev/kvm && exec "$@"', "without-kvm"]


def _run_meson_test(build_dir: Path, env: dict[str, str], selection: list[str],
                    prefix: list[str] = ()) -> list[dict]:
    """Runs tests and returns meson's record of each: name, result, stdout, ..."""
    log = build_dir / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    run = subprocess.run([*prefix, *_meson(build_dir), "test", "-C", str(build_dir), *selection],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, errors="replace", env=env,
                         check=False)
    if not log.is_file():
        raise RuntimeError(f"meson test did not run in {build_dir}:\n{run.stdout[-4000:]}")
    with open(log, encoding="utf-8", errors="replace") as records:
        return [json.loads(line) for line in records]


def _tail(record: dict) -> str:
    text = (record.get("stdout") or "") + (record.get("stderr") or "")
    return "\n".join(text.splitlines()[-LOG_TAIL:])


def meson_suite(stage: Stage, build_dir: Path, env: dict[str, str], selection: list[str]) -> None:
    """Runs a suite whose programs print TAP and counts each of their tests."""
    for record in _run_meson_test(build_dir, env, selection):
        before = stage.n_passed + stage.n_skipped + len(stage.failures)
        read_tap(stage, (line for line in record["stdout"].splitlines()
                         if line.startswith(("ok", "not ok", "1..", "Bail out!"))))
        n_results = stage.n_passed + stage.n_skipped + len(stage.failures) - before
        if record["result"] not in GOOD:
            print(_tail(record))
            stage.failed(record["name"], f"ended with {record['result']}")
        elif n_results == 0:
            stage.passed(record["name"])


def _fails_on_stock(project: str, names: list[str], prefix: list[str]) -> dict[str, bool]:
    """Which of these tests the unpatched tree fails too; builds of it only what they need."""
    tree = patchset.lay(project, sources.pristine_tree(project), stock=True)
    env = build.build_environment()
    build.configure(project, tree, env)
    if project == "qemu":
        build.build(project, tree)
    short = [name.rsplit(" / ", 1)[-1] for name in names]
    records = _run_meson_test(tree / "build", env, short, prefix)
    failed = {record["name"] for record in records if record["result"] not in (*GOOD, "SKIP")}
    return {name: name in failed for name in names}


def compare_with_stock(stage: Stage, project: str, selection: list[str]) -> None:
    """Runs an upstream's own tests on the patched tree; what stock fails too is no failure."""
    build_dir = stack_dir() / "patched" / project / "build"
    prefix = _without_kvm() if project == "qemu" else []
    if prefix:
        print("   without KVM, which emulates here or does not work", flush=True)
    failed = {}
    for record in _run_meson_test(build_dir, build.build_environment(), selection, prefix):
        if record["result"] in GOOD:
            stage.passed(record["name"])
        elif record["result"] == "SKIP":
            stage.skipped(record["name"], "as it says itself")
        else:
            failed[record["name"]] = record
    if not failed:
        return
    print(f"   {len(failed)} failed; trying them on the unpatched tree", flush=True)
    for name, stock_fails in _fails_on_stock(project, list(failed), prefix).items():
        if stock_fails:
            stage.skipped(name, "fails on the unpatched tree too")
        else:
            print(_tail(failed[name]))
            stage.failed(name, f"ended with {failed[name]['result']}; passes on the unpatched tree")
