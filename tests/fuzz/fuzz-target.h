/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What fuzz targets share.
 *
 * Built with -fsanitize=fuzzer a target is a libFuzzer program; fuzz-replay.c gives it a main()
 * that runs it over saved inputs instead, with any compiler.
 */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Never compiled out, and ends with the signal for which libFuzzer saves the input. */
#define REQUIRE(condition)                                                                         \
 do {                                                                                              \
  if (!(condition)) {                                                                              \
   fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                         \
   abort();                                                                                        \
  }                                                                                                \
 } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
