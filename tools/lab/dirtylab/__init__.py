# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab: hosts (a private daemon each), their guests, and what the guests say of themselves."""
