/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the modes: their names, what "auto" chooses, and which guest can have which.
 */
#include "dirty-measurement.h"

#include <string.h>

static void
test_names(void)
{
    g_autoptr(GError) error = NULL;
    DirtyMode mode = DIRTY_MODE_LAST;

    for (guint i = 0; i < DIRTY_MODE_LAST; i++) {
        g_assert_true(dirty_mode_from_string(dirty_mode_to_string(i), &mode, NULL));
        g_assert_cmpuint(mode, ==, i);
        g_assert_true(dirty_mode_request_from_string(dirty_mode_request_to_string(i), &mode, NULL));
        g_assert_cmpuint(mode, ==, i);
    }
    g_assert_false(dirty_mode_from_string(NULL, &mode, NULL));
    g_assert_false(dirty_mode_request_from_string(NULL, &mode, NULL));
    g_assert_false(dirty_mode_from_string("page sampling", &mode, &error));
    g_assert_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "'page sampling'"));
}

/* It can be asked for, and nothing was ever measured by it. */
static void
test_auto_is_a_wish(void)
{
    g_autoptr(GError) error = NULL;
    DirtyMode mode = DIRTY_MODE_LAST;

    g_assert_true(dirty_mode_request_from_string("auto", &mode, NULL));
    g_assert_cmpuint(mode, ==, DIRTY_MODE_AUTO);
    g_assert_cmpstr(dirty_mode_request_to_string(mode), ==, "auto");
    g_assert_false(dirty_mode_from_string("auto", &mode, &error));
    g_assert_error(error, DIRTY_ERROR, DIRTY_ERROR_INVALID);
}

/**
 * Guest: a kind of guest, and what it can have
 * @facts: the kind, in the order of DirtyModeFacts
 * @chosen: what "auto" must choose
 * @bitmap: whether dirty-bitmap is possible
 * @ring: whether dirty-ring is possible
 */
typedef struct {
    DirtyModeFacts facts;
    DirtyMode chosen;
    gboolean bitmap;
    gboolean ring;
} Guest;

#define SAMPLING DIRTY_MODE_PAGE_SAMPLING
#define RING DIRTY_MODE_DIRTY_RING

/* All there are; under TCG the ring is a word in the configuration without effect. */
static const Guest guests[] = {
    /* kvm, ring, migrating, patched */
    {{FALSE, FALSE, FALSE, FALSE}, SAMPLING, FALSE, FALSE},
    {{FALSE, FALSE, FALSE, TRUE}, SAMPLING, TRUE, FALSE},
    {{FALSE, FALSE, TRUE, FALSE}, SAMPLING, FALSE, FALSE},
    {{FALSE, FALSE, TRUE, TRUE}, SAMPLING, TRUE, FALSE},
    {{FALSE, TRUE, FALSE, FALSE}, SAMPLING, FALSE, FALSE},
    {{FALSE, TRUE, FALSE, TRUE}, SAMPLING, TRUE, FALSE},
    {{FALSE, TRUE, TRUE, FALSE}, SAMPLING, FALSE, FALSE},
    {{FALSE, TRUE, TRUE, TRUE}, SAMPLING, TRUE, FALSE},
    {{TRUE, FALSE, FALSE, FALSE}, SAMPLING, TRUE, FALSE},
    {{TRUE, FALSE, FALSE, TRUE}, SAMPLING, TRUE, FALSE},
    {{TRUE, FALSE, TRUE, FALSE}, SAMPLING, FALSE, FALSE},
    {{TRUE, FALSE, TRUE, TRUE}, SAMPLING, FALSE, FALSE},
    {{TRUE, TRUE, FALSE, FALSE}, SAMPLING, FALSE, TRUE},
    {{TRUE, TRUE, FALSE, TRUE}, SAMPLING, FALSE, TRUE},
    {{TRUE, TRUE, TRUE, FALSE}, SAMPLING, FALSE, TRUE},
    {{TRUE, TRUE, TRUE, TRUE}, RING, FALSE, TRUE},
};

static void
assert_possible(DirtyMode mode, const DirtyModeFacts *facts, gboolean possible)
{
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(dirty_mode_check(mode, facts, &error), ==, possible);
    if (possible) {
        g_assert_no_error(error);
        return;
    }
    /* It says which mode is refused and which to use. */
    g_assert_error(error, DIRTY_ERROR, DIRTY_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(error->message, dirty_mode_to_string(mode)));
    g_assert_nonnull(strstr(error->message, "use "));
}

static void
test_every_guest(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(guests); i++) {
        const Guest *guest = &guests[i];

        g_assert_cmpint(dirty_mode_choose(&guest->facts), ==, guest->chosen);
        assert_possible(guest->chosen, &guest->facts, TRUE);
        assert_possible(DIRTY_MODE_PAGE_SAMPLING, &guest->facts, TRUE);
        assert_possible(DIRTY_MODE_DIRTY_BITMAP, &guest->facts, guest->bitmap);
        assert_possible(DIRTY_MODE_DIRTY_RING, &guest->facts, guest->ring);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dirty-mode/names", test_names);
    g_test_add_func("/dirty-mode/auto-is-a-wish", test_auto_is_a_wish);
    g_test_add_func("/dirty-mode/every-guest", test_every_guest);
    return g_test_run();
}
