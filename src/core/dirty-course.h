/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The course of a sample: how many of its pages were dirty at each reading,
 * though not every reading looks at every page.
 */
#ifndef DIRTY_COURSE_H
#define DIRTY_COURSE_H

#include "page-sampler.h"

G_BEGIN_DECLS

/**
 * DirtyCourse: the readings taken so far; all zero at the start
 * @n: number of readings, at most DIRTY_PERIODS_MAX
 * @times: of the start, which is 0, and of each reading after it, ms
 * @dirty: pages dirty by then, as far as is known
 * @looked: the last reading that looked at each part; 0 is the start
 * @known: pages of each part dirty by then
 */
typedef struct {
    gsize n;
    gint64 times[DIRTY_PERIODS_MAX + 1];
    double dirty[DIRTY_PERIODS_MAX + 1];
    gsize looked[PAGE_SAMPLER_PARTS];
    guint64 known[PAGE_SAMPLER_PARTS];
} DirtyCourse;

guint dirty_course_first_parts(const DirtyCourse *course, gboolean is_last);
guint dirty_course_further_parts(const DirtyCourse *course, guint parts,
                                 const PageSampler *sampler);
void dirty_course_note(DirtyCourse *course, gint64 ms, guint parts,
                       const PageSampler *sampler);
guint64 dirty_course_dirty(const DirtyCourse *course, gsize reading);

G_END_DECLS

#endif
