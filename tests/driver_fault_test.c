/* The fault provider: exact counts, the log, armed failures, the cap. */
#include <stdlib.h>

#include "runtime/base/memory.h"
#include "runtime/driver/fault.h"
#include "tests/driver_fixture.h"

TEST(driver_fault, counts_are_exact) {
  fixture f;
  CHECK_OR_RETURN(fixture_open("fault", &f));
  const lazy_driver *driver = f.driver;
  EXPECT_STREQ(driver->provider, "fault");
  EXPECT_STREQ(f.device.spelling, "fault:host");
  lazy_driver_address memory;
  unsigned char bytes[100] = {0};
  lazyi_fault_reset();
  EXPECT_EQ(lazyi_fault_total(), 0u);
  EXPECT_EQ(driver->mem_alloc(&memory, 100), 0);
  for (int i = 0; i < 3; i++) EXPECT_EQ(driver->memcpy_htod_async(memory, bytes, 40, NULL), 0);
  EXPECT_EQ(fixture_launch(&f, f.nothing, 1, NULL, NULL), 0);
  EXPECT_EQ(driver->memcpy_dtoh_async(bytes, memory, 101, NULL), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->stream_synchronize(NULL), 0);
  EXPECT_EQ(driver->mem_free(memory), 0);
  uint64_t sum = 0;
  for (int row = 0; row < LAZY_DRIVER_CALL_COUNT; row++) {
    uint64_t wanted = row == LAZY_DRIVER_CALL_memcpy_htod_async ? 3
                      : row == LAZY_DRIVER_CALL_mem_alloc || row == LAZY_DRIVER_CALL_launch_kernel ||
                              row == LAZY_DRIVER_CALL_memcpy_dtoh_async ||
                              row == LAZY_DRIVER_CALL_stream_synchronize || row == LAZY_DRIVER_CALL_mem_free
                          ? 1
                          : 0;
    CHECK_CASE("%s", lazyi_fault_row_name(row));
    EXPECT_EQ(lazyi_fault_count(row), wanted);
    sum += wanted;
  }
  EXPECT_EQ(lazyi_fault_total(), sum);
  EXPECT_EQ(lazyi_fault_count(-1), 0u);
  EXPECT_EQ(lazyi_fault_count(LAZY_DRIVER_CALL_COUNT), 0u);
  EXPECT_STREQ(lazyi_fault_row_name(LAZY_DRIVER_CALL_mem_alloc), "mem_alloc");
  EXPECT_STREQ(lazyi_fault_row_name(LAZY_DRIVER_CALL_COUNT), "?");
  fixture_close(&f);
}

TEST(driver_fault, logs_calls_in_order) {
  fixture f;
  CHECK_OR_RETURN(fixture_open("fault", &f));
  lazy_driver_address memory;
  lazy_driver_stream stream;
  lazyi_fault_entry entry;
  ASSERT_EQ(f.driver->stream_create(&stream, 1), 0);
  lazyi_fault_reset();
  EXPECT_EQ(f.driver->mem_alloc(&memory, 64), 0);
  EXPECT_EQ(f.driver->memset_d8_async(memory, 0, 48, stream), 0);
  EXPECT_EQ(f.driver->memset_d8_async(memory, 0, 65, stream), LAZY_DRIVER_INVALID_VALUE);
  ASSERT_EQ(lazyi_fault_log_count(), 3u);
  ASSERT_TRUE(lazyi_fault_log_at(0, &entry));
  EXPECT_EQ(entry.row, LAZY_DRIVER_CALL_mem_alloc);
  EXPECT_EQ(entry.bytes, 64u);
  ASSERT_TRUE(lazyi_fault_log_at(1, &entry));
  EXPECT_EQ(entry.row, LAZY_DRIVER_CALL_memset_d8_async);
  EXPECT_EQ(entry.bytes, 48u);
  EXPECT_EQ(entry.stream, stream);
  EXPECT_EQ(entry.result, 0);
  ASSERT_TRUE(lazyi_fault_log_at(2, &entry));
  EXPECT_EQ(entry.result, LAZY_DRIVER_INVALID_VALUE);
  EXPECT_FALSE(lazyi_fault_log_at(3, &entry));
  for (int i = 0; i < LAZYI_FAULT_LOG_ENTRIES; i++) (void)f.driver->stream_query(stream);
  EXPECT_FALSE(lazyi_fault_log_at(2, &entry)); /* overwritten */
  EXPECT_TRUE(lazyi_fault_log_at(3, &entry));
  EXPECT_EQ(f.driver->mem_free(memory), 0);
  EXPECT_EQ(f.driver->stream_destroy(stream), 0);
  fixture_close(&f);
}

