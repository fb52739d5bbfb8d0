# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion for virt-dirty in bash; the command itself knows its options.

_virt_dirty_complete()
{
    local IFS=$'\n'

    # What it does not know, such as the files, bash completes by itself.
    mapfile -t COMPREPLY < <("$1" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
} &&
complete -o default -o filenames -F _virt_dirty_complete virt-dirty
