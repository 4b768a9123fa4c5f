/* Litmus kernels of matrix products, asynchronous copies and barriers in memory. See emulator_litmus_test.c.
 */
#include <math.h>

#include "kernels/number.cuh"
#include "tests/emulator_rig.h"

/* What a product of k terms may be away from the exact one: every sum rounds once (2^-24 of what is summed),
   and an f16 result once more. */
static double bound(double sizes, int k, double last_place) {
  return sizes * (k + 1) * 0x1p-24 * 1.01 + last_place;
}

static uint16_t *random_halves(check_env *env, size_t count, bool is_whole) {
  uint16_t *halves = malloc(count * 2);
  for (size_t i = 0; i < count; i++)
    halves[i] = lazy_f32_to_f16(is_whole ? (float)check_random_between(env, -8, 8)
                                         : (float)(check_random_unit(env) * 2 - 1));
  return halves;
}

/* b: column by column */
static void expect_product(const uint16_t *a, const uint16_t *b, const float *before, const float *found,
                           int m, int n, int k, bool is_whole, double half_places) {
  for (int row = 0; row < m; row++) {
    for (int column = 0; column < n; column++) {
      double sum = before[row * n + column], sizes = fabs(sum);
      for (int i = 0; i < k; i++) {
        double term = (double)lazy_f16_to_f32(a[row * k + i]) * lazy_f16_to_f32(b[column * k + i]);
        sum += term;
        sizes += fabs(term);
      }
      const double allowed = is_whole ? 0 : bound(sizes, k, half_places * sizes);
      if (!(fabs(found[row * n + column] - 2 * sum) <= 2 * allowed))
        FAIL("row %d, column %d: found %g, wanted %g", row, column, found[row * n + column], 2 * sum);
    }
  }
}

static void multiplies(check_env *env, emu_rig *rig) {
  static const struct {
    const char *kernel;
    int m, n;
    bool gives_half;
  } kinds[] = {{"wmma_16", 16, 16, false}, {"wmma_32", 32, 8, false}, {"wmma_8", 8, 32, true}};
  for (int i = 0; i < 6; i++) {
    const bool is_whole = i < 3;
    const int m = 2 * kinds[i % 3].m;
    int n = 3 * kinds[i % 3].n, k = 16 * (int)check_random_between(env, 1, 3);
    uint16_t *a = random_halves(env, (size_t)(m * k), is_whole),
             *b = random_halves(env, (size_t)(n * k), is_whole);
    uint16_t *half_c = random_halves(env, (size_t)(m * n), is_whole);
    float *c = malloc((size_t)(m * n) * 4), *found = malloc((size_t)(m * n) * 4);
    for (int j = 0; j < m * n; j++) c[j] = lazy_f16_to_f32(half_c[j]);
    lazy_driver_address at_a = rig_put(rig, a, (size_t)(m * k) * 2),
                        at_b = rig_put(rig, b, (size_t)(n * k) * 2);
    const size_t bytes = (size_t)(m * n) * (kinds[i % 3].gives_half ? 2 : 4);
    lazy_driver_address at_c = rig_put(rig, kinds[i % 3].gives_half ? (void *)half_c : c, bytes);
    CHECK_CASE("%s, k %d", kinds[i % 3].kernel, k);
    rig_shape shape = {{2, 2, 1}, {64, 1, 1}, 0, false}; /* the last warp of a row has no tile */
    RIG_RUN(rig, kinds[i % 3].kernel, shape, &at_a, &at_b, &at_c, &n, &k);
    rig_get(rig, kinds[i % 3].gives_half ? (void *)half_c : found, at_c, bytes);
    for (int j = 0; kinds[i % 3].gives_half && j < m * n; j++) found[j] = lazy_f16_to_f32(half_c[j]);
    expect_product(a, b, c, found, m, n, k, is_whole && !kinds[i % 3].gives_half,
                   kinds[i % 3].gives_half ? (k / 16 + 1) * 0x1p-11 : 0);
    free(a), free(b), free(c), free(half_c), free(found);
  }
}