/* Calls most rows once; the number of calls that failed. */
static int tour(const lazyi_device *device) {
  const lazy_driver *driver = device->driver;
  lazy_driver_context context;
  lazy_driver_address memory = 0;
  lazy_driver_stream stream = NULL;
  lazy_driver_event event = NULL;
  lazy_driver_module module = NULL;
  lazy_driver_function function = NULL;
  void *pinned = NULL;
  unsigned char byte = 0;
  float milliseconds;
  size_t available, total;
  int failed = 0;
  bool pushed = driver->ctx_push(device->context) == 0;
  if (!pushed) return 1;
  failed += driver->mem_get_info(&available, &total) != 0;
  bool has_memory = driver->mem_alloc(&memory, 1) == 0;
  bool has_pinned = driver->host_alloc(&pinned, 1, 0) == 0;
  bool has_stream = driver->stream_create(&stream, 1) == 0;
  bool has_event = driver->event_create(&event, 0) == 0;
  bool has_module = driver->module_load(&module, &fixture_image) == 0;
  failed += !has_memory + !has_pinned + !has_stream + !has_event + !has_module;
  if (has_memory) {
    failed += driver->memset_d8_async(memory, 1, 1, NULL) != 0;
    failed += driver->memcpy_htod_async(memory, &byte, 1, NULL) != 0;
    failed += driver->memcpy_dtoh_async(&byte, memory, 1, NULL) != 0;
    failed += driver->memcpy_dtod_async(memory, memory, 1, NULL) != 0;
  }
  if (has_module) {
    bool found = driver->module_get_function(&function, module, "nothing") == 0;
    failed += !found;
    if (found) failed += driver->launch_kernel(function, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL) != 0;
  }
  if (has_event) {
    bool recorded = driver->event_record(event, NULL) == 0;
    failed += !recorded;
    failed += driver->event_synchronize(event) != 0;
    failed += driver->stream_wait_event(NULL, event, 0) != 0;
    if (recorded) failed += driver->event_elapsed_time(&milliseconds, event, event) != 0;
    failed += driver->event_query(event) != 0;
  }
  failed += driver->stream_synchronize(NULL) != 0;
  failed += driver->stream_query(NULL) != 0;
  if (has_module) failed += driver->module_unload(module) != 0;
  if (has_event) failed += driver->event_destroy(event) != 0;
  if (has_stream) failed += driver->stream_destroy(stream) != 0;
  if (has_pinned) failed += driver->host_free(pinned) != 0;
  if (has_memory) failed += driver->mem_free(memory) != 0;
  failed += driver->ctx_pop(&context) != 0;
  return failed;
}

TEST(driver_fault, each_call_can_fail_once_and_nothing_is_left) {
  lazyi_device device;
  ASSERT_OK(lazyi_device_open("fault", &device));
  lazyi_fault_reset();
  ASSERT_EQ(tour(&device), 0);
  uint64_t calls = lazyi_fault_total();
  ASSERT_GT(calls, 20u);
  for (uint64_t n = 1; n <= calls; n++) {
    lazyi_fault_entry entry = {0};
    lazyi_fault_reset();
    lazyi_fault_fail_at(n, LAZY_DRIVER_UNKNOWN);
    int failed = tour(&device);
    EXPECT_TRUE(lazyi_fault_log_at(n - 1, &entry));
    CHECK_CASE("call %d, %s", (int)n, lazyi_fault_row_name(entry.row));
    EXPECT_GE(failed, 1); /* an unawaited event makes others of it unready */
    EXPECT_EQ(lazyi_fault_failures(), 1u);
    EXPECT_EQ(entry.result, LAZY_DRIVER_UNKNOWN);
    lazyi_host_live_counts live;
    lazyi_host_live(&live);
    EXPECT_EQ(live.allocations + live.pinned + live.streams + live.events + live.modules, 0u);
    EXPECT_EQ(lazyi_fault_live_bytes(), 0u);
    EXPECT_EQ(tour(&device), 0); /* once only */
  }
  lazyi_fault_reset();
  lazyi_device_close(&device);
}

