/* What every provider of the driver table must do: work given to streams. See driver_conformance_test.c. */
#include <stdlib.h>

#include "runtime/base/memory.h"
#include "tests/driver_fixture.h"

CONFORMS(modules_and_functions) {
  OPEN(f);
  lazy_driver_module module = NULL;
  lazy_driver_function function = NULL, again = NULL;
  const uint64_t nonsense[8] = {0x1234567890abcdefu};
  EXPECT_EQ(driver->module_load(&module, nonsense), LAZY_DRIVER_INVALID_IMAGE);
  EXPECT_EQ(driver->module_load(&module, NULL), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->module_load(NULL, fixture_image_for(&f.device)), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_TRUE(module == NULL);
  ASSERT_EQ(driver->module_load(&module, fixture_image_for(&f.device)), 0);
  EXPECT_NE(module, f.module);
  EXPECT_EQ(driver->module_get_function(&function, module, "absent"), LAZY_DRIVER_NOT_FOUND);
  EXPECT_EQ(driver->module_get_function(&function, module, NULL), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->module_get_function(NULL, module, "nothing"), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_TRUE(function == NULL);
  EXPECT_EQ(driver->module_get_function(&function, module, "nothing"), 0);
  EXPECT_EQ(driver->module_get_function(&again, module, "nothing"), 0);
  EXPECT_EQ(again, function);
  EXPECT_EQ(driver->module_unload(module), 0);
  EXPECT_DEAD(driver->module_unload(module));
  EXPECT_DEAD(driver->module_get_function(&again, module, "nothing"));
  EXPECT_DEAD(fixture_launch(&f, function, 1, NULL, NULL));
  fixture_close(&f);
}

CONFORMS(launches_refuse_what_a_gpu_refuses) {
  OPEN(f);
  struct fixture_affine p = {0};
  void *parameters[] = {&p}, *missing[] = {NULL};
  static const struct {
    unsigned grid[3], block[3], shared;
    int result;
  } cases[] = {
      {{0, 1, 1}, {1, 1, 1}, 0, LAZY_DRIVER_INVALID_VALUE},
      {{1, 0, 1}, {1, 1, 1}, 0, LAZY_DRIVER_INVALID_VALUE},
      {{1, 1, 0}, {1, 1, 1}, 0, LAZY_DRIVER_INVALID_VALUE},
      {{1, 1, 1}, {0, 1, 1}, 0, LAZY_DRIVER_INVALID_VALUE},
      {{1, 1, 1}, {1025, 1, 1}, 0, LAZY_DRIVER_INVALID_VALUE},
      {{1, 1, 1}, {32, 33, 1}, 0, LAZY_DRIVER_INVALID_VALUE},
      {{0x80000000u, 1, 1}, {1, 1, 1}, 0, LAZY_DRIVER_INVALID_VALUE},
      {{1, 65536, 1}, {1, 1, 1}, 0, LAZY_DRIVER_INVALID_VALUE},
      {{1, 1, 65536}, {1, 1, 1}, 0, LAZY_DRIVER_INVALID_VALUE},
      {{1, 1, 1}, {1, 1, 1}, 1u << 30, LAZY_DRIVER_INVALID_VALUE},
      {{1, 1, 1}, {1024, 1, 1}, 0, LAZY_DRIVER_SUCCESS},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("case %zu", i);
    EXPECT_EQ(driver->launch_kernel(f.nothing, cases[i].grid[0], cases[i].grid[1], cases[i].grid[2],
                                    cases[i].block[0], cases[i].block[1], cases[i].block[2], cases[i].shared,
                                    NULL, NULL, NULL),
              cases[i].result);
  }
  EXPECT_EQ(driver->launch_kernel(f.affine, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL),
            LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->launch_kernel(f.affine, 1, 1, 1, 1, 1, 1, 0, NULL, missing, NULL),
            LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->launch_kernel(NULL, 1, 1, 1, 1, 1, 1, 0, NULL, parameters, NULL),
            LAZY_DRIVER_INVALID_HANDLE);
  EXPECT_EQ(driver->launch_kernel(f.affine, 1, 1, 1, 1, 1, 1, 0, NULL, parameters, NULL), 0); /* count 0 */
  EXPECT_EQ(driver->stream_synchronize(NULL), 0);
  fixture_close(&f);
}

CONFORMS(every_block_runs_once) {
  OPEN(f);
  static const unsigned grids[] = {1, 2, 3, 7, 64, 1000, 4097};
  lazy_driver_address counts;
  static uint32_t found[4097];
  ASSERT_EQ(driver->mem_alloc(&counts, sizeof found), 0);
  for (size_t i = 0; i < sizeof grids / sizeof *grids; i++) {
    CHECK_CASE("%u blocks", grids[i]);
    struct fixture_visit p = {.counts = counts};
    EXPECT_EQ(driver->memset_d8_async(counts, 0, sizeof found, NULL), 0);
    EXPECT_EQ(fixture_launch(&f, f.visit, grids[i], NULL, &p), 0);
    EXPECT_EQ(driver->memcpy_dtoh_async(found, counts, sizeof found, NULL), 0);
    EXPECT_EQ(driver->stream_synchronize(NULL), 0);
    for (unsigned block = 0; block < 4097; block++) ASSERT_EQ(found[block], block < grids[i] ? 1u : 0u);
  }
  EXPECT_EQ(driver->mem_free(counts), 0);
  fixture_close(&f);
}

CONFORMS(parameters_are_copied_at_the_launch) {
  OPEN(f);
  enum { LAUNCHES = 200 }; /* more than there are blocks for large parameters */
  struct fixture_large *p = malloc(sizeof *p), *wanted = malloc(LAUNCHES * sizeof *wanted);
  unsigned char *found = malloc(sizeof p->payload);
  lazy_driver_address memory;
  ASSERT_EQ(driver->mem_alloc(&memory, LAUNCHES * sizeof p->payload), 0);
  for (size_t i = 0; i < LAUNCHES; i++) {
    check_random_fill(env, p, sizeof *p);
    p->to = memory + i * sizeof p->payload;
    wanted[i] = *p;
    EXPECT_EQ(fixture_launch(&f, f.large, 2, NULL, p), 0);
    memset(p, 0xEE, sizeof *p);
  }
  for (size_t i = 0; i < LAUNCHES; i++) {
    EXPECT_EQ(driver->memcpy_dtoh_async(found, memory + i * sizeof p->payload, sizeof p->payload, NULL), 0);
    EXPECT_EQ(driver->stream_synchronize(NULL), 0);
    ASSERT_BYTES_EQ(found, wanted[i].payload, sizeof p->payload);
  }
  EXPECT_EQ(driver->mem_free(memory), 0);
  free(p);
  free(wanted);
  free(found);
  fixture_close(&f);
}

CONFORMS(a_full_queue_makes_the_submitter_work) {
  OPEN(f);
  enum { LAUNCHES = 5000 };
  lazy_driver_address memory;
  lazy_driver_stream streams[3];
  uint64_t found[3];
  ASSERT_EQ(driver->mem_alloc(&memory, sizeof found), 0);
  for (size_t i = 0; i < 3; i++) ASSERT_EQ(driver->stream_create(&streams[i], 1), 0);
  EXPECT_EQ(driver->memset_d8_async(memory, 0, sizeof found, NULL), 0);
  EXPECT_EQ(driver->stream_synchronize(NULL), 0);
  uint64_t allocations = lazyi_memory_count(), wanted = 0;
  for (uint64_t i = 0; i < LAUNCHES; i++) {
    for (size_t s = 0; s < 3; s++) {
      struct fixture_affine p = {memory + 8 * s, memory + 8 * s, 1, 5, i};
      ASSERT_EQ(fixture_launch(&f, f.affine, 1, streams[s], &p), 0);
    }
    wanted = 5 * wanted + i;
  }
  for (size_t i = 0; i < 3; i++) EXPECT_EQ(driver->stream_synchronize(streams[i]), 0);
  EXPECT_LE(lazyi_memory_count() - allocations, 1u); /* at most the pool, once */
  EXPECT_EQ(driver->memcpy_dtoh_async(found, memory, sizeof found, NULL), 0);
  EXPECT_EQ(driver->stream_synchronize(NULL), 0);
  for (size_t i = 0; i < 3; i++) EXPECT_EQ(found[i], wanted);
  for (size_t i = 0; i < 3; i++) EXPECT_EQ(driver->stream_destroy(streams[i]), 0);
  EXPECT_EQ(driver->mem_free(memory), 0);
  fixture_close(&f);
}

struct note {
  const lazy_driver *driver;
  unsigned char *copied, seen;
  int alloc_result, sync_result, retain_result, calls;
};

static void take_note(void *user) {
  struct note *note = user;
  lazy_driver_address address;
  lazy_driver_context context;
  note->seen = *note->copied;
  note->alloc_result = note->driver->mem_alloc(&address, 4);
  note->sync_result = note->driver->stream_synchronize(NULL);
  note->retain_result = note->driver->primary_retain(&context, 0);
  note->calls++;
}

CONFORMS(host_functions_run_in_order_and_may_not_call_back) {
  OPEN(f);
  unsigned char copied = 0;
  struct note note = {.driver = driver, .copied = &copied};
  lazy_driver_address memory;
  lazy_driver_stream stream;
  ASSERT_EQ(driver->mem_alloc(&memory, 1), 0);
  ASSERT_EQ(driver->stream_create(&stream, 1), 0);
  EXPECT_EQ(driver->memset_d8_async(memory, 42, 1, stream), 0);
  EXPECT_EQ(driver->memcpy_dtoh_async(&copied, memory, 1, stream), 0);
  EXPECT_EQ(driver->launch_host_func(stream, take_note, &note), 0);
  EXPECT_EQ(driver->memset_d8_async(memory, 43, 1, stream), 0);
  EXPECT_EQ(driver->memcpy_dtoh_async(&copied, memory, 1, stream), 0);
  EXPECT_EQ(driver->stream_synchronize(stream), 0);
  EXPECT_EQ(note.calls, 1);
  EXPECT_EQ(note.seen, 42);
  EXPECT_EQ(note.alloc_result, LAZY_DRIVER_NOT_PERMITTED);
  EXPECT_EQ(note.sync_result, LAZY_DRIVER_NOT_PERMITTED);
  EXPECT_EQ(note.retain_result, LAZY_DRIVER_NOT_PERMITTED);
  EXPECT_EQ(copied, 43);
  EXPECT_EQ(driver->launch_host_func(stream, NULL, &note), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(driver->stream_destroy(stream), 0);
  EXPECT_DEAD(driver->launch_host_func(stream, take_note, &note));
  EXPECT_EQ(driver->mem_free(memory), 0);
  fixture_close(&f);
}

CONFORMS(a_lost_device_says_so_until_its_context_ends) {
  if (env->is_gpu) SKIP("the program keeps a GPU's context");
  OPEN(f);
  lazy_driver_address memory, other = 7;
  lazy_driver_stream stream;
  lazy_driver_event event;
  ASSERT_EQ(driver->mem_alloc(&memory, 8), 0);
  ASSERT_EQ(driver->stream_create(&stream, 1), 0);
  ASSERT_EQ(driver->event_create(&event, 0), 0);
  check_device()->fault_at(2, LAZY_DRIVER_ILLEGAL_ADDRESS);
  for (int i = 0; i < 3; i++)
    EXPECT_EQ(fixture_launch(&f, f.nothing, 1, stream, NULL), 0); /* nobody knows yet */
  EXPECT_EQ(driver->event_record(event, stream), 0);
  EXPECT_EQ(driver->stream_synchronize(stream), LAZY_DRIVER_ILLEGAL_ADDRESS);
  EXPECT_EQ(driver->stream_synchronize(stream), LAZY_DRIVER_ILLEGAL_ADDRESS);
  EXPECT_EQ(driver->event_synchronize(event), LAZY_DRIVER_ILLEGAL_ADDRESS);
  EXPECT_EQ(driver->mem_alloc(&other, 8), LAZY_DRIVER_ILLEGAL_ADDRESS);
  EXPECT_EQ(other, 7u);
  EXPECT_EQ(fixture_launch(&f, f.nothing, 1, stream, NULL), LAZY_DRIVER_ILLEGAL_ADDRESS);
  EXPECT_STATUS(LAZYI_DRIVER(&f.device, stream_synchronize, stream), LAZY_STATUS_DEVICE_LOST);
  EXPECT_CONTAINS(lazy_status_message(), "CUDA_ERROR_ILLEGAL_ADDRESS");
  /* Objects can be destroyed, with the same answer. */
  EXPECT_EQ(driver->event_destroy(event), LAZY_DRIVER_ILLEGAL_ADDRESS);
  EXPECT_EQ(driver->stream_destroy(stream), LAZY_DRIVER_ILLEGAL_ADDRESS);
  EXPECT_EQ(driver->mem_free(memory), LAZY_DRIVER_ILLEGAL_ADDRESS);
  EXPECT_EQ(driver->module_unload(f.module), LAZY_DRIVER_ILLEGAL_ADDRESS);
  lazyi_device_leave(&f.device);
  lazyi_device_close(&f.device);
  fixture g;
  CHECK_OR_RETURN(fixture_open(env->device, &g));
  EXPECT_EQ(g.driver->stream_synchronize(NULL), 0); /* a new context is whole */
  fixture_close(&g);
}
