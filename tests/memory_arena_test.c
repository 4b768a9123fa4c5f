/* The arena over a driver of made-up addresses, streams and events, so that time passes when the test says
   so; and over real providers. */
#include "runtime/memory/arena.h"

#include <string.h>

#include "runtime/driver/fault.h"
#include "tests/check.h"

/* ---- the made-up driver ---- */

typedef struct fake_stream {
  uint64_t issued, passed;
  int waits; /* of other streams' events */
} fake_stream;
typedef struct fake_event {
  fake_stream *stream;
  uint64_t tick;
} fake_event;

static struct {
  size_t live_bytes, cap_bytes;
  uint64_t next_address;
  int allocs, frees, live_slabs, live_events, synchronizes;
  bool refuse_events, refuse_synchronize;
  struct {
    lazy_driver_address address;
    size_t bytes;
  } slabs[4096];
  int slab_count;
} fake;

static int fake_error_name(int result, const char **out_name) {
  *out_name = result == LAZY_DRIVER_OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_UNKNOWN";
  return LAZY_DRIVER_SUCCESS;
}
static int fake_mem_alloc(lazy_driver_address *out_address, size_t bytes) {
  if (bytes == 0) return LAZY_DRIVER_INVALID_VALUE;
  if (bytes > fake.cap_bytes || fake.live_bytes > fake.cap_bytes - bytes) return LAZY_DRIVER_OUT_OF_MEMORY;
  *out_address = fake.next_address;
  fake.slabs[fake.slab_count].address = fake.next_address;
  fake.slabs[fake.slab_count++].bytes = bytes;
  fake.next_address += (bytes + 255) / 256 * 256; /* slabs touch: they must not be joined */
  fake.live_bytes += bytes;
  fake.live_slabs++;
  fake.allocs++;
  return LAZY_DRIVER_SUCCESS;
}
static int fake_mem_free(lazy_driver_address address) {
  for (int i = 0; i < fake.slab_count; i++)
    if (fake.slabs[i].address == address && fake.slabs[i].bytes != 0) {
      fake.live_bytes -= fake.slabs[i].bytes;
      fake.slabs[i].bytes = 0;
      fake.live_slabs--;
      fake.frees++;
      return LAZY_DRIVER_SUCCESS;
    }
  FAIL("a free of an address that is not allocated");
  return LAZY_DRIVER_INVALID_VALUE;
}
static int fake_mem_get_info(size_t *out_free, size_t *out_total) {
  *out_free = fake.cap_bytes - fake.live_bytes;
  *out_total = fake.cap_bytes;
  return LAZY_DRIVER_SUCCESS;
}
static int fake_stream_synchronize(lazy_driver_stream stream) {
  fake_stream *s = (fake_stream *)(void *)stream;
  fake.synchronizes++;
  if (fake.refuse_synchronize) return LAZY_DRIVER_UNKNOWN;
  s->passed = s->issued;
  return LAZY_DRIVER_SUCCESS;
}
static int fake_stream_wait_event(lazy_driver_stream stream, lazy_driver_event event, unsigned flags) {
  (void)event, (void)flags;
  ((fake_stream *)(void *)stream)->waits++;
  return LAZY_DRIVER_SUCCESS;
}
static int fake_event_create(lazy_driver_event *out_event, unsigned flags) {
  (void)flags;
  if (fake.refuse_events) return LAZY_DRIVER_UNKNOWN;
  fake_event *event = lazyi_memory_calloc(1, sizeof *event);
  if (event == NULL) return LAZY_DRIVER_OUT_OF_MEMORY;
  fake.live_events++;
  *out_event = (lazy_driver_event)(void *)event;
  return LAZY_DRIVER_SUCCESS;
}
static int fake_event_destroy(lazy_driver_event event) {
  fake.live_events--;
  lazyi_memory_free(event);
  return LAZY_DRIVER_SUCCESS;
}
static int fake_event_record(lazy_driver_event event, lazy_driver_stream stream) {
  fake_event *e = (fake_event *)(void *)event;
  if (fake.refuse_events) return LAZY_DRIVER_UNKNOWN;
  e->stream = (fake_stream *)(void *)stream;
  e->tick = ++e->stream->issued;
  return LAZY_DRIVER_SUCCESS;
}
static int fake_event_query(lazy_driver_event event) {
  fake_event *e = (fake_event *)(void *)event;
  return e->stream->passed >= e->tick ? LAZY_DRIVER_SUCCESS : LAZY_DRIVER_NOT_READY;
}
static int fake_event_synchronize(lazy_driver_event event) {
  fake_event *e = (fake_event *)(void *)event;
  fake.synchronizes++;
  if (e->stream->passed < e->tick) e->stream->passed = e->tick;
  return LAZY_DRIVER_SUCCESS;
}

