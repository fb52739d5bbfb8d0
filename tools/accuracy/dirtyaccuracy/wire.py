# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a case's link leaves for the migration, bytes/s."""

from dirtyaccuracy.cases import MIB, Case

# Of each frame: 1448 bytes of payload with TCP's time stamps, in 1514 as the link's shaper counts them.
PAYLOAD, FRAME = 1448, 1514


def link_payload(case: Case) -> float:
    """What the link carries after headers."""
    return case.link_mbit * 1e6 / 8 * PAYLOAD / FRAME


def payload(case: Case) -> float:
    """The same, or what the migration is held to."""
    limit = case.max_bandwidth * MIB
    return min(link_payload(case), limit) if limit else link_payload(case)