TEST(driver_fault, one_row_can_fail_at_its_nth_call) {
  fixture f;
  CHECK_OR_RETURN(fixture_open("fault", &f));
  lazyi_fault_reset();
  lazyi_fault_fail_row_at(LAZY_DRIVER_CALL_stream_synchronize, 3, LAZY_DRIVER_LAUNCH_FAILED);
  EXPECT_EQ(f.driver->stream_synchronize(NULL), 0);
  EXPECT_EQ(f.driver->stream_query(NULL), 0);
  EXPECT_EQ(f.driver->stream_synchronize(NULL), 0);
  EXPECT_EQ(lazyi_fault_failures(), 0u);
  EXPECT_FAILS(LAZYI_DRIVER(&f.device, stream_synchronize, NULL), LAZY_STATUS_DEVICE_LOST,
               "stream_synchronize");
  EXPECT_EQ(f.driver->stream_synchronize(NULL), 0);
  lazyi_fault_fail_row_at(LAZY_DRIVER_CALL_stream_query, 1, LAZY_DRIVER_UNKNOWN);
  lazyi_fault_fail_row_at(LAZY_DRIVER_CALL_stream_query, 0, 0); /* disarmed */
  EXPECT_EQ(f.driver->stream_query(NULL), 0);
  EXPECT_EQ(lazyi_fault_failures(), 1u);
  fixture_close(&f);
}

TEST(driver_fault, cap_and_peak) {
  fixture f;
  CHECK_OR_RETURN(fixture_open("fault", &f));
  lazy_driver_address a, b, c = 7;
  lazyi_fault_reset();
  lazyi_fault_cap_bytes(1000);
  EXPECT_EQ(f.driver->mem_alloc(&a, 600), 0);
  EXPECT_EQ(f.driver->mem_alloc(&b, 400), 0);
  EXPECT_EQ(f.driver->mem_alloc(&c, 1), LAZY_DRIVER_OUT_OF_MEMORY);
  EXPECT_EQ(c, 7u);
  EXPECT_STATUS(LAZYI_DRIVER(&f.device, mem_alloc, &c, SIZE_MAX), LAZY_STATUS_OUT_OF_MEMORY);
  EXPECT_EQ(lazyi_fault_live_bytes(), 1000u);
  EXPECT_EQ(f.driver->mem_free(a), 0);
  EXPECT_EQ(f.driver->mem_free(a), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(lazyi_fault_live_bytes(), 400u);
  EXPECT_EQ(lazyi_fault_peak_bytes(), 1000u);
  EXPECT_EQ(f.driver->mem_alloc(&a, 600), 0);
  lazyi_fault_cap_bytes(10); /* below what is live already */
  EXPECT_EQ(f.driver->mem_alloc(&c, 1), LAZY_DRIVER_OUT_OF_MEMORY);
  EXPECT_EQ(f.driver->mem_free(a), 0);
  lazyi_fault_reset();
  EXPECT_EQ(lazyi_fault_peak_bytes(), 400u);
  EXPECT_EQ(f.driver->mem_alloc(&c, 5000), 0); /* no cap */
  EXPECT_EQ(lazyi_fault_peak_bytes(), 5400u);
  EXPECT_EQ(f.driver->mem_free(c), 0);
  EXPECT_EQ(f.driver->mem_free(b), 0);
  EXPECT_EQ(lazyi_fault_live_bytes(), 0u);
  fixture_close(&f);
}

TEST(driver_fault, bytes_are_right_after_random_allocations) {
  fixture f;
  CHECK_OR_RETURN(fixture_open("fault", &f));
  enum { BLOCKS = 6000 }; /* so many that their places in the table collide */
  static lazy_driver_address addresses[BLOCKS];
  static size_t sizes[BLOCKS];
  size_t live = 0, peak = 0;
  lazyi_fault_reset();
  memset(sizes, 0, sizeof sizes);
  for (int step = 0; step < 30000; step++) {
    size_t i = check_random_below(env, BLOCKS);
    if (sizes[i] == 0) {
      sizes[i] = 1 + check_random_below(env, 700);
      ASSERT_EQ(f.driver->mem_alloc(&addresses[i], sizes[i]), 0);
      live += sizes[i];
      if (live > peak) peak = live;
    } else {
      ASSERT_EQ(f.driver->mem_free(addresses[i]), 0);
      live -= sizes[i];
      sizes[i] = 0;
    }
    ASSERT_EQ(lazyi_fault_live_bytes(), live);
  }
  EXPECT_EQ(lazyi_fault_peak_bytes(), peak);
  for (size_t i = 0; i < BLOCKS; i++)
    if (sizes[i] != 0) EXPECT_EQ(f.driver->mem_free(addresses[i]), 0);
  EXPECT_EQ(lazyi_fault_live_bytes(), 0u);
  fixture_close(&f);
}

TEST(driver_fault, counting_allocates_nothing) {
  fixture f;
  CHECK_OR_RETURN(fixture_open("fault", &f));
  uint64_t before = lazyi_memory_count();
  for (int i = 0; i < 20000; i++) (void)f.driver->stream_query(NULL);
  EXPECT_EQ(lazyi_memory_count(), before);
  fixture_close(&f);
}

TEST(driver_open, spellings) {
  static const char *const wrong[] = {"",        "gpu",        "hosts",  "host:0",    "cuda:", "cuda:x",
                                      "cuda:-1", "cuda:12345", "fault:", "fault:gpu", "cudax", "fault:fault"};
  lazyi_device device = {.ordinal = 77};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK_CASE("\"%s\"", wrong[i]);
    EXPECT_FAILS(lazyi_device_open(wrong[i], &device), LAZY_STATUS_INVALID_VALUE, "\"cuda:N\"");
  }
  EXPECT_STATUS(lazyi_device_open(NULL, &device), LAZY_STATUS_INVALID_VALUE);
  EXPECT_EQ(device.ordinal, 77); /* untouched */
  static const char *const right[] = {"host", "fault", "fault:host"};
  for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
    ASSERT_OK(lazyi_device_open(right[i], &device));
    EXPECT_TRUE(device.is_host);
    EXPECT_CONTAINS(device.name, "host (");
    EXPECT_CONTAINS(device.name, "worker");
    lazyi_device again;
    EXPECT_OK(lazyi_device_open(device.spelling, &again));
    EXPECT_EQ(again.driver, device.driver);
    lazyi_device_close(&again);
    lazyi_device_close(&device);
  }
}

