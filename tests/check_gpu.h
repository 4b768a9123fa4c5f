/* A real GPU under the tests: LAZYRT_TEST_COLUMNS=gpu runs those that reach a device on it, and the PTX of
   the emulator's own tests, so that GPU and emulator are held against the same references. */
#ifndef LAZYRT_TESTS_CHECK_GPU_H
#define LAZYRT_TESTS_CHECK_GPU_H

#include "tests/emulator/control.h"

/* Nothing of a GPU can be ordered, scheduled, lost or counted; memory of the host is lent to it. */
const emu_control *check_gpu(void);
/* Keeps the GPU's context for the program: it takes longer to make than a test. */
void check_gpu_begin(void);

#endif
