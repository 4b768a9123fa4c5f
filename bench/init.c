/* How fast are initial values drawn, against a plain fill of the same memory?

   One launch of init_params over one segment, on every worker of the host device; memory was touched before,
   so that the system's page faults are not in it. A fill with a constant is what the memory allows; what is
   above it is arithmetic. Bytes per second are bytes written. On a GPU an iteration is eight launches and one
   wait. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "runtime/launch/launch.h"

typedef struct workbench {
  lazyi_device device;
  lazyi_launcher launcher;
  lazy_driver_stream stream;
  lazy_driver_address memory, table;
  size_t bytes;
} workbench;

static lazy_status rig_open(workbench *rig, size_t bytes) {
  rig->bytes = bytes;
  LAZY_TRY(lazyi_device_open(bench_device(), &rig->device));
  LAZY_TRY(lazyi_device_enter(&rig->device));
  LAZY_TRY(lazyi_launcher_init(&rig->device, &rig->launcher));
  LAZY_TRY(LAZYI_DRIVER(&rig->device, stream_create, &rig->stream, LAZY_DRIVER_STREAM_NON_BLOCKING));
  LAZY_TRY(LAZYI_DRIVER(&rig->device, mem_alloc, &rig->memory, bytes));
  LAZY_TRY(LAZYI_DRIVER(&rig->device, mem_alloc, &rig->table, sizeof(struct lazy_init_segment)));
  LAZY_TRY(LAZYI_DRIVER(&rig->device, memset_d8_async, rig->memory, 0xff, bytes, rig->stream));
  return LAZYI_DRIVER(&rig->device, stream_synchronize, rig->stream);
}

static void rig_close(workbench *rig) {
  rig->device.driver->mem_free(rig->table);
  rig->device.driver->mem_free(rig->memory);
  rig->device.driver->stream_destroy(rig->stream);
  lazyi_launcher_deinit(&rig->launcher);
  lazyi_device_leave(&rig->device);
  lazyi_device_close(&rig->device);
}

static int draws_of(const workbench *rig) { return rig->device.is_host ? 1 : 8; }

static lazy_status draw(const workbench *rig, uint32_t tiles) {
  struct lazy_k_init_params_params params = {rig->table, rig->memory, 1, 1, tiles, 0};
  for (int i = 0; i < draws_of(rig); i++)
    LAZY_TRY(lazyi_launch(&rig->launcher, LAZYI_KERNEL_INIT_PARAMS,
                          lazyi_launch_grid(&rig->launcher, tiles, 1), LAZYI_LAUNCH_BLOCK, &params,
                          rig->stream));
  return LAZYI_DRIVER(&rig->device, stream_synchronize, rig->stream);
}

/* Both ends of the memory hold values of the rule, and the next seed gives others. */
static bool is_drawn(workbench *rig, const struct lazy_init_segment *segment) {
  float head[64], tail[64];
  uint16_t narrow[64];
  size_t element = lazy_dtype_bytes((lazy_dtype)segment->dtype);
  for (int end = 0; end < 2; end++) {
    float *values = end ? tail : head;
    uint64_t from = rig->memory + (end ? rig->bytes - 64 * element : 0);
    void *to = element == 4 ? (void *)values : (void *)narrow;
    if (LAZYI_DRIVER(&rig->device, memcpy_dtoh_async, to, from, 64 * element, rig->stream) != LAZY_STATUS_OK)
      return false;
    if (LAZYI_DRIVER(&rig->device, stream_synchronize, rig->stream) != LAZY_STATUS_OK) return false;
    for (int i = 0; element == 2 && i < 64; i++) {
      uint32_t bits = (uint32_t)narrow[i] << 16;
      memcpy(&values[i], &bits, sizeof bits);
    }
  }
  bool varied = false;
  for (int i = 0; i < 64; i++) {
    const double most = segment->rule == LAZY_INIT_NORMAL ? 6.7 * segment->b : segment->b;
    if (!(fabs(head[i] - segment->a) <= most && fabs(tail[i] - segment->a) <= most)) return false;
    varied = varied || head[i] != tail[i];
  }
  return varied == (segment->rule != LAZY_INIT_CONSTANT);
}

static void measure(bench_state *state, lazy_dtype dtype, uint8_t rule, double a, double b) {
  uint64_t count = (uint64_t)bench_argument(state);
  size_t bytes = (size_t)count * lazy_dtype_bytes(dtype);
  uint32_t tiles = (uint32_t)((count + LAZY_INIT_TILE - 1) / LAZY_INIT_TILE);
  workbench rig;
  BENCH_OK(state, rig_open(&rig, bytes));
  struct lazy_init_segment segment = {
      .count = count, .path_hash = 7, .a = a, .b = b, .dtype = (uint8_t)dtype, .rule = rule};
  BENCH_OK(state,
           LAZYI_DRIVER(&rig.device, memcpy_htod_async, rig.table, &segment, sizeof segment, rig.stream));
  BENCH_OK(state, draw(&rig, tiles));
  BENCH_CHECK(state, is_drawn(&rig, &segment));
  while (bench_next(state)) BENCH_OK(state, draw(&rig, tiles));
  bench_items(state, count * (uint64_t)draws_of(&rig));
  bench_bytes(state, bytes * (uint64_t)draws_of(&rig));
  bench_label(state, rig.device.name);
  rig_close(&rig);
}

/* In the last-level cache, and far beyond it. */
enum { SMALL = 1 << 18, LARGE = 1 << 26 };
BENCH_OVER(uniform_f32, SMALL, LARGE) { measure(state, LAZY_DTYPE_F32, LAZY_INIT_UNIFORM, 0, 0.5); }
BENCH_OVER(uniform_bf16, SMALL, LARGE) { measure(state, LAZY_DTYPE_BF16, LAZY_INIT_UNIFORM, 0, 0.5); }
BENCH_OVER(normal_f32, SMALL, LARGE) { measure(state, LAZY_DTYPE_F32, LAZY_INIT_NORMAL, 0, 0.5); }
BENCH_OVER(normal_bf16, SMALL, LARGE) { measure(state, LAZY_DTYPE_BF16, LAZY_INIT_NORMAL, 0, 0.5); }
BENCH_OVER(constant_f32, SMALL, LARGE) { measure(state, LAZY_DTYPE_F32, LAZY_INIT_CONSTANT, 1.5, 0); }
BENCH_OVER(constant_bf16, SMALL, LARGE) { measure(state, LAZY_DTYPE_BF16, LAZY_INIT_CONSTANT, 1.5, 0); }