static void multiplies_small(check_env *env, emu_rig *rig) {
  uint16_t *a = random_halves(env, 256, true), *b = random_halves(env, 256, true);
  float found[256];
  lazy_driver_address at_a = rig_put(rig, a, 512), at_b = rig_put(rig, b, 512),
                      to = rig_room(rig, sizeof found);
  RIG_RUN(rig, "wmma_shared", RIG_LINE(1, 32), &at_a, &at_b, &to);
  rig_get(rig, found, to, sizeof found);
  for (int row = 0; row < 16; row++) {
    for (int column = 0; column < 16; column++) {
      float sum = 1;
      for (int i = 0; i < 16; i++)
        sum += lazy_f16_to_f32(a[i * 16 + row]) * lazy_f16_to_f32(b[i * 16 + column]);
      EXPECT_EQ(found[column * 16 + row], sum);
    }
  }
  int8_t bytes_a[256], bytes_b[256];
  int32_t sums[256];
  check_random_fill(env, bytes_a, sizeof bytes_a);
  check_random_fill(env, bytes_b, sizeof bytes_b);
  at_a = rig_put(rig, bytes_a, sizeof bytes_a);
  at_b = rig_put(rig, bytes_b, sizeof bytes_b);
  RIG_RUN(rig, "wmma_bytes", RIG_LINE(1, 32), &at_a, &at_b, &to);
  rig_get(rig, sums, to, sizeof sums);
  for (int row = 0; row < 16; row++) {
    for (int column = 0; column < 16; column++) {
      int32_t sum = 5;
      for (int i = 0; i < 16; i++) sum += bytes_a[row * 16 + i] * bytes_b[column * 16 + i];
      EXPECT_EQ(sums[row * 16 + column], sum);
    }
  }
  free(a), free(b);
}

static void multiplies_others(check_env *env, emu_rig *rig) {
  uint16_t a[8 * 16], b[16 * 32];
  float found[256];
  for (int i = 0; i < 8 * 16; i++) a[i] = lazy_f32_to_bf16((float)(check_random_unit(env) * 2 - 1));
  for (int i = 0; i < 16 * 32; i++) b[i] = lazy_f32_to_bf16((float)(check_random_unit(env) * 2 - 1));
  lazy_driver_address at_a = rig_put(rig, a, sizeof a), at_b = rig_put(rig, b, sizeof b);
  lazy_driver_address to = rig_room(rig, sizeof found);
  RIG_RUN(rig, "wmma_bfloat", RIG_LINE(1, 32), &at_a, &at_b, &to);
  rig_get(rig, found, to, sizeof found);
  for (int row = 0; row < 8; row++) {
    for (int column = 0; column < 32; column++) {
      double sum = 0, sizes = 0;
      for (int i = 0; i < 16; i++) {
        double term = (double)lazy_bf16_to_f32(a[row * 16 + i]) * lazy_bf16_to_f32(b[i * 32 + column]);
        sum += term;
        sizes += fabs(term);
      }
      EXPECT_NEAR(found[row * 32 + column], sum, bound(sizes, 16, 0));
    }
  }
  float x[16 * 8], y[16 * 8];
  for (int i = 0; i < 16 * 8; i++)
    x[i] = (float)check_random_between(env, -500, 500), y[i] = (float)check_random_between(env, -500, 500);
  at_a = rig_put(rig, x, sizeof x);
  at_b = rig_put(rig, y, sizeof y);
  RIG_RUN(rig, "wmma_tf32", RIG_LINE(1, 32), &at_a, &at_b, &to);
  rig_get(rig, found, to, sizeof found);
  for (int row = 0; row < 16; row++) {
    for (int column = 0; column < 16; column++) {
      float sum = 0;
      for (int i = 0; i < 8; i++) sum += x[row * 8 + i] * y[column * 8 + i];
      EXPECT_EQ(found[row * 16 + column], sum);
    }
  }
  double wide_a[8 * 4], wide_b[8 * 4], wide_c[8 * 8], wide[8 * 8];
  for (int i = 0; i < 32; i++)
    wide_a[i] = check_random_unit(env) - 0.5, wide_b[i] = check_random_unit(env) - 0.5;
  for (int i = 0; i < 64; i++) wide_c[i] = check_random_unit(env) - 0.5;
  at_a = rig_put(rig, wide_a, sizeof wide_a);
  at_b = rig_put(rig, wide_b, sizeof wide_b);
  to = rig_put(rig, wide_c, sizeof wide_c);
  RIG_RUN(rig, "wmma_double", RIG_LINE(1, 32), &at_a, &at_b, &to);
  rig_get(rig, wide, to, sizeof wide);
  for (int row = 0; row < 8; row++) {
    for (int column = 0; column < 8; column++) {
      long double sum = wide_c[row * 8 + column], sizes = fabsl(sum);
      for (int i = 0; i < 4; i++) {
        long double term = (long double)wide_a[row * 4 + i] * wide_b[column * 4 + i];
        sum += term;
        sizes += fabsl(term);
      }
      EXPECT_NEAR(wide[row * 8 + column], (double)sum, (double)sizes * 5 * 0x1p-53);
    }
  }
}

