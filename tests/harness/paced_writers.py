# SPDX-License-Identifier: LGPL-2.1-or-later
"""The writers of a test guest that works at a known pace: whether something holds them back."""

from collections.abc import Callable
from pathlib import Path

from dirtylab import truth

# vCPUs the guest starts with and writes with.
WRITERS = 2
# Working set of each writer, MiB, and what it writes, pages/s: 12 MiB/s, 8 MiB/s of them distinct.
PART, PACE = 12, 3000
REPORT_MS = 200
# What a writer that nothing holds back reaches of its pace, however busy the host.
FREE = 0.9
# Until then a host that is busy with other things has let it, s.
PATIENCE = 30


class PacedWriters:
    """They share a pace; each writes pages of its own, so that none spares another a page.

    @serial: where the guest reports to
    @until: until(condition, seconds) waits for a condition, AssertionError where it does not come
    @pace: pages/s of all writers together
    @patience: how long to wait for what must come, s
    """

    def __init__(self, serial: Path, until: Callable, pace: int,
                 patience: float = PATIENCE) -> None:
        self.serial = serial
        self.pace = pace
        self._until = until
        self._patience = patience
        # The vCPUs the work was shared out to when the guest began, in the guest's order, and those
        # of them that still write.
        self.shares = list(range(WRITERS))
        self.vcpus = set(self.shares)

    def _reports_since(self, place: int) -> list[truth.Report]:
        """Reports on times that began after this place in the serial file."""
        text = self.serial.read_bytes()[place:].decode(errors="replace").partition("\n")[2]
        return truth.parse(text[:text.rfind("\n") + 1]).reports[1:]

    def _wait(self, holds: Callable[[float], bool], what: str) -> None:
        """Waits for a report from now on in which it holds for each writer's pages/s."""
        place = self.serial.stat().st_size
        found: list[dict[int, float]] = []

        def seen() -> bool:
            found[:] = [{vcpu: pages * 1000 / report.dt
                         for vcpu, pages in zip(self.shares, report.writes)}
                        for report in self._reports_since(place)]
            return any(all(holds(rates[vcpu]) for vcpu in self.vcpus) for rates in found)

        try:
            self._until(seen, self._patience)
        except AssertionError as error:
            raise AssertionError(f"{what}: the guest's vCPUs wrote {found[-5:]} pages/s: "
                                 f"{error}") from None

    def check_free(self) -> None:
        """Nothing holds them back."""
        pace = self.pace / len(self.shares)
        self._wait(lambda rate: rate >= FREE * pace,
                   f"no limit is set and vCPUs {self.vcpus} want {pace:.0f} pages/s each")

    def check_held(self, mibs: int) -> None:
        """A limit holds them, MiB/s. It does not count a page that is written again at once."""
        pages = 2 * mibs * truth.PAGES_PER_MIB
        self._wait(lambda rate: rate <= pages, f"a limit of {mibs} MiB/s is set")

    def wait_new_start(self, begin: Callable[[], object], vcpus: set[int]) -> None:
        """Calls begin(), which resets the guest, and waits until it works with all these vCPUs."""
        def starts() -> int:
            return self.serial.read_bytes().count(b"READY ")

        before = starts()
        begin()
        self._until(lambda: starts() > before, self._patience)
        self.shares = sorted(vcpus)
        self.vcpus = vcpus
