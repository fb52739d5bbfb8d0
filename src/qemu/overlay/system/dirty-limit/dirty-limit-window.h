/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty page rate limit: the life of the windows.
 */
#ifndef SYSTEM_DIRTY_LIMIT_WINDOW_H
#define SYSTEM_DIRTY_LIMIT_WINDOW_H

/* All three are called with the BQL held. */

/* Begins to remember which pages were counted; none is at first. */
void dirty_limit_window_open(void);

/* Begins a new window, in which no page was counted yet. */
void dirty_limit_window_next(void);

/* Remembers nothing any more. */
void dirty_limit_window_close(void);

#endif
