# SPDX-License-Identifier: LGPL-2.1-or-later
"""
The migration time model published with the series of 2023, written anew from its description:
what ours is compared with, and a reader of query-dirty-rate replies that is not ours.
"""

import math

HEADER_BYTES = 8
GIVE_UP_MS = 3600 * 1000


def dirty_points(reply: dict) -> list[tuple[float, float]]:
    """(ms, dirty pages of the whole guest), from time 0 to the time all is dirty."""
    scale = reply["n-total-pages"] / reply["n-sampled-pages"]
    seen = [(float(ms), n * scale) for ms, n in zip(reply["periods"], reply["n-dirty-pages"])]
    most = reply["n-total-pages"] - reply["n-zero-pages"] * scale

    (ms0, pages0), (ms1, pages1) = seen[:2]
    at_start = pages0 - (pages1 - pages0) / (ms1 - ms0) * ms0
    points = [(0.0, max(at_start, 0.0)), *seen]
    (ms0, pages0), (ms1, pages1) = seen[-2:]
    slope = (pages1 - pages0) / (ms1 - ms0)
    if slope > 0 and most > pages1:
        points.append((ms1 + (most - pages1) / slope, most))
    return points


def dirty_pages(points: list[tuple[float, float]], ms: float) -> float:
    """Dirty pages some time after a clean start."""
    for (ms0, pages0), (ms1, pages1) in zip(points, points[1:]):
        if ms <= ms1:
            return pages0 + (pages1 - pages0) * (ms - ms0) / (ms1 - ms0)
    return points[-1][1]


def migration(reply: dict, bytes_per_s: float, downtime_ms: float) -> tuple[float, float, int] | None:
    """(ms it takes, bytes sent, passes), or None where it does not converge."""
    points = dirty_points(reply)
    page_bytes = reply["page-size"] + HEADER_BYTES
    zero = reply["n-zero-pages"] * reply["n-total-pages"] / reply["n-sampled-pages"]
    to_send = (reply["n-total-pages"] - zero) * page_bytes + zero * HEADER_BYTES
    total = sent = 0.0
    passes = 0
    while True:
        this_pass = to_send * 1000 / bytes_per_s
        total += this_pass
        sent += to_send
        passes += 1
        if this_pass <= downtime_ms:
            return math.ceil(total), sent, passes
        if total > GIVE_UP_MS:
            return None
        to_send = dirty_pages(points, this_pass) * page_bytes


def migration_ms(reply: dict, bytes_per_s: float, downtime_ms: float) -> float | None:
    """How long a migration takes, or None where it does not converge."""
    outcome = migration(reply, bytes_per_s, downtime_ms)
    return outcome and outcome[0]
