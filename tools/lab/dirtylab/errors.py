# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab's one kind of error."""


class LabError(Exception):
    """What was tried, what was found and what to do, in one sentence for the user."""
