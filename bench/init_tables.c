/* What does it cost that a model's parameters are many, of all sizes? Real tables against plain fills.

   A table is drawn in one launch, and, turn by turn with it, as few segments that have the same rules, dtypes
   and elements in all: one for each rule. What lies above 1 is what tensors cost. Memory was touched before.
   The time shown is the table's; `ratio` has the medians of both. `zero` is the same of zeros, against the
   device's memset. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "kernels/segment_rules.h"
#include "runtime/launch/launch.h"

enum { MOST_TENSORS = 256, MOST_RULES = 16, MOST_ROUNDS = 4096 };

typedef struct table {
  struct lazy_init_segment at[MOST_TENSORS];
  struct lazy_infer_summary summary;
} table;

/* ---- tables ---- */

static void add(table *t, lazy_dtype dtype, uint8_t rule, double a, double b, uint64_t count) {
  const uint32_t index = t->summary.segment_count;
  struct lazy_shape_error error;
  struct lazy_init_segment segment = {.count = count,
                                      .path_hash = (index + 1) * 0x9E3779B97F4A7C15u,
                                      .a = a,
                                      .b = b,
                                      .dtype = (uint8_t)dtype,
                                      .rule = rule};
  t->at[index] = segment;
  (void)lazy_segment_place(&t->at[index], (int32_t)index, &t->summary, &error);
}

static void add_constant(table *t, lazy_dtype dtype, double value, uint64_t count) {
  add(t, dtype, LAZY_INIT_CONSTANT, value, 0, count);
}

/* The 148 tensors of GPT-2 (124,439,808 elements), as they are initialised. */
static void gpt2(table *t, lazy_dtype dtype) {
  enum { WIDTH = 768, LAYERS = 12 };
  const double residual = 0.02 / sqrt(2.0 * LAYERS);
  add(t, dtype, LAZY_INIT_NORMAL, 0, 0.02, 50257 * WIDTH);
  add(t, dtype, LAZY_INIT_NORMAL, 0, 0.02, 1024 * WIDTH);
  for (int layer = 0; layer < LAYERS; layer++) {
    static const struct {
      int in, out;
      bool is_residual;
    } products[] = {{1, 3, false}, {1, 1, true}, {1, 4, false}, {4, 1, true}};
    for (int i = 0; i < 4; i++) {
      if (i % 2 == 0) add_constant(t, dtype, 1, WIDTH);
      if (i % 2 == 0) add_constant(t, dtype, 0, WIDTH);
      add(t, dtype, LAZY_INIT_NORMAL, 0, products[i].is_residual ? residual : 0.02,
          (uint64_t)products[i].in * WIDTH * (uint64_t)products[i].out * WIDTH);
      add_constant(t, dtype, 0, (uint64_t)products[i].out * WIDTH);
    }
  }
  add_constant(t, dtype, 1, WIDTH);
  add_constant(t, dtype, 0, WIDTH);
}

static void convolution(table *t, lazy_dtype dtype, uint64_t out, uint64_t in, uint64_t size) {
  add(t, dtype, LAZY_INIT_NORMAL, 0, sqrt(2.0 / (double)(out * size * size)), out * in * size * size);
  add_constant(t, dtype, 1, out);
  add_constant(t, dtype, 0, out);
}

/* The 161 parameters of ResNet-50 (25,557,032 elements), as they are initialised. */
static void resnet50(table *t, lazy_dtype dtype) {
  static const int depths[] = {3, 4, 6, 3};
  uint64_t in = 64;
  convolution(t, dtype, 64, 3, 7);
  for (int stage = 0; stage < 4; stage++) {
    const uint64_t width = (uint64_t)64 << stage;
    for (int block = 0; block < depths[stage]; block++) {
      convolution(t, dtype, width, in, 1);
      convolution(t, dtype, width, width, 3);
      convolution(t, dtype, 4 * width, width, 1);
      if (block == 0) convolution(t, dtype, 4 * width, in, 1);
      in = 4 * width;
    }
  }
  const double bound = 1 / sqrt(2048.0);
  add(t, dtype, LAZY_INIT_UNIFORM, 0, bound, 1000 * 2048);
  add(t, dtype, LAZY_INIT_UNIFORM, 0, bound, 1000);
}

/* The same elements under one segment for each rule. */
static void gather(const table *from, table *to) {
  uint64_t counts[MOST_RULES];
  struct lazy_init_segment kinds[MOST_RULES];
  uint32_t count = 0;
  for (uint32_t i = 0; i < from->summary.segment_count; i++) {
    const struct lazy_init_segment *s = &from->at[i];
    uint32_t k = 0;
    /* normals of different spread are one rule: they cost the same */
    while (k < count && !(kinds[k].rule == s->rule && (s->rule != LAZY_INIT_CONSTANT || kinds[k].a == s->a)))
      k++;
    if (k == count) kinds[count] = *s, counts[count++] = 0;
    counts[k] += s->count;
  }
  for (uint32_t k = 0; k < count; k++)
    add(to, (lazy_dtype)kinds[k].dtype, kinds[k].rule, kinds[k].a, kinds[k].b, counts[k]);
}

/* ---- timing ---- */

typedef struct workbench {
  lazyi_device device;
  lazyi_launcher launcher;
  lazy_driver_stream stream;
  lazy_driver_address memory, tables[2];
  size_t bytes;
} workbench;

