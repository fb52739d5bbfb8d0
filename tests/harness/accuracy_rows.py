# SPDX-License-Identifier: LGPL-2.1-or-later
"""Made-up rows of an accuracy run, for tests of what is done with them."""

import math
import os
import sys
from pathlib import Path

ROOT = Path(os.environ.get("LIBVIRT_DIRTY_ROOT") or Path(__file__).resolve().parents[2])
sys.path[:0] = [str(ROOT / path) for path in ("tools/stack", "tools/lab", "tools/bench",
                                              "tools/accuracy")]

from dirtyaccuracy import cases
from dirtyaccuracy.prediction import Interval, Prediction

REPLY = {"status": "measured", "page-size": 4096, "n-total-pages": 65536, "n-sampled-pages": 4096,
         "n-zero-pages": 2048, "periods": [125, 250, 500, 1000], "n-dirty-pages": [8, 16, 32, 64]}
# A migration as the lab gives its figures.
ACTUAL = {"status": "completed", "total-ms": 1500, "qemu-total-ms": 1200.0, "downtime-ms": 100,
          "standstill-ms": 100, "passes": 3}


def foretold(total: float, *bounds: float, downtime: float = 100) -> Prediction:
    """A prediction that a migration completes."""
    return Prediction(converges=True, verdict="converges",
                      total=Interval(total, *bounds, bounded=bool(bounds)),
                      downtime=Interval(downtime, downtime / 2, downtime * 2, bounded=True))


SETTINGS = {"vcpus": 2, "log": "tcg", "device-state": 70000.0, "throttle": "none"}
NEVER = Prediction(converges=False, verdict="dirties-too-fast",
                   total=Interval(math.inf, math.inf, math.inf, bounded=True))


def make_row(number: int = 0, seed: int = 1, total: float = 1200, actual: dict | None = None,
             disturbed: bool = False) -> dict:
    """A row as a run would write it."""
    return {"case": cases.draw_case(seed, number).as_dict(), "measurement": REPLY,
            "settings": SETTINGS, "prediction": foretold(total, total * 0.9, total * 1.1).as_dict(),
            "actual": actual or ACTUAL, "disturbed": disturbed,
            "noise": {"measuring": {"foreign": 0, "steal": 0, "load": 0},
                      "migrating": {"foreign": 0, "steal": 0, "load": 0}}}


def make_failure(number: int = 0, seed: int = 1) -> dict:
    """A row of a case that could not be done."""
    return {"case": cases.draw_case(seed, number).as_dict(), "failed": "no guest"}
