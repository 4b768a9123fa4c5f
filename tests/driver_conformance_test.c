/* What every provider of the driver table must do, through the table alone: each row where it works, where it
   refuses, and at the end of its objects' lives. */
#include <pthread.h>
#include <stdlib.h>

#include "tests/driver_fixture.h"

CONFORMS(required_rows_are_there) {
  OPEN(f);
#define ROW(field, symbol, version, required, parameters) \
  if (required) EXPECT_TRUE(driver->field != NULL);
  LAZY_DRIVER_ROWS(ROW)
#undef ROW
  EXPECT_EQ(driver->struct_size, sizeof *driver);
  fixture_close(&f);
}

CONFORMS(init_version_and_error_names) {
  OPEN(f);
  int version = 0;
  const char *name = NULL;
  EXPECT_EQ(driver->init(0), LAZY_DRIVER_SUCCESS);
  EXPECT_EQ(driver->init(1), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->driver_get_version(&version), LAZY_DRIVER_SUCCESS);
  EXPECT_GE(version, 12000);
  EXPECT_EQ(driver->driver_get_version(NULL), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->get_error_name(LAZY_DRIVER_OUT_OF_MEMORY, &name), LAZY_DRIVER_SUCCESS);
  EXPECT_STREQ(name, "CUDA_ERROR_OUT_OF_MEMORY");
  name = "untouched";
  EXPECT_EQ(driver->get_error_name(12345, &name), LAZY_DRIVER_INVALID_VALUE);
  fixture_close(&f);
}