static const lazy_driver fake_driver = {
    .struct_size = sizeof(lazy_driver),
    .provider = "fake",
    .get_error_name = fake_error_name,
    .mem_alloc = fake_mem_alloc,
    .mem_free = fake_mem_free,
    .mem_get_info = fake_mem_get_info,
    .stream_synchronize = fake_stream_synchronize,
    .stream_wait_event = fake_stream_wait_event,
    .event_create = fake_event_create,
    .event_destroy = fake_event_destroy,
    .event_record = fake_event_record,
    .event_query = fake_event_query,
    .event_synchronize = fake_event_synchronize,
};
static const lazyi_device fake_device = {.driver = &fake_driver, .name = "a made-up device"};

static fake_stream home, other, third;
#define STREAM(s) ((lazy_driver_stream)(void *)&(s))
enum { SLAB = 64 * 1024 };

static bool open_arena(lazyi_arena *arena) {
  memset(&fake, 0, sizeof fake);
  fake.cap_bytes = (size_t)1 << 30;
  fake.next_address = 0x7f0000000000;
  home = other = third = (fake_stream){0};
  return EXPECT_OK(lazyi_arena_init(&fake_device, STREAM(home), SLAB, arena));
}
static void close_arena(lazyi_arena *arena) {
  fake.refuse_events = fake.refuse_synchronize = false;
  lazyi_arena_deinit(arena);
  EXPECT_EQ(fake.live_slabs, 0);
  EXPECT_EQ(fake.live_bytes, 0u);
  EXPECT_EQ(fake.live_events, 0);
}

static lazyi_block take(lazyi_arena *arena, size_t bytes, lazy_driver_stream stream, lazyi_arena_mark *mark) {
  lazyi_block block = {0};
  EXPECT_OK(lazyi_arena_alloc(arena, bytes, stream, mark, &block));
  return block;
}

/* ---- streams ---- */

TEST(memory_arena, a_block_freed_on_the_home_stream_is_handed_out_again_at_once) {
  lazyi_arena arena;
  ASSERT_TRUE(open_arena(&arena));
  lazyi_block a = take(&arena, 1000, STREAM(home), NULL);
  lazyi_arena_free(&arena, a, STREAM(home));
  lazyi_block b = take(&arena, 1000, STREAM(home), NULL);
  EXPECT_EQ(a.address, b.address);
  EXPECT_EQ(home.waits + fake.synchronizes, 0);
  close_arena(&arena);
}

TEST(memory_arena, a_block_freed_on_another_stream_waits_for_it) {
  lazyi_arena arena;
  ASSERT_TRUE(open_arena(&arena));
  lazyi_block a = take(&arena, SLAB, STREAM(other), NULL);
  lazyi_arena_free(&arena, a, STREAM(other));
  lazyi_block b = take(&arena, SLAB, STREAM(home), NULL);
  EXPECT_NE(a.address, b.address);
  EXPECT_EQ(lazyi_arena_read_statistics(&arena).pending_count, 1u);
  other.passed = other.issued;
  lazyi_block c = take(&arena, SLAB, STREAM(home), NULL);
  EXPECT_EQ(a.address, c.address);
  EXPECT_EQ(lazyi_arena_read_statistics(&arena).pending_count, 0u);
  close_arena(&arena);
}

