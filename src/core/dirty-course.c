/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The course of a sample: how many of its pages were dirty at each reading,
 * though not every reading looks at every page.
 *
 * Nothing but reading a page tells whether it has changed, so a sample that is
 * looked at whole at each reading costs the more the fewer pages get dirty: a
 * dirty page need not be looked at again, a clean one must.  But where a part
 * of the sample, which is an even sample itself, has not changed at all since
 * it was looked at last, there is next to nothing to be found in the others. So
 * a reading begins with one part, another one each time, and goes on to the
 * others if anything of that part has changed.  The last reading looks at all.
 *
 * What such a reading misses is found by a later one.  Of d dirty pages that
 * one part in 8 does not have, the chance is (7/8)^d: 1/2 for 5 pages, 1/100
 * for 35, however large the sample is, and less at each further reading.  Pages
 * found late have changed some time between two looks at them, and are spread
 * evenly over that time: the counts stay right on average, and the last one is
 * exact.
 *
 * Over 60 s with 23 readings an idle guest costs 20 % of hashing all pages at
 * each reading, and one that soon has written the fifth of its memory it works
 * on 43 % (84 % without this).  One that keeps writing to pages not written yet
 * costs what its clean pages cost, which only less certain counts could save: a
 * quarter of them at each reading would make counts half to all as uncertain
 * again.
 */
#include "dirty-course.h"

/**
 * dirty_course_first_parts: what a reading has to look at in any case
 * @course: the readings before
 * @is_last: whether it is the last one
 *
 * Return: parts of the sample, bit i for part i.
 */
guint
dirty_course_first_parts(const DirtyCourse *course, gboolean is_last)
{
    return is_last ? PAGE_SAMPLER_ALL_PARTS
                   : 1u << (course->n % PAGE_SAMPLER_PARTS);
}

/**
 * dirty_course_further_parts: what a reading has to look at then
 * @course: the readings before
 * @parts: what this reading has looked at
 * @sampler: the sampler, after that
 *
 * Return: parts of the sample that are not in @parts; none if nothing in @parts
 * has changed.
 */
guint
dirty_course_further_parts(const DirtyCourse *course, guint parts,
                           const PageSampler *sampler)
{
    for (guint i = 0; i < PAGE_SAMPLER_PARTS; i++) {
        if (page_sampler_part_dirty(sampler, i) > course->known[i]) {
            return PAGE_SAMPLER_ALL_PARTS & ~parts;
        }
    }
    return 0;
}

/* Adds @dirty pages of which is known that they changed after reading @from and
 * not after reading @to to all readings from @from on. */
static void
add_between(DirtyCourse *course, gsize from, gsize to, double dirty)
{
    for (gsize i = from + 1; i < to; i++) {
        course->dirty[i] += dirty * (course->times[i] - course->times[from]) /
                            (course->times[to] - course->times[from]);
    }
    course->dirty[to] += dirty;
}

/**
 * dirty_course_note: adds a reading
 * @course: the readings before, fewer than DIRTY_PERIODS_MAX
 * @ms: its time after the start, above 0; one at the time of the reading before
 * or earlier is added to that
 * @parts: what it has looked at
 * @sampler: the sampler, after that
 */
void
dirty_course_note(DirtyCourse *course, gint64 ms, guint parts,
                  const PageSampler *sampler)
{
    if (ms > course->times[course->n]) {
        g_return_if_fail(course->n < DIRTY_PERIODS_MAX);
        course->n++;
        course->times[course->n] = ms;
        course->dirty[course->n] = course->dirty[course->n - 1];
    }
    for (guint i = 0; i < PAGE_SAMPLER_PARTS; i++) {
        guint64 dirty = page_sampler_part_dirty(sampler, i);

        if (parts >> i & 1) {
            add_between(course, course->looked[i], course->n,
                        dirty - course->known[i]);
            course->looked[i] = course->n;
            course->known[i] = dirty;
        }
    }
}

/**
 * dirty_course_dirty: how many of the sampled pages were dirty at a reading
 * @course: the readings
 * @reading: number of the reading, below @n of @course
 *
 * Return: pages; exact for a reading that looked at all and for those before
 * that, as far as they did, else rounded.  Never falls from one to the next.
 */
guint64
dirty_course_dirty(const DirtyCourse *course, gsize reading)
{
    g_return_val_if_fail(reading < course->n, 0);
    return course->dirty[reading + 1] + 0.5;
}