CONFORMS(devices) {
  OPEN(f);
  int count = 0, device = -7, value = -7;
  size_t bytes = 0;
  char name[8] = "xxxxxxx";
  ASSERT_EQ(driver->device_get_count(&count), LAZY_DRIVER_SUCCESS);
  EXPECT_GE(count, 1);
  EXPECT_EQ(driver->device_get(&device, count), LAZY_DRIVER_INVALID_DEVICE);
  EXPECT_EQ(driver->device_get(&device, -1), LAZY_DRIVER_INVALID_DEVICE);
  EXPECT_EQ(device, -7);
  ASSERT_EQ(driver->device_get(&device, 0), LAZY_DRIVER_SUCCESS);
  EXPECT_EQ(driver->device_get_name(name, sizeof name, device), LAZY_DRIVER_SUCCESS);
  EXPECT_EQ(strlen(name), 7u); /* cut, and ended */
  EXPECT_EQ(driver->device_get_name(name, 0, device), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->device_total_mem(&bytes, device), LAZY_DRIVER_SUCCESS);
  EXPECT_GT(bytes, (size_t)1 << 20);
  EXPECT_EQ(driver->device_total_mem(&bytes, count + 3), LAZY_DRIVER_INVALID_DEVICE);
  EXPECT_EQ(driver->device_get_attribute(&value, LAZY_DRIVER_ATTRIBUTE_MAX_THREADS_PER_BLOCK, device), 0);
  EXPECT_EQ(value, 1024);
  EXPECT_EQ(driver->device_get_attribute(&value, LAZY_DRIVER_ATTRIBUTE_MULTIPROCESSOR_COUNT, device), 0);
  EXPECT_GE(value, 1);
  EXPECT_EQ(driver->device_get_attribute(&value, LAZY_DRIVER_ATTRIBUTE_WARP_SIZE, device), 0);
  EXPECT_EQ(value, 32);
  value = -7;
  EXPECT_EQ(driver->device_get_attribute(&value, 99999, device), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(value, -7);
  fixture_close(&f);
}

static void *without_context(void *user) {
  const lazy_driver *driver = user;
  lazy_driver_address address = 7;
  lazy_driver_stream stream;
  lazy_driver_context context;
  EXPECT_EQ(driver->mem_alloc(&address, 16), LAZY_DRIVER_INVALID_CONTEXT);
  EXPECT_EQ(address, 7u);
  EXPECT_EQ(driver->stream_create(&stream, 0), LAZY_DRIVER_INVALID_CONTEXT);
  EXPECT_EQ(driver->stream_synchronize(NULL), LAZY_DRIVER_INVALID_CONTEXT);
  EXPECT_EQ(driver->ctx_pop(&context), LAZY_DRIVER_INVALID_CONTEXT);
  return NULL;
}

CONFORMS(the_current_context_belongs_to_a_thread) {
  OPEN(f);
  pthread_t thread;
  ASSERT_EQ(pthread_create(&thread, NULL, without_context, (void *)(uintptr_t)driver), 0);
  pthread_join(thread, NULL);
  lazy_driver_context popped = NULL, again = NULL;
  EXPECT_EQ(driver->ctx_push(f.device.context), LAZY_DRIVER_SUCCESS); /* nests */
  EXPECT_EQ(driver->ctx_pop(&popped), LAZY_DRIVER_SUCCESS);
  EXPECT_EQ(popped, f.device.context);
  EXPECT_EQ(driver->stream_synchronize(NULL), LAZY_DRIVER_SUCCESS); /* the outer push stands */
  EXPECT_EQ(driver->ctx_push(NULL), LAZY_DRIVER_INVALID_CONTEXT);
  EXPECT_EQ(driver->primary_retain(&again, 77), LAZY_DRIVER_INVALID_DEVICE);
  EXPECT_EQ(driver->primary_retain(&again, f.device.ordinal), LAZY_DRIVER_SUCCESS);
  EXPECT_EQ(again, f.device.context); /* one context a device, counted */
  EXPECT_EQ(driver->primary_release(f.device.ordinal), LAZY_DRIVER_SUCCESS);
  EXPECT_EQ(driver->stream_synchronize(NULL), LAZY_DRIVER_SUCCESS);
  fixture_close(&f);
}

CONFORMS(the_last_release_ends_context_and_objects) {
  if (env->is_gpu)
    SKIP("the program keeps a GPU's context, and calls on what ended with one are not defined");
  OPEN(f);
  lazy_driver_context context = f.device.context, popped;
  lazy_driver_address address;
  lazy_driver_stream stream;
  lazy_driver_event event;
  void *pinned;
  ASSERT_EQ(driver->mem_alloc(&address, 100), 0);
  ASSERT_EQ(driver->host_alloc(&pinned, 100, 0), 0);
  ASSERT_EQ(driver->stream_create(&stream, 1), 0);
  ASSERT_EQ(driver->event_create(&event, 0), 0);
  ASSERT_EQ(driver->memset_d8_async(address, 1, 100, stream), 0); /* still pending */
  EXPECT_EQ(driver->primary_release(f.device.ordinal), LAZY_DRIVER_SUCCESS);
  EXPECT_EQ(driver->stream_synchronize(stream), LAZY_DRIVER_INVALID_CONTEXT);
  EXPECT_EQ(driver->mem_free(address), LAZY_DRIVER_INVALID_CONTEXT);
  EXPECT_EQ(driver->primary_release(f.device.ordinal), LAZY_DRIVER_INVALID_CONTEXT);
  EXPECT_EQ(driver->ctx_pop(&popped), LAZY_DRIVER_SUCCESS); /* a dead one can be popped, not pushed */
  EXPECT_EQ(driver->ctx_push(context), LAZY_DRIVER_INVALID_CONTEXT);
  lazyi_host_live_counts live;
  check_device()->live(&live);
  EXPECT_EQ(live.allocations + live.pinned + live.streams + live.events + live.modules, 0u);
  /* Handles of an earlier life are refused in the next. */
  fixture g;
  CHECK_OR_RETURN(fixture_open(env->device, &g));
  EXPECT_DEAD(driver->stream_synchronize(stream));
  EXPECT_DEAD(driver->event_query(event));
  fixture_close(&g);
}

CONFORMS(memory_alloc_and_free) {
  OPEN(f);
  static const size_t sizes[] = {1,     255,           256,     257,           4095,          4096,
                                 65537, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, (5 << 20) + 77};
  enum { COUNT = sizeof sizes / sizeof *sizes };
  lazy_driver_address addresses[COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    CHECK_CASE("%zu bytes", sizes[i]);
    ASSERT_EQ(driver->mem_alloc(&addresses[i], sizes[i]), 0);
    EXPECT_EQ(addresses[i] % 256, 0u);
    for (size_t j = 0; j < i; j++) /* apart from each other */
      EXPECT_TRUE(addresses[i] + sizes[i] <= addresses[j] || addresses[j] + sizes[j] <= addresses[i]);
    EXPECT_EQ(driver->memset_d8_async(addresses[i], 3, sizes[i], NULL), 0); /* all of it is there */
  }
  size_t available = 0, total = 0;
  EXPECT_EQ(driver->mem_get_info(&available, &total), 0);
  EXPECT_GT(available, 0u);
  EXPECT_LE(available, total);
  EXPECT_EQ(driver->mem_free(addresses[3] + 256), LAZY_DRIVER_INVALID_VALUE); /* inside a block */
  EXPECT_EQ(driver->mem_free(0), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->mem_free(0x123400), LAZY_DRIVER_INVALID_VALUE);
  for (size_t i = 0; i < COUNT; i++) {
    EXPECT_EQ(driver->mem_free(addresses[i]), 0);
    EXPECT_EQ(driver->mem_free(addresses[i]), LAZY_DRIVER_INVALID_VALUE);
  }
  lazy_driver_address address = 7;
  EXPECT_EQ(driver->mem_alloc(&address, 0), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->mem_alloc(NULL, 16), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->mem_alloc(&address, total + 1), LAZY_DRIVER_OUT_OF_MEMORY);
  EXPECT_EQ(driver->mem_alloc(&address, SIZE_MAX), LAZY_DRIVER_OUT_OF_MEMORY);
  EXPECT_EQ(driver->mem_alloc(&address, SIZE_MAX - 600), LAZY_DRIVER_OUT_OF_MEMORY);
  EXPECT_EQ(address, 7u);
  fixture_close(&f);
}

CONFORMS(pinned_memory) {
  OPEN(f);
  void *memory = NULL, *other = NULL;
  ASSERT_EQ(driver->host_alloc(&memory, 5000, 0), 0);
  memset(memory, 9, 5000);
  EXPECT_EQ(driver->host_alloc(&other, 0, 0), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->host_alloc(NULL, 5, 0), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->host_free(NULL), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->host_free(&other), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->host_free(memory), 0);
  EXPECT_EQ(driver->host_free(memory), LAZY_DRIVER_INVALID_VALUE);
  fixture_close(&f);
}

CONFORMS(copies_and_fills) {
  OPEN(f);
  enum { LIMIT = (3 << 20) + 100 };
  unsigned char *sent = malloc(LIMIT), *wanted = malloc(LIMIT), *found = malloc(LIMIT + 64);
  lazy_driver_address a, b;
  lazy_driver_stream stream;
  ASSERT_EQ(driver->mem_alloc(&a, LIMIT), 0);
  ASSERT_EQ(driver->mem_alloc(&b, LIMIT), 0);
  ASSERT_EQ(driver->stream_create(&stream, LAZY_DRIVER_STREAM_NON_BLOCKING), 0);
  static const size_t edges[] = {1, 255, 4097, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (2 << 20) + 3, 3 << 20};
  for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
    size_t bytes = edges[i], offset = check_random_below(env, 64), cut = check_random_below(env, bytes + 1);
    CHECK_CASE("%zu bytes at %zu, %zu filled", bytes, offset, cut);
    check_random_fill(env, sent, bytes);
    check_random_fill(env, found, LIMIT + 64);
    memcpy(wanted, sent, bytes);
    memset(wanted + bytes - cut, 0xC3, cut);
    unsigned char beyond = found[bytes];
    EXPECT_EQ(driver->memcpy_htod_async(a + offset, sent, bytes, stream), 0);
    EXPECT_EQ(driver->memcpy_dtod_async(b, a + offset, bytes, stream), 0);
    EXPECT_EQ(driver->memset_d8_async(b + bytes - cut, 0xC3, cut, stream), 0);
    EXPECT_EQ(driver->memcpy_dtoh_async(found, b, bytes, stream), 0);
    EXPECT_EQ(driver->stream_synchronize(stream), 0);
    EXPECT_BYTES_EQ(found, wanted, bytes);
    EXPECT_EQ(found[bytes], beyond);
  }
  EXPECT_EQ(driver->memcpy_htod_async(a, sent, LIMIT + 1, stream), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->memcpy_htod_async(a + LIMIT, sent, 1, stream), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->memcpy_dtoh_async(found, a + LIMIT - 1, 2, stream), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->memcpy_dtoh_async(found, a, SIZE_MAX, stream), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->memcpy_dtod_async(b + 1, a, LIMIT, stream), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->memcpy_dtod_async(b, 4096, 1, stream), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->memset_d8_async(a - 1, 0, 2, stream), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->memcpy_htod_async(a, NULL, 4, stream), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->memcpy_dtoh_async(NULL, a, 4, stream), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->memcpy_htod_async(a, sent, 0, stream), 0); /* nothing is a fine amount */
  EXPECT_EQ(driver->memset_d8_async(a, 0, 0, stream), 0);
  EXPECT_EQ(driver->mem_free(b), 0);
  EXPECT_EQ(driver->memset_d8_async(b, 0, 1, stream), LAZY_DRIVER_INVALID_VALUE); /* freed */
  EXPECT_EQ(driver->mem_free(a), 0);
  EXPECT_EQ(driver->stream_destroy(stream), 0);
  free(sent);
  free(wanted);
  free(found);
  fixture_close(&f);
}