TEST(memory_arena, a_stream_that_does_not_end_holds_nobody_elses_blocks_back) {
  lazyi_arena arena;
  ASSERT_TRUE(open_arena(&arena));
  lazyi_block slow = take(&arena, SLAB, STREAM(other), NULL), fast = take(&arena, SLAB, STREAM(third), NULL);
  lazyi_arena_free(&arena, slow, STREAM(other));
  lazyi_arena_free(&arena, fast, STREAM(third));
  third.passed = third.issued;
  EXPECT_EQ(take(&arena, SLAB, STREAM(home), NULL).address, fast.address);
  close_arena(&arena);
}

TEST(memory_arena, a_block_for_another_stream_makes_it_wait_for_the_home_stream) {
  lazyi_arena arena;
  ASSERT_TRUE(open_arena(&arena));
  (void)take(&arena, 100, STREAM(home), NULL);
  EXPECT_EQ(home.waits + other.waits, 0);
  (void)take(&arena, 100, STREAM(other), NULL);
  EXPECT_EQ(other.waits, 1);
  EXPECT_EQ(home.waits, 0);
  close_arena(&arena);
}

TEST(memory_arena, a_free_without_an_event_waits_and_without_a_wait_keeps_the_block_out_of_use) {
  lazyi_arena arena;
  ASSERT_TRUE(open_arena(&arena));
  lazyi_block a = take(&arena, SLAB, STREAM(other), NULL);
  fake.refuse_events = true;
  lazyi_arena_free(&arena, a, STREAM(other));
  EXPECT_EQ(fake.synchronizes, 1);
  lazyi_block b = take(&arena, SLAB, STREAM(home), NULL);
  EXPECT_EQ(a.address, b.address);
  fake.refuse_synchronize = true;
  lazyi_arena_free(&arena, b, STREAM(other));
  EXPECT_NE(take(&arena, SLAB, STREAM(home), NULL).address, b.address);
  close_arena(&arena);
}

/* ---- what the driver is asked for ---- */

TEST(memory_arena, the_estimate_is_the_allocation_around_every_boundary) {
  const size_t sizes[] = {1,        255,  256,      257,        SLAB - 257,   SLAB - 256, SLAB - 255,
                          SLAB - 1, SLAB, SLAB + 1, SLAB + 256, 2 * SLAB - 1, 2 * SLAB,   5 * SLAB + 3};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    CHECK_CASE("%zu bytes", sizes[i]);
    lazyi_arena arena;
    ASSERT_TRUE(open_arena(&arena));
    size_t estimate = lazyi_arena_reserve_bytes(&arena, sizes[i]);
    lazyi_block block = take(&arena, sizes[i], STREAM(home), NULL);
    EXPECT_EQ(fake.live_bytes, estimate);
    EXPECT_EQ(estimate, sizes[i] <= SLAB ? SLAB : (sizes[i] + 255) / 256 * 256);
    EXPECT_EQ(block.address % LAZYI_ARENA_ALIGNMENT, 0u);
    lazyi_arena_statistics statistics = lazyi_arena_read_statistics(&arena);
    EXPECT_EQ(statistics.reserved_bytes, estimate);
    EXPECT_EQ(statistics.used_bytes, (sizes[i] + 255) / 256 * 256);
    close_arena(&arena);
  }
}

