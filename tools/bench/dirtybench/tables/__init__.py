# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tables, in the order they are printed; each module has a function run(bench)."""

from dirtybench.tables import (endurance, errors, limit_bystanders, limit_effect, limit_held,
                               limit_overhead, limit_steps, pages, readings, series, size, slowdown)

TABLES = {"pages": pages, "readings": readings, "errors": errors, "slowdown": slowdown,
          "size": size, "series": series, "endurance": endurance,
          "limit-held": limit_held, "limit-steps": limit_steps, "limit-effect": limit_effect,
          "limit-bystanders": limit_bystanders, "limit-overhead": limit_overhead}
