/* Arrays under failing calls and from many threads. */
#include <lazyrt/array.h>
#include <lazyrt/value.h>
#include <pthread.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/driver/fault.h"
#include "tests/check.h"

enum { ROWS = 37, COLUMNS = 53, COUNT = ROWS * COLUMNS };

/* Makes, uploads through a transposed view, converts there and back, reads. Everything it made is released.
 */
static lazy_status round_trip(lazy_context *context, const float *values, float *out_found) {
  lazy_array *array = NULL, *turned = NULL, *wide = NULL, *back = NULL;
  lazy_status status = lazy_array_create(context, LAZY_DTYPE_F32, &LAZY_DIMS(ROWS, COLUMNS), &array);
  if (status == LAZY_STATUS_OK) status = lazy_array_transpose(array, 0, 1, &turned);
  if (status == LAZY_STATUS_OK) status = lazy_array_upload(turned, values, COUNT * sizeof *values);
  if (status == LAZY_STATUS_OK) status = lazy_array_convert(turned, LAZY_DTYPE_F64, &wide);
  if (status == LAZY_STATUS_OK) status = lazy_array_convert(wide, LAZY_DTYPE_F32, &back);
  if (status == LAZY_STATUS_OK) status = lazy_array_download(back, out_found, COUNT * sizeof *out_found);
  lazy_array_release(back);
  lazy_array_release(wide);
  lazy_array_release(turned);
  lazy_array_release(array);
  return status;
}

static void random_floats(check_env *env, float *values) {
  for (int i = 0; i < COUNT; i++) values[i] = (float)(check_random_unit(env) - 0.5);
}

TEST_ON_FAULTS(array_fault, every_driver_call_may_fail_once_and_the_next_try_succeeds) {
  static float values[COUNT], found[COUNT];
  random_floats(env, values);
  uint64_t n = 1;
  for (bool reached = true; reached; n++) {
    CHECK_CASE("driver call %d fails", (int)n);
    lazy_context *context;
    ASSERT_OK(lazy_context_open(env->device, NULL, &context));
    lazyi_fault_reset();
    lazyi_fault_fail_at(n, LAZY_DRIVER_UNKNOWN);
    memset(found, 0xee, sizeof found);
    lazy_status status = round_trip(context, values, found);
    reached = lazyi_fault_failures() != 0;
    lazyi_fault_fail_at(0, 0);
    if (status == LAZY_STATUS_OK) EXPECT_F32_BITS_EQ(found, values, COUNT);
    ASSERT_OK(round_trip(context, values, found));
    ASSERT_F32_BITS_EQ(found, values, COUNT);
    lazy_context_close(context);
    ASSERT_LT(n, 200u);
  }
  EXPECT_GT(n, 20u);
}

TEST_ON_DRIVERS(array_fault, every_host_allocation_may_fail_once_and_the_next_try_succeeds) {
  static float values[COUNT], found[COUNT];
  random_floats(env, values);
  int failures = 0;
  for (uint64_t n = 1; n < 30; n++) {
    CHECK_CASE("host allocation %d fails", (int)n);
    lazy_context *context;
    ASSERT_OK(lazy_context_open(env->device, NULL, &context));
    lazyi_memory_fail_at(n);
    lazy_status status = round_trip(context, values, found);
    lazyi_memory_fail_at(0);
    failures += status != LAZY_STATUS_OK;
    if (status != LAZY_STATUS_OK) EXPECT_EQ(status, LAZY_STATUS_OUT_OF_MEMORY);
    ASSERT_OK(round_trip(context, values, found));
    ASSERT_F32_BITS_EQ(found, values, COUNT);
    lazy_context_close(context);
  }
  EXPECT_GT(failures, 8);
}

TEST_ON_FAULTS(array_fault, out_of_device_memory_names_the_bytes_and_room_made_is_found) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazyi_fault_cap_bytes(64u << 20);
  lazy_array *large, *more = NULL;
  ASSERT_OK(lazy_array_create(context, LAZY_DTYPE_U8, &LAZY_DIMS(40 << 20), &large));
  EXPECT_FAILS(lazy_array_create(context, LAZY_DTYPE_U8, &LAZY_DIMS(41 << 20), &more),
               LAZY_STATUS_OUT_OF_MEMORY, "42991616 bytes wanted, 41943040 in use");
  EXPECT_EQ(more, (lazy_array *)NULL);
  lazy_array_release(large);
  EXPECT_OK(lazy_array_create(context, LAZY_DTYPE_U8, &LAZY_DIMS(41 << 20), &more));
  lazy_array_release(more);
  lazy_context_close(context);
  lazyi_fault_cap_bytes(SIZE_MAX);
}

TEST_ON_FAULTS(array_fault, a_steady_round_trip_asks_the_driver_for_no_memory) {
  static float values[COUNT], found[COUNT];
  random_floats(env, values);
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  for (int round = 0; round < 6; round++) {
    if (round == 2) lazyi_fault_reset();
    ASSERT_OK(round_trip(context, values, found));
  }
  EXPECT_EQ(lazyi_fault_count(LAZY_DRIVER_CALL_mem_alloc), 0u);
  EXPECT_EQ(lazyi_fault_count(LAZY_DRIVER_CALL_mem_free), 0u);
  EXPECT_EQ(lazyi_fault_count(LAZY_DRIVER_CALL_host_alloc), 0u);
  EXPECT_EQ(lazyi_fault_count(LAZY_DRIVER_CALL_event_create), 0u);
  lazy_context_close(context);
}

typedef struct worker {
  lazy_context *context;
  float values[COUNT], found[COUNT];
  int failures;
} worker;

static void *work(void *argument) {
  worker *w = argument;
  for (int i = 0; i < 40; i++) {
    if (round_trip(w->context, w->values, w->found) != LAZY_STATUS_OK) w->failures++;
    if (memcmp(w->values, w->found, sizeof w->values) != 0) w->failures++;
  }
  return NULL;
}

TEST_ON_DRIVERS(array_fault, threads_share_a_context) {
  static worker workers[4];
  pthread_t threads[4];
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  for (int i = 0; i < 4; i++) {
    workers[i].context = context;
    workers[i].failures = 0;
    random_floats(env, workers[i].values);
    ASSERT_EQ(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
  }
  for (int i = 0; i < 4; i++) {
    (void)pthread_join(threads[i], NULL);
    EXPECT_EQ(workers[i].failures, 0);
  }
  lazy_context_close(context);
}