TEST(memory_arena, zero_bytes_take_nothing_and_overflows_fail) {
  lazyi_arena arena;
  ASSERT_TRUE(open_arena(&arena));
  lazyi_block none = take(&arena, 0, STREAM(home), NULL), untouched = {.address = 7};
  EXPECT_EQ(none.address, 0u);
  lazyi_arena_free(&arena, none, STREAM(home));
  EXPECT_EQ(lazyi_arena_reserve_bytes(&arena, 0), 0u);
  EXPECT_EQ(lazyi_arena_reserve_bytes(&arena, SIZE_MAX), SIZE_MAX);
  EXPECT_STATUS(lazyi_arena_alloc(&arena, SIZE_MAX, STREAM(home), NULL, &untouched),
                LAZY_STATUS_OUT_OF_MEMORY);
  EXPECT_STATUS(lazyi_arena_alloc(&arena, SIZE_MAX - 255, STREAM(home), NULL, &untouched),
                LAZY_STATUS_OUT_OF_MEMORY);
  EXPECT_EQ(untouched.address, 7u);
  EXPECT_EQ(fake.allocs, 0);
  close_arena(&arena);
}

TEST(memory_arena, slabs_that_touch_are_never_joined) {
  lazyi_arena arena;
  ASSERT_TRUE(open_arena(&arena));
  lazyi_block a = take(&arena, SLAB, STREAM(home), NULL), b = take(&arena, SLAB, STREAM(home), NULL);
  EXPECT_EQ(b.address, a.address + SLAB);
  lazyi_arena_free(&arena, a, STREAM(home));
  lazyi_arena_free(&arena, b, STREAM(home));
  lazyi_block both = take(&arena, 2 * SLAB, STREAM(home), NULL);
  EXPECT_EQ(fake.allocs, 3);
  lazyi_arena_free(&arena, both, STREAM(home));
  close_arena(&arena);
}

TEST(memory_arena, a_warm_arena_asks_for_nothing) {
  lazyi_arena arena;
  ASSERT_TRUE(open_arena(&arena));
  uint64_t host_before = 0;
  int driver_before = 0;
  lazyi_block blocks[40];
  for (int round = 0; round < 20; round++) {
    if (round == 3) host_before = lazyi_memory_count(), driver_before = fake.allocs + fake.frees;
    for (int i = 0; i < 40; i++)
      blocks[i] = take(&arena, (size_t)(1 + i * i * 97), i % 3 == 0 ? STREAM(other) : STREAM(home), NULL);
    for (int i = 0; i < 40; i++)
      lazyi_arena_free(&arena, blocks[i * 7 % 40], i % 5 == 0 ? STREAM(other) : STREAM(home));
    other.passed = other.issued;
  }
  EXPECT_EQ(lazyi_memory_count(), host_before);
  EXPECT_EQ(fake.allocs + fake.frees, driver_before);
  close_arena(&arena);
}

/* ---- out of memory ---- */

TEST(memory_arena, short_of_memory_it_waits_for_pending_frees_and_looks_again) {
  lazyi_arena arena;
  ASSERT_TRUE(open_arena(&arena));
  fake.cap_bytes = 2 * SLAB;
  lazyi_block a = take(&arena, SLAB, STREAM(other), NULL);
  (void)take(&arena, SLAB, STREAM(home), NULL);
  lazyi_arena_free(&arena, a, STREAM(other));
  EXPECT_EQ(take(&arena, SLAB, STREAM(home), NULL).address, a.address);
  EXPECT_EQ(fake.allocs, 2);
  EXPECT_EQ(fake.synchronizes, 1);
  close_arena(&arena);
}

TEST(memory_arena, short_of_memory_it_gives_unused_slabs_back) {
  lazyi_arena arena;
  ASSERT_TRUE(open_arena(&arena));
  fake.cap_bytes = 5 * SLAB;
  lazyi_block blocks[4], kept = take(&arena, SLAB, STREAM(home), NULL);
  for (int i = 0; i < 4; i++) blocks[i] = take(&arena, SLAB, STREAM(home), NULL);
  for (int i = 0; i < 4; i++) lazyi_arena_free(&arena, blocks[i], i % 2 != 0 ? STREAM(home) : STREAM(other));
  lazyi_block large = take(&arena, 4 * SLAB, STREAM(home), NULL);
  EXPECT_EQ(fake.frees, 4);
  EXPECT_EQ(fake.live_bytes, 5u * SLAB);
  EXPECT_NE(large.address, kept.address);
  close_arena(&arena);
}

