/* The host provider beyond the table: strict mode, seeded orders, the worker pool. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/memory.h"
#include "tests/driver_fixture.h"

/* The harness asks for strict mode and the seeded schedule; a test that changes them puts them back. */
static void use(bool strict, uint64_t schedule, const char *workers) {
  lazyi_host_set_strict(strict);
  lazyi_host_set_schedule(schedule);
  if (workers != NULL) setenv("LAZYRT_HOST_WORKERS", workers, 1);
  else unsetenv("LAZYRT_HOST_WORKERS");
}
static void use_default(void) { use(true, 1, NULL); }

TEST(driver_host, fresh_memory_is_nan_and_tagged) {
  fixture f;
  CHECK_OR_RETURN(fixture_open("host", &f));
  static const size_t sizes[] = {1, 300, 70001};
  for (size_t i = 0; i < 3; i++) {
    lazy_driver_address address;
    ASSERT_EQ(f.driver->mem_alloc(&address, sizes[i]), 0);
    EXPECT_NE(address & LAZYI_HOST_TAG, 0u);
    EXPECT_EQ(lazyi_host_untag(address) | LAZYI_HOST_TAG, address);
    EXPECT_EQ(lazyi_host_untag(lazyi_host_untag(address)), lazyi_host_untag(address));
    const unsigned char *memory = FIXTURE_AT(unsigned char, address);
    for (size_t at = 0; at < sizes[i]; at++) ASSERT_EQ(memory[at], 0xFF);
    /* Neither the untagged address nor a tagged host pointer passes. */
    unsigned char byte = 0;
    EXPECT_EQ(f.driver->memset_d8_async(lazyi_host_untag(address), 0, 1, NULL), LAZY_DRIVER_INVALID_VALUE);
    EXPECT_EQ(f.driver->memcpy_dtoh_async((void *)(uintptr_t)address, address, 1, NULL),
              LAZY_DRIVER_INVALID_VALUE);
    EXPECT_EQ(f.driver->memcpy_htod_async(address, (void *)(uintptr_t)address, 1, NULL),
              LAZY_DRIVER_INVALID_VALUE);
    EXPECT_EQ(f.driver->memcpy_dtoh_async(&byte, address, 1, NULL), 0);
    EXPECT_EQ(f.driver->mem_free(address), 0);
    EXPECT_EQ(byte, 0xFF);
  }
  fixture_close(&f);
}