TEST(driver_open, without_a_driver_library_cuda_says_so_and_auto_is_the_host) {
  lazyi_device device = {.ordinal = 77};
  setenv("LAZYRT_CUDA_LIBRARY", "/nonexistent/libcuda.so.1", 1);
  EXPECT_FAILS(lazyi_device_open("cuda", &device), LAZY_STATUS_NO_DEVICE, "/nonexistent/libcuda.so.1");
  EXPECT_FAILS(lazyi_device_open("fault:cuda:1", &device), LAZY_STATUS_NO_DEVICE, "\"host\"");
  EXPECT_EQ(device.ordinal, 77);
  EXPECT_OK(lazyi_device_open("auto", &device));
  EXPECT_STREQ(device.spelling, "host");
  EXPECT_CONTAINS(lazy_status_message(), "no driver library"); /* why it is the host */
  lazyi_device_close(&device);
  setenv("LAZYRT_CUDA_LIBRARY", "libc.so.6", 1); /* a library, but no driver */
  EXPECT_FAILS(lazyi_device_open("cuda", &device), LAZY_STATUS_NO_DEVICE, "cuGetProcAddress_v2");
  unsetenv("LAZYRT_CUDA_LIBRARY");
}

TEST(driver_open, results_become_statuses) {
  static const struct {
    int result;
    lazy_status status;
    const char *text;
  } cases[] = {
      {LAZY_DRIVER_OUT_OF_MEMORY, LAZY_STATUS_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY (2)"},
      {LAZY_DRIVER_INVALID_VALUE, LAZY_STATUS_DEVICE, "host: mem_alloc failed: CUDA_ERROR_INVALID_VALUE"},
      {LAZY_DRIVER_NO_DEVICE, LAZY_STATUS_NO_DEVICE, "CUDA_ERROR_NO_DEVICE"},
      {LAZY_DRIVER_ILLEGAL_ADDRESS, LAZY_STATUS_DEVICE_LOST, "lost"},
      {LAZY_DRIVER_LAUNCH_FAILED, LAZY_STATUS_DEVICE_LOST, "lost"},
      {LAZY_DRIVER_LAUNCH_OUT_OF_RESOURCES, LAZY_STATUS_DEVICE, "RESOURCES"},
      {31337, LAZY_STATUS_DEVICE, "unnamed error (31337)"},
  };
  lazyi_device device;
  ASSERT_OK(lazyi_device_open("host", &device));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    EXPECT_FAILS(lazyi_device_failed(&device, cases[i].result, "mem_alloc"), cases[i].status, cases[i].text);
  lazyi_device_close(&device);
}
