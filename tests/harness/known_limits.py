# SPDX-License-Identifier: LGPL-2.1-or-later
"""The limits that a guest's vCPUs must have, by what was asked for."""


class KnownLimits:
    """Limits in MiB/s by vCPU; what covers all vCPUs covers those up to room."""

    def __init__(self, room: int) -> None:
        self.mibs: dict[int, int] = {}
        # Where a request may have come through or not: all that can be; None is no limit.
        self.doubtful: dict[int, set[int | None]] = {}
        self._room = room

    def covered(self, vcpu: int | None) -> list[int]:
        """The vCPUs that a request for one, or for all, is about."""
        return list(range(self._room)) if vcpu is None else [vcpu]

    def note(self, vcpu: int | None, mibs: int) -> None:
        """A limit was taken; 0 ends one."""
        for number in self.covered(vcpu):
            self.doubtful.pop(number, None)
            if mibs:
                self.mibs[number] = mibs
            else:
                self.mibs.pop(number, None)

    def doubt(self, vcpu: int | None, mibs: int) -> None:
        """A limit may have been taken."""
        for number in self.covered(vcpu):
            self.doubtful.setdefault(number, {self.mibs.get(number)}).add(mibs or None)

    def check(self, found: dict[int, int]) -> None:
        """AssertionError unless these limits are what must be; then nothing is in doubt any more."""
        for number, values in list(self.doubtful.items()):
            if found.get(number) in values:
                self.note(number, found.get(number) or 0)
        if found != self.mibs or self.doubtful:
            raise AssertionError(f"limits of {self.mibs} were set, {self.doubtful} in doubt, and "
                                 f"{found} are reported")