CONFORMS(streams_live_and_die) {
  OPEN(f);
  lazy_driver_stream stream = NULL, other = NULL;
  lazy_driver_event event;
  EXPECT_EQ(driver->stream_create(NULL, 0), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->stream_create(&stream, 99), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_TRUE(stream == NULL);
  ASSERT_EQ(driver->stream_create(&stream, 0), 0);
  ASSERT_EQ(driver->stream_create(&other, LAZY_DRIVER_STREAM_NON_BLOCKING), 0);
  ASSERT_EQ(driver->event_create(&event, 0), 0);
  EXPECT_EQ(driver->stream_query(stream), 0);
  EXPECT_EQ(driver->stream_synchronize(stream), 0);
  EXPECT_EQ(driver->stream_destroy(stream), 0);
  EXPECT_DEAD(driver->stream_destroy(stream));
  EXPECT_DEAD(driver->stream_synchronize(stream));
  EXPECT_DEAD(driver->stream_query(stream));
  EXPECT_DEAD(driver->stream_wait_event(stream, event, 0));
  EXPECT_DEAD(driver->event_record(event, stream));
  EXPECT_DEAD(fixture_launch(&f, f.nothing, 1, stream, NULL));
  /* A handle of another kind is none of this kind. */
  EXPECT_DEAD(driver->stream_synchronize((lazy_driver_stream)(void *)event));
  EXPECT_DEAD(driver->event_query((lazy_driver_event)(void *)other));
  EXPECT_DEAD(driver->module_unload((lazy_driver_module)(void *)other));
  EXPECT_EQ(driver->stream_destroy(NULL), LAZY_DRIVER_INVALID_HANDLE);
  EXPECT_EQ(driver->stream_query(NULL), 0); /* the default stream */
  EXPECT_EQ(driver->event_destroy(event), 0);
  EXPECT_EQ(driver->stream_destroy(other), 0);
  fixture_close(&f);
}

CONFORMS(a_stale_handle_is_not_its_successor) {
  OPEN(f);
  lazy_driver_stream streams[50];
  lazy_driver_event events[50];
  for (size_t i = 0; i < 50; i++) {
    ASSERT_EQ(driver->stream_create(&streams[i], 1), 0);
    ASSERT_EQ(driver->event_create(&events[i], 0), 0);
    for (size_t k = 0; k < i; k++) { /* their places are taken by now */
      EXPECT_DEAD(driver->stream_query(streams[k]));
      EXPECT_DEAD(driver->event_query(events[k]));
      EXPECT_DEAD(driver->stream_destroy(streams[k]));
    }
    EXPECT_EQ(driver->event_destroy(events[i]), 0);
    EXPECT_EQ(driver->stream_destroy(streams[i]), 0);
  }
  fixture_close(&f);
}

CONFORMS(a_busy_stream_may_be_destroyed) {
  OPEN(f);
  enum { COUNT = 1000 };
  lazy_driver_address address;
  lazy_driver_stream stream;
  lazy_driver_event event;
  uint64_t found[COUNT];
  ASSERT_EQ(driver->mem_alloc(&address, sizeof found), 0);
  ASSERT_EQ(driver->stream_create(&stream, 1), 0);
  ASSERT_EQ(driver->event_create(&event, 0), 0);
  for (uint64_t i = 0; i < 50; i++) {
    struct fixture_affine p = {address, i != 0 ? address : 0, COUNT, 3, 1};
    ASSERT_EQ(fixture_launch(&f, f.affine, 4, stream, &p), 0);
  }
  EXPECT_EQ(driver->memcpy_dtoh_async(found, address, sizeof found, stream), 0);
  EXPECT_EQ(driver->event_record(event, stream), 0);
  EXPECT_EQ(driver->stream_destroy(stream), 0);
  EXPECT_EQ(driver->event_synchronize(event), 0);
  uint64_t wanted = 0;
  for (int i = 0; i < 50; i++) wanted = 3 * wanted + 1;
  for (size_t i = 0; i < COUNT; i++) ASSERT_EQ(found[i], wanted);
  EXPECT_EQ(driver->event_destroy(event), 0);
  EXPECT_EQ(driver->mem_free(address), 0);
  fixture_close(&f);
}

CONFORMS(freeing_memory_waits_for_work_on_it) {
  OPEN(f);
  lazy_driver_address address;
  lazy_driver_stream stream;
  unsigned char found[64] = {0};
  ASSERT_EQ(driver->stream_create(&stream, 1), 0);
  ASSERT_EQ(driver->mem_alloc(&address, 64), 0);
  EXPECT_EQ(driver->memset_d8_async(address, 0x5A, 64, stream), 0);
  EXPECT_EQ(driver->memcpy_dtoh_async(found, address, 64, stream), 0);
  EXPECT_EQ(driver->mem_free(address), 0);
  EXPECT_EQ(driver->stream_query(stream), 0);
  EXPECT_EQ(found[63], 0x5A);
  EXPECT_EQ(driver->stream_destroy(stream), 0);
  fixture_close(&f);
}

CONFORMS(queries_move_on) {
  OPEN(f);
  lazy_driver_address address;
  lazy_driver_stream stream;
  lazy_driver_event event;
  ASSERT_EQ(driver->mem_alloc(&address, 64), 0);
  ASSERT_EQ(driver->stream_create(&stream, 1), 0);
  ASSERT_EQ(driver->event_create(&event, 0), 0);
  for (int round = 0; round < 20; round++) {
    for (int i = 0; i < 10; i++) EXPECT_EQ(driver->memset_d8_async(address, 1, 64, stream), 0);
    EXPECT_EQ(driver->event_record(event, stream), 0);
    int result;
    do {
      result = round % 2 == 0 ? driver->stream_query(stream) : driver->event_query(event);
    } while (result == LAZY_DRIVER_NOT_READY);
    EXPECT_EQ(result, 0);
  }
  EXPECT_EQ(driver->event_destroy(event), 0);
  EXPECT_EQ(driver->stream_destroy(stream), 0);
  EXPECT_EQ(driver->mem_free(address), 0);
  fixture_close(&f);
}

CONFORMS(events) {
  OPEN(f);
  lazy_driver_event timed, untimed, fresh;
  lazy_driver_stream stream;
  float milliseconds = -7;
  ASSERT_EQ(driver->stream_create(&stream, 1), 0);
  EXPECT_EQ(driver->event_create(NULL, 0), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->event_create(&timed, 0x80), LAZY_DRIVER_INVALID_VALUE);
  ASSERT_EQ(driver->event_create(&timed, 0), 0);
  ASSERT_EQ(driver->event_create(&fresh, 0), 0);
  ASSERT_EQ(driver->event_create(&untimed, LAZY_DRIVER_EVENT_DISABLE_TIMING), 0);
  /* Never recorded: done, and nothing to wait for. */
  EXPECT_EQ(driver->event_query(timed), 0);
  EXPECT_EQ(driver->event_synchronize(timed), 0);
  EXPECT_EQ(driver->stream_wait_event(stream, timed, 0), 0);
  EXPECT_EQ(driver->stream_wait_event(stream, timed, 2), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->stream_synchronize(stream), 0);
  EXPECT_EQ(driver->event_elapsed_time(&milliseconds, timed, timed), LAZY_DRIVER_INVALID_HANDLE);
  EXPECT_EQ(driver->event_record(timed, stream), 0);
  EXPECT_EQ(driver->event_record(untimed, stream), 0);
  EXPECT_EQ(driver->event_synchronize(untimed), 0);
  EXPECT_EQ(driver->event_elapsed_time(&milliseconds, timed, untimed), LAZY_DRIVER_INVALID_HANDLE);
  EXPECT_EQ(driver->event_elapsed_time(&milliseconds, timed, fresh), LAZY_DRIVER_INVALID_HANDLE);
  EXPECT_NEAR(milliseconds, -7, 0);
  /* Eight megabytes of work lie between the two. */
  lazy_driver_address address;
  ASSERT_EQ(driver->mem_alloc(&address, 8 << 20), 0);
  EXPECT_EQ(driver->event_record(timed, stream), 0);
  EXPECT_EQ(driver->memset_d8_async(address, 1, 8 << 20, stream), 0);
  EXPECT_EQ(driver->event_record(fresh, stream), 0);
  int early = driver->event_elapsed_time(&milliseconds, timed, fresh);
  EXPECT_TRUE(early == LAZY_DRIVER_NOT_READY || early == LAZY_DRIVER_SUCCESS);
  EXPECT_EQ(driver->event_synchronize(fresh), 0);
  EXPECT_EQ(driver->event_elapsed_time(&milliseconds, timed, fresh), 0);
  EXPECT_GT(milliseconds, 0.0f);
  EXPECT_LT(milliseconds, 60000.0f);
  EXPECT_EQ(driver->event_elapsed_time(NULL, timed, fresh), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->event_destroy(timed), 0);
  EXPECT_DEAD(driver->event_destroy(timed));
  EXPECT_DEAD(driver->event_query(timed));
  EXPECT_DEAD(driver->event_synchronize(timed));
  EXPECT_DEAD(driver->event_record(timed, stream));
  EXPECT_EQ(driver->event_destroy(fresh), 0);
  EXPECT_EQ(driver->event_destroy(untimed), 0);
  EXPECT_EQ(driver->mem_free(address), 0);
  EXPECT_EQ(driver->stream_destroy(stream), 0);
  fixture_close(&f);
}

CONFORMS(an_event_orders_two_streams) {
  OPEN(f);
  enum { COUNT = 300 };
  lazy_driver_address a, b;
  lazy_driver_stream producer, consumer;
  uint64_t found[COUNT];
  ASSERT_EQ(driver->mem_alloc(&a, sizeof found), 0);
  ASSERT_EQ(driver->mem_alloc(&b, sizeof found), 0);
  ASSERT_EQ(driver->stream_create(&producer, 1), 0);
  ASSERT_EQ(driver->stream_create(&consumer, 1), 0);
  for (uint64_t round = 1; round <= 200; round++) {
    lazy_driver_event event, done;
    struct fixture_affine produce = {a, 0, COUNT, 0, round}, consume = {b, a, COUNT, 10, 7};
    ASSERT_EQ(driver->event_create(&event, LAZY_DRIVER_EVENT_DISABLE_TIMING), 0);
    ASSERT_EQ(driver->event_create(&done, LAZY_DRIVER_EVENT_DISABLE_TIMING), 0);
    EXPECT_EQ(fixture_launch(&f, f.affine, 3, producer, &produce), 0);
    EXPECT_EQ(driver->event_record(event, producer), 0);
    EXPECT_EQ(driver->stream_wait_event(consumer, event, 0), 0);
    EXPECT_EQ(driver->event_destroy(event), 0); /* the wait stands */
    EXPECT_EQ(fixture_launch(&f, f.affine, 2, consumer, &consume), 0);
    EXPECT_EQ(driver->memcpy_dtoh_async(found, b, sizeof found, consumer), 0);
    EXPECT_EQ(driver->event_record(done, consumer), 0);
    EXPECT_EQ(driver->event_synchronize(done), 0);
    EXPECT_EQ(driver->event_destroy(done), 0);
    for (size_t i = 0; i < COUNT; i++) ASSERT_EQ(found[i], 10 * round + 7);
  }
  EXPECT_EQ(driver->stream_destroy(producer), 0);
  EXPECT_EQ(driver->stream_destroy(consumer), 0);
  EXPECT_EQ(driver->mem_free(a), 0);
  EXPECT_EQ(driver->mem_free(b), 0);
  fixture_close(&f);
}

/* Optional, and of no effect that the program sees. */
CONFORMS(a_profiler_is_told_to_start_and_to_stop) {
  OPEN(f);
  EXPECT_EQ(driver->profiler_start == NULL, driver->profiler_stop == NULL);
  if (driver->profiler_start != NULL) {
    EXPECT_EQ(driver->profiler_start(), LAZY_DRIVER_SUCCESS);
    EXPECT_EQ(driver->profiler_stop(), LAZY_DRIVER_SUCCESS);
  }
  fixture_close(&f);
}