TEST(emulator_litmus, wmma_products) {
  rig_each(env, "wmma", "75 80 100", multiplies);
  rig_each(env, "wmma", "75 80 100", multiplies_small);
  rig_each(env, "wmma", "80 100", multiplies_others);
}

static void pipelines(check_env *env, emu_rig *rig) {
  for (int i = 0; i < 4; i++) {
    const bool is_whole = i % 2 == 0;
    int m = 32, n = 24, k = 8 * (int)check_random_between(env, 1, 9);
    uint16_t *a = random_halves(env, (size_t)(m * k), is_whole),
             *b = random_halves(env, (size_t)(n * k), is_whole);
    float *zeros = calloc((size_t)(m * n), 4), *found = malloc((size_t)(m * n) * 4);
    lazy_driver_address at_a = rig_put(rig, a, (size_t)(m * k) * 2),
                        at_b = rig_put(rig, b, (size_t)(n * k) * 2);
    lazy_driver_address at_c = rig_room(rig, (size_t)(m * n) * 4);
    rig_shape shape = {{3, 2, 1}, {32, 1, 1}, 0, false};
    RIG_RUN(rig, "pipeline", shape, &at_a, &at_b, &at_c, &n, &k);
    rig_get(rig, found, at_c, (size_t)(m * n) * 4);
    for (int j = 0; j < m * n; j++) found[j] *= 2; /* as expect_product wants it */
    CHECK_CASE("k %d", k);
    expect_product(a, b, zeros, found, m, n, k, is_whole, 0);
    free(a), free(b), free(zeros), free(found);
  }
}

static void forgets(check_env *env, emu_rig *rig) {
  if (env->is_gpu) return;
  uint32_t in[128];
  check_random_fill(env, in, sizeof in);
  lazy_driver_address from = rig_put(rig, in, sizeof in), to = rig_room(rig, sizeof in);
  RIG_RUN(rig, "pipeline_forgets", RIG_LINE(1, 32), &from, &to);
  EXPECT_GE(rig->control->report_count(), 1u);
  if (rig->control->report_count() > 0)
    EXPECT_CONTAINS(rig->control->report_text(0), "memory that nothing wrote");
  rig->control->report_clear();
}

TEST(emulator_litmus, asynchronous_copies) {
  rig_each(env, "pipeline", "80 90 100", pipelines);
  rig_each(env, "pipeline", "80 90 100", forgets);
}

static void waits(check_env *env, emu_rig *rig) {
  enum { THREADS = 96, BLOCKS = 3 };
  uint32_t in[BLOCKS * THREADS], found[BLOCKS * THREADS], rounds = 3;
  check_random_fill(env, in, sizeof in);
  lazy_driver_address from = rig_put(rig, in, sizeof in), to = rig_room(rig, sizeof in);
  RIG_RUN(rig, "barrier_copies", RIG_LINE(BLOCKS, THREADS), &from, &to);
  rig_get(rig, found, to, sizeof found);
  for (int i = 0; i < BLOCKS * THREADS; i++)
    EXPECT_EQ(found[i], in[i / THREADS * THREADS + THREADS - 1 - i % THREADS]);
  RIG_RUN(rig, "barrier_phases", RIG_LINE(BLOCKS, THREADS), &from, &to, &rounds);
  rig_get(rig, found, to, sizeof found);
  for (int block = 0; block < BLOCKS; block++) {
    uint32_t *values = in + (size_t)block * THREADS, next[THREADS];
    for (uint32_t round = 0; round < rounds; round++) {
      for (int i = 0; i < THREADS; i++) next[i] = values[i] * 5 + values[(i + 1) % THREADS];
      memcpy(values, next, sizeof next);
    }
  }
  EXPECT_BYTES_EQ(found, in, sizeof in);
}

TEST(emulator_litmus, barriers_in_memory) { rig_each(env, "barrier", "75 80 90 100", waits); }