TEST(memory_arena, short_of_memory_it_asks_for_no_more_than_the_request) {
  lazyi_arena arena;
  ASSERT_TRUE(open_arena(&arena));
  fake.cap_bytes = SLAB / 2;
  (void)take(&arena, 1000, STREAM(home), NULL);
  EXPECT_EQ(fake.live_bytes, 1024u);
  close_arena(&arena);
}

TEST(memory_arena, out_of_memory_says_what_was_wanted_in_use_and_cached_and_changes_nothing) {
  lazyi_arena arena;
  ASSERT_TRUE(open_arena(&arena));
  fake.cap_bytes = 3 * SLAB;
  lazyi_block kept = take(&arena, SLAB, STREAM(home), NULL), block = {.address = 7};
  lazyi_arena_statistics before = lazyi_arena_read_statistics(&arena);
  EXPECT_FAILS(lazyi_arena_alloc(&arena, 3 * SLAB, STREAM(home), NULL, &block), LAZY_STATUS_OUT_OF_MEMORY,
               "196608 bytes wanted, 65536 in use, 0 cached");
  EXPECT_CONTAINS(lazy_status_message(), "a made-up device has 131072 of 196608 bytes free");
  EXPECT_EQ(block.address, 7u);
  lazyi_arena_statistics after = lazyi_arena_read_statistics(&arena);
  EXPECT_BYTES_EQ(&after, &before, sizeof after);
  (void)take(&arena, 2 * SLAB, STREAM(home), NULL);
  lazyi_arena_free(&arena, kept, STREAM(home));
  close_arena(&arena);
}

TEST(memory_arena, trim_gives_back_slabs_without_blocks_only) {
  lazyi_arena arena;
  ASSERT_TRUE(open_arena(&arena));
  lazyi_block a = take(&arena, SLAB, STREAM(home), NULL), b = take(&arena, 100, STREAM(home), NULL);
  lazyi_block c = take(&arena, 200, STREAM(home), NULL);
  lazyi_arena_free(&arena, a, STREAM(home));
  lazyi_arena_free(&arena, b, STREAM(home));
  EXPECT_EQ(lazyi_arena_read_statistics(&arena).cached_bytes, (size_t)SLAB);
  EXPECT_OK(lazyi_arena_trim(&arena));
  EXPECT_EQ(fake.live_bytes, (size_t)SLAB);
  EXPECT_EQ(fake.synchronizes, 1);
  lazyi_arena_free(&arena, c, STREAM(home));
  EXPECT_OK(lazyi_arena_trim(&arena));
  EXPECT_EQ(fake.live_bytes, 0u);
  lazyi_arena_statistics statistics = lazyi_arena_read_statistics(&arena);
  EXPECT_EQ(statistics.peak_reserved_bytes, 2u * SLAB);
  EXPECT_EQ(statistics.driver_free_count, 2u);
  close_arena(&arena);
}

/* ---- marks ---- */

