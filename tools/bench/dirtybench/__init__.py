# SPDX-License-Identifier: LGPL-2.1-or-later
"""The benchmark: one module for each table, and what they share."""
