# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tables, in the order they are printed; each module has a function run(bench)."""

from dirtybench.tables import (endurance, errors, limit_held, pages, readings, series, size, slowdown)

TABLES = {"pages": pages, "readings": readings, "errors": errors, "slowdown": slowdown,
          "size": size, "series": series, "endurance": endurance, "limit-held": limit_held}