TEST(memory_arena, rewind_frees_what_is_under_the_mark_and_nothing_else) {
  lazyi_arena arena;
  ASSERT_TRUE(open_arena(&arena));
  enum { LIVE = 128 };
  struct {
    lazyi_block block;
    int mark; /* -1: none */
  } live[LIVE];
  int count = 0;
  lazyi_arena_mark marks[3] = {{0}};
  for (int step = 0; step < 4000; step++) {
    uint64_t choice = check_random_below(env, 100);
    if (choice < 60 && count < LIVE) {
      int mark = (int)check_random_below(env, 4) - 1;
      size_t bytes = 1 + check_random_below(env, check_random_below(env, 20) == 0 ? 3 * SLAB : 5000);
      lazyi_block block = take(&arena, bytes, STREAM(home), mark >= 0 ? &marks[mark] : NULL);
      for (int i = 0; i < count; i++) {
        bool overlap = live[i].block.address < block.address + bytes &&
                       block.address < live[i].block.address + live[i].block.bytes;
        ASSERT_FALSE(overlap);
      }
      live[count].block = block;
      live[count++].mark = mark;
    } else if (choice < 90 && count > 0) {
      int at = (int)check_random_below(env, (uint64_t)count);
      lazyi_arena_free(&arena, live[at].block, STREAM(home));
      live[at] = live[--count];
    } else {
      int mark = (int)check_random_below(env, 3);
      bool rewind = choice < 96;
      if (rewind) lazyi_arena_rewind(&arena, &marks[mark], STREAM(home));
      else lazyi_arena_drop(&arena, &marks[mark]);
      EXPECT_EQ(marks[mark].first, 0u);
      for (int i = count; i-- > 0;) {
        if (live[i].mark != mark) continue;
        if (rewind) live[i] = live[--count];
        else live[i].mark = -1;
      }
    }
    size_t used = 0;
    for (int i = 0; i < count; i++) used += (live[i].block.bytes + 255) / 256 * 256;
    lazyi_arena_statistics statistics = lazyi_arena_read_statistics(&arena);
    ASSERT_EQ(statistics.used_bytes, used);
    ASSERT_EQ(statistics.block_count, (size_t)count);
  }
  EXPECT_EQ(fake.frees, 0); /* slabs of what was rewound stay as cache */
  close_arena(&arena);
}

/* ---- faults ---- */

TEST(memory_arena, a_failed_host_allocation_leaves_the_arena_as_it_was) {
  for (uint64_t n = 1; n < 12; n++) {
    CHECK_CASE("host allocation %d fails", (int)n);
    lazyi_arena arena;
    ASSERT_TRUE(open_arena(&arena));
    lazyi_arena_mark mark = {0};
    lazyi_block block = {.address = 7};
    lazyi_memory_fail_at(n);
    lazy_status status = lazyi_arena_alloc(&arena, 1000, STREAM(other), &mark, &block);
    lazyi_memory_fail_at(0);
    if (status != LAZY_STATUS_OK) {
      EXPECT_EQ(status, LAZY_STATUS_OUT_OF_MEMORY);
      EXPECT_EQ(block.address, 7u);
      EXPECT_EQ(mark.first, 0u);
      EXPECT_EQ(lazyi_arena_read_statistics(&arena).used_bytes, 0u);
      block = take(&arena, 1000, STREAM(other), &mark);
    }
    lazyi_arena_free(&arena, block, STREAM(other));
    close_arena(&arena);
  }
}

TEST_ON_FAULTS(memory_arena, every_driver_call_may_fail_once) {
  for (uint64_t n = 1;; n++) {
    CHECK_CASE("driver call %d fails", (int)n);
    lazyi_device device;
    ASSERT_OK(lazyi_device_open(env->device, &device));
    ASSERT_OK(lazyi_device_enter(&device));
    lazy_driver_stream stream, side;
    lazyi_arena arena;
    ASSERT_OK(LAZYI_DRIVER(&device, stream_create, &stream, LAZY_DRIVER_STREAM_NON_BLOCKING));
    ASSERT_OK(LAZYI_DRIVER(&device, stream_create, &side, LAZY_DRIVER_STREAM_NON_BLOCKING));
    ASSERT_OK(lazyi_arena_init(&device, stream, SLAB, &arena));
    lazyi_fault_reset();
    lazyi_fault_fail_at(n, LAZY_DRIVER_UNKNOWN);
    lazyi_block blocks[3];
    int made = 0;
    for (int i = 0; i < 3; i++)
      made += lazyi_arena_alloc(&arena, (size_t)(SLAB * i + 10), i == 1 ? side : stream, NULL,
                                &blocks[made]) == LAZY_STATUS_OK;
    for (int i = 0; i < made; i++) lazyi_arena_free(&arena, blocks[i], i == 0 ? side : stream);
    if (lazyi_arena_trim(&arena) != LAZY_STATUS_OK) EXPECT_GT(lazyi_fault_failures(), 0u);
    bool reached = lazyi_fault_failures() != 0;
    lazyi_fault_fail_at(0, 0);
    lazyi_block block;
    EXPECT_OK(lazyi_arena_alloc(&arena, 10, stream, NULL, &block));
    lazyi_arena_deinit(&arena);
    EXPECT_EQ(lazyi_fault_live_bytes(), 0u);
    EXPECT_EQ(device.driver->stream_destroy(stream), 0);
    EXPECT_EQ(device.driver->stream_destroy(side), 0);
    lazyi_device_leave(&device);
    lazyi_device_close(&device);
    if (!reached) break;
    ASSERT_LT(n, 100u);
  }
}

