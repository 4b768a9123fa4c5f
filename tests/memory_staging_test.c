#include "runtime/memory/staging.h"

#include <string.h>

#include "runtime/driver/fault.h"
#include "tests/check.h"

typedef struct rig {
  lazyi_device device;
  lazy_driver_stream streams[2];
  lazyi_staging staging;
  lazy_driver_address memory;
} rig;
enum { CHUNK = 4096, MEMORY = 1 << 20 };

static bool set_up(rig *r, const char *spelling) {
  if (!EXPECT_OK(lazyi_device_open(spelling, &r->device))) return false;
  bool good = EXPECT_OK(lazyi_device_enter(&r->device));
  for (int i = 0; i < 2; i++)
    good &=
        EXPECT_OK(LAZYI_DRIVER(&r->device, stream_create, &r->streams[i], LAZY_DRIVER_STREAM_NON_BLOCKING));
  good &= EXPECT_OK(LAZYI_DRIVER(&r->device, mem_alloc, &r->memory, MEMORY));
  return good && EXPECT_OK(lazyi_staging_init(&r->device, CHUNK, 3, &r->staging));
}
static void tear_down(rig *r) {
  lazyi_staging_deinit(&r->staging);
  for (int i = 0; i < 2; i++) {
    EXPECT_EQ(r->device.driver->stream_synchronize(r->streams[i]), 0);
    EXPECT_EQ(r->device.driver->stream_destroy(r->streams[i]), 0);
  }
  EXPECT_EQ(r->device.driver->mem_free(r->memory), 0);
  lazyi_device_leave(&r->device);
  lazyi_device_close(&r->device);
}

TEST_ON_DRIVERS(memory_staging, uploads_of_all_sizes_arrive_whole_though_nobody_waits) {
  rig r;
  ASSERT_TRUE(set_up(&r, env->device));
  static unsigned char wanted[MEMORY], source[MEMORY], found[MEMORY];
  check_random_fill(env, wanted, sizeof wanted);
  /* Pieces in a random walk over two streams; each source is overwritten as soon as the call is back. */
  for (size_t at = 0; at < MEMORY;) {
    size_t bytes = 1 + check_random_below(env, check_random_below(env, 4) == 0 ? 5 * CHUNK : 300);
    if (bytes > MEMORY - at) bytes = MEMORY - at;
    memcpy(source, wanted + at, bytes);
    ASSERT_OK(lazyi_staging_upload(&r.staging, r.memory + at, source, bytes,
                                   r.streams[check_random_below(env, 2)]));
    memset(source, 0xcc, bytes);
    at += bytes;
  }
  EXPECT_LE(r.staging.peak_pinned_bytes, 3u * CHUNK);
  for (int i = 0; i < 2; i++) EXPECT_EQ(r.device.driver->stream_synchronize(r.streams[i]), 0);
  ASSERT_OK(lazyi_staging_download(&r.staging, found, r.memory, MEMORY, r.streams[0]));
  EXPECT_BYTES_EQ(found, wanted, MEMORY);
  tear_down(&r);
}

TEST_ON_FAULTS(memory_staging, a_steady_state_allocates_nothing) {
  rig r;
  ASSERT_TRUE(set_up(&r, env->device));
  unsigned char data[3 * CHUNK];
  check_random_fill(env, data, sizeof data);
  uint64_t before = 0;
  for (int round = 0; round < 30; round++) {
    if (round == 5) {
      before = lazyi_memory_count();
      lazyi_fault_reset();
    }
    ASSERT_OK(lazyi_staging_upload(&r.staging, r.memory, data, sizeof data, r.streams[0]));
    ASSERT_OK(lazyi_staging_upload(&r.staging, r.memory, data, 100, r.streams[0]));
  }
  EXPECT_EQ(lazyi_memory_count(), before);
  EXPECT_EQ(lazyi_fault_count(LAZY_DRIVER_CALL_host_alloc), 0u);
  EXPECT_EQ(lazyi_fault_count(LAZY_DRIVER_CALL_event_create), 0u);
  tear_down(&r);
}

