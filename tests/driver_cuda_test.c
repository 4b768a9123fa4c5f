/* The cuda provider against small libraries in the driver's place: the refusals, and the door to one that
 * works. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/driver_fixture.h"

static void name_library(const char *kind) {
  char path[4096];
  snprintf(path, sizeof path, "%s/libfake_cuda_%s.so", LAZYRT_FAKE_CUDA_DIR, kind);
  setenv("LAZYRT_CUDA_LIBRARY", path, 1);
}

TEST(driver_cuda, each_refusal_is_told_apart) {
  static const struct {
    const char *kind, *text;
  } cases[] = {
      {"absent", "no driver library"},
      {"STUB", "the CUDA toolkit's stub"},
      {"NO_DEVICE", "no CUDA device"},
      {"TOO_OLD", "has no cuGetProcAddress_v2"},
      {"LACKS_ROW", "lacks cuLaunchKernel of version 4.0 (result 500, status 1, pointer null)"},
      {"NULL_ROW", "lacks cuLaunchKernel of version 4.0 (result 0, status 0, pointer null)"},
      {"MISMATCH", "cuInit: 803, unnamed error"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("%s", cases[i].kind);
    lazyi_device device = {.ordinal = 77};
    name_library(cases[i].kind);
    EXPECT_FAILS(lazyi_device_open("cuda", &device), LAZY_STATUS_NO_DEVICE, cases[i].text);
    EXPECT_EQ(device.ordinal, 77);
    EXPECT_OK(lazyi_device_open("auto", &device));
    EXPECT_STREQ(device.spelling, "host");
    EXPECT_CONTAINS(lazy_status_message(), cases[i].text);
    lazyi_device_close(&device);
  }
  unsetenv("LAZYRT_CUDA_LIBRARY");
}

/* A driver stays open for the process, so this runs in a process of its own: the line that failed, or 0. */
#define REQUIRE(condition)             \
  do {                                 \
    if (!(condition)) return __LINE__; \
  } while (0)
static int use_working_driver(void) {
  lazyi_device device;
  lazy_driver_address memory;
  unsigned char bytes[100];
  name_library("WORKING");
  REQUIRE(lazyi_device_open("cuda:1", &device) == LAZY_STATUS_NO_DEVICE);
  REQUIRE(strstr(lazy_status_message(), "cuda:1: no such device; found 1 device") != NULL);
  REQUIRE(lazyi_device_open("auto", &device) == LAZY_STATUS_OK);
  REQUIRE(strcmp(device.spelling, "cuda:0") == 0 && !device.is_host);
  REQUIRE(strcmp(device.driver->provider, "cuda") == 0 && device.driver != lazyi_host_driver());
  REQUIRE(device.driver->graph_launch != NULL);
  lazyi_device_close(&device);
  REQUIRE(lazyi_device_open("fault:cuda", &device) == LAZY_STATUS_OK);
  REQUIRE(strcmp(device.spelling, "fault:cuda:0") == 0);
  REQUIRE(lazyi_device_enter(&device) == LAZY_STATUS_OK);
  REQUIRE(device.driver->mem_alloc(&memory, sizeof bytes) == 0);
  REQUIRE(device.driver->memset_d8_async(memory, 7, sizeof bytes, NULL) == 0);
  REQUIRE(device.driver->memcpy_dtoh_async(bytes, memory, sizeof bytes, NULL) == 0);
  REQUIRE(device.driver->stream_synchronize(NULL) == 0);
  REQUIRE(bytes[0] == 7 && bytes[99] == 7);
  REQUIRE(device.driver->mem_free(memory) == 0);
  lazyi_device_leave(&device);
  lazyi_device_close(&device);
  return 0;
}

TEST(driver_cuda, a_driver_that_works_is_used) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    int line = use_working_driver();
    _exit(line == 0 ? 0 : line % 255 + (line % 255 == 0));
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0); /* else the line */
}