/* ---- threads, and real memory ---- */

typedef struct worker {
  lazyi_arena *arena;
  const lazyi_device *device;
  uint64_t seed;
  int failures;
} worker;

/* Writes a pattern into each block on the device and finds it there when the block is given back. */
static void *churn(void *argument) {
  worker *w = argument;
  check_env env = {.random = w->seed};
  lazyi_block blocks[16] = {{0}};
  unsigned char marks[16] = {0}, found[64];
  const lazy_driver *driver = w->device->driver;
  if (lazyi_device_enter(w->device) != LAZY_STATUS_OK) {
    w->failures++;
    return NULL;
  }
  for (int step = 0; step < 400; step++) {
    size_t at = check_random_below(&env, 16);
    if (blocks[at].bytes != 0) {
      size_t bytes = blocks[at].bytes < sizeof found ? blocks[at].bytes : sizeof found;
      int result = driver->memcpy_dtoh_async(found, blocks[at].address + blocks[at].bytes - bytes, bytes,
                                             w->arena->home);
      if (result == 0) result = driver->stream_synchronize(w->arena->home);
      w->failures += result != 0;
      for (size_t i = 0; i < bytes; i++) w->failures += found[i] != marks[at];
      lazyi_arena_free(w->arena, blocks[at], w->arena->home);
      blocks[at].bytes = 0;
    } else {
      size_t bytes = 1 + check_random_below(&env, 20000);
      marks[at] = (unsigned char)check_random(&env);
      if (lazyi_arena_alloc(w->arena, bytes, w->arena->home, NULL, &blocks[at]) != LAZY_STATUS_OK ||
          driver->memset_d8_async(blocks[at].address, marks[at], bytes, w->arena->home) != 0)
        w->failures++;
    }
  }
  for (size_t i = 0; i < 16; i++) lazyi_arena_free(w->arena, blocks[i], w->arena->home);
  lazyi_device_leave(w->device);
  return NULL;
}

TEST_ON_DRIVERS(memory_arena, threads_share_it_and_blocks_keep_what_is_written_to_them) {
  lazyi_device device;
  ASSERT_OK(lazyi_device_open(env->device, &device));
  ASSERT_OK(lazyi_device_enter(&device));
  lazy_driver_stream stream;
  lazyi_arena arena;
  ASSERT_OK(LAZYI_DRIVER(&device, stream_create, &stream, LAZY_DRIVER_STREAM_NON_BLOCKING));
  ASSERT_OK(lazyi_arena_init(&device, stream, SLAB, &arena));
  pthread_t threads[4];
  worker workers[4];
  for (int i = 0; i < 4; i++) {
    workers[i] = (worker){&arena, &device, check_random(env), 0};
    ASSERT_EQ(pthread_create(&threads[i], NULL, churn, &workers[i]), 0);
  }
  for (int i = 0; i < 4; i++) {
    (void)pthread_join(threads[i], NULL);
    EXPECT_EQ(workers[i].failures, 0);
  }
  EXPECT_EQ(lazyi_arena_read_statistics(&arena).used_bytes, 0u);
  lazyi_arena_deinit(&arena);
  EXPECT_EQ(device.driver->stream_destroy(stream), 0);
  lazyi_device_leave(&device);
  lazyi_device_close(&device);
}