TEST(driver_host, lax_mode_gives_plain_addresses) {
  use(false, 0, NULL);
  fixture f;
  CHECK_OR_RETURN(fixture_open("host", &f));
  lazy_driver_address small, large;
  ASSERT_EQ(f.driver->mem_alloc(&small, 100), 0);
  ASSERT_EQ(f.driver->mem_alloc(&large, (4 << 20) + 1), 0);
  EXPECT_EQ(small & LAZYI_HOST_TAG, 0u);
  EXPECT_EQ(large % (2 << 20), 0u); /* so that huge pages can back it */
  EXPECT_EQ(f.driver->memset_d8_async(small | LAZYI_HOST_TAG, 0, 1, NULL), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(f.driver->memset_d8_async(large, 1, (4 << 20) + 1, NULL), 0);
  EXPECT_EQ(f.driver->mem_free(small), 0);
  EXPECT_EQ(f.driver->mem_free(large), 0);
  fixture_close(&f);
  use_default();
}

TEST(driver_host, guards_notice_a_write_outside) {
  for (int side = 0; side < 2; side++) {
    CHECK_CASE("%s", side == 0 ? "before" : "after");
    fixture f;
    CHECK_OR_RETURN(fixture_open("host", &f));
    lazy_driver_address sound, hurt;
    enum { COUNT = 33 };
    ASSERT_EQ(f.driver->mem_alloc(&sound, COUNT * 8), 0);
    ASSERT_EQ(f.driver->mem_alloc(&hurt, COUNT * 8), 0);
    EXPECT_EQ(lazyi_host_damaged(), 0u);
    struct fixture_affine p = {side == 0 ? hurt - 8 : hurt + 8, 0, COUNT, 0, 1};
    EXPECT_EQ(fixture_launch(&f, f.affine, 1, NULL, &p), 0);
    EXPECT_EQ(lazyi_host_damaged(), 1u);
    EXPECT_EQ(f.driver->mem_free(sound), 0);
    EXPECT_EQ(f.driver->mem_free(hurt), LAZY_DRIVER_ILLEGAL_ADDRESS);
    EXPECT_EQ(f.driver->stream_synchronize(NULL), LAZY_DRIVER_ILLEGAL_ADDRESS); /* and it sticks */
    EXPECT_EQ(f.driver->module_unload(f.module), LAZY_DRIVER_ILLEGAL_ADDRESS);
    lazyi_device_leave(&f.device);
    lazyi_device_close(&f.device);
  }
}

/* b = 2 a + 1 on one stream after a = 5 on another; what b became. */
static uint64_t cross_streams(const fixture *f, bool with_edge, uint64_t schedule) {
  const lazy_driver *driver = f->driver;
  lazy_driver_address a, b;
  lazy_driver_stream first, second;
  lazy_driver_event event;
  uint64_t found = 0;
  lazyi_host_set_schedule(schedule);
  EXPECT_EQ(driver->mem_alloc(&a, 8), 0);
  EXPECT_EQ(driver->mem_alloc(&b, 8), 0);
  EXPECT_EQ(driver->stream_create(&first, 1), 0);
  EXPECT_EQ(driver->stream_create(&second, 1), 0);
  EXPECT_EQ(driver->event_create(&event, 0), 0);
  struct fixture_affine write = {a, 0, 1, 0, 5}, read = {b, a, 1, 2, 1};
  EXPECT_EQ(fixture_launch(f, f->affine, 1, first, &write), 0);
  EXPECT_EQ(driver->event_record(event, first), 0);
  if (with_edge) EXPECT_EQ(driver->stream_wait_event(second, event, 0), 0);
  EXPECT_EQ(fixture_launch(f, f->affine, 1, second, &read), 0);
  EXPECT_EQ(driver->memcpy_dtoh_async(&found, b, 8, second), 0);
  EXPECT_EQ(driver->stream_synchronize(second), 0);
  EXPECT_EQ(driver->event_destroy(event), 0);
  EXPECT_EQ(driver->stream_destroy(first), 0);
  EXPECT_EQ(driver->stream_destroy(second), 0);
  EXPECT_EQ(driver->mem_free(a), 0);
  EXPECT_EQ(driver->mem_free(b), 0);
  return found;
}

TEST(driver_host, a_missing_event_edge_is_found_and_comes_again) {
  fixture f;
  CHECK_OR_RETURN(fixture_open("host", &f));
  enum { SEEDS = 200 };
  int wrong = 0;
  for (uint64_t i = 0; i < SEEDS; i++) {
    uint64_t seed = check_random(env) | 1;
    EXPECT_EQ(cross_streams(&f, true, seed), 11u);
    uint64_t once = cross_streams(&f, false, seed);
    EXPECT_EQ(cross_streams(&f, false, seed), once);
    wrong += once != 11;
  }
  EXPECT_GT(wrong, SEEDS / 4);
  EXPECT_LT(wrong, SEEDS * 3 / 4);
  use_default();
  fixture_close(&f);
}

TEST(driver_host, block_orders) {
  fixture f;
  CHECK_OR_RETURN(fixture_open("host", &f));
  static const unsigned grids[] = {1, 2, 12, 97, 1024};
  uint32_t counts[1024], order[1024], counter;
  lazy_driver_address memory;
  ASSERT_EQ(f.driver->mem_alloc(&memory, sizeof counts + sizeof order + sizeof counter), 0);
  uint64_t in_order = 0, launches = 0;
  for (size_t grid = 0; grid < sizeof grids / sizeof *grids; grid++) {
    for (int kind = LAZYI_HOST_ORDER_FORWARD; kind <= LAZYI_HOST_ORDER_SHUFFLED; kind++) {
      CHECK_CASE("%u blocks, order %d", grids[grid], kind);
      unsigned count = grids[grid];
      struct fixture_visit p = {memory, memory + sizeof counts, memory + sizeof counts + sizeof order};
      lazyi_host_set_order((enum lazyi_host_order)kind, env->seed);
      EXPECT_EQ(f.driver->memset_d8_async(memory, 0, sizeof counts + sizeof order + sizeof counter, NULL), 0);
      EXPECT_EQ(fixture_launch(&f, f.visit, count, NULL, &p), 0);
      EXPECT_EQ(f.driver->memcpy_dtoh_async(counts, p.counts, sizeof counts, NULL), 0);
      EXPECT_EQ(f.driver->memcpy_dtoh_async(order, p.order, sizeof order, NULL), 0);
      EXPECT_EQ(f.driver->stream_synchronize(NULL), 0);
      for (unsigned i = 0; i < count; i++) ASSERT_EQ(counts[i], 1u);
      for (unsigned i = 0; i < count; i++) {
        if (kind == LAZYI_HOST_ORDER_FORWARD) ASSERT_EQ(order[i], i);
        if (kind == LAZYI_HOST_ORDER_REVERSED) ASSERT_EQ(order[i], count - 1 - i);
        if (kind == LAZYI_HOST_ORDER_SHUFFLED && count > 12) in_order += order[i] == i, launches++;
      }
    }
  }
  EXPECT_LT(in_order, launches / 4);
  lazyi_host_set_order(LAZYI_HOST_ORDER_FORWARD, 0);
  EXPECT_EQ(f.driver->mem_free(memory), 0);
  fixture_close(&f);
}

/* A random program: buffers, each step b[to] = m b[from] + c on a random stream, with the event edges that
   its hazards ask for. The reference does the same on the host, in order. */
enum { STEPS = 400, BUFFERS = 6, STREAMS = 5, WORDS = 4099 };
struct step {
  size_t to, from, stream;
  uint64_t multiplier, addend;
  unsigned blocks;
};

static bool run_program(const fixture *f, const struct step *steps, bool drop_edges, uint64_t *out_words) {
  const lazy_driver *driver = f->driver;
  lazy_driver_address buffers[BUFFERS];
  lazy_driver_stream streams[STREAMS];
  static lazy_driver_event events[STEPS];
  int failures = 0;
  size_t writer[BUFFERS],
      readers[BUFFERS][STREAMS]; /* step + 1 of the last write, and last read per stream */
  memset(writer, 0, sizeof writer);
  memset(readers, 0, sizeof readers);
  for (size_t i = 0; i < BUFFERS; i++) failures += driver->mem_alloc(&buffers[i], WORDS * 8) != 0;
  for (size_t i = 0; i < STREAMS; i++) failures += driver->stream_create(&streams[i], 1) != 0;
  for (size_t i = 0; i < BUFFERS; i++)
    failures += driver->memset_d8_async(buffers[i], 0, WORDS * 8, NULL) != 0;
  failures += driver->stream_synchronize(NULL) != 0;
  for (size_t i = 0; i < STEPS; i++) {
    const struct step *step = &steps[i];
    lazy_driver_stream stream = streams[step->stream];
    failures += driver->event_create(&events[i], LAZY_DRIVER_EVENT_DISABLE_TIMING) != 0;
    if (!drop_edges) {
      if (writer[step->from] != 0)
        failures += driver->stream_wait_event(stream, events[writer[step->from] - 1], 0) != 0;
      if (writer[step->to] != 0)
        failures += driver->stream_wait_event(stream, events[writer[step->to] - 1], 0) != 0;
      for (size_t s = 0; s < STREAMS; s++)
        if (readers[step->to][s] != 0)
          failures += driver->stream_wait_event(stream, events[readers[step->to][s] - 1], 0) != 0;
    }
    struct fixture_affine p = {buffers[step->to], buffers[step->from], WORDS, step->multiplier, step->addend};
    failures += fixture_launch(f, f->affine, step->blocks, stream, &p) != 0;
    failures += driver->event_record(events[i], stream) != 0;
    writer[step->to] = i + 1;
    memset(readers[step->to], 0, sizeof readers[step->to]);
    readers[step->from][step->stream] = i + 1;
  }
  for (size_t i = 0; i < STREAMS; i++) failures += driver->stream_synchronize(streams[i]) != 0;
  for (size_t i = 0; i < STEPS; i++) failures += driver->event_destroy(events[i]) != 0;
  for (size_t i = 0; i < BUFFERS; i++) {
    failures += driver->memcpy_dtoh_async(out_words + i * WORDS, buffers[i], WORDS * 8, NULL) != 0;
    failures += driver->stream_synchronize(NULL) != 0;
    failures += driver->mem_free(buffers[i]) != 0;
  }
  for (size_t i = 0; i < STREAMS; i++) failures += driver->stream_destroy(streams[i]) != 0;
  return EXPECT_EQ(failures, 0);
}

static void draw_program(check_env *env, struct step *steps, uint64_t *out_words) {
  memset(out_words, 0, (size_t)BUFFERS * WORDS * 8);
  for (size_t i = 0; i < STEPS; i++) {
    steps[i] = (struct step){.to = check_random_below(env, BUFFERS),
                             .from = check_random_below(env, BUFFERS),
                             .stream = check_random_below(env, STREAMS),
                             .multiplier = check_random(env),
                             .addend = check_random(env),
                             .blocks = 1 + (unsigned)check_random_below(env, 40)};
    uint64_t *to = out_words + steps[i].to * WORDS;
    const uint64_t *from = out_words + steps[i].from * WORDS;
    for (size_t w = 0; w < WORDS; w++) to[w] = steps[i].multiplier * from[w] + steps[i].addend;
  }
}

static void check_programs(check_env *env, int rounds) {
  struct step *steps = malloc(STEPS * sizeof *steps);
  uint64_t *wanted = malloc((size_t)BUFFERS * WORDS * 8), *found = malloc((size_t)BUFFERS * WORDS * 8);
  fixture f;
  if (fixture_open("host", &f)) {
    for (int round = 0; round < rounds; round++) {
      CHECK_CASE("round %d", round);
      draw_program(env, steps, wanted);
      if (run_program(&f, steps, false, found)) EXPECT_BYTES_EQ(found, wanted, (size_t)BUFFERS * WORDS * 8);
    }
    fixture_close(&f);
  }
  free(steps);
  free(wanted);
  free(found);
}

TEST(driver_host, random_programs_on_seeded_schedules) {
  for (int i = 0; i < 10; i++) {
    lazyi_host_set_schedule(check_random(env) | 1);
    check_programs(env, 2);
  }
  use_default();
}

TEST(driver_host, random_programs_on_pools) {
  static const char *const workers[] = {"1", "2", "3", "8"};
  for (size_t i = 0; i < 4; i++) {
    CHECK_CASE("%s workers", workers[i]);
    use(i % 2 == 0, 0, workers[i]);
    check_programs(env, 5);
  }
  use_default();
}

TEST(driver_host, a_program_without_its_edges_goes_wrong) {
  struct step *steps = malloc(STEPS * sizeof *steps);
  uint64_t *wanted = malloc((size_t)BUFFERS * WORDS * 8), *found = malloc((size_t)BUFFERS * WORDS * 8);
  fixture f;
  if (fixture_open("host", &f)) {
    draw_program(env, steps, wanted);
    if (run_program(&f, steps, true, found)) EXPECT_NE(memcmp(found, wanted, (size_t)BUFFERS * WORDS * 8), 0);
    fixture_close(&f);
  }
  free(steps);
  free(wanted);
  free(found);
}

struct submitter {
  const fixture *f;
  uint64_t seed, found;
};

static void *submit_alone(void *user) {
  struct submitter *submitter = user;
  const fixture *f = submitter->f;
  const lazy_driver *driver = f->driver;
  lazy_driver_address memory;
  lazy_driver_stream stream;
  lazy_driver_event event;
  int failures = lazyi_device_enter(&f->device) != LAZY_STATUS_OK;
  failures += driver->mem_alloc(&memory, WORDS * 8) != 0;
  failures += driver->stream_create(&stream, 1) != 0;
  failures += driver->event_create(&event, 0) != 0;
  failures += driver->memset_d8_async(memory, 0, WORDS * 8, stream) != 0;
  for (uint64_t i = 0; i < 500; i++) {
    struct fixture_affine p = {memory, memory, WORDS, 3, submitter->seed + i};
    failures += fixture_launch(f, f->affine, 1 + (unsigned)(i % 9), stream, &p) != 0;
    failures += driver->event_record(event, stream) != 0;
    if (i % 7 == 0) failures += driver->event_synchronize(event) != 0;
    if (i % 11 == 0) failures += driver->stream_synchronize(stream) != 0;
  }
  failures += driver->memcpy_dtoh_async(&submitter->found, memory + (WORDS - 1) * 8, 8, stream) != 0;
  failures += driver->stream_synchronize(stream) != 0;
  failures += driver->event_destroy(event) != 0;
  failures += driver->stream_destroy(stream) != 0;
  failures += driver->mem_free(memory) != 0;
  lazyi_device_leave(&f->device);
  EXPECT_EQ(failures, 0);
  return NULL;
}

TEST(driver_host, many_threads_submit) {
  for (int deferred = 0; deferred < 2; deferred++) {
    enum { THREADS = 6 };
    use(true, (uint64_t)deferred, "4");
    fixture f;
    CHECK_OR_RETURN(fixture_open("host", &f));
    pthread_t threads[THREADS];
    struct submitter submitters[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
      submitters[i] = (struct submitter){&f, check_random(env), 0};
      ASSERT_EQ(pthread_create(&threads[i], NULL, submit_alone, &submitters[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
      uint64_t wanted = 0;
      pthread_join(threads[i], NULL);
      for (uint64_t k = 0; k < 500; k++) wanted = 3 * wanted + submitters[i].seed + k;
      EXPECT_EQ(submitters[i].found, wanted);
    }
    fixture_close(&f);
  }
  use_default();
}

static void raise_flag(void *user) { atomic_store((atomic_int *)user, 1); }
struct gate {
  atomic_int entered, open;
};
static void pass_gate(void *user) {
  struct gate *gate = user;
  atomic_store(&gate->entered, 1);
  while (atomic_load(&gate->open) == 0) usleep(100);
}

static bool flag_comes(atomic_int *flag) {
  for (int i = 0; i < 50000 && atomic_load(flag) == 0; i++) usleep(100);
  return atomic_load(flag) != 0;
}

TEST(driver_host, work_goes_on_when_nobody_waits) {
  static const char *const workers[] = {"1", "2", "4"};
  for (size_t i = 0; i < 3; i++) {
    use(false, 0, workers[i]);
    fixture f;
    CHECK_OR_RETURN(fixture_open("host", &f));
    for (int round = 0; round < 4; round++) {
      atomic_int flag = 0;
      if (round == 3) usleep(80000); /* the pool has gone to sleep for good */
      for (int k = 0; k < 10; k++) EXPECT_EQ(fixture_launch(&f, f.nothing, 1, NULL, NULL), 0);
      EXPECT_EQ(f.driver->launch_host_func(NULL, raise_flag, &flag), 0);
      EXPECT_TRUE(flag_comes(&flag));
      EXPECT_EQ(f.driver->stream_synchronize(NULL), 0);
    }
    fixture_close(&f);
  }
  use_default();
}

TEST(driver_host, a_blocked_host_function_holds_up_its_stream_only) {
  static const char *const workers[] = {"1", "2", "4"};
  for (size_t i = 0; i < 3; i++) {
    CHECK_CASE("%s workers", workers[i]);
    use(true, 0, workers[i]);
    fixture f;
    CHECK_OR_RETURN(fixture_open("host", &f));
    const lazy_driver *driver = f.driver;
    struct gate first = {0}, second = {0};
    lazy_driver_stream blocked[2], source, open;
    lazy_driver_address memory;
    lazy_driver_event event;
    uint64_t found[64];
    for (size_t k = 0; k < 2; k++) ASSERT_EQ(driver->stream_create(&blocked[k], 1), 0);
    ASSERT_EQ(driver->stream_create(&source, 1), 0);
    ASSERT_EQ(driver->stream_create(&open, 1), 0);
    ASSERT_EQ(driver->event_create(&event, 0), 0);
    ASSERT_EQ(driver->mem_alloc(&memory, sizeof found), 0);
    EXPECT_EQ(driver->launch_host_func(blocked[0], pass_gate, &first), 0);
    EXPECT_TRUE(flag_comes(&first.entered));
    /* With one pool thread the second function finds none; the thread that waits below must not take it. */
    EXPECT_EQ(driver->launch_host_func(blocked[1], pass_gate, &second), 0);
    struct fixture_affine p = {memory, 0, 64, 0, 9};
    EXPECT_EQ(fixture_launch(&f, f.affine, 8, source, &p), 0);
    EXPECT_EQ(driver->event_record(event, source), 0);
    EXPECT_EQ(driver->stream_wait_event(open, event, 0), 0);
    EXPECT_EQ(driver->memcpy_dtoh_async(found, memory, sizeof found, open), 0);
    EXPECT_EQ(driver->stream_synchronize(open), 0);
    EXPECT_EQ(found[63], 9u);
    for (size_t k = 0; k < 2; k++) EXPECT_EQ(driver->stream_query(blocked[k]), LAZY_DRIVER_NOT_READY);
    atomic_store(&first.open, 1);
    atomic_store(&second.open, 1);
    for (size_t k = 0; k < 2; k++) EXPECT_EQ(driver->stream_synchronize(blocked[k]), 0);
    for (size_t k = 0; k < 2; k++) EXPECT_EQ(driver->stream_destroy(blocked[k]), 0);
    EXPECT_EQ(driver->stream_destroy(source), 0);
    EXPECT_EQ(driver->stream_destroy(open), 0);
    EXPECT_EQ(driver->event_destroy(event), 0);
    EXPECT_EQ(driver->mem_free(memory), 0);
    fixture_close(&f);
  }
  use_default();
}

TEST(driver_host, a_seeded_schedule_runs_nothing_before_a_wait) {
  fixture f;
  CHECK_OR_RETURN(fixture_open("host", &f));
  lazy_driver_address memory;
  unsigned char byte = 1;
  ASSERT_EQ(f.driver->mem_alloc(&memory, 1), 0);
  EXPECT_EQ(f.driver->memset_d8_async(memory, 77, 1, NULL), 0);
  EXPECT_EQ(f.driver->memcpy_dtoh_async(&byte, memory, 1, NULL), 0);
  usleep(20000);
  EXPECT_EQ(byte, 1);
  EXPECT_EQ(f.driver->stream_query(NULL), LAZY_DRIVER_NOT_READY);
  EXPECT_EQ(byte, 1); /* a query runs one command */
  EXPECT_EQ(f.driver->stream_query(NULL), 0);
  EXPECT_EQ(byte, 77);
  EXPECT_EQ(f.driver->mem_free(memory), 0);
  fixture_close(&f);
}

TEST(driver_host, nothing_is_allocated_in_the_steady_state) {
  for (int strict = 0; strict < 2; strict++) {
    use(strict != 0, (uint64_t)strict, NULL);
    fixture f;
    CHECK_OR_RETURN(fixture_open("host", &f));
    lazy_driver_address memory;
    lazy_driver_event event;
    unsigned char bytes[64] = {0};
    ASSERT_EQ(f.driver->mem_alloc(&memory, 1 << 16), 0);
    ASSERT_EQ(f.driver->event_create(&event, 0), 0);
    uint64_t before = 0;
    for (int round = 0; round < 50; round++) {
      struct fixture_affine p = {memory, memory, 1000, 3, 1};
      if (round == 1) before = lazyi_memory_count();
      for (int i = 0; i < round; i++) {
        EXPECT_EQ(f.driver->memcpy_htod_async(memory, bytes, sizeof bytes, NULL), 0);
        EXPECT_EQ(fixture_launch(&f, f.affine, 8, NULL, &p), 0);
        EXPECT_EQ(f.driver->event_record(event, NULL), 0);
        EXPECT_EQ(f.driver->stream_wait_event(NULL, event, 0), 0);
      }
      EXPECT_EQ(f.driver->stream_synchronize(NULL), 0);
      if (round == 1) before = lazyi_memory_count();
    }
    EXPECT_EQ(lazyi_memory_count() - before, 0u);
    EXPECT_EQ(f.driver->event_destroy(event), 0);
    EXPECT_EQ(f.driver->mem_free(memory), 0);
    fixture_close(&f);
  }
  use_default();
}

TEST(driver_host, refused_host_memory_leaves_nothing_behind) {
  for (uint64_t n = 1; n < 12; n++) {
    CHECK_CASE("allocation %d fails", (int)n);
    lazyi_device device;
    const lazy_driver *driver = lazyi_host_driver();
    lazyi_memory_fail_at(n);
    lazy_status status = lazyi_device_open("host", &device);
    if (status == LAZY_STATUS_OK) {
      lazy_driver_stream stream;
      lazy_driver_event event;
      lazy_driver_module module;
      lazy_driver_address memory;
      void *pinned;
      ASSERT_OK(lazyi_device_enter(&device));
      if (driver->stream_create(&stream, 1) == 0) EXPECT_EQ(driver->stream_destroy(stream), 0);
      if (driver->event_create(&event, 1) == 0) EXPECT_EQ(driver->event_destroy(event), 0);
      if (driver->mem_alloc(&memory, 10) == 0) EXPECT_EQ(driver->mem_free(memory), 0);
      if (driver->host_alloc(&pinned, 10, 0) == 0) EXPECT_EQ(driver->host_free(pinned), 0);
      if (driver->module_load(&module, &fixture_image) == 0) EXPECT_EQ(driver->module_unload(module), 0);
      lazyi_host_live_counts live;
      lazyi_host_live(&live);
      EXPECT_EQ(live.allocations + live.pinned + live.streams + live.events + live.modules, 0u);
      lazyi_device_leave(&device);
      lazyi_device_close(&device);
    } else {
      EXPECT_EQ(status, LAZY_STATUS_OUT_OF_MEMORY);
    }
    lazyi_memory_fail_at(0);
  }
}

static int ran_level;
static void run_v2(const void *params, const lazyi_host_block *block) {
  (void)params;
  (void)block;
  ran_level = 2;
}
static void run_v3(const void *params, const lazyi_host_block *block) {
  (void)params;
  (void)block;
  ran_level = 3;
}

TEST(driver_host, image_levels) {
  static const lazyi_host_kernel v2[] = {{.name = "level", .run = run_v2}},
                                 v3[] = {{.name = "level", .run = run_v3}};
  static const lazyi_host_image both = {LAZYI_HOST_IMAGE_MAGIC, 1, {v2, v3, NULL}};
  static const lazyi_host_image none = {LAZYI_HOST_IMAGE_MAGIC, 1, {NULL, NULL, NULL}};
  static const struct {
    const char *cap;
    int wanted;
  } cases[] = {{"v2", 2}, {"v3", 3}, {"v4", 3}, {"nonsense", 3}};
  lazyi_device device;
  unsetenv("LAZYRT_ISA");
  int native = lazyi_host_level();
  ASSERT_OK(lazyi_device_open("host", &device));
  ASSERT_OK(lazyi_device_enter(&device));
  lazy_driver_module module;
  lazy_driver_function function;
  for (size_t i = 0; i < sizeof cases / sizeof *cases && native >= 1; i++) {
    CHECK_CASE("LAZYRT_ISA=%s", cases[i].cap);
    setenv("LAZYRT_ISA", cases[i].cap, 1);
    ASSERT_EQ(device.driver->module_load(&module, &both), 0);
    ASSERT_EQ(device.driver->module_get_function(&function, module, "level"), 0);
    ASSERT_EQ(device.driver->launch_kernel(function, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL), 0);
    EXPECT_EQ(device.driver->stream_synchronize(NULL), 0);
    EXPECT_EQ(ran_level, cases[i].wanted);
    EXPECT_EQ(device.driver->module_unload(module), 0);
  }
  unsetenv("LAZYRT_ISA");
  EXPECT_EQ(device.driver->module_load(&module, &none), LAZY_DRIVER_NO_BINARY_FOR_GPU);
  lazyi_device_leave(&device);
  lazyi_device_close(&device);
}

TEST(driver_host, a_forked_child_gets_a_result) {
  use(false, 0, NULL);
  fixture f;
  CHECK_OR_RETURN(fixture_open("host", &f));
  EXPECT_EQ(fixture_launch(&f, f.nothing, 4, NULL, NULL), 0);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    lazy_driver_address memory;
    lazy_driver_context context;
    bool refused = f.driver->mem_alloc(&memory, 4) == LAZY_DRIVER_NOT_INITIALIZED &&
                   f.driver->init(0) == LAZY_DRIVER_NOT_INITIALIZED &&
                   f.driver->primary_retain(&context, 0) == LAZY_DRIVER_NOT_INITIALIZED &&
                   f.driver->stream_synchronize(NULL) == LAZY_DRIVER_NOT_INITIALIZED;
    _exit(refused ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(f.driver->stream_synchronize(NULL), 0); /* the parent goes on */
  fixture_close(&f);
  use_default();
}
