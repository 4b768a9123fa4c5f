/* The device that a test runs on, beyond the driver's calls: tests set its order, make it fail, ask what is
 * left. */
#ifndef LAZYRT_TESTS_CHECK_DEVICE_H
#define LAZYRT_TESTS_CHECK_DEVICE_H

#include "tests/check.h"
#include "tests/emulator/control.h"

/* The running test's: the host provider in this program, or the emulator. Rows of an emulator's own (reports,
   checks) are NULL of the host's. */
const emu_control *check_device(void);

/* The memory of the host behind a device address. */
void *check_behind(uint64_t address);

/* A file's text, to be freed; NULL: it is not there. */
char *check_read(const char *path);
/* The same, read once and kept; for PTX. */
const char *check_text(const char *path);

/* For check_gtest.cc. */
void check_device_choose(bool is_ptx);
/* The library in the driver's place, or NULL: this build has none. */
const char *check_device_library(void);

#endif
