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

/* Bytes at whose multiples memory that is lent to the device begins and ends. */
size_t check_device_page(void);

/* For check_gtest.cc. */
enum check_device_kind { CHECK_DEVICE_HOST, CHECK_DEVICE_EMULATOR, CHECK_DEVICE_GPU };
void check_device_choose(enum check_device_kind kind);
/* The library in the driver's place, or NULL: this build has none. */
const char *check_device_library(void);

#endif
