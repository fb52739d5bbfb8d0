# SPDX-License-Identifier: LGPL-2.1-or-later
"""The accuracy run: random migrations, foretold and then done."""