TEST_ON_DRIVERS(memory_staging, small_uploads_share_a_chunk_and_streams_do_not) {
  rig r;
  ASSERT_TRUE(set_up(&r, env->device));
  lazyi_staging_room a, b, c;
  ASSERT_OK(lazyi_staging_acquire(&r.staging, 100, r.streams[0], &a));
  ASSERT_OK(lazyi_staging_acquire(&r.staging, 100, r.streams[0], &b));
  ASSERT_OK(lazyi_staging_acquire(&r.staging, 100, r.streams[1], &c));
  EXPECT_EQ(a.chunk, b.chunk);
  EXPECT_NE(a.chunk, c.chunk);
  EXPECT_GE((uintptr_t)b.memory, (uintptr_t)a.memory + 100);
  EXPECT_EQ((uintptr_t)b.memory % LAZYI_STAGING_ALIGNMENT, 0u);
  lazyi_staging_release(&r.staging, c, r.streams[1]);
  lazyi_staging_release(&r.staging, a, r.streams[0]);
  lazyi_staging_release(&r.staging, b, r.streams[0]);
  tear_down(&r);
}

TEST_ON_DRIVERS(memory_staging, rooms_that_are_held_are_never_handed_out_again) {
  rig r;
  ASSERT_TRUE(set_up(&r, env->device));
  lazyi_staging_room rooms[8];
  for (int i = 0; i < 8; i++) {
    ASSERT_OK(
        lazyi_staging_acquire(&r.staging, CHUNK, r.streams[0], &rooms[i])); /* more than the limit of 3 */
    memset(rooms[i].memory, i, CHUNK);
  }
  for (int i = 0; i < 8; i++) {
    EXPECT_EQ(((unsigned char *)rooms[i].memory)[0], i);
    EXPECT_EQ(((unsigned char *)rooms[i].memory)[CHUNK - 1], i);
    lazyi_staging_release(&r.staging, rooms[i], r.streams[0]);
  }
  EXPECT_EQ(r.device.driver->stream_synchronize(r.streams[0]), 0);
  lazyi_staging_trim(&r.staging);
  EXPECT_EQ(r.staging.pinned_bytes, 0u);
  tear_down(&r);
}

TEST_ON_DRIVERS(memory_staging, sizes_around_a_chunk) {
  const int deltas[] = {-65, -64, -63, -1, 0, 1, 63, 64, 65};
  for (size_t i = 0; i < sizeof deltas / sizeof deltas[0]; i++) {
    int delta = deltas[i];
    rig r;
    ASSERT_TRUE(set_up(&r, env->device));
    lazyi_staging_room room;
    size_t bytes = (size_t)(CHUNK + delta);
    ASSERT_OK(lazyi_staging_acquire(&r.staging, bytes, r.streams[0], &room));
    memset(room.memory, 1, bytes);
    EXPECT_EQ(room.chunk->bytes >= bytes, true);
    EXPECT_EQ(room.chunk->bytes == CHUNK, delta <= 0);
    lazyi_staging_release(&r.staging, room, r.streams[0]);
    tear_down(&r);
  }
  rig r;
  ASSERT_TRUE(set_up(&r, env->device));
  lazyi_staging_room room;
  EXPECT_STATUS(lazyi_staging_acquire(&r.staging, SIZE_MAX, r.streams[0], &room), LAZY_STATUS_OUT_OF_MEMORY);
  EXPECT_OK(lazyi_staging_upload(&r.staging, r.memory, NULL, 0, r.streams[0]));
  tear_down(&r);
}

TEST_ON_FAULTS(memory_staging, every_driver_call_may_fail_once) {
  unsigned char data[2 * CHUNK], found[2 * CHUNK];
  check_random_fill(env, data, sizeof data);
  for (uint64_t n = 1;; n++) {
    CHECK_CASE("driver call %d fails", (int)n);
    rig r;
    ASSERT_TRUE(set_up(&r, env->device));
    lazyi_fault_reset();
    lazyi_fault_fail_at(n, LAZY_DRIVER_UNKNOWN);
    lazy_status up = lazyi_staging_upload(&r.staging, r.memory, data, sizeof data, r.streams[0]);
    lazy_status down = lazyi_staging_download(&r.staging, found, r.memory, sizeof found, r.streams[0]);
    bool reached = lazyi_fault_failures() != 0;
    lazyi_fault_fail_at(0, 0);
    if (up == LAZY_STATUS_OK && down == LAZY_STATUS_OK) EXPECT_BYTES_EQ(found, data, sizeof data);
    EXPECT_OK(lazyi_staging_upload(&r.staging, r.memory, data, sizeof data, r.streams[0]));
    EXPECT_OK(lazyi_staging_download(&r.staging, found, r.memory, sizeof found, r.streams[0]));
    EXPECT_BYTES_EQ(found, data, sizeof data);
    tear_down(&r);
    if (!reached) break;
    ASSERT_LT(n, 100u);
  }
}
