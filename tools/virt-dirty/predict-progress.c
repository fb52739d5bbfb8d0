/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Says how far a long prediction is, to a person whose terminal shows nothing else meanwhile.
 */
#include "predict.h"

#include <glib/gi18n-lib.h>
#include <stdio.h>
#include <unistd.h>

/* What takes less time needs no progress; then it is shown so often. */
#define INTERVAL_US (G_USEC_PER_SEC / 2)

/* Back to the line's start, and clears it. */
#define CLEAR_LINE "\r\033[K"

/**
 * predict_progress_init: begin
 * @progress: set to the state before anything is done
 */
void
predict_progress_init(PredictProgress *progress)
{
    *progress = (PredictProgress){
        .wanted = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO),
        .last = g_get_monotonic_time(),
    };
}

/**
 * predict_progress_show: a measurement has been done
 * @progress: the state
 * @file: the file it is from
 * @share: how much of the file has been done, 0..1
 */
void
predict_progress_show(PredictProgress *progress, const char *file, double share)
{
    gint64 now;

    progress->n++;
    if (!progress->wanted) {
        return;
    }
    now = g_get_monotonic_time();
    if (now - progress->last < INTERVAL_US) {
        return;
    }
    progress->last = now;
    progress->shown = TRUE;
    fprintf(stderr, CLEAR_LINE);
    fprintf(stderr, _("%1$llu measurements done, %2$.0f %% of %3$s"),
            (unsigned long long)progress->n, share * 100, file);
    fflush(stderr);
}

/**
 * predict_progress_end: nothing more is to be shown
 * @progress: the state
 */
void
predict_progress_end(PredictProgress *progress)
{
    if (progress->shown) {
        fprintf(stderr, CLEAR_LINE);
    }
}
