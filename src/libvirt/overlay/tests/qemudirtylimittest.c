/*
 * qemudirtylimittest.c: limits of vCPUs' dirty page rates in the QEMU driver
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <config.h>

#include "testutils.h"

static int
mymain(void)
{
    return EXIT_SUCCESS;
}

VIR_TEST_MAIN(mymain)
