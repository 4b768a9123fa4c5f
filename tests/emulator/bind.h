/* What the binder's words (binder.c) know of the reader. */
#ifndef LAZYRT_TESTS_EMULATOR_BIND_H
#define LAZYRT_TESTS_EMULATOR_BIND_H

#include "tests/emulator/reader.h"

typedef struct ptx_reader_binder {
  ptx_binder binder; /* first: what bind functions are given a pointer to */
  ptx_reader *reader;
} ptx_reader_binder;

#endif