static lazy_status rig_open(workbench *rig, size_t bytes) {
  rig->bytes = bytes;
  LAZY_TRY(lazyi_device_open(bench_device(), &rig->device));
  LAZY_TRY(lazyi_device_enter(&rig->device));
  LAZY_TRY(lazyi_launcher_init(&rig->device, &rig->launcher));
  LAZY_TRY(LAZYI_DRIVER(&rig->device, stream_create, &rig->stream, LAZY_DRIVER_STREAM_NON_BLOCKING));
  LAZY_TRY(LAZYI_DRIVER(&rig->device, mem_alloc, &rig->memory, bytes));
  for (int i = 0; i < 2; i++)
    LAZY_TRY(LAZYI_DRIVER(&rig->device, mem_alloc, &rig->tables[i],
                          sizeof(struct lazy_init_segment[MOST_TENSORS])));
  LAZY_TRY(LAZYI_DRIVER(&rig->device, memset_d8_async, rig->memory, 0xff, bytes, rig->stream));
  return LAZYI_DRIVER(&rig->device, stream_synchronize, rig->stream);
}

static void rig_close(workbench *rig) {
  for (int i = 0; i < 2; i++) rig->device.driver->mem_free(rig->tables[i]);
  rig->device.driver->mem_free(rig->memory);
  rig->device.driver->stream_destroy(rig->stream);
  lazyi_launcher_deinit(&rig->launcher);
  lazyi_device_leave(&rig->device);
  lazyi_device_close(&rig->device);
}

static lazy_status draw(const workbench *rig, int which, const table *t, double *out_seconds) {
  const struct lazy_k_init_params_params params = {rig->tables[which],       rig->memory,           1,
                                                   t->summary.segment_count, t->summary.tile_count, 0};
  const double begun = bench_clock();
  LAZY_TRY(lazyi_launch(&rig->launcher, LAZYI_KERNEL_INIT_PARAMS,
                        lazyi_launch_grid(&rig->launcher, t->summary.tile_count, 1), LAZYI_LAUNCH_BLOCK,
                        &params, rig->stream));
  LAZY_TRY(LAZYI_DRIVER(&rig->device, stream_synchronize, rig->stream));
  *out_seconds = bench_clock() - begun;
  return LAZY_STATUS_OK;
}

static lazy_status clear(const workbench *rig, size_t bytes, double *out_seconds) {
  const double begun = bench_clock();
  LAZY_TRY(LAZYI_DRIVER(&rig->device, memset_d8_async, rig->memory, 0, bytes, rig->stream));
  LAZY_TRY(LAZYI_DRIVER(&rig->device, stream_synchronize, rig->stream));
  *out_seconds = bench_clock() - begun;
  return LAZY_STATUS_OK;
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
  qsort(values, count, sizeof *values, compare);
  return values[count / 2];
}

static void measure(bench_state *state, void (*make)(table *t, lazy_dtype dtype), lazy_dtype dtype,
                    bool zero) {
  static double table_seconds[MOST_ROUNDS], plain_seconds[MOST_ROUNDS];
  static table t, plain;
  workbench rig;
  memset(&t, 0, sizeof t);
  memset(&plain, 0, sizeof plain);
  make(&t, dtype);
  for (uint32_t i = 0; zero && i < t.summary.segment_count; i++)
    t.at[i].rule = LAZY_INIT_CONSTANT, t.at[i].a = 0;
  gather(&t, &plain);
  BENCH_CHECK(state, plain.summary.element_count == t.summary.element_count);
  const size_t bytes = t.summary.extent_bytes, few = plain.summary.extent_bytes;
  BENCH_OK(state, rig_open(&rig, bytes > few ? bytes : few));
  for (int i = 0; i < 2; i++)
    BENCH_OK(state, LAZYI_DRIVER(&rig.device, memcpy_htod_async, rig.tables[i], i == 0 ? t.at : plain.at,
                                 sizeof t.at, rig.stream));
  size_t rounds = 0;
  double seconds, other;
  BENCH_OK(state, draw(&rig, 0, &t, &seconds)); /* not counted */
  while (bench_next(state)) {
    BENCH_OK(state, draw(&rig, 0, &t, &seconds));
    BENCH_OK(state, zero ? clear(&rig, bytes, &other) : draw(&rig, 1, &plain, &other));
    bench_seconds(state, seconds);
    if (rounds == MOST_ROUNDS) continue;
    table_seconds[rounds] = seconds;
    plain_seconds[rounds++] = other;
  }
  bench_items(state, t.summary.element_count);
  bench_bytes(state, t.summary.element_count * lazy_dtype_bytes(dtype));
  if (rounds > 0)
    bench_counter(state, "ratio", median(table_seconds, rounds) / median(plain_seconds, rounds));
  bench_counter(state, "tensors", t.summary.segment_count);
  rig_close(&rig);
}

BENCH_MANUAL(gpt2_f32) { measure(state, gpt2, LAZY_DTYPE_F32, false); }
BENCH_MANUAL(gpt2_bf16) { measure(state, gpt2, LAZY_DTYPE_BF16, false); }
BENCH_MANUAL(gpt2_zero_f32) { measure(state, gpt2, LAZY_DTYPE_F32, true); }
BENCH_MANUAL(resnet50_f32) { measure(state, resnet50, LAZY_DTYPE_F32, false); }
BENCH_MANUAL(resnet50_bf16) { measure(state, resnet50, LAZY_DTYPE_BF16, false); }
BENCH_MANUAL(resnet50_zero_f32) { measure(state, resnet50, LAZY_DTYPE_F32, true); }
