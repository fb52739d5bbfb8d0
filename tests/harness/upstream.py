# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs meson test suites; a failure in a patched upstream tree counts if stock does not share it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
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

# Each part of this test takes half a minute of CPU: the kinds of migration there are, once each.
MIGRATION = "migration-test"
MIGRATION_SUBTESTS = ("precopy/tcp/plain", "postcopy/plain", "multifd/tcp/uri/plain/none")
MIGRATION_TIMEOUT = 400  # s, for all of them at once on one CPU and a busy host

LEFT_OUT = {
    "bios-tables-test": "compares firmware tables, which nothing of ours touches; on the unpatched "
                        "tree it fails with Debian's firmware, and without KVM it hangs",
}


def _meson(build_dir: Path) -> list[str]:
    """QEMU runs its tests with the meson of the environment it was configured in."""
    own = build_dir / "pyvenv/bin/meson"
    return [str(own)] if own.exists() else ["meson"]


def _run_meson_test(build_dir: Path, env: dict[str, str], selection: list[str]) -> list[dict]:
    """Runs tests and returns meson's record of each: name, result, stdout, ..."""
    log = build_dir / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    run = subprocess.run([*_meson(build_dir), "test", "-C", str(build_dir), *selection],
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


def stock_build(project: str) -> Path:
    """The unpatched tree, configured; what tests need of it is built when they run."""
    tree = patchset.lay(project, sources.pristine_tree(project), stock=True)
    build.configure(project, tree, build.build_environment())
    if project == "qemu":
        build.build(project, tree)
    return tree / "build"


def _test_names(build_dir: Path, env: dict[str, str], *selection: str) -> list[str]:
    """The tests a build has, by the names 'meson test' takes."""
    listing = subprocess.run([*_meson(build_dir), "test", "-C", str(build_dir), "--list",
                              *selection], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             env=env, check=True).stdout
    return [line.rsplit(" / ", 1)[-1].strip() for line in listing.splitlines() if " / " in line]


def _judge(stage: Stage, project: str, failed: dict[str, str],
           failing_on_stock: Callable[[Path, list[str]], Iterable[str]]) -> None:
    """Counts the tests that fail on the patched tree, of which stock may fail some as well.

    @failed: what they said, by name
    @failing_on_stock: runs tests in a build directory and returns the names of those that fail
    """
    if not failed:
        return
    # First what they said: whatever becomes of the comparison, it must not be lost.
    for name, text in failed.items():
        print(f"--- {name}\n{text}", flush=True)
    print(f"   {len(failed)} failed; trying them on the unpatched tree", flush=True)
    try:
        shared = set(failing_on_stock(stock_build(project), list(failed)))
        reason = "passes on the unpatched tree, or is not there"
    except Exception as error:  # then all of them are ours
        shared = set()
        reason = f"not compared with the unpatched tree, which cannot be tested: {error}"
    for name in failed:
        if name in shared:
            stage.skipped(name, "fails on the unpatched tree too")
        else:
            stage.failed(name, reason)


def compare_with_stock(stage: Stage, project: str, selection: list[str]) -> None:
    """Runs an upstream's own tests on the patched tree; what stock fails too is no failure."""
    env = build.build_environment()
    failed = {}
    for record in _run_meson_test(stack_dir() / "patched" / project / "build", env, selection):
        if record["result"] in GOOD:
            stage.passed(record["name"])
        elif record["result"] == "SKIP":
            stage.skipped(record["name"], "as it says itself")
        else:
            failed[record["name"]] = _tail(record)

    def failing_on_stock(build_dir: Path, names: list[str]) -> list[str]:
        # Ours are not there; asked for one it lacks meson would run none.
        there = set(_test_names(build_dir, env))
        common = [name for name in names if name.rsplit(" / ", 1)[-1] in there]
        if not common:
            return []
        records = _run_meson_test(build_dir, env, [name.rsplit(" / ", 1)[-1] for name in common])
        return [record["name"] for record in records if record["result"] not in (*GOOD, "SKIP")]

    _judge(stage, project, failed, failing_on_stock)


def qtests(stage: Stage) -> None:
    """Runs QEMU's qtests; those that take minutes in part, and without KVM."""
    build_dir = stack_dir() / "patched" / "qemu" / "build"
    names = _test_names(build_dir, build.build_environment(), "--suite", "qtest")
    compare_with_stock(stage, "qemu", [name for name in names
                                       if name.rsplit("/", 1)[-1] not in (*LEFT_OUT, MIGRATION)])
    for name, reason in LEFT_OUT.items():
        stage.skipped(name, reason)
    failed = _failing_migrations(build_dir, MIGRATION_SUBTESTS)
    for name in MIGRATION_SUBTESTS:
        if name not in failed:
            stage.passed(f"{MIGRATION} {name}")
    _judge(stage, "qemu", {f"{MIGRATION} {name}": text for name, text in failed.items()},
           lambda stock, names: [
               f"{MIGRATION} {name}" for name in _failing_migrations(
                   stock, tuple(name.removeprefix(f"{MIGRATION} ") for name in names))])


def _failing_migrations(build_dir: Path, subtests: tuple[str, ...]) -> dict[str, str]:
    """Runs parts of migration-test at once; returns what those that fail have said."""
    # Its guests hang where KVM emulates plain guests and has a dirty ring, on stock QEMU as well.
    hide_kvm = ("mount --make-rprivate / 2>/dev/null; "
                'test ! -e /dev/kvm || mount --bind /dev/null /dev/kvm; exec "$@"')
    hidden = ["unshare", "--mount", "--propagation", "unchanged", "sh", "-c", hide_kvm, "sh"] \
        if os.geteuid() == 0 else []
    env = dict(build.build_environment(), QTEST_QEMU_BINARY="./qemu-system-x86_64")
    running = {name: subprocess.Popen(
        [*hidden, "timeout", str(MIGRATION_TIMEOUT), f"tests/qtest/{MIGRATION}", "-p",
         f"/x86_64/migration/{name}"], cwd=build_dir, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        for name in subtests}
    failed = {}
    for name, process in running.items():
        text = process.communicate()[0]
        if process.returncode != 0 or f"ok 1 /x86_64/migration/{name}" not in text.splitlines():
            failed[name] = "\n".join(text.splitlines()[-LOG_TAIL:])
    return failed
